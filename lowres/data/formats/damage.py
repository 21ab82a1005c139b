"""Damaged texts: characters that were lost or decoded wrongly, and the traces of web pages and programs."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import regex

from lowres.errors import Finding

REPLACEMENT = "\ufffd"
BROKEN = ("lost", "mojibake")  # kinds in which messages can be damaged: their entities, tags and escapes are meant
_DROPPED = "\u200b\ufeff"  # characters that normalise() takes out


@dataclass(frozen=True)
class Damage:
    """How many texts of a column are damaged in one way, and where the first is, with what was found there."""

    count: int
    where: str
    sample: str


# kind → (level, what is said of the texts)
KINDS: Mapping[str, tuple[Literal["note", "warning"], str]] = {
    "lost": ("warning", "hold U+FFFD, which stands for characters that were lost; take the texts from their source again"),
    "mojibake": ("warning", "were decoded by a wrong encoding (“{sample}” for “{meant}”); take the texts from their source again"),
    "entity": ("warning", "hold HTML entities such as “{sample}”; replace them by the characters they mean"),
    "tag": ("warning", "hold HTML tags such as “{sample}”; take them out, unless they are to be learned"),
    "escape": ("warning", "hold escapes such as “{sample}” as two characters; replace them by what they mean"),
    "dropped": ("note", "held zero-width spaces or byte order marks, which were dropped"),
}  # fmt: skip
# Bytes that UTF-8 continues characters with, as Windows-1252 shows them; the lead bytes before them are Â to ô.
_CONTINUED = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_WESTERN = regex.compile(rf"(?:[Â-ß][{_CONTINUED}]|[à-ï][{_CONTINUED}]{{2}}|[ð-ô][{_CONTINUED}]{{3}})+")
_CYRILLIC = regex.compile(r"(?:[РСЂѓГВв][\u0080-\u00bfЂ-џ°-№‚-›€]){2,}")
_ENTITY = regex.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-zA-Z]{2,8}\d?);")
_TAG = regex.compile(
    r"</?(?:br|p|div|span|font|strong|em|b|i|u|a|li|ul|td|tr|img|sup|sub)(?:\s[^<>]*)?/?>", regex.IGNORECASE
)
_ESCAPE = regex.compile(
    r"(?<![\\:\w])\\[ntr](?![a-z])|(?<=[.!?…,:;”\"’'»)\w])\\[ntr](?=[\s\p{Lu}\\]|$)|\\u[0-9a-fA-F]{4}"
)


def damages(original: str, text: str) -> Iterator[tuple[str, str]]:
    """(kind, a sample) of every kind of damage in a text; `original` is the text before it was normalised."""
    if REPLACEMENT in text:
        yield "lost", REPLACEMENT
    if not text.isascii() and (run := _mojibake(text)):
        yield "mojibake", run
    if "&" in text and (match := _ENTITY.search(text)) and html.unescape(match[0]) != match[0]:
        yield "entity", match[0]
    if "<" in text and (match := _TAG.search(text)):
        yield "tag", match[0]
    if "\\" in text and (match := _ESCAPE.search(text)):
        yield "escape", match[0]
    if any(
        character in original.removeprefix("\ufeff") and original.count(character) > text.count(character)
        for character in _DROPPED
    ):
        yield "dropped", ""


def damage_findings(name: str, damage: Mapping[str, Damage]) -> Iterator[Finding]:
    """One finding for each kind of damage in a column."""
    for kind, (level, what) in KINDS.items():
        if kind in damage:
            found = damage[kind]
            said = what.format(sample=found.sample, meant=_meant(found.sample) if kind == "mojibake" else "")
            texts = "1 text" if found.count == 1 else f"{found.count:,} texts"
            yield Finding(level, f"{texts} in the column “{name}” {said}", found.where)


def _mojibake(text: str) -> str:
    """The first run of characters that are UTF-8 read as Windows-1252 or Windows-1251; empty where there is none."""
    for pattern in (_WESTERN, _CYRILLIC):
        for match in pattern.finditer(text):
            run = str(match[0])
            closing = len(run) == 2 and run[1] in "”’»"  # a capital before a closing quotation mark is a word's end
            if not closing and _meant(run):
                return run
    return ""


def _meant(run: str) -> str:
    """What a run of wrongly decoded characters was; empty if it is none."""
    for encoding in ("cp1252", "cp1251"):
        try:
            raw = b"".join(_byte(character, encoding) for character in run)
            return raw.decode("utf-8")
        except UnicodeError:
            continue
    return ""


def _byte(character: str, encoding: str) -> bytes:
    """Windows leaves five bytes without a character; programs then keep the byte's number."""
    return bytes([ord(character)]) if "\x80" <= character <= "\x9f" else character.encode(encoding)
