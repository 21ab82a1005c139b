"""Names in a recipe that lead out of its folder: refused where the recipe was given by others, told where it is the user's own."""

import os
from collections.abc import Iterator
from pathlib import Path

from lowres.errors import Finding, PlanError, Problem
from lowres.models.adapter_folder import CONFIG, is_adapter
from lowres.models.weight_files import read_json
from lowres.recipe.sections import Recipe

BUNDLE, RECORD, ORIGIN = "bundle.json", "record.json", "origin.json"
GIVEN = (BUNDLE, RECORD, ORIGIN)  # beside one of these a recipe is of a bundle or a run, or was fetched: others made it
SECTIONS = ("task", "data", "first", "base", "vocabulary", "method")
# Whatever stands below these keys is the name of a file or folder; a base's name can also be that of a model on the hub.
NAMES = {"files", "card", "name", "lexicon", "protect", "glossary", "runs", "language_adapters"}
# Of these, what is read for its texts, which may come to stand in what a run leaves.
TEXTS = {"files", "card", "lexicon", "protect", "glossary"}


def refuse_outside(recipe: Recipe, near: Path, *, given: bool = False) -> None:
    """Raise PlanError for names that lead out of the folder `near` of a recipe from others: by .., absolutely, or through a link.

    A recipe in a bundle or in the folder of a run is from others; so is one that is `given`.
    """
    problems = outside_problems(recipe, near, given=given)
    if problems:
        raise PlanError(*problems)


def outside_problems(recipe: Recipe, near: Path, *, given: bool = False) -> list[Problem]:
    """The names that `refuse_outside` refuses."""
    if not given and not any((near / name).exists() for name in GIVEN):
        return []
    hint = "if you trust it and mean that file, copy the recipe to a folder of your own and run it there"
    return [
        Problem(key, f"“{name}” lies outside the folder of this recipe, which others have made", hint)
        for key, name in _outside(recipe, near)
    ]


def outside_findings(recipe: Recipe, near: Path) -> Iterator[Finding]:
    """Notes about files whose texts are read from outside the recipe's folder; they hold the names of the files alone."""
    for key, name in _outside(recipe, near):
        if TEXTS & set(key.split(".")):
            what = f"“{Path(name).name}” lies outside the recipe's folder; texts of it may come to stand in model and report"
            yield Finding("note", what, key)


def files_of(recipe: Recipe) -> tuple[str, ...]:
    """The names of the files with texts in a recipe, without those that its cards name."""
    return _named(recipe, TEXTS - {"card"})


def cards_of(recipe: Recipe) -> tuple[str, ...]:
    """The names and paths of the cards in a recipe."""
    return _named(recipe, {"card"})


def paths_of(recipe: Recipe) -> tuple[str, ...]:
    """Whatever in a recipe can be the name of a file or folder, but for cards."""
    return _named(recipe, NAMES - {"card"})


def _named(recipe: Recipe, keys: set[str]) -> tuple[str, ...]:
    named = (found for section in SECTIONS for found in _texts(getattr(recipe, section), (section,)))
    return tuple(dict.fromkeys(text for path, text in named if keys & set(path)))


def _outside(recipe: Recipe, near: Path) -> Iterator[tuple[str, str]]:
    """Keys and names that lead out of a folder."""
    home = Path(os.path.realpath(near))
    for section in SECTIONS:
        for path, text in _texts(getattr(recipe, section), (section,)):
            if NAMES & set(path) and not Path(os.path.realpath(near / text)).is_relative_to(home):
                yield ".".join(path), text
    adapter = near / recipe.base.name
    if is_adapter(adapter):  # which names the model that it was trained over
        over = str(read_json(adapter / CONFIG).get("base_model_name_or_path"))
        if not Path(os.path.realpath(adapter / over)).is_relative_to(home):
            yield "base.name", over


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of a section with its key; items of lists go by the key of the list."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, dict) or hasattr(value, "model_fields_set"):
        items = value.items() if isinstance(value, dict) else iter(value)  # type: ignore[call-overload]
        for key, item in items:
            yield from _texts(item, (*path, key))
