"""Filling in the missing translations of a document."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowres.atomic import write_whole
from lowres.data.formats.documents import Blank, Document
from lowres.data.formats.openers import open_document
from lowres.languages.placeholders import PLACEHOLDER, missing_placeholders
from lowres.languages.tags import is_written_as

Translate = Callable[[Sequence[str]], Sequence[str]]
UNPLACED = "whose codes could not be put back"


@dataclass(frozen=True)
class Filled:
    """What became of a document.

    `written` translations were filled in, marked as `marks` says; `finished` were there before. `in_pieces` of the written ones were
    translated between their placeholders, since the model lost some. `skipped` gives those left empty, by reason; `places`
    are where they stand.
    """

    written: int
    finished: int
    in_pieces: int
    marks: str
    skipped: Mapping[str, int]
    places: tuple[str, ...] = ()


def fill(
    path: Path, out: Path, direction: tuple[str, str], translate: Translate, earlier: Path | None = None
) -> Filled:
    """Translate what is missing in a file and write the whole to `out`; what is there already stays byte for byte.

    No translation is written without the placeholders of its text: where the model loses one, the texts between them are translated.
    Raises DataError where the file cannot be read.
    """
    document = open_document(path, *direction, earlier)
    texts = list(dict.fromkeys(text for blank in document.blanks for text in blank.texts))
    found = dict(zip(texts, translate(texts), strict=True)) if texts else {}
    losing = [text for text in texts if missing_placeholders(text, found[text])]
    found |= _around_placeholders(losing, translate)
    translations: list[tuple[str, ...] | None] = []
    skipped = Counter[str](document.skipped or {})
    places: list[str] = []
    for blank in document.blanks:
        given = tuple(found[text] for text in blank.texts)
        fits = _fits(blank, given)
        translations.append(given if fits else None)
        if not fits:
            skipped[UNPLACED] += 1
            places.append(blank.where)
    write_whole(out, document.filled(translations))
    written = [blank for blank, given in zip(document.blanks, translations, strict=True) if given]
    in_pieces = sum(any(text in losing for text in blank.texts) for blank in written)
    return Filled(len(written), document.finished, in_pieces, document.marks, dict(skipped), tuple(places))


def direction_of(path: Path, known: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The one of the known directions that a file says it is in; None where it does not say, or several fit."""
    document: Document = open_document(path, *known[0])
    source, target = document.languages
    fitting = [
        (left, right)
        for left, right in known
        if (not source or is_written_as(left, source)) and (not target or is_written_as(right, target))
    ]
    return fitting[0] if len(fitting) == 1 else None


def _fits(blank: Blank, translations: Sequence[str]) -> bool:
    """Whether translations can stand in a blank: none is empty, and no code of the document is lost."""
    try:
        blank.write(translations)
    except ValueError:
        return False
    return all(one.strip() for one in translations)


def _around_placeholders(texts: Sequence[str], translate: Translate) -> dict[str, str]:
    """Text → its translation with every placeholder in its place, and what stands between them translated piece by piece."""
    pieces = {text: PLACEHOLDER.split(text) for text in texts}
    words = list(dict.fromkeys(piece.strip() for parts in pieces.values() for piece in parts if _has_letters(piece)))
    found = dict(zip(words, translate(words), strict=True)) if words else {}
    return {text: _joined(parts, PLACEHOLDER.findall(text), found) for text, parts in pieces.items()}


def _joined(pieces: Sequence[str], placeholders: Sequence[str], found: Mapping[str, str]) -> str:
    out = []
    for number, piece in enumerate(pieces):
        bare = piece.strip()
        out.append(piece.replace(bare, found[bare]) if bare in found else piece)
        out.append(placeholders[number] if number < len(placeholders) else "")
    return "".join(out)


def _has_letters(text: str) -> bool:
    return any(character.isalpha() for character in text)
