"""Splits long text into sentences or words, for models that were trained on sentences."""

import re
from collections.abc import Callable

# Signs that end a sentence in some script, with closing quotes behind them; 。！？ need no space to follow.
_END = re.compile(r"(?<=[.!?…‽։؟۔।॥፧።၊။៕᙮᭞᭟꩟𑁇])[\"'”’»)\]]*\s+|(?<=[。！？])[”’」』）]*\s*")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the white space between them; nothing else is lost.

    A full stop behind one letter or a number (initials, dates, lists) ends none.
    """
    found, start = [], 0
    for match in _END.finditer(text):
        head = text[start : match.end()].strip()
        if head and not re.search(r"(?:^|\s)(?:\w|\d+)\.$", head):
            found.append(head)
            start = match.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def parts(text: str, longest: int, length: Callable[[str], int]) -> list[str]:
    """The text in parts no longer than `longest` by `length`: whole, else by sentences, else by words.

    Sentences that fit together stay together. A single word that is too long is a part by itself.
    """
    if length(text) <= longest:
        return [text]
    units = sentences(text)
    if len(units) < 2:
        units = text.split()
    if len(units) < 2:
        return [text]
    packed: list[str] = []
    for unit in units:
        if packed and length(f"{packed[-1]} {unit}") <= longest:
            packed[-1] = f"{packed[-1]} {unit}"
        else:
            packed.append(unit)
    return [part for unit in packed for part in (parts(unit, longest, length) if unit != text else [unit])]
