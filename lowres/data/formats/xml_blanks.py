"""Untranslated units of XLIFF and TMX."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from lowres.data.formats.documents import Blank, Document, Splice, surrounded
from lowres.data.formats.inline_codes import InlineText, inline_text
from lowres.data.formats.tmx import texts_of, units_of
from lowres.data.formats.xliff import Unit, units
from lowres.data.formats.xml_tree import Element, XmlFile, read_xml
from lowres.languages.tags import is_written_as, shortest_code

NOT_OPEN = "that the file says are not to be translated"
Writer = Callable[[Sequence[str]], list[Splice]]


def open_xliff(path: Path, name: str) -> Document:
    """The units of XLIFF 1.2, or segments of XLIFF 2, that have a source and no target. Raises DataError."""
    file = read_xml(path, name)
    blanks, finished, skipped, languages = [], 0, Counter[str](), ("", "")
    for unit in units(file):
        languages = unit.languages
        text = inline_text(unit.source, file)
        if not unit.is_empty:
            finished += 1
        elif not unit.is_open:
            skipped[NOT_OPEN] += 1
        elif text.text.strip():
            blanks.append(Blank(f"{name}:{unit.holder.line}", (text.text,), _target_writer(file, unit, text)))
    marks = (
        "needs-review-translation"
        if not file.root.attributes.get("version", "").startswith("2")
        else "translated, not reviewed"
    )
    return Document(name, file.data, tuple(blanks), finished, marks, languages, dict(skipped))


def open_tmx(path: Path, name: str, source: str, target: str) -> Document:
    """The units of a memory that have a text in the source language and none in the target language. Raises DataError."""
    file = read_xml(path, name)
    blanks, finished = [], 0
    found = [(unit, texts_of(unit)) for unit in units_of(file)]
    codes = dict.fromkeys(code for _, texts in found for code in texts)
    written = next((code for code in codes if is_written_as(target, code)), shortest_code(target[:3]))
    for unit, texts in found:
        segment = next((element for code, element in texts.items() if is_written_as(source, code)), None)
        there = next((element for code, element in texts.items() if is_written_as(target, code)), None)
        if there and (there.text.strip() or there.children):
            finished += 1
        elif segment and segment.text.strip():
            text = inline_text(segment, file)
            write = _variant_writer(file, unit, there, text, written)
            blanks.append(Blank(f"{name}:{unit.line}", (text.text,), write))
    return Document(
        name, file.data, tuple(blanks), finished, "a property x-state: needs-review-translation", (source, target)
    )


def _target_writer(file: XmlFile, unit: Unit, text: InlineText) -> Writer:
    mark = ' state="needs-review-translation"' if unit.version == 1 else ""

    def write(translations: Sequence[str]) -> list[Splice]:
        inner = text.xml(surrounded(text.text, translations[0]))
        behind = unit.holder.child("seg-source") or unit.source
        prefix = _prefix(file, unit.source)
        if unit.target is None:
            new = f"{_gap(file, unit.source)}<{prefix}target{mark}>{inner}</{prefix}target>"
            changes = [_splice(file, behind.end, behind.end, new)]
        else:
            tag = _without(
                _decoded(file, unit.target.start, unit.target.inner).rstrip("/> \t\r\n"), "state" if mark else ""
            )
            changes = [_splice(file, unit.target.start, unit.target.end, f"{tag}{mark}>{inner}</{prefix}target>")]
        if unit.version == 2:
            tag = _without(_decoded(file, unit.holder.start, unit.holder.inner).removesuffix(">"), "state")
            changes.append(_splice(file, unit.holder.start, unit.holder.inner, f'{tag} state="translated">'))
        return changes

    return write


def _variant_writer(file: XmlFile, unit: Element, there: Element | None, text: InlineText, code: str) -> Writer:
    def write(translations: Sequence[str]) -> list[Splice]:
        inner = text.xml(surrounded(text.text, translations[0]))
        mark = '<prop type="x-state">needs-review-translation</prop>'
        if there is not None:
            return [_splice(file, there.start, there.end, f"{mark}<seg>{inner}</seg>")]
        last = [child for child in unit.children if child.name == "tuv"][-1]
        new = f"{_gap(file, last)}<tuv xml:lang={quoteattr(code)}>{mark}<seg>{inner}</seg></tuv>"
        return [_splice(file, last.end, last.end, new)]

    return write


def _decoded(file: XmlFile, start: int, end: int) -> str:
    return file.data[start:end].decode(file.part_encoding)


def _splice(file: XmlFile, start: int, end: int, text: str) -> Splice:
    return Splice(start, end, text.encode(file.part_encoding, "xmlcharrefreplace"))


def _gap(file: XmlFile, element: Element) -> str:
    """The white space before an element, so that a new one stands on a line of its own where the others do."""
    before = file.data[max(0, element.start - 400) : element.start].decode(file.part_encoding, "replace")
    match = re.search(r"\s*$", before)
    return match[0] if match else ""


def _prefix(file: XmlFile, element: Element) -> str:
    """The prefix of the element's namespace, with its colon."""
    match = re.match(r"<(\w+:)", _decoded(file, element.start, element.inner))
    return match[1] if match else ""


def _without(tag: str, attribute: str) -> str:
    """A start tag without one attribute."""
    return re.sub(rf"""\s+{attribute}\s*=\s*("[^"]*"|'[^']*')""", "", tag) if attribute else tag
