"""Reads a YAML file into a Recipe, or reports every problem at once, each with its line."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lowres.errors import LowresError, Problem, RecipeError
from lowres.languages import language
from lowres.recipe.faults import locate, meant
from lowres.recipe.sections import Recipe
from lowres.recipe.shipped import recipe_path
from lowres.recipe.strict import Document, Key, dotted, keys_of, parse, read_exact, shown
from lowres.recipe.wording import problem

FORMAT = 2
ROUNDS = 4  # of leaving out faulty keys
# The sections and keys that hold language tags.
LANGUAGES: tuple[tuple[str, str], ...] = (
    ("task", "language"), ("task", "source"), ("task", "target"), ("task", "init_from"), ("task", "translate_into"),
    ("data", "language"), ("base", "language"), ("method", "language_adapters"), ("evaluation", "languages"),
)  # fmt: skip

Model = TypeVar("Model", bound=BaseModel)


class RecipeFile(BaseModel):
    """A recipe and the text it was read from: `text.encode()` gives the exact bytes of the file, `sha256` is their digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    path: Path
    text: str
    sha256: str

    def with_line(self, problem: Problem) -> Problem:
        """The problem with its line in the file, if its place is a key of the recipe, such as data.subset; else unchanged."""
        key = keys_of(problem.where)
        if not key or key[0] not in Recipe.model_fields:
            return problem
        spot = parse(self.text, str(self.path)).spot(key)
        return Problem(spot, f"{problem.where}: {problem.what}", problem.hint)

    @contextmanager
    def naming_lines(self) -> Iterator[None]:
        """Problems that are raised inside carry their line in the recipe."""
        try:
            yield
        except LowresError as error:
            raise type(error)(*map(self.with_line, error.problems)) from error


def open_recipe(path: str | Path) -> RecipeFile:
    """Read a recipe by its path, or the name of a shipped one, and keep its exact text. Raises RecipeError with every problem."""
    path = recipe_path(path)
    text = read_exact(path)
    recipe = parse_recipe(text, str(path))
    return RecipeFile(recipe=recipe, path=path, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


def draft_recipe(path: str | Path) -> tuple[RecipeFile | None, tuple[Problem, ...]]:
    """What can be used of a recipe that may have faults: the recipe without its faulty keys, and a problem for each of these.

    No recipe is returned if something that it needs is faulty. Raises RecipeError if the file cannot be read as YAML.
    """
    path = recipe_path(path)
    text = read_exact(path)
    document = parse(text, str(path))
    problems: tuple[Problem, ...] = ()
    try:
        recipe: Recipe | None = parse_recipe(text, str(path))
    except RecipeError as error:
        problems = error.problems
        recipe = _without_faults(document)
    if recipe is None:
        return None, problems
    return RecipeFile(recipe=recipe, path=path, text=text, sha256=hashlib.sha256(text.encode()).hexdigest()), problems


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe. Raises RecipeError with every problem found."""
    return open_recipe(path).recipe


def parse_recipe(text: str, where: str) -> Recipe:
    """Parse the text of a recipe; `where` names it in messages. Raises RecipeError with every problem."""
    document = parse(text, where)
    version = document.data.get("lowres")
    if isinstance(version, int) and version > FORMAT:
        what = f"lowres: this recipe is of format {version}, and this lowres reads format {FORMAT}"
        raise RecipeError(Problem(document.spot(("lowres",)), what, "upgrade: pip install --upgrade lowres"))
    if version == 1 and isinstance(version, int) and not isinstance(version, bool):
        what = f"lowres: this recipe is of format 1, and this lowres reads format {FORMAT}"
        outdated = Problem(
            document.spot(("lowres",)), what, f"write lowres: {FORMAT}; keys that have another name are named"
        )
    else:
        outdated = None
    known = {path: found for path, tag in _tags(document.data) for found in _untrue_tag(document, path, tag)}
    if isinstance(version, bool | float):  # pydantic takes True and 1.0 for 1
        what = f"lowres: “{document.written[('lowres',)]}” is not possible"
        known["lowres",] = Problem(document.spot(("lowres",)), what, f"possible: {FORMAT}")
    if outdated:
        known["lowres",] = outdated
    return validate(Recipe, document, known)


def validate(model: type[Model], document: Document, known: Mapping[Key, Problem] | None = None) -> Model:
    """Validate a document against a model. Raises RecipeError with every problem, in the order of the lines.

    `known` holds problems that were found already, by path; nothing else is reported for these paths.
    """
    known = known or {}
    problems = [*document.problems, *known.values()]
    result = None
    try:
        result = model.model_validate(_frozen(document.data))
    except ValidationError as error:
        faults = meant([locate(details, model, document) for details in error.errors(include_url=False)])
        silent = known.keys() | document.faulty
        problems += [problem(fault, faults, model, document) for fault in faults if fault.path not in silent]
    if problems or result is None:
        raise RecipeError(*sorted(dict.fromkeys(problems), key=_line_and_column))
    return result


def _tags(data: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Every text of a document that should be a language tag, with its path; also within a list of sources."""
    for name, key in LANGUAGES:
        section = data.get(name)
        several = list(enumerate(section)) if isinstance(section, list) else [(None, section)]
        for number, one in several:
            value = one.get(key) if isinstance(one, dict) else None
            start: Key = (name, key) if number is None else (name, number, key)
            items = (
                list(enumerate(value))
                if isinstance(value, list)
                else _tags_of_map(value, named=name != "method")
                if isinstance(value, dict)
                else []
            )
            found = [((*start, place), tag) for place, tag in items] or [(start, value)]
            yield from ((path, tag) for path, tag in found if isinstance(tag, str) and tag != "all")
    for start, source in _further_sources(data):
        if isinstance(tag := source.get("language"), str):
            yield (*start, "language"), tag


def _further_sources(data: Mapping[str, Any]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """The sources of data in other sections than `data`, with their paths."""
    base, task, first = (data.get(name) for name in ("base", "task", "first"))
    found: list[tuple[Key, Any]] = [
        (("base", "centre"), base.get("centre") if isinstance(base, dict) else None),
        (("task", "parallel"), task.get("parallel") if isinstance(task, dict) else None),
    ]
    stages = enumerate(first) if isinstance(first, list) else ()
    found += [(("first", number, "data"), stage.get("data")) for number, stage in stages if isinstance(stage, dict)]
    for start, named in found:
        several = [((*start, n), one) for n, one in enumerate(named)] if isinstance(named, list) else [(start, named)]
        yield from ((path, one) for path, one in several if isinstance(one, dict))


def _tags_of_map(found: Mapping[str, Any], *, named: bool) -> list[tuple[str, Any]]:
    """The tags of a mapping: its keys, and with `named` also its values (a method maps tags to folders)."""
    return [(tag, tag) for tag in found] + (list(found.items()) if named else [])


def _untrue_tag(document: Document, path: Key, tag: str) -> Iterator[Problem]:
    """Why the text at `path` is not a language tag, if it is not."""
    if path in document.faulty:
        return
    try:
        language(tag)
    except LowresError as error:
        for found in error.problems:
            what = found.what.replace(tag, shown(tag))
            yield Problem(document.spot(path), f"{dotted(path)}: {what}", found.hint)


def _without_faults(document: Document) -> Recipe | None:
    """The recipe that is left when every faulty key is left out; None if that is no whole recipe."""
    data: object = {**document.data, "lowres": FORMAT}
    for path in (
        *document.faulty,
        *(path for path, tag in _tags(document.data) if any(_untrue_tag(document, path, tag))),
    ):
        data = _without(data, path)
    for _ in range(ROUNDS):
        try:
            return Recipe.model_validate(_frozen(data))
        except ValidationError as error:
            paths = {locate(details, Recipe, document).path for details in error.errors(include_url=False)}
        before = data
        for path in sorted(paths, key=str, reverse=True):  # the last items of a list first
            data = _without(data, path)
        if data == before:
            break
    return None


def _without(value: object, path: Key) -> object:
    """Plain data without what stands at the path."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != first or rest}
        return {key: _without(item, rest) if key == first else item for key, item in kept.items()}
    if isinstance(value, list) and isinstance(first, int):
        return [
            _without(item, rest) if number == first else item
            for number, item in enumerate(value)
            if number != first or rest
        ]
    return value


def _frozen(value: object) -> object:
    """Lists as tuples, which frozen sections hold."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _line_and_column(found: Problem) -> tuple[int, ...]:
    return tuple(map(int, found.where.rsplit(":", 2)[1:]))
