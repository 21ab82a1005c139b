"""audit: how a base's tokenizer splits texts into tokens, and what to do about it."""

import json as json_format
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.making import cache_option, json_option, machine_options, mirror_option, offline_option
from lowres.cli.quiet import quiet_libraries
from lowres.cli.safe_text import echo, echo_json
from lowres.garbage import without_cycle_search

if TYPE_CHECKING:
    from lowres.data.formats.tables import Record, Table
    from lowres.data.rows import Sample
    from lowres.errors import Finding
    from lowres.planning import Options
    from lowres.vocabulary.measurement.characters import Text
    from lowres.vocabulary.measurement.tokenizer_audit import Reference

    Texts = dict[str, dict[str, list[Text]]]


@click.command()
@click.argument("texts", nargs=-1, required=True, metavar="FILE...|CARD")
@click.option("--base", default="starter:encoder", show_default=True, help="Whose tokenizer: as base.name in a recipe.")
@click.option("--revision", help="Commit of a base on the hub.")
@click.option(
    "--subset", "subsets", multiple=True, help="Subset of a card; may be given several times; all by default."
)
@click.option("--column", default="text", show_default=True, help="Column of a table with the texts.")
@click.option("--language", help="Language tag of the texts, such as min-Latn; of a card, only the texts in it.")
@click.option(
    "--against", metavar="FILE|COLUMN|SUBSET",
    help="Text in a language that the base knows well, to compare with: a file, a column of the same table, a subset of the card.",
)  # fmt: skip
@click.option("--parallel", is_flag=True, help="The file of --against says the same as the text.")
@mirror_option
@cache_option
@offline_option
@json_option
@without_cycle_search(for_good=True)
def audit(
    texts: tuple[str, ...], base: str, revision: str | None, subsets: tuple[str, ...], column: str, language: str | None,
    against: str | None, parallel: bool, mirrors: tuple[Path, ...], cache: Path | None, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show how a base's tokenizer splits texts into tokens, and what to do about it.

    FILE is plain text (.txt) or a table (.tsv .csv .jsonl .parquet .po), compressed (.xz) or not. The first FILE stands for
    the training text; further ones are other texts in the same language, whose spelling is compared with it. Of a CARD, train
    and dev are taken in the same roles; test is not looked at.
    """
    from lowres.data.files import cache_folder

    options = machine_options(cache or cache_folder(), mirrors, offline, "auto", None)
    request = Request(texts, subsets, column, language, against, parallel)
    texts_found, reference, notes = of_files(request) if _are_files(request) else of_card(request, options)
    quiet_libraries()

    from dataclasses import asdict

    from rich.console import Console

    from lowres.cli.audit_page import page
    from lowres.models.checkpoint import tokenizer_folder
    from lowres.models.tokenization import load_tokenizer
    from lowres.starters.starters import STARTERS
    from lowres.vocabulary.measurement.tokenizer_audit import audit as look

    folder = tokenizer_folder(base, revision, options.places(Path()), STARTERS)
    tokenizer = load_tokenizer(folder)
    count = sum(len(some) for parts in texts_found.values() for some in parts.values())
    languages = f" in {len(texts_found)} languages" if len(texts_found) > 1 else ""
    with Console(stderr=True).status(
        f"auditing {count:,} texts{languages}, some seconds for each thousand"
    ):  # on terminals
        found = look(tokenizer, texts_found, reference=reference)
    if as_json:
        facts = {"base": base, **asdict(found), "data": notes}
        echo_json(json_format.dumps(facts, ensure_ascii=False, indent=1))
        return
    for line in page(found, base, notes):
        echo(line)


@dataclass(frozen=True)
class Request:
    """What is to be audited: the arguments of the command."""

    texts: tuple[str, ...]
    subsets: tuple[str, ...]
    column: str
    language: str | None
    against: str | None
    parallel: bool


def _are_files(request: Request) -> bool:
    """Whether the arguments are files, not a card. Raises DataError for what can be neither."""
    from lowres.data.formats.readers import ENDINGS
    from lowres.errors import DataError, Problem

    problems, files = [], []
    for text in request.texts:
        path = Path(text)
        is_card = path.suffix == ".md" or (not path.exists() and "/" not in text and not path.suffix)
        files.append(not is_card)
        if path.is_dir():
            problems.append(Problem(text, "is a folder", f"name a file: {' '.join(ENDINGS)}"))
        elif not is_card and not path.exists():
            problems.append(Problem(text, "there is no such file"))
    if problems:
        raise DataError(*problems)
    if not all(files) and len(files) > 1:
        raise click.UsageError("Name files, or one card.")
    if all(files) and request.subsets:
        raise click.UsageError("--subset is for cards; a table has columns: --column.")
    return all(files)


def of_files(request: Request) -> "tuple[Texts, Reference | None, list[str]]":
    """The texts of files, all in one language."""
    from lowres.data.formats.readers import read_file
    from lowres.languages import language
    from lowres.vocabulary.measurement.tokenizer_audit import Reference

    tag = language(request.language).tag if request.language else ""
    paths = [Path(name) for name in request.texts]
    short = len({path.name for path in paths}) == len(paths)
    tables = [read_file(path, path.name if short else name) for path, name in zip(paths, request.texts, strict=True)]
    parts = {table.name: _column(table, request.column) for table in tables}
    reference = None
    first = tables[0]
    if request.against in first.columns:
        rows = [record for record in first.records if record.fields[request.column]]
        reference = Reference(request.against, _texts(rows, request.against), parallel=True)
    elif request.against:
        other = read_file(Path(request.against), Path(request.against).name)
        reference = Reference(other.name, _column(other, request.column), request.parallel)
    said = [finding for table in tables for finding in (*table.findings, *table.damaged(request.column))]
    return {tag or first.name: parts}, reference, [f"{finding.where}  {finding.what}" for finding in said]


def of_card(request: Request, options: "Options") -> "tuple[Texts, Reference | None, list[str]]":
    """The texts of a card's subsets by language, train and dev; test is left out."""
    from lowres.data.reading import source_rows
    from lowres.errors import DataError, Problem, nearest
    from lowres.recipe.data_section import CardData
    from lowres.recipe.task_section import PreTraining
    from lowres.vocabulary.measurement.characters import Text
    from lowres.vocabulary.measurement.tokenizer_audit import Reference

    def read(subset: "tuple[str, ...] | str") -> "tuple[list[Sample], tuple[Finding, ...]]":
        card = CardData(card=request.texts[0], subset=subset)
        return source_rows(card, PreTraining(kind="pre-training"), options.places(Path()))

    samples, findings = read(request.subsets or "all")
    texts_found: Texts = {}
    for split in ("train", "dev"):  # where there is no train, dev stands for the training text
        for sample in samples:
            if sample.split == split and request.language in (None, sample.row.language):
                text = Text(f"{split} {sample.row.id}", sample.row.fields["text"])
                texts_found.setdefault(sample.row.language, {}).setdefault(split, []).append(text)
    if not texts_found:
        tags = list(dict.fromkeys(sample.row.language for sample in samples))
        if request.language in (None, *tags):
            what, hint = "has only test rows of these subsets, and test is not looked at", "name another subset"
        else:
            what = f"holds no texts in {request.language}"
            hint = nearest(str(request.language), tags) or f"there are {', '.join(tags)}"
        raise DataError(Problem(request.texts[0], what, hint))
    notes = list(dict.fromkeys(finding.told for finding in findings))
    if not request.against:
        return texts_found, None, notes
    split = "train" if any(sample.split == "train" for sample in samples) else "dev"
    clusters = {sample.row.cluster for sample in samples if sample.split == split}
    others = [sample for sample in read((request.against,))[0] if sample.split == split]
    rows = [sample.row for sample in others if sample.row.cluster in clusters]
    translated = {row.cluster for row in rows} == clusters
    rows = rows if translated else [sample.row for sample in others]
    return (
        texts_found,
        Reference(request.against, [Text(row.id, row.fields["text"]) for row in rows], translated),
        notes,
    )


def _column(table: "Table", column: str) -> "list[Text]":
    from lowres.data.formats.tables import no_column
    from lowres.errors import DataError

    if column not in table.columns:
        raise DataError(no_column(table, column))
    return _texts(table.records, column)


def _texts(records: "Iterable[Record]", column: str) -> "list[Text]":
    """The texts of a column as they were written; blank ones are left out."""
    from lowres.vocabulary.measurement.characters import Text

    return [
        Text(record.where, record.original.get(column, record.fields[column]))
        for record in records
        if record.fields[column]
    ]
