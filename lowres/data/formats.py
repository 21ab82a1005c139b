"""Readers of files: every record with its line, all text strict UTF-8 in NFC, nothing guessed.

A reader gives `Record`s; what counts as empty is not its business. "NA", "null" and "007" are text like any other.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lowres.errors import DataError, Problem
from lowres.languages.text import normalise


@dataclass(frozen=True)
class Record:
    """One row of a file: column → text in NFC, and where it stands (file:line)."""

    fields: Mapping[str, str]
    where: str


Reader = Callable[[Path], Iterator[Record]]


def decode(path: Path) -> str:
    """The text of a UTF-8 file. Raises DataError naming the line and byte that are not, with a guess at the encoding."""
    if not path.exists():
        raise DataError(Problem(str(path), "there is no such file"))
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        from charset_normalizer import from_bytes

        guess = from_bytes(raw).best()
        line = raw.count(b"\n", 0, error.start) + 1
        hint = f"it looks like {guess.encoding}; save it as UTF-8" if guess else "save the file as UTF-8"
        raise DataError(Problem(f"{path}:{line}", f"byte 0x{raw[error.start]:02x} is not UTF-8", hint)) from error


def lines(path: Path) -> list[str]:
    """Lines of a text file: they end at \\n or \\r\\n only, whatever other separators the text holds."""
    text = decode(path)
    found = [line.removesuffix("\r") for line in text.split("\n")]
    return found[:-1] if found and not found[-1] else found


def read_tsv(path: Path) -> Iterator[Record]:
    """Tab-separated with a header; quotation marks are ordinary characters."""
    rows = lines(path)
    header = _header(rows[0].split("\t") if rows else [], path)
    problems = []
    for number, line in enumerate(rows[1:], start=2):
        cells = line.split("\t")
        if not line.strip():
            cells = [""] * len(header)
        if len(cells) != len(header):
            problems.append(
                Problem(
                    f"{path}:{number}",
                    f"has {len(cells)} columns, the header {len(header)}",
                    "check the tabs of this line",
                )
            )
            continue
        yield _record(dict(zip(header, cells, strict=True)), path, number)
    if problems:
        raise DataError(*problems[:20])


def read_csv(path: Path) -> Iterator[Record]:
    """Comma-separated with a header; cells in quotation marks may hold commas and line breaks."""
    reader = csv.reader(io.StringIO(decode(path), newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if header is None:
                header = _header(cells, path)
            elif len(cells) not in (0, len(header)):
                raise DataError(
                    Problem(
                        f"{path}:{line}",
                        f"has {len(cells)} columns, the header {len(header)}",
                        "check the quotation marks of this line",
                    )
                )
            else:
                yield _record(dict(zip(header, cells or [""] * len(header), strict=True)), path, line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            Problem(f"{path}:{line}", f"cannot be read as CSV: {error}", "check the quotation marks from this line on")
        ) from error
    if header is None:
        _header([], path)


def read_jsonl(path: Path) -> Iterator[Record]:
    """One JSON object a line. Values must be text; a number is refused rather than turned into one."""
    for number, line in enumerate(lines(path), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            yield Record({}, where)
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(Problem(where, f"is not JSON: {error.msg} at column {error.colno}")) from error
        if not isinstance(value, dict):
            raise DataError(Problem(where, "is not a JSON object", 'write {"text": "…", "label": "…"}'))
        yield Record({str(key): _text(item, str(key), where) for key, item in value.items()}, where)


def read_parquet(path: Path) -> Iterator[Record]:
    """Columns of text (or whole numbers, written as text)."""
    from pyarrow.parquet import ParquetFile

    number = 0
    for batch in ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            number += 1
            where = f"{path}: row {number}"
            yield Record(
                {key: _text(str(item) if isinstance(item, int) else item, key, where) for key, item in row.items()},
                where,
            )


def read_text(path: Path) -> Iterator[Record]:
    """Plain text: each line is one `text`."""
    for number, line in enumerate(lines(path), start=1):
        yield _record({"text": line}, path, number)


def read_aligned(paths: Mapping[str, Path]) -> Iterator[Record]:
    """Several plain text files of equal length, one per column. Raises DataError if the lengths differ."""
    columns = {name: lines(path) for name, path in paths.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{paths[name]} has {length}" for name, length in lengths.items())
        raise DataError(
            Problem(
                str(next(iter(paths.values()))),
                f"the aligned files differ in length: {told} lines",
                "align them line by line",
            )
        )
    first = next(iter(paths.values()))
    for number, cells in enumerate(zip(*columns.values(), strict=True), start=1):
        yield _record(dict(zip(columns, cells, strict=True)), first, number)


def read_gettext(path: Path) -> Iterator[Record]:
    """A gettext catalogue: columns source, target and context; placeholders stay as they are.

    A message with plural forms gives one record for each distinct form, with the plural source for all but the first.
    Fuzzy and obsolete messages come with an empty target, so that they are counted and dropped.
    """
    import polib

    decode(path)
    for entry in polib.pofile(str(path), encoding="utf-8"):
        usable = not entry.obsolete and "fuzzy" not in entry.flags
        forms = list(dict.fromkeys(entry.msgstr_plural.values())) if entry.msgid_plural else [entry.msgstr]
        for number, form in enumerate(forms):
            fields = {
                "source": entry.msgid_plural if number else entry.msgid,
                "target": form if usable else "",
                "context": entry.msgctxt or "",
            }
            yield _record(fields, path, entry.linenum)


READERS: Mapping[str, Reader] = {
    "tsv": read_tsv,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "text": read_text,
    "gettext": read_gettext,
}
ENDINGS: Mapping[str, str] = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
    ".po": "gettext",
}


def reader_for(path: Path) -> Reader:
    """The reader of a file by its ending. Raises DataError for another ending."""
    if path.suffix not in ENDINGS:
        raise DataError(
            Problem(str(path), f"files ending in “{path.suffix}” are not read", f"possible: {' '.join(ENDINGS)}")
        )
    return READERS[ENDINGS[path.suffix]]


def _record(fields: Mapping[str, str], path: Path, line: int) -> Record:
    return Record({key: normalise(value) for key, value in fields.items()}, f"{path}:{line}")


def _header(cells: list[str], path: Path) -> list[str]:
    header = [normalise(cell) for cell in cells]
    if not any(header):
        raise DataError(Problem(str(path), "is empty", "the first line names the columns"))
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(Problem(f"{path}:1", f"names the column “{twice[0]}” twice", "give each column its own name"))
    return header


def _text(value: object, key: str, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(Problem(where, f"{key}: {value!r} is not text", "put it in quotation marks"))
    return normalise(value)
