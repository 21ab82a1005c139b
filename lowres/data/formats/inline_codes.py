"""Texts with inline codes, as translation memories and XLIFF hold them: how they are shown, and put back."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape

import regex

from lowres.data.formats.xml_tree import Element, XmlFile
from lowres.languages.placeholders import PLACEHOLDER

# Elements that stand for one code each, what is inside them included; all others enclose text.
CODES = frozenset(("bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "sc", "ec", "sm", "em", "cp"))


@dataclass(frozen=True)
class InlineText:
    """A text whose codes are placeholders: `shown` for each code, and the `raw` XML that it stands for."""

    text: str
    codes: Sequence[tuple[str, str]]

    def xml(self, text: str) -> str:
        """A translation as XML, its codes put back. Raises ValueError where a code is missing, or two of them overlap."""
        waiting: dict[str, list[str]] = defaultdict(list)
        for shown, raw in self.codes:
            waiting[shown].append(raw)
        parts, at = [], 0
        found = regex.finditer("|".join(regex.escape(one) for one in sorted(waiting, key=len, reverse=True)), text)
        for match in found if waiting else ():
            if waiting[match[0]]:
                parts += [escape(text[at : match.start()]), waiting[match[0]].pop(0)]
                at = match.end()
        if any(waiting.values()):
            raise ValueError("a code is missing")
        whole = "".join((*parts, escape(text[at:])))
        try:
            expat.ParserCreate().Parse(f"<seg>{whole}</seg>".encode(), True)
        except expat.ExpatError:
            raise ValueError("two codes overlap") from None
        return whole


def inline_text(element: Element, file: XmlFile) -> InlineText:
    """The text of an element: each code is shown as what it stands for in the document, such as <b>, or else as its own tag."""
    parts: list[str] = []
    codes: list[tuple[str, str]] = []

    def add(shown: str, raw: str) -> None:
        parts.append(shown)
        codes.append((shown, raw))

    def walk(one: Element) -> None:
        for part in one.content:
            if isinstance(part, str):
                parts.append(part)
            elif part.name in CODES:
                raw, inner = _raw(file, part.start, part.end), part.text
                tag = raw if not inner else _raw(file, part.start, part.inner).removesuffix(">") + "/>"
                add(inner if PLACEHOLDER.fullmatch(inner) else tag, raw)
            else:
                tag = _raw(file, part.start, part.inner)
                add(tag, tag)
                walk(part)
                if part.close < part.end:
                    closing = _raw(file, part.close, part.end)
                    add(closing, closing)

    walk(element)
    return InlineText("".join(parts), codes)


def _raw(file: XmlFile, start: int, end: int) -> str:
    """What stands in the file, decoded."""
    return file.data[start:end].decode(file.part_encoding)
