"""A shared recipe or model on its way here: looked at, then fetched into a folder, every file by its hash where it has one."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from filelock import FileLock, Timeout

from lowres.atomic import is_draft, sync_all, write_whole
from lowres.bounded import read_bounded_json
from lowres.cards import Card, read_card
from lowres.data.formats.file_text import MAX_BYTES as MAX_DATA
from lowres.errors import CardError, DataError, LowresError, ModelError, Problem
from lowres.hashing import file_sha256
from lowres.planning.outside import BUNDLE, ORIGIN, cards_of, files_of, refuse_outside
from lowres.recipe.reader import parse_recipe
from lowres.recipe.sections import Recipe
from lowres.recipe.strict import MAX_BYTES as MAX_RECIPE
from lowres.recipe.strict import read_exact
from lowres.runs.layout import LOCK, MODEL, RECIPE
from lowres.shared.addresses import Address
from lowres.shared.manifest import (
    CARDS,
    LICENCES,
    README,
    difference,
    is_allowed,
    is_hidden,
    leads_out,
    read_manifest,
)
from lowres.shared.sources import Source, source_of

Wanted = Literal["recipe", "model"]
# What of a bundle is fetched to carry out its recipe; of the model nothing is.
OF_RECIPE = (RECIPE, LOCK, BUNDLE, LICENCES, README)
MAX_SMALL, MAX_WEIGHTS = 1 << 23, 1 << 35  # bytes of a card or a manifest, of a file of a model
ARCHIVES = (".zip",)
DRAFT, BUSY = ".lowres-", ".busy"  # how a folder begins into which something is fetched; its lock


@dataclass(frozen=True)
class Offer:
    """What lies at an address, before more than its recipe and cards were fetched.

    `files` are those that will come into `folder`, with their sizes (-1 where the server does not say it); `lacking` are files that
    the recipe reads and that were not shared; `kept` are those that came earlier and are as they were, with their sha256.
    """

    source: Source
    recipe: Recipe
    folder: Path
    draft: Path
    files: Mapping[str, int]
    digests: Mapping[str, str]
    lacking: tuple[str, ...]
    kept: Mapping[str, str]

    @property
    def to_fetch(self) -> dict[str, int]:
        """The files that are not in the folder yet."""
        return {name: size for name, size in self.files.items() if name not in self.kept}

    def fetch(self) -> Path:
        """Fetch what is missing, and return the folder. Raises LowresError; then nothing but whole files is there."""
        for name in self.to_fetch:
            if not (self.draft / name).exists():
                _fetch(self.source, name, self.draft, self.digests)
        sync_all(self.draft)
        self.folder.mkdir(parents=True, exist_ok=True)
        new = {name: file_sha256(self.draft / name) for name in self.to_fetch}
        facts = {"origin": self.source.origin, "files": {**self.kept, **new}}
        write_whole(self.folder / ORIGIN, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        for name in new:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.draft / name, self.folder / name)
        return self.folder

    def require_data(self, hint: str) -> None:
        """Raise DataError where files that the recipe reads were neither shared nor put into the folder since."""
        lacking = [name for name in self.lacking if not (self.folder / name).exists()]
        if lacking:
            what = f"the recipe reads {', '.join(lacking)}, which was not shared with it"
            raise DataError(Problem(self.source.origin, what, hint))


@contextmanager
def offered(address: Address | Path, wanted: Wanted, place: Path, *, offline: bool = False) -> Iterator[Offer]:
    """Look at what lies at an address; it would come into a new folder in `place`. Raises LowresError for what cannot be used.

    What was looked at and not fetched is removed afterwards.
    """
    place.mkdir(parents=True, exist_ok=True)
    _remove_left(place)
    with (
        source_of(address, offline) as source,
        tempfile.TemporaryDirectory(dir=place, prefix=DRAFT) as draft,
        FileLock(Path(draft) / BUSY),
    ):
        yield _look(source, wanted, place, Path(draft))


def _remove_left(place: Path) -> None:
    """Remove what processes that were killed have left; who still fetches holds a lock."""
    for draft in place.glob(f"{DRAFT}*"):
        with suppress(OSError, Timeout), FileLock(draft / BUSY, timeout=0):
            shutil.rmtree(draft)


def _look(source: Source, wanted: Wanted, place: Path, draft: Path) -> Offer:
    first = source.sizes((RECIPE, BUNDLE))
    if RECIPE not in first:
        raise DataError(Problem(source.origin, f"holds no {RECIPE}", "is it something that lowres share has made?"))
    digests: Mapping[str, str] = {}
    if BUNDLE in first:
        _fetch(source, BUNDLE, draft, {})
        digests = read_manifest(draft / BUNDLE, source.origin)
        if strange := [name for name in digests if not is_allowed(name)]:
            raise ModelError(Problem(source.origin, f"holds {strange[0]}, which no bundle holds", "do not use it"))
    elif wanted == "model":
        raise ModelError(
            Problem(source.origin, "holds a recipe, but no model", f"run it first:  lowres run {source.address}")
        )
    _fetch(source, RECIPE, draft, digests)
    recipe = _recipe(draft, f"{source.origin}/{RECIPE}")
    if digests:
        names = {name for name in digests if wanted == "model" or name in OF_RECIPE or name.startswith(f"{CARDS}/")}
        files = {**source.sizes(sorted(names)), **first}
        if gone := sorted(names - files.keys() - {README}):
            raise ModelError(
                *(Problem(f"{source.origin}/{name}", "is missing", "ask for the bundle again") for name in gone)
            )
    else:
        files = {RECIPE: first[RECIPE]}
    own = [*dict.fromkeys(map(_file, files_of(recipe)))] if wanted == "recipe" else []
    files |= source.sizes([name for name in own if name not in files])
    files |= _card_files(source, recipe, draft, files, digests) if wanted == "recipe" else {}
    lacking = tuple(name for name in own if name not in files)
    version = source.version or file_sha256(draft / (BUNDLE if BUNDLE in first else RECIPE))
    folder = place / f"{source.name}-{version[:8]}"
    return Offer(source, recipe, folder, draft, files, digests, lacking, _kept(folder, source.origin))


def _recipe(draft: Path, where: str) -> Recipe:
    """The recipe, which may be anything. Raises LowresError where it is none, or names what is not in its folder, or hidden."""
    recipe = parse_recipe(read_exact(draft / RECIPE), where)
    try:
        refuse_outside(recipe, draft, given=True)
        for name in (*files_of(recipe), *cards_of(recipe)):
            _file(name)
    except LowresError as error:
        raise type(error)(*(Problem(where, f"{one.where}: {one.what}", one.hint) for one in error.problems)) from None
    return recipe


def _fetch(source: Source, name: str, draft: Path, digests: Mapping[str, str]) -> None:
    """Fetch one file into the draft. Raises ModelError where it is not the one that the manifest names."""
    (draft / name).parent.mkdir(parents=True, exist_ok=True)
    source.fetch(name, draft / name, _most(name))
    if name in digests and (problem := difference(name, digests[name], file_sha256(draft / name))):
        raise ModelError(Problem(f"{source.origin}/{name}", problem.what, problem.hint))


def _most(name: str) -> int:
    """The bytes that a file may have."""
    if name == RECIPE:
        return MAX_RECIPE
    if name.startswith(f"{MODEL}/"):
        return MAX_WEIGHTS
    return MAX_SMALL if is_allowed(name) or name.endswith(".md") else MAX_DATA


def _file(name: str) -> str:
    """The file that a path of a recipe leads to: an archive, where the path goes on inside it. Raises DataError for a hidden one."""
    if leads_out(name) or is_hidden(name):
        raise DataError(Problem(name, "is no name of a file that a shared recipe may read", "ask its makers"))
    path = PurePosixPath(name)
    inside = [parent for parent in path.parents if parent.suffix.lower() in ARCHIVES]
    return (inside[-1] if inside else path).as_posix()


def _card_files(
    source: Source, recipe: Recipe, draft: Path, files: Mapping[str, int], digests: Mapping[str, str]
) -> dict[str, int]:
    """The recipe's own cards, which are fetched at once, and their data where they lie beside them.

    Raises CardError for a card that is named by its path and was not shared; others may be among those that come with lowres.
    """
    found: dict[str, int] = {}
    for name in cards_of(recipe):
        by_path = name.endswith(".md")
        places = (
            [_file(name)] if by_path else [_file(f"{folder}{name}.md") for folder in ("", "data_cards/", f"{CARDS}/")]
        )
        there = {place: files[place] for place in places if place in files} or source.sizes(places)
        for place in there:
            if not (draft / place).exists():
                _fetch(source, place, draft, digests)
        if by_path and not there:
            raise CardError(
                Problem(
                    source.origin, f"the card {name}, which the recipe names, was not shared with it", "ask its makers"
                )
            )
        if there:
            found |= there | source.sizes(sorted(_data_of(read_card(name, draft), draft)))
    return found


def _data_of(card: Card, draft: Path) -> set[str]:
    """The files of a fetched card that lie beside it."""
    if card.lowres.source.folder is None or not card.folder.is_relative_to(draft):
        return set()
    beside = card.folder.relative_to(draft) / card.lowres.source.folder
    return {_file((beside / entry.path).as_posix()) for entry in card.entries()}


def _kept(folder: Path, origin: str) -> dict[str, str]:
    """The files that came earlier, with their sha256. Raises DataError where the folder is another one, or a file was changed."""
    if not folder.exists() or all(
        map(is_draft, folder.iterdir())
    ):  # made by a process that was killed before it wrote a file
        return {}
    try:
        facts = read_bounded_json(folder / ORIGIN)
        before, files = facts["origin"], dict(facts["files"])
    except (OSError, ValueError, KeyError, TypeError):
        before, files = "", {}
    if before != origin:
        what = f"exists already, and is not what was fetched from {origin}"
        raise DataError(Problem(str(folder), what, "move it elsewhere, or work in another folder"))
    there = {name: file_sha256(folder / name) for name in files if (folder / name).is_file()}
    if changed := [name for name, digest in there.items() if digest != files[name]]:
        hint = f"to use it as it is, name it:  ./{folder.name}; to have the shared one, move it elsewhere"
        raise DataError(
            *(Problem(str(folder / name), f"was changed since it was fetched from {origin}", hint) for name in changed)
        )
    return there
