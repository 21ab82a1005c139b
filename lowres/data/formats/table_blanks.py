"""Rows of tables and lines of plain text that are to be translated."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import regex

from lowres.data.formats.documents import Blank, Document, Splice, surrounded
from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.plain import read_text
from lowres.errors import DataError, Problem

SOURCE, TARGET = ("source", "text"), "target"
Cell = tuple[int, int]  # the bytes of a cell, with its quotation marks


def open_text(path: Path, name: str) -> Document:
    """Every line of a plain text that holds something. Raises DataError for other text."""
    read_text(path, name)
    data = read_bytes(path, name).data
    at, blanks = 3 if data.startswith(b"\xef\xbb\xbf") else 0, []
    for number, line in enumerate(lines(decode(data, name)), 1):
        size = len(line.encode())
        if line.strip():
            blanks.append(Blank(f"{name}:{number}", (line,), _cell_writer((at, at + size), line, "\t", quoted=False)))
        at = data.find(b"\n", at + size) + 1
    return Document(name, data, tuple(blanks), 0)


def open_table(path: Path, name: str) -> Document:
    """The rows of a table whose column `target` is empty; where there is none, it is added behind the others. Raises DataError.

    Texts are those of the column `source`, or else `text`.
    """
    data = read_bytes(path, name).data
    text = decode(data, name)
    separator = "\t" if path.suffix.lower() != ".csv" else _separator(text)
    quoted = separator != "\t" or _is_quoted(text)
    rows = list(_rows(data, separator.encode(), quoted))
    header = [_value(data, cell) for cell in rows[0][1]] if rows else []
    source = next((column for column in SOURCE if column in header), None)
    if source is None:
        hint = f"columns: {', '.join(header[:12])}" if header else "the first row names the columns"
        raise DataError(Problem(f"{name}:1", "there is no column “source” or “text” to translate", hint))
    at, last = header.index(source), header.index(TARGET) if TARGET in header else None
    blanks, always, finished = [], [], 0
    if last is None:
        always.append(Splice(rows[0][1][-1][1], rows[0][1][-1][1], f"{separator}{TARGET}".encode()))
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            if any(_value(data, cell).strip() for cell in cells):
                raise DataError(Problem(f"{name}:{line}", f"has {len(cells)} fields, the header has {len(header)}"))
            continue
        if last is None:
            always.append(Splice(cells[-1][1], cells[-1][1], separator.encode()))
        text = _value(data, cells[at])
        if last is not None and _value(data, cells[last]).strip():
            finished += 1
        elif text.strip():
            cell = cells[last] if last is not None else (cells[-1][1], cells[-1][1])
            blanks.append(Blank(f"{name}:{line}", (text,), _cell_writer(cell, text, separator, quoted)))
    return Document(name, data, tuple(blanks), finished, always=tuple(always))


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _is_quoted(text: str) -> bool:
    """Whether fields of a table with tabs are quoted: every mark that begins one also ends one."""
    return bool(found := regex.findall(r'(?:^|\t)"(?:[^"]|"")*("?)(?=\t|\r?$)', text, regex.MULTILINE)) and all(found)


def _rows(data: bytes, separator: bytes, quoted: bool) -> Iterator[tuple[int, list[Cell]]]:
    """(line, cells) of each row."""
    at, line = 3 if data.startswith(b"\xef\xbb\xbf") else 0, 1
    while at < len(data):
        cells, begun, ended = [], line, False
        while not ended:
            start = at
            if quoted and data[at : at + 1] == b'"':
                at += 1
                while (at := data.find(b'"', at)) >= 0 and data[at + 1 : at + 2] == b'"':
                    at += 2
                at = len(data) if at < 0 else at + 1
            stops = [place for place in (data.find(separator, at), data.find(b"\n", at)) if place >= 0]
            at = min(stops, default=len(data))
            ended = data[at : at + 1] != separator
            stop = at - 1 if ended and data[at - 1 : at] == b"\r" else at
            cells.append((start, stop))
            line += data.count(b"\n", start, at)
            at += 1
        line += 1
        yield begun, cells


def _value(data: bytes, cell: Cell) -> str:
    text = data[cell[0] : cell[1]].decode()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _cell_writer(cell: Cell, text: str, separator: str, quoted: bool) -> Callable[[Sequence[str]], list[Splice]]:
    def write(translations: Sequence[str]) -> list[Splice]:
        translation = surrounded(text, translations[0])
        if separator == "\t" and not quoted:
            translation = regex.sub(r"[\t\r\n]+", " ", translation)
        elif any(sign in translation for sign in f'{separator}"\r\n'):
            translation = '"' + translation.replace('"', '""') + '"'
        return [Splice(*cell, translation.encode())]

    return write
