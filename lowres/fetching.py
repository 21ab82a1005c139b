"""Everything that a recipe needs, fetched before it is run: into the cache, or into a folder for a machine without a connection."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lowres.atomic import write_whole
from lowres.cards import read_card
from lowres.data.corpus import Corpus
from lowres.data.files import card_file, fetch, matching
from lowres.errors import DataError, Problem
from lowres.planning import Options, Plan, prepare, read_data, read_fitting_data
from lowres.planning.outside import cards_of, paths_of, refuse_outside
from lowres.recipe import RecipeFile, open_recipe
from lowres.recipe.data_section import CardData
from lowres.runs.layout import RECIPE

CACHE, DATA, HUB = "cache", "data", "huggingface"
README = "README.txt"
USE = """\
Everything that recipe.yaml needs. Where lowres is installed, it runs without a connection:

    {hub}lowres run recipe.yaml --cache cache{mirror} --offline

from within this folder. Python and lowres itself come from elsewhere: pip download makes a folder of packages.
"""


def fetch_needs(file: RecipeFile, options: Options) -> tuple[Plan, Corpus]:
    """Fetch data and base of a recipe, and build its starter; then `lowres run --offline` needs nothing more.

    Raises LowresError for what cannot be fetched, and for what a run would refuse.
    """
    refuse_outside(file.recipe, file.path.parent)
    plan = prepare(file, options)
    corpus = read_data(file, options)
    read_fitting_data(file, corpus, options)
    return plan, corpus


def fetch_into(folder: Path, file: RecipeFile, options: Options) -> tuple[Plan, Corpus]:
    """Write a recipe with everything that it needs into a folder, which is new or an earlier attempt of the same recipe.

    What is fetched is read from there, so that nothing is missing. The libraries of Hugging Face must have their caches there, too, as
    with HF_HOME=folder/huggingface. Raises LowresError.
    """
    near, copy = file.path.parent, folder / RECIPE
    if (
        folder.exists()
        and any(folder.iterdir())
        and (not copy.is_file() or copy.read_bytes() != file.path.read_bytes())
    ):
        raise DataError(Problem(str(folder), "holds something else", "name a new folder"))
    refuse_outside(file.recipe, near)
    for path in _files(file):
        if not path.resolve().is_relative_to(near.resolve()):
            what = f"{path} lies outside the folder of the recipe"
            raise DataError(Problem(str(file.path), what, "copy it beside the recipe, and name it as it lies there"))
        _copy(path, folder / os.path.relpath(path, near))
    for inner, path in _in_packages(file, options):
        _copy(path, folder / DATA / inner)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.path, copy)
    mirrors = [place for place in (folder / DATA, *options.mirrors, options.cache / "files") if place.is_dir()]
    found = fetch_needs(open_recipe(copy), replace(options, cache=folder / CACHE, mirrors=tuple(mirrors)))
    hub = f"HF_HOME={HUB} " if (folder / HUB).exists() else ""
    mirror = f" --mirror {DATA}" if (folder / DATA).exists() else ""
    write_whole(folder / README, USE.format(hub=hub, mirror=mirror))
    return found


def _files(file: RecipeFile) -> Iterator[Path]:
    """The files and folders that a recipe names and that are there, and its own cards with what lies beside them."""
    near = file.path.parent
    for name in paths_of(file.recipe):
        path = near / name
        while not path.exists() and path.parent != near and path != path.parent:  # it goes on inside an archive
            path = path.parent
        if path.exists():
            yield path
    for card in (read_card(name, near) for name in cards_of(file.recipe)):
        if card.folder.resolve().is_relative_to(near.resolve()):
            yield card.folder / f"{card.name}.md"
            beside = card.folder / (card.lowres.source.folder or "")
            yield from (path for entry in card.entries() if (path := beside / entry.path).is_file())


def _in_packages(file: RecipeFile, options: Options) -> Iterator[tuple[str, Path]]:
    """The files of installed packages that the recipe reads, with their paths below the folder of packages."""
    chosen = [(source.card, source.subset) for source in file.recipe.every_source if isinstance(source, CardData)]
    others = [(name, "all") for name in cards_of(file.recipe) if name not in dict(chosen)]
    for name, subset in (*chosen, *others):
        card = read_card(name, file.path.parent)
        for entry in card.entries(subset) if card.lowres.source.package else ():
            path = fetch(card_file(card, entry), options.cache, options.mirrors, options.offline)
            yield from matching(path, entry.path) if path.is_dir() else ((entry.path, path),)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, to)
