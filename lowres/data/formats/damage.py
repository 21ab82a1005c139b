"""Damaged texts: characters that were lost or decoded wrongly, and the traces of web pages and programs."""

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
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
    "questions": ("warning", "hold “?” where a letter was, as in “{sample}”; save the source again as UTF-8"),
    "control": ("warning", "hold control characters such as {sample}, which no text needs; take them out"),
    "tokens": ("warning", "are cut into tokens already (“{sample}”); take the texts as they were before"),
    "wiki": ("warning", "hold the markup of a wiki such as “{sample}”; take it out, unless it is to be learned"),
    "forms": ("warning", "hold Arabic letters in presentation forms (“{sample}”), as PDF files do; replace them by NFKC"),
    "private": ("note", "hold characters of private use such as {sample}, which only some fonts show; use Unicode's letters"),
    "invisible": ("note", "hold invisible characters such as {sample}, which part words for a model; take them out"),
    "dropped": ("note", "held zero-width spaces or byte order marks, which were dropped"),
}  # fmt: skip
_SINGULAR = {"hold": "holds", "were": "was", "are": "is"}
# Bytes that UTF-8 continues characters with, as Windows-1252 shows them; the lead bytes before them are Â to ô.
_CONTINUED = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_WESTERN = regex.compile(rf"(?:[Â-ß][{_CONTINUED}]|[à-ï][{_CONTINUED}]{{2}}|[ð-ô][{_CONTINUED}]{{3}})+")
_CYRILLIC = regex.compile(r"(?:[РСЂѓГВв][\u0080-\u00bfЂ-џ°-№‚-›€]){2,}")
# Central European Windows, old Macs and DOS: runs count only if they hold a character that is no letter.
_OTHER_ENCODINGS = ("cp1250", "mac_roman", "cp437", "cp850")
_ENTITY = regex.compile(r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-zA-Z]{2,8}\d?);")
_TAG = regex.compile(
    r"</?(?:br|p|div|span|font|strong|em|b|i|u|a|li|ul|td|tr|img|sup|sub)(?:\s[^<>]*)?/?>", regex.IGNORECASE
)
_QUESTIONS = regex.compile(
    r"(?<![\w/.=&?%-])\p{L}[\p{L}\p{M}]*\?\p{Ll}[\p{L}\p{M}?]*(?![\w/.=&?%-])|\?\?+(?:\s\?\?+){2,}"
)
_CONTROL = regex.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ufdd0-\ufdef]")
_TOKENS = regex.compile(r"▁\w+|(?<=\w)@@ \w+|(?<=\S )@-@(?= \S)")
_WIKI = regex.compile(r"\[\[[^\[\]]+\]\]|(?<!\')\'{3}\w")
_FORMS = regex.compile(r"[\ufb50-\ufbb1\ufbd3-\ufd3d\ufe70-\ufefc]+")
_PRIVATE = regex.compile(r"\p{Co}")
_INVISIBLE = regex.compile(r"[\u00ad\u2060-\u2064\u202a-\u202e\u2066-\u2069\u3164]")
_ESCAPE = regex.compile(
    r"(?<![\\:/]\S{0,40})(?<=\p{L})\\[nt](?=\p{L})|(?:=[C-F][\dA-F]=[89AB][\dA-F])+|(?<![:/]\S{0,40})(?:%[C-F][\dA-F]%[89AB][\dA-F])+|\\x[\da-f]{2}|"
    r"(?<![\\:\w])\\[ntr](?![a-z])|(?<=[.!?…,:;”\"’'»)\w])\\[ntr](?=[\s\p{Lu}\\]|$)|\\u[0-9a-fA-F]{4}"
)


# kind → what shows it, besides those that need more than a pattern
_PATTERNS: Mapping[str, "regex.Pattern[str]"] = {
    "tokens": _TOKENS, "wiki": _WIKI, "forms": _FORMS, "private": _PRIVATE, "invisible": _INVISIBLE,
}  # fmt: skip


def damages(original: str, text: str) -> Iterator[tuple[str, str]]:
    """(kind, a sample) of every kind of damage in a text; `original` is the text before it was normalised."""
    if REPLACEMENT in text:
        yield "lost", REPLACEMENT
    run = "" if text.isascii() else _mojibake(text)
    if run:
        yield "mojibake", run
    if "&" in text and (match := _ENTITY.search(text)) and html.unescape(match[0]) != match[0]:
        yield "entity", match[0]
    if "<" in text and (match := _TAG.search(text)):
        yield "tag", match[0]
    if any(sign in text for sign in "\\%=") and (match := _ESCAPE.search(text)):
        yield "escape", match[0]
    if "?" in text and (match := _QUESTIONS.search(text)):
        yield "questions", match[0]
    if not run and not original.isprintable() and (match := _CONTROL.search(text)):
        yield "control", f"U+{ord(match[0]):04X}"
    if not text.isascii() or "@" in text or "[[" in text or "'''" in text:
        for kind, pattern in _PATTERNS.items():
            if match := pattern.search(text):
                yield kind, f"U+{ord(match[0]):04X}" if kind in ("private", "invisible") else match[0]
    if any(
        character in original.removeprefix("\ufeff") and original.count(character) > text.count(character)
        for character in _DROPPED
    ):
        yield "dropped", ""


def damage_findings(name: str, damage: Iterable[Mapping[str, Damage]]) -> Iterator[Finding]:
    """One finding for each kind of damage in a column of one or several tables, with the place of the first."""
    tables = list(damage)
    for kind, (level, what) in KINDS.items():
        if found := [table[kind] for table in tables if kind in table]:
            first, count = found[0], sum(one.count for one in found)
            said = what.format(sample=first.sample, meant=_meant(first.sample) if kind == "mojibake" else "")
            if count == 1:
                verb, _, rest = said.partition(" ")
                said = f"{_SINGULAR.get(verb, verb)} {rest}"
            texts = "1 text" if count == 1 else f"{count:,} texts"
            yield Finding(level, f"{texts} in the column “{name}” {said}", first.where)


def _mojibake(text: str) -> str:
    """The first run of characters that are UTF-8 read as Windows-1252 or Windows-1251; empty where there is none."""
    for pattern in (_WESTERN, _CYRILLIC):
        for match in pattern.finditer(text):
            run = str(match[0])
            closing = len(run) == 2 and run[1] in "”’»"  # a capital before a closing quotation mark is a word's end
            if not closing and _meant(run):
                return run
    for encoding in _OTHER_ENCODINGS:
        for match in _runs_of(encoding).finditer(text):
            run, meant = str(match[0]), _meant(match[0])
            closing = len(run) == 2 and run[1] in "”’»"
            if meant and not closing and not (run + meant).isalpha():
                return run
    return ""


@cache
def _runs_of(encoding: str) -> "regex.Pattern[str]":
    """Runs of characters of an encoding whose bytes may be UTF-8: a lead byte and those that continue it."""

    def shown(first: int, last: int) -> str:
        characters = "".join(bytes([byte]).decode(encoding, "ignore") for byte in range(first, last + 1))
        return f"[{regex.escape(characters)}]"

    further = shown(
        0x80, 0xBF
    )  # lead bytes of Latin letters and of “–’… are telling; others stand for quotation marks themselves
    return regex.compile(f"(?:{shown(0xC2, 0xC5)}{further}|{shown(0xE2, 0xE2)}{further}{{2}})+")


def _meant(run: str) -> str:
    """What a run of wrongly decoded characters was; empty if it is none."""
    for encoding in ("cp1252", "cp1251", *_OTHER_ENCODINGS):
        try:
            raw = b"".join(_byte(character, encoding) for character in run)
            return raw.decode("utf-8")
        except UnicodeError:
            continue
    return ""


def _byte(character: str, encoding: str) -> bytes:
    """Windows leaves five bytes without a character; programs then keep the byte's number."""
    return bytes([ord(character)]) if "\x80" <= character <= "\x9f" else character.encode(encoding)
