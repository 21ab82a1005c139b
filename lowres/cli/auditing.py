"""audit: how a base's tokenizer takes a text."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.making import cache_option, json_option, machine_options, mirror_option, offline_option

if TYPE_CHECKING:
    from lowres.planning import Options
    from lowres.vocabulary.audit import Audit, Character, Sample, SampleAudit


@click.command()
@click.argument("texts", nargs=-1, required=True)
@click.option("--base", default="starter:encoder", show_default=True, help="Whose tokenizer: as base.name in a recipe.")
@click.option("--revision", help="Commit of a base on the hub.")
@click.option("--subset", "subsets", multiple=True, help="Subset of a card; may be given several times.")
@click.option("--column", default="text", show_default=True, help="Column of a table with the texts.")
@mirror_option
@cache_option
@offline_option
@json_option
def audit(
    texts: tuple[str, ...], base: str, revision: str | None, subsets: tuple[str, ...], column: str,
    mirrors: tuple[Path, ...], cache: Path | None, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show how a base cuts TEXTS – files (.txt .tsv .csv .jsonl .parquet .po) or the name of a data card – and what to do.

    The first text is what would be learned from; further ones are compared with it.
    """
    from dataclasses import asdict

    from transformers import AutoTokenizer

    from lowres.cli.quiet import quiet_libraries
    from lowres.cli.text import echo
    from lowres.models.checkpoint import find_base
    from lowres.vocabulary.audit import audit as look

    quiet_libraries()
    options = machine_options(cache, mirrors, offline, "auto", None)
    samples = [sample for name in texts for sample in _samples(name, subsets, column, options)]
    checkpoint = find_base(base, revision, cache=options.cache, near=Path(), offline=offline)
    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint.folder), trust_remote_code=False, local_files_only=True)
    found = look(tokenizer, samples)
    if as_json:
        click.echo(json_format.dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    for line in page(found, base):
        echo(line)


def _samples(name: str, subsets: tuple[str, ...], column: str, options: "Options") -> "list[Sample]":
    """A file is one sample; a card one for each language and split, test left out."""
    from lowres.data.formats import read_file
    from lowres.data.reading import read_corpus
    from lowres.data.tables import no_column
    from lowres.errors import DataError
    from lowres.recipe.sections import CardData, Classification
    from lowres.vocabulary.audit import Sample, Text

    path = Path(name)
    if path.is_file():
        table = read_file(path, path.name)
        if column not in table.columns:
            raise DataError(no_column(path.name, column, table.columns))
        return [Sample(path.name, [Text(record.where, record.fields[column]) for record in table.records])]
    corpus = read_corpus(
        CardData(card=name, subset=subsets or "all"), Classification(kind="classification"), near=Path(),
        cache=options.cache, mirrors=options.mirrors, offline=options.offline, seed=13,
    )  # fmt: skip
    return [
        Sample(f"{language} {split}", [Text(row.id, row.fields["text"]) for row in rows if row.language == language])
        for language in corpus.languages
        for split, rows in (("train", corpus.train), ("dev", corpus.dev))
    ]


def page(found: "Audit", base: str) -> list[str]:
    """The audit in lines of plain text."""
    lines = [f"{base}: {found.pieces:,} pieces ({found.kind}), {found.used:,} of them used here", ""]
    lines += table(found.samples)
    for sample in found.samples:
        lines += _characters(f"{sample.name}: characters that the base cannot read", sample.unknown)
        lines += _characters(f"{sample.name}: characters that the base turns into others", sample.folded)
        if len(sample.apostrophes) > 1:
            used = ", ".join(f"{sign} {count}×" for sign, count in sample.apostrophes.items())
            lines += ["", f"{sample.name}: more than one kind of apostrophe: {used}"]
    advice = f"extend by about {found.add}" if found.advice == "extend" else found.advice
    return [*lines, "", f"advice: {advice}", *(f"  {reason}" for reason in found.reasons)]


def table(samples: "tuple[SampleAudit, ...]") -> list[str]:
    """One line per sample, under the measures' names."""
    names = [
        "",
        "lines",
        "words",
        "pieces/word",
        "pieces/char",
        "bytes/piece",
        "whole words",
        "unknown words",
        "not read back",
    ]
    rows = [names]
    for one in samples:
        per_word = "no spaces" if one.spaceless else f"{one.fertility:.2f}"
        rows.append([
            one.name, f"{one.lines:,}", f"{one.words:,}", per_word, f"{one.pieces_per_character:.2f}", f"{one.bytes_per_piece:.2f}",
            f"{one.whole_words:.0%}", f"{one.unknown_words:.1%}", f"{one.lossy_lines:.1%}",
        ])  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    return ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))])
            for row in rows]  # fmt: skip


def _characters(title: str, characters: "tuple[Character, ...]") -> list[str]:
    if not characters:
        return []
    lines = ["", title]
    for one in characters[:10]:
        becomes = f" → {one.becomes}" if one.becomes else ""
        case = "; its other case has a piece" if one.other_case_known else ""
        lines.append(
            f"  {one.character}{becomes}  {one.code} {one.name}, {one.count}×, first in {', '.join(one.places[:2])}{case}"
        )
    return [*lines, *([f"  and {len(characters) - 10} more"] if len(characters) > 10 else [])]
