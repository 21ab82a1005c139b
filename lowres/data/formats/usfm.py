"""Scripture in USFM, as Paratext writes it: one verse a row, named by its reference."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.tables import Table, make_table
from lowres.errors import DataError, Problem

# Paragraphs that belong to no verse: titles, headings, introductions, references, remarks.
ASIDE = re.compile(
    r"(?:id|ide|usfm|h|toc|toca|rem|sts|mt|mte|ms|mr|s|sr|r|d|sp|sd|cl|cp|cd|i[a-z]*|restore|periph)\d*$"
)
_NOTES = re.compile(r"\\(f|fe|ef|x|ex|fig|rq|va|vp|ca|rb)\s.*?\\\1\*", re.DOTALL)
_WORD = re.compile(r"\\\+?(?:w|rb|jmp)\s+([^|\\]*)(?:\|[^\\]*)?\\\+?(?:w|rb|jmp)\*")
_CHARACTER_MARKER = re.compile(r"\\\+?[a-z]+\d*(?:-[se])?\*|\\z?\+?[a-z]+\d*(?:-[se])?(?:\s|$)|\\\*")
_PARAGRAPH = re.compile(r"\\([a-z]+\d*)(?:\s|$)")
_VERSE = re.compile(r"\\v\s+(\S+)\s*")


def read_usfm(path: Path, name: str) -> Table:
    """One row for each verse: `id` is its reference (MAT 5:3), `text` the verse without notes, headings and markers.

    Verses that are translated together are one row, such as MAT 5:3-4. Raises DataError where the file names no book.
    """
    raw = read_bytes(path, name)
    rows: list[tuple[int, list[str]]] = []
    for line, reference, text in _verses(decode(raw.data, name), name):
        rows.append((line, [reference, " ".join(text.split())]))
    if not rows:
        raise DataError(Problem(name, "holds no verse", "a book begins with \\id and has lines with \\c and \\v"))
    return replace(make_table(name, raw.sha256, ["id", "text"], rows), key="id")


def _verses(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """(line, reference, text) of each verse."""
    book = chapter = reference = ""
    begun, held, in_verse = 0, [""], False
    for number, line in enumerate([*lines(_without_notes(text)), "\\id"], 1):
        marker = _PARAGRAPH.match(line)
        kind = marker[1] if marker else ""
        rest = line[marker.end() :] if marker and kind != "v" else line
        if kind in ("id", "c"):
            if reference:
                yield begun, reference, "".join(held)
            first = (rest.split() or [""])[0]
            book, chapter = (first.upper(), "") if kind == "id" else (book, first)
            reference, in_verse = "", False
            continue
        if ASIDE.match(kind):
            in_verse = False
            continue
        in_verse = bool(reference) if kind else in_verse  # in a new paragraph the verse goes on
        before, *found = re.split(r"(?=\\v\s)", rest)
        if in_verse:
            held.append(f" {_plain(before)}")
        for part in found:
            if reference:
                yield begun, reference, "".join(held)
            if not book:
                hint = "the book is named above, such as \\id MAT"
                raise DataError(Problem(f"{name}:{number}", "has a verse before any book", hint))
            verse = _VERSE.match(part)
            reference, begun, in_verse = f"{book} {chapter}:{verse[1] if verse else ''}", number, True
            held = [_plain(part[verse.end() :] if verse else part)]


def _without_notes(text: str) -> str:
    """The text without footnotes, cross references and figures; their line breaks stay, so that lines keep their numbers."""
    return _NOTES.sub(lambda note: "\n" * note[0].count("\n"), text)


def _plain(text: str) -> str:
    return _CHARACTER_MARKER.sub("", _WORD.sub(r"\1", text)).replace("//", " ").replace("~", "\u00a0")
