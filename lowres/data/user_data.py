"""Data without a card: the user's own files, and data sets of the Hugging Face hub."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lowres.data.checks.parallel_texts import Side, misaligned
from lowres.data.corpus import SPLITS, Split
from lowres.data.formats.columnar import read_hub
from lowres.data.formats.readers import read_file
from lowres.data.formats.tables import Table, capped, no_column
from lowres.data.rows import LINE, Cut, Part, Roles
from lowres.data.source_tables import SourceTables
from lowres.errors import DataError, Finding, Problem
from lowres.places import Places
from lowres.recipe.sections import Classification, FileData, HubData, PreTraining, Task, Translation

TENTH = 10  # percent of train for each split that the user has no file for


def from_files(data: FileData, task: Task, near: Path) -> SourceTables:
    """The tables of the user's own files; paths count from the folder `near`. Raises DataError."""
    if "train" not in data.files:
        raise DataError(Problem("data.files", "there is no train file", f"given: {', '.join(data.files) or 'none'}"))
    if not isinstance(task, Translation) and _language(data, task) == "":
        raise DataError(Problem("data.language", "is missing", "the language of the texts, such as min-Latn"))
    missing = [split for split in SPLITS if split not in data.files and split in data.use]
    findings: tuple[Finding, ...] = ()
    if missing:
        each = "each" if len(missing) > 1 else "it"
        what = f"no {' and no '.join(missing)} file: a tenth of train was set aside for {each}, by the hash of the text"
        findings = (Finding("note", what),)
    parts = []
    for split, names in data.files.items():
        sides = _aligned(names, near) if isinstance(names, dict) else _columns(names, data, task, near)
        for subset, tag, table, roles in sides:
            place: Split | Cut = split
            if split == "train" and missing:
                by = LINE if isinstance(names, dict) else _first_text(data, task)
                place = Cut(by, 100 - TENTH * len(missing), TENTH * ("dev" in missing), "test" in missing)
            parts.append(Part(table, place, subset, tag, roles))
    first = data.files["train"]
    name = first if isinstance(first, str) else ", ".join(first.values())
    return SourceTables(name, tuple(parts), data.licence, findings=findings)


LanguageTable = tuple[str, str, Table, Roles]  # subset, language, table, columns


def _columns(name: str, data: FileData, task: Task, near: Path) -> list[LanguageTable]:
    """One table: a text and its label in each row, or a text and its translation."""
    table, columns = read_file(near / name, str(near / name), data.quotes), data.columns
    if isinstance(task, Classification):
        return [("", data.language or "", table, Roles(columns.text, columns.label, columns.id))]
    if isinstance(task, PreTraining):
        return [("", _language(data, task), table, Roles(columns.text, None, columns.id))]
    if data.language is not None:  # text of one language, without translations
        return [("", data.language, table, Roles(columns.text, None, columns.id))]
    source, target = _only_pair(task)
    _check_columns(table, (columns.source, columns.target))
    _refuse_misaligned([Side(column, table, column) for column in (columns.source, columns.target)])
    return [
        (tag, tag, table, Roles(column, None, columns.id, columns.id or LINE))
        for tag, column in ((source, columns.source), (target, columns.target))
    ]


def _language(data: FileData | HubData, task: Classification | PreTraining) -> str:
    """The language of the texts; empty where the recipe does not name it. For pre-training the task may name it."""
    return data.language or (isinstance(task, PreTraining) and task.language) or ""


def _check_columns(table: Table, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(*(no_column(table, column) for column in missing))


def _refuse_misaligned(sides: Sequence[Side]) -> None:
    problems, _, _ = misaligned(sides)
    if problems:
        raise DataError(*capped(problems))


def _first_text(data: FileData, task: Task) -> str:
    """The column whose hash decides a row's split."""
    return data.columns.source if isinstance(task, Translation) and data.language is None else data.columns.text


def _only_pair(task: Translation) -> tuple[str, str]:
    """The two languages of a table with two text columns."""
    pair = [tags[0] if isinstance(tags, tuple) and len(tags) == 1 else tags for tags in (task.source, task.target)]
    if not all(isinstance(tag, str) and tag != "all" for tag in pair):
        what = "a table has one column to translate from and one to translate into, but the task names more languages"
        raise DataError(
            Problem("data.files", what, "name one task.source and one task.target, or give one text file per language")
        )
    return str(pair[0]), str(pair[1])


def _aligned(names: Mapping[str, str], near: Path) -> list[LanguageTable]:
    """One text file per language; line n of each translates line n of the others."""
    tables = {tag: read_file(near / name, str(near / name)) for tag, name in names.items()}
    counts = {table.name: table.read for table in tables.values()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} has {count:,}" for name, count in counts.items())
        raise DataError(
            Problem(
                "data.files",
                f"the files do not have equally many lines: {said}",
                "line n of each must translate line n of the others",
            )
        )
    _refuse_misaligned([Side(table.name, table, "text") for table in tables.values()])
    return [(tag, tag, table, Roles("text", None, None, LINE)) for tag, table in tables.items()]


def from_hub(data: HubData, task: Task, places: Places) -> SourceTables:
    """The tables of a hub data set, one for each split. Raises DataError."""
    tables = {
        here: read_hub(data.hub, data.revision, data.config, there, places.cache, places.offline)
        for here, there in data.splits.items()
        if here in data.use
    }
    columns = data.columns
    if not isinstance(task, Translation):
        label = columns.label if isinstance(task, Classification) else None
        sides = [("", _language(data, task), Roles(columns.text, label, columns.id))]
    else:
        source, target = _only_pair(task)
        sides = [
            (tag, tag, Roles(column, None, columns.id, columns.id or LINE))
            for tag, column in ((source, columns.source), (target, columns.target))
        ]
    parts = tuple(
        Part(table, here, subset, tag, roles) for here, table in tables.items() for subset, tag, roles in sides
    )
    return SourceTables(
        data.hub, parts, data.licence, homepage=f"https://huggingface.co/datasets/{data.hub}/tree/{data.revision}"
    )
