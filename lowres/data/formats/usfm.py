"""Scripture in USFM, as Paratext writes it: one verse a row, named by its reference."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
_NOT_A_BREAK = re.compile(r"[^\r\n]")
HIDDEN = "\0"  # no text file holds it


@dataclass(frozen=True)
class Verse:
    """A verse: its line, its reference, and from and to which characters its text stands, in every paragraph that has a part."""

    line: int
    reference: str
    parts: list[tuple[int, int]]


def read_usfm(path: Path, name: str) -> Table:
    """One row for each verse: `id` is its reference (MAT 5:3), `text` the verse without notes, headings and markers.

    Verses that are translated together are one row, such as MAT 5:3-4. Raises DataError where the file names no book.
    """
    raw = read_bytes(path, name)
    text = hide_notes(decode(raw.data, name))
    rows = [(verse.line, [verse.reference, plain_text(text, verse)]) for verse in verses_of(text, name)]
    return replace(make_table(name, raw.sha256, ["id", "text"], rows), key="id")


def verses_of(text: str, name: str) -> list[Verse]:
    """The verses of a book whose notes are hidden. Raises DataError where there is none, or a verse stands before any book."""
    if found := list(_verses(text, name)):
        return found
    raise DataError(Problem(name, "holds no verse", "a book begins with \\id and has lines with \\c and \\v"))


def plain_text(text: str, verse: Verse) -> str:
    """The words of a verse in a book whose notes are hidden."""
    return " ".join(" ".join(_plain(text[start:end]) for start, end in verse.parts).split())


def _verses(text: str, name: str) -> Iterator[Verse]:
    book = chapter = ""
    verse: Verse | None = None
    in_verse, begin = False, 0
    for number, line in enumerate(lines(text), 1):
        marker = _PARAGRAPH.match(line)
        kind = marker[1] if marker else ""
        at = begin + (marker.end() if marker and kind != "v" else 0)
        rest, begin = text[at : begin + len(line)], text.find("\n", begin + len(line)) + 1
        if kind in ("id", "c"):
            if verse:
                yield verse
            first = (rest.split() or [""])[0]
            book, chapter = (first.upper(), "") if kind == "id" else (book, first)
            verse, in_verse = None, False
            continue
        if ASIDE.match(kind):
            in_verse = False
            continue
        in_verse = bool(verse) if kind else in_verse  # in a new paragraph the verse goes on
        before, *found = re.split(r"(?=\\v\s)", rest)
        if verse and in_verse:
            verse.parts.append((at, at + len(before)))
        at += len(before)
        for part in found:
            if verse:
                yield verse
            if not book:
                hint = "the book is named above, such as \\id MAT"
                raise DataError(Problem(f"{name}:{number}", "has a verse before any book", hint))
            named = _VERSE.match(part)
            words = at + (named.end() if named else 0)
            verse = Verse(number, f"{book} {chapter}:{named[1] if named else ''}", [(words, at + len(part))])
            in_verse, at = True, at + len(part)
    if verse:
        yield verse


def hide_notes(text: str) -> str:
    """The text with the character NUL in place of footnotes, cross references and figures; line breaks and places stay."""
    return _NOTES.sub(lambda note: _NOT_A_BREAK.sub(HIDDEN, note[0]), text)


def _plain(text: str) -> str:
    words = _CHARACTER_MARKER.sub("", _WORD.sub(r"\1", text.replace(HIDDEN, "")))
    return words.replace("//", " ").replace("~", "\u00a0")
