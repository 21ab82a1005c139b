"""advise: which other languages help a language."""

import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli import completing
from lowres.cli.making import cache_option, json_option, machine_choices, machine_options, mirror_option, offline_option
from lowres.cli.safe_text import echo, echo_json

if TYPE_CHECKING:
    from lowres.planning import Options

LINES = 2_000  # of each language that are read


@click.group()
def advise() -> None:
    """Say which other languages help: by how they are written, or by what their rows are worth on dev."""


@advise.command()
@click.argument("target")
@click.argument("candidates", nargs=-1, required=True)
@mirror_option
@cache_option
@offline_option
@json_option
def sources(
    target: str, candidates: tuple[str, ...], mirrors: tuple[Path, ...], cache: Path | None, offline: bool, as_json: bool
) -> None:  # fmt: skip
    """Rank CANDIDATES by how alike they are in writing to TARGET: which related language may lend its labelled rows or texts.

    Each is a text file, a table with a column “text”, a card, or one subset of it as card/subset; of a card only training rows are
    read. Ranked by character trigrams; the share of the target's words that the other has is given beside. A ranking by dev, of a
    recipe's stages, is better where it can be paid for.
    """
    from lowres.languages.likeness import likeness

    options = machine_options(cache, mirrors, offline, "cpu", None)
    (name, wanted), *others = _texts(target, options).items()
    if others:
        raise click.BadParameter(
            f"{target} has {1 + len(others)} languages; name one as card/subset", param_hint="TARGET"
        )
    found = [
        {"source": label, "texts": len(texts), **vars(likeness(wanted, texts))}
        for candidate in candidates
        for label, texts in _texts(candidate, options).items()
        if label != name
    ]
    found.sort(key=lambda one: -float(str(one["trigrams"])))
    if as_json:
        echo_json(json_format.dumps({"target": name, "sources": found}, ensure_ascii=False, indent=1))
        return
    width = max([len("source"), *(len(str(one["source"])) for one in found)])
    echo(f"{'source':<{width}}  trigrams  words   texts   (like {name}, 0–100)")
    for one in found:
        echo(f"{one['source']:<{width}}  {one['trigrams']:8.1f}  {one['words']:5.1f}  {one['texts']:6}")


@advise.command("leave-one-out")
@click.argument("recipe", shell_complete=completing.recipes)
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="Number of seeds to average over."
)
@machine_choices
@json_option
def leave_one_out(
    recipe: str, seeds: int, mirrors: tuple[Path, ...], cache: Path | None, offline: bool, device: str, threads: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Say what the training rows of each language are worth to the classifier of RECIPE: dev with all of them, less dev without.

    The head alone is trained, over the base as it is, so that every text is encoded once: it takes as long as a run with
    method: features. A language worth less than nothing may be left out of the data.
    """
    from lowres.leave_one_out import leave_one_out as measure

    found = measure(recipe, seeds=seeds, options=machine_options(cache, mirrors, offline, device, threads))
    if as_json:
        echo_json(json_format.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    echo(f"macro-F1 on dev with all languages {found.whole:.1f}; mean of {found.seeds} seed{'s' * (found.seeds > 1)}")
    echo("without     rows  macro-F1  worth  [least, greatest of the seeds]")
    for one in found.languages:
        echo(
            f"{one.language:<10} {one.rows:5}  {one.without:8.1f}  {one.worth:+5.1f}  [{one.low:+.1f}, {one.high:+.1f}]"
        )


def _texts(name: str, options: "Options") -> dict[str, list[str]]:
    """The texts of a file, or those of each language of a card, by a name for them."""
    from lowres.data.formats.readers import read_file
    from lowres.data.formats.tables import no_column
    from lowres.data.reading import source_rows
    from lowres.errors import DataError
    from lowres.recipe.data_section import CardData
    from lowres.recipe.task_section import PreTraining

    if Path(name).is_file():
        table = read_file(Path(name), name)
        if "text" not in table.columns:
            raise DataError(no_column(table, "text"))
        return {name: [record.fields["text"] for record in table.records[:LINES]]}
    card, _, subset = name.partition("/")
    samples, _ = source_rows(
        CardData(card=card, subset=subset or "all", use=("train",)),
        PreTraining(kind="pre-training"),
        options.places(Path()),
    )
    found: dict[str, list[str]] = {}
    for sample in samples:
        texts = found.setdefault(f"{card}/{sample.row.language}", [])
        if len(texts) < LINES:
            texts.append(sample.row.fields["text"])
    return found
