"""Tables: the rows of a file as normalised text, each with its line number."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import regex

from lowres.data.formats.damage import KINDS, Damage, damage_findings, damages
from lowres.errors import DataError, Finding, Problem, nearest
from lowres.languages.normalisation import normalise, well_formed

MAX_ROWS = 4_000_000  # of a file: a row takes about a kilobyte of memory
MAX_PROBLEMS = 20  # reported in full; further ones are only counted
MAX_COLUMNS = 30  # named in a message
MAX_TITLES = 10  # lines above the header
_MARKS_DAMAGE = re.compile(r"[&<\\?@%=]|\[\[|'''")  # in plain ASCII, what damage begins with
_NO_TITLE = regex.compile(r"[.!?…।。؟\"“”]|^-?\d+(?:[.,]\d+)?$|(?:\S+\s+){4}")  # a sentence or a number names no column


@dataclass(frozen=True)
class Record:
    """One row: column → NFC text, and the place “name:line” where it begins; the last number is the row's own in its file.

    `original` holds, as they were written, the texts that were not in NFC.
    """

    where: str
    fields: Mapping[str, str]
    original: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The rows of a file, every one accounted for: `read = len(records) + empty + outside`.

    `empty` counts blank rows; `outside` counts rows left out for the reasons in `notes` (reason → count). `converted` counts
    texts that were not in NFC; `sha256` is that of the file as it lies on the disk. `findings` say how the file was read where
    that is in doubt; `damage` counts damaged texts by column and kind; `unreadable` are columns left out since they hold
    something else than texts, with the Problem for whoever asks for them. `languages` gives the language of columns, by the code
    that the file itself writes (en-US); `key` is the column whose values a text shares with its translations in other files.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    empty: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)
    converted: int = 0
    findings: tuple[Finding, ...] = ()
    damage: Mapping[str, Mapping[str, Damage]] = field(default_factory=dict)
    unreadable: Mapping[str, Problem] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def outside(self) -> int:
        """Number of rows left out, for whatever reason."""
        return sum(self.notes.values())

    @property
    def read(self) -> int:
        """Number of rows in the file."""
        return len(self.records) + self.empty + self.outside

    def damaged(self, column: str) -> Iterator[Finding]:
        """What is damaged in the texts of a column; nothing where there is no such column."""
        yield from damage_findings(column, [self.damage.get(column, {})])


@dataclass
class DamageCounter:
    """Counts damaged texts by column and kind; `kinds` are those that are looked for."""

    kinds: Collection[str] = tuple(KINDS)
    found: dict[str, dict[str, Damage]] = field(default_factory=dict)

    def count(self, column: str, where: str, original: str, text: str) -> None:
        """Look at one text, before and after it was normalised."""
        for kind, sample in damages(original, text):
            if kind in self.kinds:
                kinds = self.found.setdefault(column, {})
                before = kinds.get(kind, Damage(0, where, sample))
                kinds[kind] = replace(before, count=before.count + 1)


def make_table(
    name: str, sha256: str, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], findings: Sequence[Finding] = (),
    unreadable: Mapping[str, Problem] | None = None, kinds: Collection[str] = tuple(KINDS),
) -> Table:  # fmt: skip
    """Build a Table from rows of (line number, values in the order of the columns); rows without any text count as empty.

    Where several rows begin on one line, as in JSON without line breaks, the place of each is “name:line:number of the row”.
    `kinds` are the kinds of damage that are looked for.

    Raises DataError for texts with a NUL, naming their lines.
    """
    titles = tuple(normalise(column) for column in columns)
    records: list[Record] = []
    empty = converted = 0
    damage, problems = DamageCounter(kinds), []
    rows = list(rows)
    share_lines = len({line for line, _ in rows}) < len(rows)
    for number, (line, values) in enumerate(rows, 1):
        written = [well_formed(value) for value in values]
        texts = [normalise(value) for value in written]
        original = {
            title: value
            for title, value in zip(titles, written, strict=True)
            if not (value.isascii() or unicodedata.is_normalized("NFC", value))
        }
        converted += len(original)
        where = f"{name}:{line}:{number}" if share_lines else f"{name}:{line}"
        if any("\0" in text for text in texts):
            problems.append(Problem(where, "holds a NUL, which no text holds", "take it out"))
        for title, value, text in zip(titles, written, texts, strict=True):
            if not (value.isascii() and value.isprintable()) or _MARKS_DAMAGE.search(value):
                damage.count(title, where, value, text)
        if len(records) + empty >= MAX_ROWS:
            raise DataError(too_many_rows(name))
        if any(texts):
            records.append(Record(where, dict(zip(titles, texts, strict=True)), original))
        else:
            empty += 1
    if problems:
        raise DataError(*capped(problems))
    return Table(
        name, sha256, titles, tuple(records), empty, converted=converted, findings=tuple(findings), damage=damage.found,
        unreadable=unreadable or {},
    )  # fmt: skip


def too_many_rows(name: str) -> Problem:
    """The Problem of a file with more rows than the memory of usual machines can hold."""
    return Problem(name, f"has more than {MAX_ROWS:,} rows", "take fewer: a small language has fewer texts")


def check_columns(name: str, columns: Sequence[str], line: int = 1) -> None:
    """Raise DataError if the header, which stands in `line`, repeats a column or has one without a name."""
    problems = []
    columns = [normalise(column) for column in columns]
    for column in dict.fromkeys(columns):
        if columns.count(column) > 1:
            problems.append(
                Problem(
                    f"{name}:{line}",
                    f"the column “{column}” stands twice in the header",
                    _no_header(columns) or "give one of them another name",
                )
            )
        if not column.strip():
            problems.append(Problem(f"{name}:{line}", "a column of the header has no name"))
    if problems:
        raise DataError(*problems)


def no_column(table: Table, column: str, more: Sequence[str] = ()) -> Problem:
    """The Problem that says a column is missing, with the nearest name and all columns; or that it holds no texts, with the line.

    `more` are columns that a row has besides those of the table.
    """
    if column in table.unreadable:
        return table.unreadable[column]
    columns = (*table.columns, *more)
    named = f"columns: {', '.join(columns[:MAX_COLUMNS])}{', …' * (len(columns) > MAX_COLUMNS)}"
    ending = "if it is a table, let its name end on .tsv or .csv;" if table.columns == ("text",) else ""
    meant = _later_header(table, column) or _other_separator(table.columns, column)
    meant = meant or _no_header(table.columns) or nearest(column, columns) or ending
    hint = " ".join(part for part in (meant, named) if part)
    return Problem(f"{table.name}:1", f"there is no column “{column}”", hint)


def _later_header(table: Table, column: str) -> str:
    """A hint where the names of the columns stand further down, below titles or remarks."""
    for record in table.records[:MAX_TITLES]:
        if column in record.fields.values():
            return f"is line {record.where.rpartition(':')[2]} the header? take out what stands above it;"
    return ""


def _other_separator(columns: Sequence[str], column: str) -> str:
    """A hint where the one column's name is several names, with a separator that is not known."""
    parts = re.split(r"([^\w\s]+|\s{2,}|[\x1c-\x1f])", columns[0]) if len(columns) == 1 else []
    if column in [part.strip() for part in parts[::2]] and len(parts) > 2:
        separator = parts[1] if parts[1].isprintable() and parts[1].strip() else "a character that is not printed"
        separator = "spaces" if parts[1].isspace() and parts[1].startswith(" ") else f"“{separator}”"
        return f"the columns seem separated by {separator}: save the table with tabs, as .tsv;"
    return ""


def _no_header(columns: Sequence[str]) -> str:
    """A hint where what stands in the place of the header is a row of texts."""
    unlike = sum(_NO_TITLE.search(column.strip()) is not None for column in columns)
    return (
        "the first line seems to be a row already: add one above it that names the columns;"
        if unlike and 2 * unlike >= len(columns)
        else ""
    )


def capped(problems: Sequence[Problem]) -> list[Problem]:
    """The first MAX_PROBLEMS problems, and one that counts the rest."""
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], *([Problem("", f"and {more} more like these")] if more > 0 else [])]
