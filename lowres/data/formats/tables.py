"""Tables: the rows of a file as normalised text, each with its line number."""

import hashlib
import lzma
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lowres.errors import DataError, Problem, nearest
from lowres.languages import normalise

MAX_PROBLEMS = 20  # reported in full; further ones are only counted
PACKED = ".xz"
MAX_BYTES = 1 << 30  # after decompression; a small packed file can expand without limit
MIN_BYTES_TO_GUESS = 20  # bytes beyond ASCII needed before an encoding is guessed


@dataclass(frozen=True)
class Record:
    """One row: column → NFC text, and the place “name:line” where it begins.

    `original` holds, as they were written, the texts that were not in NFC.
    """

    where: str
    fields: Mapping[str, str]
    original: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The rows of a file, every one accounted for: `read = len(records) + empty + outside`.

    `empty` counts blank rows; `outside` counts rows left out for the reasons in `notes` (reason → count). `converted` counts
    texts that were not in NFC; `sha256` is that of the bytes that were read, unpacked.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    records: tuple[Record, ...]
    empty: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)
    converted: int = 0

    @property
    def outside(self) -> int:
        """Number of rows left out, for whatever reason."""
        return sum(self.notes.values())

    @property
    def read(self) -> int:
        """Number of rows in the file."""
        return len(self.records) + self.empty + self.outside


def make_table(name: str, raw: bytes, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> Table:
    """Build a Table from rows of (line number, values in the order of the columns); rows without any text count as empty."""
    titles = tuple(normalise(column) for column in columns)
    records, empty, converted = [], 0, 0
    for line, values in rows:
        texts = [normalise(value) for value in values]
        converted += sum(not unicodedata.is_normalized("NFC", value) for value in values)
        if any(texts):
            original = {
                title: value
                for title, value in zip(titles, values, strict=True)
                if not unicodedata.is_normalized("NFC", value)
            }
            records.append(Record(f"{name}:{line}", dict(zip(titles, texts, strict=True)), original))
        else:
            empty += 1
    return Table(name, hashlib.sha256(raw).hexdigest(), titles, tuple(records), empty, converted=converted)


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise DataError if the header repeats a column or has one without a name."""
    problems = []
    for column in dict.fromkeys(columns):
        if columns.count(column) > 1:
            problems.append(Problem(f"{name}:1", f"the column “{column}” stands twice in the header"))
        if not column.strip():
            problems.append(Problem(f"{name}:1", "a column of the header has no name"))
    if problems:
        raise DataError(*problems)


def no_column(where: str, column: str, columns: Sequence[str]) -> Problem:
    """The Problem that says a column is missing, with the nearest name and all columns."""
    hint = " ".join(part for part in (nearest(column, columns), f"columns: {', '.join(columns)}") if part)
    return Problem(where, f"there is no column “{column}”", hint)


def capped(problems: Sequence[Problem]) -> list[Problem]:
    """The first MAX_PROBLEMS problems, and one that counts the rest."""
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], *([Problem("", f"and {more} more like these")] if more > 0 else [])]


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of a file, unpacked if its name ends in .xz. Raises DataError if it cannot be read."""
    try:
        if path.suffix != PACKED:
            return path.read_bytes()
        with lzma.open(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(Problem(name, f"cannot be read: {error.strerror}")) from None
    except (lzma.LZMAError, EOFError):
        raise DataError(Problem(name, "is not a whole .xz file", "was it cut short?")) from None
    if len(raw) > MAX_BYTES:
        raise DataError(Problem(name, f"unpacks to more than {MAX_BYTES >> 20:,} MiB", "split it into smaller files"))
    return raw


def decode(raw: bytes, name: str) -> str:
    """Decode strict UTF-8 and drop the byte order mark. Raises DataError with line and byte, and a guess at the encoding."""
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}"
        raise DataError(Problem(f"{name}:{line}", what, _guess(raw, "save it as UTF-8"))) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            Problem(f"{name}:{line}", "holds a NUL byte, so it is not UTF-8 text", _guess(raw, "is it a text file?"))
        )
    return text


def lines(text: str) -> list[str]:
    """Lines that end on \\n or \\r\\n and on nothing else: U+2028, U+0085 and a lone \\r are part of a text."""
    parts = text.split("\n")
    if not parts[-1]:
        parts.pop()
    return [part.removesuffix("\r") for part in parts]


def _guess(raw: bytes, otherwise: str) -> str:
    """What the encoding may be; a guess from a few bytes beyond ASCII would be unreliable."""
    start = raw[:100_000]
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(0) * 4 > len(start):
        return "it may be UTF-16; save it as UTF-8"
    if 0 in start or sum(byte > 127 for byte in start) < MIN_BYTES_TO_GUESS:
        return otherwise
    from charset_normalizer import from_bytes

    best = from_bytes(start).best()
    return f"it may be {best.encoding.replace('_', '-').upper()}; save it as UTF-8" if best else otherwise
