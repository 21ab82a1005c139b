"""Splits long text into sentences, words or characters, for models that were trained on sentences."""

from collections.abc import Callable, Iterator

import regex

# Ends of sentences that Unicode's property Sentence_Terminal leaves out in some of its versions: Tibetan, Khmer, the ellipsis.
_TERMINAL = r"\p{Sentence_Terminal}…།༎༑។៕᭞᭟"
# Scripts without spaces between words put none between sentences either.
_UNSPACED_TERMINAL = r"。！？｡．།༎༑។៕၊။᭚᭛᭞᭟᪨᪩᪪᪫꧈꧉꩝꩞꩟"
_END = regex.compile(
    rf"(?<=[{_TERMINAL}])[\"'”’»)\]]*\s+|(?<=[{_UNSPACED_TERMINAL}])[”’」』）]*\s*(?![{_UNSPACED_TERMINAL}])"
)
_NO_END = regex.compile(r"(?:^|\s)(?:\p{L}|\d+)\.$")  # initials, dates, numbers of a list
_WORD = regex.compile(r"[^\s\u200b]+[\s\u200b]*")
_CHARACTER = regex.compile(r"\X")  # with its combining marks


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the white space between them; nothing else is left out.

    A sentence ends at a character of Unicode's property Sentence_Terminal, in whatever script. A full stop behind one letter
    or a number (initials, dates, lists) ends none.
    """
    return [sentence.strip() for sentence in _sentences(text)]


def parts(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """Split a text into parts no longer than `longest`, as measured by `length`: whole if it fits, else by sentences, else by
    words, else by characters with their combining marks.

    Neighbouring sentences (words, characters) are packed together while they fit. Only white space between parts is left
    out. A single character longer than `longest` is a part by itself.
    """
    if length(text) <= longest:
        return [text]
    for split in (_sentences, _WORD.findall):
        units = split(text)
        if len(units) > 1:
            return [part for unit in _packed(units, longest, length) for part in parts(unit, longest, length)]
    return _by_characters(text, longest, length)


def _sentences(text: str) -> list[str]:
    """The sentences with the white space behind them: joined, they are the text."""
    found, start = [], 0
    for match in _END.finditer(text):
        head = text[start : match.end()].strip()
        if head and not _NO_END.search(head):
            found.append(text[start : match.end()])
            start = match.end()
    return [*found, text[start:]] if text[start:].strip() else found


def _packed(units: list[str], longest: int, length: Callable[[str], int]) -> Iterator[str]:
    """Neighbouring units joined while they fit."""
    part = units[0]
    for unit in units[1:]:
        if length((part + unit).strip()) <= longest:
            part += unit
        else:
            yield part.strip()
            part = unit
    yield part.strip()


def _by_characters(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """The text in stretches that fit, each as long as can be: its length is doubled until too long, then found by halving."""
    ends = [match.end() for match in _CHARACTER.finditer(text)]
    found, start, done = [], 0, 0
    while done < len(ends):
        fits, too_many = 1, 2
        while done + too_many <= len(ends) and length(text[start : ends[done + too_many - 1]]) <= longest:
            fits, too_many = too_many, 2 * too_many
        too_many = min(too_many, len(ends) - done + 1)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if length(text[start : ends[done + middle - 1]]) <= longest:
                fits = middle
            else:
                too_many = middle
        done += fits
        found.append(text[start : ends[done - 1]])
        start = ends[done - 1]
    return found
