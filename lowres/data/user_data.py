"""Data without a card: the user's own files, and data sets of the Hugging Face hub."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from lowres.data.checks.parallel_texts import Side, misaligned, without_lines
from lowres.data.corpus import SPLITS, Split
from lowres.data.files import hub_offline
from lowres.data.formats.columnar import read_hub
from lowres.data.formats.readers import read_file
from lowres.data.formats.tables import Record, Table, capped, no_column
from lowres.data.rows import LANGUAGE, LINE, SUBSET, Cut, Part, Roles, line_of
from lowres.data.source_tables import SourceTables
from lowres.data.splitting import id_split, kept_rows, split_by_column, split_by_hash, with_label, without_headers
from lowres.errors import DataError, Finding, LowresError, Problem
from lowres.languages import language
from lowres.languages.tags import is_written_as
from lowres.places import Places
from lowres.recipe.data_section import Columns, FileData, HubData
from lowres.recipe.task_section import Classification, Generation, Task, Translation

OneOrMore = str | tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """The texts of one language: a column of a table, with the columns that go with it."""

    language: str
    table: Table
    roles: Roles


def from_files(data: FileData, task: Task, near: Path) -> SourceTables:
    """The tables of the user's own files; paths count from the folder `near`. Raises DataError with all faults of all files."""
    if not isinstance(task, Translation) and _language(data, task) == "":
        raise DataError(Problem("data.language", "is missing", "the language of the texts, such as min-Latn"))
    wanted = ("train",) if data.head else data.use
    is_whole = "train" in data.files and data.columns.split is None
    missing = [split for split in SPLITS if is_whole and split not in data.files and split in wanted]
    parts: list[Part] = []
    findings: list[Finding] = []
    problems: list[Problem] = []
    for split, given in data.files.items():
        try:
            sets = list(_sets_of_files(split, given, data, task, near))
        except DataError as error:
            problems += error.problems
            continue
        for number, texts in enumerate(sets, 1):
            try:
                texts, told = _aligned_only(texts, data.misaligned)
                findings += told
                hashed = split == "train" and bool(missing)
                places: Split | Cut | Mapping[int, Split] = split
                if hashed and _is_tied_by_id(texts):
                    places = id_split(missing)
                elif hashed:
                    places = split_by_hash([(text.table, text.roles.text) for text in texts], missing)
                elif data.columns.split and split == "train":
                    places = split_by_column(texts[0].table, data.columns.split)
            except DataError as error:
                problems += error.problems
                continue
            scope, file = (f"{split}{number}/", f"{number}:") if len(sets) > 1 else (f"{split}/", "")
            parts += [
                Part(
                    text.table, places, _subset(text), text.language, text.roles, "", file, scope, hashed, _splits(data)
                )
                for text in texts
            ]
    if problems:
        raise DataError(*capped(problems))
    if missing:
        each = "each" if len(missing) > 1 else "it"
        what = f"no {' and no '.join(missing)} file: a tenth of train was set aside for {each}, by the hash of the text"
        findings.append(Finding("note", what))
    return SourceTables(_name(data), tuple(parts), data.licence, findings=tuple(findings))


def from_hub(data: HubData, task: Task, places: Places) -> SourceTables:
    """The tables of a hub data set, one for each split. Raises DataError."""
    parts: list[Part] = []
    for here, there in data.splits.items():
        if here in data.use:
            with hub_offline(places.offline):
                table = read_hub(data.hub, data.revision, data.config, there, places.cache, places.offline)
            parts += [
                Part(text.table, here, _subset(text), text.language, text.roles, scope=f"{here}/")
                for text in _texts(kept_rows(table, data.rows), data, task)
            ]
    homepage = f"https://huggingface.co/datasets/{data.hub}/tree/{data.revision}"
    return SourceTables(data.hub, tuple(parts), data.licence, homepage=homepage)


def _splits(data: FileData) -> tuple[Split, ...]:
    """The splits that own files can give: those that they name, or all where train is split."""
    return SPLITS if "train" in data.files else tuple(data.files)


def _name(data: FileData) -> str:
    """The names of the files of the first split."""
    first = next(iter(data.files.values()))
    return ", ".join(name for given in _values(first) for name in given)


def _values(given: OneOrMore | Mapping[str, OneOrMore]) -> list[tuple[str, ...]]:
    values = list(given.values()) if isinstance(given, Mapping) else [given]
    return [(value,) if isinstance(value, str) else value for value in values]


def _subset(text: Text) -> str:
    """Texts that stand in pairs are told apart by their language."""
    return text.language if text.roles.cluster else ""


def _language(data: FileData | HubData, task: Task) -> str:
    """The language of the texts, named by the data or by the task; empty where neither does."""
    return data.language or (None if isinstance(task, Translation) else task.language) or ""


def _sets_of_files(
    split: Split, given: OneOrMore | Mapping[str, OneOrMore], data: FileData, task: Task, near: Path
) -> Iterator[list[Text]]:
    """The files of a split, set by set: a set is one table, or files of several languages aligned by line."""
    if not isinstance(given, Mapping):
        for name in (given,) if isinstance(given, str) else given:
            yield _texts(kept_rows(without_headers(read_file(near / name, name, data.quotes)), data.rows), data, task)
    elif isinstance(task, Classification):
        for label, names in zip(given, _values(given), strict=True):
            for name in names:
                table = with_label(read_file(near / name, name, data.quotes), data.columns.label, label)
                yield _texts(kept_rows(table, data.rows), data, task)
    elif isinstance(task, Translation):
        _check_tags(f"data.files.{split}", given)
        counts = {tag: len(names) for tag, names in zip(given, _values(given), strict=True)}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{tag} has {count}" for tag, count in counts.items())
            raise DataError(Problem(f"data.files.{split}", f"not equally many files of each language: {said}"))
        for names in zip(*_values(given), strict=True):
            yield _aligned(dict(zip(given, names, strict=True)), near)
    else:
        what = "one file per language is for translation, one per label for classification"
        raise DataError(Problem(f"data.files.{split}", what, "name one file, or a list of files"))


def _check_tags(where: str, tags: Mapping[str, object]) -> None:
    problems = []
    for tag in tags:
        try:
            language(tag)
        except LowresError as error:
            problems += [Problem(f"{where}.{tag}", problem.what, problem.hint) for problem in error.problems]
    if problems:
        raise DataError(*problems)


def _texts(table: Table, data: FileData | HubData, task: Task) -> list[Text]:
    """The texts of one table: a text and its label in each row, or a text and its translations."""
    columns = data.columns
    if not isinstance(task, Translation):
        label = columns.label if isinstance(task, Classification) else None
        tag = _language(data, task)
        answer = columns.answer if isinstance(task, Generation) else None
        text = _text_column(table, tag, columns)
        made = (SUBSET, LANGUAGE, LINE)
        missing = [name for name in (text, label, answer) if name and name not in (*table.columns, *made)]
        if missing:
            raise DataError(*(no_column(table, column) for column in missing))
        return [Text(tag, table, Roles(text, label, columns.id, answer=answer))]
    if data.language is not None:  # texts of one language, without translations
        return [Text(data.language, table, Roles(_text_column(table, data.language, columns), None, columns.id))]
    told = {} if {"source", "target"} & columns.model_fields_set else _columns_by_language(table, task)
    named = columns.texts or told or _two_columns(task, columns)
    missing = [column for column in named.values() if column not in table.columns]
    if missing:
        raise DataError(*(no_column(table, column) for column in missing))
    return [Text(tag, table, Roles(column, None, columns.id, columns.id or LINE)) for tag, column in named.items()]


def _text_column(table: Table, tag: str, columns: Columns) -> str:
    """The column with the texts: where there is none of that name, the first one that the file itself says is in their language."""
    if columns.text in table.columns:
        return columns.text
    return next((column for column, code in table.languages.items() if is_written_as(tag, code)), columns.text)


def _columns_by_language(table: Table, task: Translation) -> dict[str, str]:
    """Language → column where the file says the languages of its columns, and they are those of the task; else nothing."""
    named = [tags for tags in (task.source, task.target) if tags != "all"]
    wanted = [tag for tags in named for tag in ((tags,) if isinstance(tags, str) else tags)]
    found = {
        tag: next((column for column, code in table.languages.items() if is_written_as(tag, code)), "")
        for tag in wanted
    }
    return {tag: column for tag, column in found.items() if column} if sum(map(bool, found.values())) > 1 else {}


def _two_columns(task: Translation, columns: Columns) -> dict[str, str]:
    """Language → column of a table with one column to translate from and one to translate into."""
    pair = [tags[0] if isinstance(tags, tuple) and len(tags) == 1 else tags for tags in (task.source, task.target)]
    if not all(isinstance(tag, str) and tag != "all" for tag in pair):
        what = "a table has one column to translate from and one to translate into, but the task names more languages"
        hint = "say columns.texts: {language: column, …}, name one task.source and task.target, or give a file per language"
        raise DataError(Problem("data.files", what, hint))
    return {str(pair[0]): columns.source, str(pair[1]): columns.target}


def _aligned(names: Mapping[str, str], near: Path) -> list[Text]:
    """One text file per language; line n of each translates line n of the others."""
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for tag, name in names.items():
        try:
            tables[tag] = read_file(near / name, name)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(*problems)
    key = {table.key for table in tables.values()}
    if key == {"id"}:  # messages and verses are tied by what they are called, not by their lines
        return [Text(tag, table, Roles("text", None, "id", "id")) for tag, table in tables.items()]
    counts = {table.name: table.read for table in tables.values()}
    # blank lines at the end of one file translate nothing
    if len(set(counts.values())) > 1 and len({_last_line(table) for table in tables.values()}) > 1:
        said = ", ".join(f"{name} has {count:,}" for name, count in counts.items())
        what = f"the files do not have equally many lines: {said}"
        hint = "line n of each must translate line n of the others"
        raise DataError(Problem("data.files", what, hint), *map(_line_inside, _with_lines_inside(tables.values())))
    return [Text(tag, table, Roles("text", None, None, LINE)) for tag, table in tables.items()]


def _last_line(table: Table) -> int:
    return line_of(table.records[-1]) if table.records else 0


def _with_lines_inside(tables: Iterable[Table]) -> Iterator[Record]:
    """The first text of each file that holds what other programs take for the end of a line."""
    for table in tables:
        yield from islice((record for record in table.records if len(record.fields["text"].splitlines()) > 1), 1)


def _line_inside(record: Record) -> Problem:
    text = record.fields["text"]
    character = text[len(text.splitlines()[0])]
    what = f"holds U+{ord(character):04X}, which ends no line here but does so in other programs"
    return Problem(record.where, what, "is it meant as the end of a line? save the file with one kind of line ends")


def _is_tied_by_id(texts: list[Text]) -> bool:
    """Whether texts of several files are tied by an id that is the same in all of them."""
    return len(texts) > 1 and texts[0].table is not texts[1].table and texts[0].roles.cluster == texts[0].table.key


def _aligned_only(texts: list[Text], policy: str) -> tuple[list[Text], tuple[Finding, ...]]:
    """The texts of one set, without misaligned lines where the recipe says so. Raises DataError where it does not."""
    if len(texts) < 2 or _is_tied_by_id(texts):
        return texts, ()
    one_table = texts[0].table is texts[1].table
    sides = [Side(text.roles.text if one_table else text.table.name, text.table, text.roles.text) for text in texts]
    problems, lines, findings = misaligned(sides)
    if not problems:
        return texts, findings
    if policy == "refuse":
        remedy = "or leave such lines out with data.misaligned: leave-out"
        raise DataError(*capped([replace(problem, hint=f"{problem.hint}; {remedy}") for problem in problems]))
    tables = {
        id(table): without_lines(table, lines) for table in {id(text.table): text.table for text in texts}.values()
    }
    told = tuple(Finding("warning", f"{problem.where}: {problem.what}", problem.where) for problem in problems)
    return [replace(text, table=tables[id(text.table)]) for text in texts], (*findings, *told)
