"""Recipes and models that others have shared: what is about to come here is shown and asked, then fetched."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.safe_text import one_line

if TYPE_CHECKING:
    from lowres.shared.arriving import Offer

yes_option = click.option(
    "--yes", is_flag=True, help="Do not ask before anything is fetched from others or sent to them."
)


def recipe_here(given: str, *, offline: bool, yes: bool, quiet: bool = False) -> Path:
    """The file of the recipe that is meant; what lies elsewhere is shown, and fetched into a new folder if the user agrees."""
    from lowres.runs.layout import RECIPE
    from lowres.shared.addresses import meant

    found = meant(given)
    say(found.word)
    if found.path and found.path.suffix.lower() != ".zip":
        return found.path / RECIPE if (found.path / RECIPE).is_file() else found.path
    from lowres.shared.arriving import offered

    with offered(found.address or found.path or Path(), "recipe", Path(), offline=offline) as offer:
        if offer.to_fetch:
            show(offer, quiet=quiet)
            agree("Fetch it and run it?", offer.source.origin, yes=yes)
        folder = offer.fetch()
        offer.require_data(f"ask its makers for it, put it into {folder}, and say the same again")
    return folder / RECIPE


@contextmanager
def recipe_to_look_at(given: str, *, offline: bool, quiet: bool) -> Iterator[tuple[Path, str]]:
    """The file of the recipe that is meant, and how to name it again: what lies elsewhere is fetched to a place that is removed."""
    from lowres.runs.layout import RECIPE
    from lowres.shared.addresses import meant

    found = meant(given)
    say(found.word)
    if found.path and found.path.suffix.lower() != ".zip":
        path = found.path / RECIPE if (found.path / RECIPE).is_file() else found.path
        yield path, str(path)
        return
    from lowres.shared.arriving import offered

    with (
        tempfile.TemporaryDirectory(prefix="lowres-") as place,
        offered(found.address or found.path or Path(), "recipe", Path(place), offline=offline) as offer,
    ):
        show(offer, quiet=quiet, stays=False)
        offer.require_data("lowres run fetches what was shared to a folder, where you can add it")
        yield offer.fetch() / RECIPE, offer.source.address


def model_here(given: str, *, offline: bool, yes: bool) -> Path:
    """The folder of the run that is meant; a bundle that lies elsewhere is shown, fetched if the user agrees, and verified."""
    from lowres.runs.layout import RECORD
    from lowres.shared.addresses import meant

    found = meant(given, RECORD)
    say(found.word)
    if found.path and found.path.suffix.lower() != ".zip":
        return found.path
    from lowres.shared.arriving import offered

    with offered(found.address or found.path or Path(), "model", Path(), offline=offline) as offer:
        new = bool(offer.to_fetch)
        if new:
            show(offer, quiet=True)
            agree("Fetch it and answer with it?", offer.source.origin, yes=yes)
        folder = offer.fetch()
    if new:
        from lowres.cli.quiet import quiet_libraries

        quiet_libraries()
        from lowres.export.verification import verify

        verify(folder, alone=False)  # texts for its recipe may lie beside it
        say(f"{folder}: verified; from now on also:  lowres predict {folder}")
    return folder


@contextmanager
def bundle_to_look_at(given: str, *, offline: bool, quiet: bool) -> Iterator[Path]:
    """The bundle that is meant; one that lies elsewhere is fetched to a place that is removed again."""
    from lowres.errors import ModelError, Problem
    from lowres.planning.outside import BUNDLE
    from lowres.shared.addresses import meant

    found = meant(given, BUNDLE)
    say(found.word)
    if found.path:
        if not found.path.exists():
            raise ModelError(Problem(given, "there is no such file or folder", "is the name right?"))
        yield found.path
        return
    from lowres.shared.arriving import offered

    assert found.address is not None
    with (
        tempfile.TemporaryDirectory(prefix="lowres-") as place,
        offered(found.address, "model", Path(place), offline=offline) as offer,
    ):
        show(offer, quiet=quiet, stays=False)
        yield offer.fetch()


def agree(question: str, where: str, *, yes: bool) -> None:
    """Ask the user, unless --yes was said. Raises DataError where nobody can be asked, and Abort where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        from lowres.errors import DataError, Problem

        raise DataError(Problem(where, "this needs your word, and nobody can be asked here", "say --yes"))
    if not click.confirm(question, err=True):
        raise click.Abort


def show(offer: "Offer", *, quiet: bool, stays: bool = True) -> None:
    """Print what would be fetched, what the recipe would do, and under which licences; with `quiet` not to standard output."""
    for line in shown(offer, stays=stays):
        click.echo(one_line(line), err=quiet)


def shown(offer: "Offer", *, stays: bool) -> Iterator[str]:
    """What would be fetched, and what it would do, in lines."""
    from lowres.models.base_licences import base_licence
    from lowres.models.known_bases import known_base
    from lowres.planning.licensing import chain_of
    from lowres.recipe.data_section import CardData, HubData

    yield offer.source.origin
    yield from listed({name: offer.files[name] for name in offer.to_fetch})
    if stays:
        yield f"  into the new folder {offer.folder}"
    recipe, base = offer.recipe, offer.recipe.base
    yield f"recipe  {recipe.name}: {recipe.task.kind}, method {recipe.method.kind}"
    for source in recipe.sources:
        if isinstance(source, CardData):
            yield f"  card {source.card}: its data come from {_origin(source.card, offer.draft)}"
        elif isinstance(source, HubData):
            yield f"  data set {source.hub} of the hub, at {source.revision[:12]}"
    if offer.lacking:
        yield f"  not shared, and needed: {', '.join(offer.lacking)}"
    known = known_base(base.name)
    size = f", {known.millions:,} M parameters" if known and known.millions else ""
    pinned = f" at {base.revision[:12]}" if base.revision else ""
    yield f"  base {base.name}{pinned}{size}"
    chain = chain_of(recipe, [offer.draft], base.name, base_licence(base.name, offer.draft / "base"))
    yield from (f"  {line}" for line in chain.sentences())


def _origin(card: str, near: Path) -> str:
    from lowres.cards import read_card

    source = read_card(card, near).lowres.source
    return source.url or (f"the package {source.package} {source.version}" if source.package else "beside it")


def listed(files: dict[str, int]) -> Iterator[str]:
    """Names and sizes of files, and their sum."""
    width = max(map(len, files), default=0)
    for name, size in sorted(files.items()):
        yield f"  {name:<{width}}  {sized(size):>10}"
    unknown = " and what the server does not say" if any(size < 0 for size in files.values()) else ""
    total = sized(sum(max(size, 0) for size in files.values()))
    yield f"  {len(files)} file{'s' if len(files) != 1 else ''}, {total}{unknown}"


def sized(size: int) -> str:
    """A number of bytes, as people read it; those that are not known are below 0."""
    if size < 0:
        return "?"
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def say(word: str) -> None:
    """Say something beside the result."""
    if word:
        click.echo(one_line(word), err=True)
