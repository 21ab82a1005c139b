"""Verses of scripture in USFM that are to be translated."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from lowres.data.formats.documents import Blank, Document, Splice
from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.usfm import HIDDEN, Verse, hide_notes, plain_text, verses_of

REMARK = "\\rem Verses translated by lowres, not yet revised by a speaker"
_IDENTIFICATION = re.compile(r"\\(?:id|usfm|ide|sts)\b.*(?:\n\\(?:usfm|ide|sts)\b.*)*\n?")
_HEADING = re.compile(r"\\(?:mte?|ms|s|sr|r|d|sp|i(?!d)[a-z]*)\d*\s+\S")
_BETWEEN_NOTES = re.compile(f"[^{HIDDEN}]+")
LEFT = "that are headings or introductions, and stay as they are"


def open_usfm(path: Path, name: str) -> Document:
    """The verses of a book. Raises DataError for other text.

    A translation stands where the words of its verse began. Notes and paragraphs stay; markers among the words, which say what is
    special about some of them, go with the words.
    """
    data = read_bytes(path, name).data
    whole = decode(data, name)
    text = hide_notes(whole)
    bom = len(data) - len(data.removeprefix(b"\xef\xbb\xbf"))
    places = list(accumulate((len(one.encode()) for one in whole), initial=bom))  # character → byte
    blanks = tuple(
        Blank(f"{name}:{verse.line}", (words,), _writer(list(_words(text, verse)), places))
        for verse in verses_of(text, name)
        if (words := plain_text(text, verse))
    )
    begun = _IDENTIFICATION.search(text)
    below = places[begun.end() if begun else 0]
    remark = Splice(below, below, (REMARK + ("\r\n" if b"\r\n" in data else "\n")).encode())
    headings = sum(bool(_HEADING.match(line)) for line in lines(text))
    skipped = {LEFT: headings} if headings else {}
    return Document(name, data, blanks, 0, "\\rem", skipped=skipped, always=(remark,))


def _words(text: str, verse: Verse) -> Iterator[tuple[int, int]]:
    """From and to which characters the words of a verse stand, without the space around them; of the lines that hold nothing else, all
    but the first go with their end.
    """
    begun = False
    for start, end in verse.parts:
        for found in _BETWEEN_NOTES.finditer(text, start, end):
            bare = found[0].strip()
            first = found.start() + found[0].index(bare)
            if bare and begun and (start, end) == found.span() and text[start - 1 : start] == "\n":
                yield start, text.find("\n", end) + 1 or end
            elif bare:
                yield first, first + len(bare)
            begun = begun or bool(bare)


def _writer(words: Sequence[tuple[int, int]], places: Sequence[int]) -> Callable[[Sequence[str]], list[Splice]]:
    def write(translations: Sequence[str]) -> list[Splice]:
        translation = " ".join(translations[0].split())
        if "\\" in translation:
            raise ValueError("a backslash begins a marker")
        given = [translation, *[""] * (len(words) - 1)]
        return [
            Splice(places[start], places[end], one.encode()) for (start, end), one in zip(words, given, strict=True)
        ]

    return write
