"""XLIFF 1.2 and 2: texts of a program or document beside their translations."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lowres.data.formats.damage import BROKEN
from lowres.data.formats.inline_codes import inline_text
from lowres.data.formats.tables import Table, make_table
from lowres.data.formats.xml_tree import Element, XmlFile, read_xml
from lowres.errors import DataError, Problem

# States of a translation that nobody has confirmed: of XLIFF 1.2, and of XLIFF 2.
UNREVIEWED = ("new", "needs-", "initial")


@dataclass(frozen=True)
class Unit:
    """A text and its translation. `holder` is the element that <source> and <target> stand in; `is_open`: it may be translated."""

    id: str
    languages: tuple[str, str]
    holder: Element
    source: Element
    target: Element | None
    state: str
    is_open: bool
    version: int

    @property
    def is_empty(self) -> bool:
        """Whether it has no translation yet."""
        return self.target is None or not (self.target.text.strip() or self.target.children)


def read_xliff(path: Path, name: str) -> Table:
    """One row for each unit, of XLIFF 2 for each segment: `id`, `source`, `target`, `state`.

    Left out and counted: units without a translation (as `empty`), those whose translation equals the source, and unconfirmed ones
    (state new, needs-…, initial).
    """
    file = read_xml(path, name)
    rows: list[tuple[int, list[str]]] = []
    notes: Counter[str] = Counter()
    languages, untranslated = ("", ""), 0
    for unit in units(file):
        languages = unit.languages if any(unit.languages) else languages
        source = inline_text(unit.source, file).text
        target = inline_text(unit.target, file).text if unit.target else ""
        if unit.is_empty:
            untranslated += 1
        elif unit.state.startswith(UNREVIEWED):
            notes["not confirmed"] += 1
        elif source == target:
            notes["same as the source"] += 1
        else:
            rows.append((unit.holder.line, [unit.id, source, target, unit.state]))
    table = make_table(name, file.sha256, ["id", "source", "target", "state"], rows, kinds=BROKEN)
    known = {column: code for column, code in zip(("source", "target"), languages, strict=True) if code}
    return replace(table, empty=untranslated, notes=dict(notes), languages=known)


def units(file: XmlFile) -> Iterator[Unit]:
    """The units of a file of either version. Raises DataError where it is another kind of XML."""
    if file.root.name != "xliff":
        raise DataError(Problem(f"{file.name}:{file.root.line}", f"is not XLIFF: it begins with <{file.root.name}>"))
    second = file.root.attributes.get("version", "1.2").startswith("2")
    several = len(list(file.root.every("file"))) > 1
    for number, part in enumerate(file.root.every("file"), 1):
        prefix = f"{part.attributes.get('original') or part.attributes.get('id') or number}:" if several else ""
        yield from _second(file.root, part, prefix) if second else _first(part, prefix)


def _first(part: Element, prefix: str) -> Iterator[Unit]:
    languages = part.attributes.get("source-language", ""), part.attributes.get("target-language", "")
    for unit in part.every("trans-unit"):
        source, target = unit.child("source"), unit.child("target")
        if source is None:
            continue
        state = target.attributes.get("state", "") if target else ""
        is_open = unit.attributes.get("translate") != "no" and unit.attributes.get("approved") != "yes"
        yield Unit(prefix + unit.attributes.get("id", ""), languages, unit, source, target, state, is_open, 1)


def _second(root: Element, part: Element, prefix: str) -> Iterator[Unit]:
    languages = root.attributes.get("srcLang", ""), root.attributes.get("trgLang", "")
    for unit in part.every("unit"):
        segments = [child for child in unit.children if child.name == "segment"]
        for number, segment in enumerate(segments, 1):
            source = segment.child("source")
            if source is None:
                continue
            behind = f"/{segment.attributes.get('id', number)}" if len(segments) > 1 else ""
            identifier = f"{prefix}{unit.attributes.get('id', '')}{behind}"
            is_open = unit.attributes.get("translate") != "no"
            state = segment.attributes.get("state", "")
            yield Unit(identifier, languages, segment, source, segment.child("target"), state, is_open, 2)
