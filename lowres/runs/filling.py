"""Filling in the missing translations of a document."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from lowres.atomic import write_whole
from lowres.data.formats.documents import Blank, Document
from lowres.data.formats.openers import open_document
from lowres.evaluation.estimator import Estimate
from lowres.languages.placeholders import PLACEHOLDER, missing_placeholders
from lowres.languages.tags import is_written_as

Translate = Callable[[Sequence[str]], Sequence[str]]
Confidence = Callable[[str], Estimate | None]  # of the translation of a text; None where it is not known
UNKNOWN = Estimate(-1.0, -1.0, -1.0)
UNPLACED = "whose codes could not be put back"


@dataclass(frozen=True)
class Filled:
    """What became of a document.

    `written` translations were filled in, marked as `marks` says; `finished` were there before. `in_pieces` of the written ones were
    translated between their placeholders, since the model lost some. `skipped` gives those left empty, by reason; `places`
    are where they stand. `flagged` were marked to be checked first, and are listed in `check_file`.
    """

    written: int
    finished: int
    in_pieces: int
    marks: str
    skipped: Mapping[str, int]
    places: tuple[str, ...] = ()
    flagged: int = 0
    check_file: str = ""


@dataclass(frozen=True)
class Flag:
    """Which translations to mark: the share (0–1) of those whose confidence is lowest."""

    share: float
    confidence: Confidence


def fill(
    path: Path,
    out: Path,
    direction: tuple[str, str],
    translate: Translate,
    earlier: Path | None = None,
    flag: Flag | None = None,
) -> Filled:
    """Translate what is missing in a file and write the whole to `out`; what is there already stays byte for byte.

    No translation is written without the placeholders of its text: where the model loses one, the texts between them are translated.
    With `flag`, the least sure translations are listed in a table beside `out`, and marked where the format has room for a remark.
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
    unsure = _unsure(document, translations, losing, flag) if flag else {}
    remarks = {number: f"lowres: check first{_guess(estimate)}" for number, estimate in unsure.items()}
    write_whole(out, document.filled(translations, remarks))
    listed = ""
    if flag:
        write_whole(check_file(out), _table(document, translations, unsure))
        listed = check_file(out).name
    written = [blank for blank, given in zip(document.blanks, translations, strict=True) if given]
    in_pieces = sum(any(text in losing for text in blank.texts) for blank in written)
    return Filled(
        len(written), document.finished, in_pieces, document.marks, dict(skipped), tuple(places), len(unsure), listed
    )


def check_file(out: Path) -> Path:
    """The table of what is to be checked first, beside a file that was filled in."""
    return out.with_name(f"{out.name}.check.tsv")


def _unsure(
    document: Document, translations: Sequence[Sequence[str] | None], losing: Sequence[str], flag: Flag
) -> dict[int, Estimate | None]:
    """The blanks with the lowest confidence, the lowest first; before them those translated in pieces, of which it is not known."""
    known = {
        number: None if any(text in losing for text in blank.texts) else _least(map(flag.confidence, blank.texts))
        for number, (blank, given) in enumerate(zip(document.blanks, translations, strict=True))
        if given
    }
    order = sorted(known, key=lambda number: (known[number] or UNKNOWN, number))
    return {number: known[number] for number in order[: ceil(flag.share * len(order) - 1e-9)]}


def _least(estimates: Iterable[Estimate | None]) -> Estimate | None:
    found = list(estimates)
    return None if None in found else min(one for one in found if one)


def _guess(estimate: Estimate | None) -> str:
    return f" (chrF++ about {estimate.value:.0f})" if estimate else " (translated in pieces)"


def _table(
    document: Document, translations: Sequence[Sequence[str] | None], unsure: Mapping[int, Estimate | None]
) -> str:
    """A table of the blanks to check, in their order."""
    rows = [["place", "confidence", "low", "high", "source", "translation"]]
    for number, estimate in unsure.items():
        numbers = [f"{one:.1f}" for one in estimate] if estimate else ["", "", ""]
        texts = (" | ".join(some) for some in (document.blanks[number].texts, translations[number] or ()))
        rows.append([document.blanks[number].where, *numbers, *(" ".join(text.split()) for text in texts)])
    return "".join("\t".join(row) + "\n" for row in rows)


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
