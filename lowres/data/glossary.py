"""Glossaries: tables of terms that must be translated so."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowres.data.corpus import FileCount, GlossaryEntry
from lowres.data.formats.readers import read_file
from lowres.data.formats.tables import Record, Table, capped, no_column
from lowres.data.pairs import Direction, directions
from lowres.errors import DataError, Finding, Problem
from lowres.places import Places
from lowres.recipe.task_section import Translation

KEY = "task.glossary"
TEXTS, LANGUAGES = ("source", "target"), ("source_language", "target_language")
Entries = tuple[GlossaryEntry, ...]


@dataclass(frozen=True)
class Glossary:
    """The entries of a file, what became of its rows, and what is worth knowing of it."""

    entries: Entries
    file: FileCount
    findings: tuple[Finding, ...]


def read_glossary(task: Translation, languages: Sequence[str], places: Places) -> Glossary | None:
    """The glossary that a task names; None where it names none. Raises DataError with every fault and its line.

    The columns `source` and `target` hold the terms; `source_language` and `target_language` say of which languages they are, and may
    be missing where the task has but one.
    """
    if task.glossary is None:
        return None
    path = places.near / task.glossary
    if not path.is_file():
        what = f"there is no file “{task.glossary}”"
        raise DataError(Problem(KEY, what, f"name a table with the columns {' and '.join(TEXTS)}"))
    table = read_file(path, task.glossary)
    asked = directions(task.model_copy(update={"both": False}), languages)
    known = directions(task, languages)
    problems = [no_column(table, column) for column in TEXTS if column not in table.columns]
    problems += _unnamed_languages(table, asked)
    if problems:
        raise DataError(*problems)
    rows = [(record, _entry(record, asked)) for record in table.records]
    problems = [
        *(problem for record, entry in rows for problem in _faults(record, entry, known)),
        *_repeated(rows),
    ]
    if problems:
        raise DataError(*capped(problems))
    if not rows:
        raise DataError(Problem(task.glossary, "has no terms", "add some, or leave task.glossary out"))
    entries = tuple(entry for _, entry in rows)
    unused = [column for column in table.columns if column not in (*TEXTS, *LANGUAGES)]
    notes = [Finding("note", f"columns of the glossary without a use: {', '.join(unused)}", KEY)] if unused else []
    count = FileCount(table.name, table.sha256, table.read, table.empty, table.outside, len(entries))
    return Glossary(entries, count, (*table.findings, *notes))


def terms_of(entries: Sequence[GlossaryEntry], direction: Direction) -> dict[str, str]:
    """Source term → required translation in a direction; entries of the reverse direction serve as well.

    Of these, a term that would have several translations has none.
    """
    source, target = direction
    back = [entry for entry in entries if (entry.target_language, entry.source_language) == direction]
    often = Counter(entry.target.casefold() for entry in back)
    found = {entry.target: entry.source for entry in back if often[entry.target.casefold()] == 1}
    own = {e.source: e.target for e in entries if (e.source_language, e.target_language) == (source, target)}
    folded = {term.casefold() for term in own}
    return {**{term: other for term, other in found.items() if term.casefold() not in folded}, **own}


def glossary_text(entries: Sequence[GlossaryEntry]) -> str:
    """The entries as a glossary file that names its languages."""
    rows = [[*LANGUAGES, *TEXTS]]
    rows += [[entry.source_language, entry.target_language, entry.source, entry.target] for entry in entries]
    return "".join("\t".join(row) + "\n" for row in rows)


def saved_glossary(path: Path) -> Entries:
    """The entries of a file that `glossary_text` made; none where there is no file. Raises DataError for a damaged one."""
    if not path.exists():
        return ()
    table = read_file(path, path.name, "no")
    problems = [no_column(table, column) for column in (*LANGUAGES, *TEXTS) if column not in table.columns]
    if problems:
        raise DataError(*problems)
    return tuple(_entry(record, ()) for record in table.records)


def _unnamed_languages(table: Table, asked: Sequence[Direction]) -> Iterator[Problem]:
    """Sides whose language neither the table nor the task tells."""
    for side, column in enumerate(LANGUAGES):
        tags = list(dict.fromkeys(direction[side] for direction in asked))
        if column not in table.columns and len(tags) > 1:
            words = ("from", "into")[side]
            what = f"there is no column “{column}”, and this recipe translates {words} {len(tags)} languages"
            yield Problem(f"{table.name}:1", what, f"add it, with one of {', '.join(tags[:12])} in each line")


def _entry(record: Record, asked: Sequence[Direction]) -> GlossaryEntry:
    tags = [record.fields.get(column) or (asked[0][side] if asked else "") for side, column in enumerate(LANGUAGES)]
    named = [column in record.fields for column in LANGUAGES]
    source, target = (record.fields[c] if n else tag for c, n, tag in zip(LANGUAGES, named, tags, strict=True))
    return GlossaryEntry(source, target, *(" ".join(record.fields[column].split()) for column in TEXTS))


def _faults(record: Record, entry: GlossaryEntry, known: Sequence[Direction]) -> Iterator[Problem]:
    """What is wrong with one entry by itself."""
    for column, text in zip(TEXTS, (entry.source, entry.target), strict=True):
        if not any(character.isalnum() for character in text):
            what = f"the {column} “{text}” holds no word" if text else f"the {column} is empty"
            yield Problem(record.where, what, "give both terms, or take the line out")
    if (entry.source_language, entry.target_language) not in known:
        given = f"{entry.source_language or '?'}→{entry.target_language or '?'}"
        shown = ", ".join("→".join(one) for one in known[:12]) + (" …" if len(known) > 12 else "")
        yield Problem(record.where, f"is {given}, which this recipe does not translate", f"it translates {shown}")


def _repeated(rows: Sequence[tuple[Record, GlossaryEntry]]) -> Iterator[Problem]:
    """Terms that stand there before, with the same translation or with another."""
    before: dict[tuple[str, str, str], tuple[Record, GlossaryEntry]] = {}
    for record, entry in rows:
        key = entry.source_language, entry.target_language, entry.source.casefold()
        if not entry.source:
            continue
        first, same = before.setdefault(key, (record, entry))
        if first is record:
            continue
        if same.target == entry.target:
            yield Problem(record.where, f"“{entry.source}” stands in {first.where} already", "take one of them out")
        else:
            what = f"“{entry.source}” is “{same.target}” in {first.where}, and “{entry.target}” here"
            yield Problem(record.where, what, "choose one; where it depends on other words, write them with the term")
