"""Interlinear texts in XML: ELAN's .eaf and FLEx's .flextext."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lowres.data.formats.tables import Table, make_table
from lowres.data.formats.xml_tree import Element, XmlFile, read_xml
from lowres.errors import DataError, Problem

Row = tuple[int, dict[str, str]]


def read_eaf(path: Path, name: str) -> Table:
    """One row for each annotation of a tier without a parent; a column for each tier, by its name up to the @ of the speaker.

    `annotation` is the id. Annotations of dependent tiers stand in
    the row of that which they belong to, joined by spaces where there are several.
    """
    file = read_xml(path, name)
    _expect(file, "ANNOTATION_DOCUMENT", "an annotation of ELAN")
    tiers = list(file.root.every("TIER"))
    parents = {tier.attributes.get("TIER_ID", ""): tier.attributes.get("PARENT_REF", "") for tier in tiers}
    order = {slot.attributes["TIME_SLOT_ID"]: number for number, slot in enumerate(file.root.every("TIME_SLOT"))}
    rows: dict[str, Row] = {}
    owner: dict[str, str] = {}  # annotation → the annotation that its row stands for
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for tier in sorted(tiers, key=lambda tier: _depth(tier.attributes.get("TIER_ID", ""), parents)):
        tier_id, parent = tier.attributes.get("TIER_ID", ""), tier.attributes.get("PARENT_REF", "")
        column = tier_id.partition("@")[0]
        for annotation in _annotations(tier):
            identifier = annotation.attributes.get("ANNOTATION_ID", "")
            begin, end = (order.get(annotation.attributes.get(f"TIME_SLOT_REF{n}", ""), -1) for n in (1, 2))
            held = owner.get(annotation.attributes.get("ANNOTATION_REF", ""), "")
            if parent and not held:
                held = next((one for left, right, one in spans.get(parent, ()) if left <= begin < right), "")
            owner[identifier] = held or identifier
            if begin >= 0:
                spans.setdefault(tier_id, []).append((begin, end, owner[identifier]))
            _, fields = rows.setdefault(owner[identifier], (annotation.line, {"annotation": owner[identifier]}))
            value = annotation.child("ANNOTATION_VALUE")
            fields[column] = f"{fields.get(column, '')} {value.text if value else ''}".strip()
    languages = {
        tier.attributes["TIER_ID"].partition("@")[0]: tier.attributes["LANG_REF"]
        for tier in tiers
        if tier.attributes.get("LANG_REF")
    }
    return _table(file, list(rows.values()), languages)


def read_flextext(path: Path, name: str) -> Table:
    """One row for each phrase: `id`, `text-<language>`, and a column for each kind of item: `gls-en` is its free translation.

    Where the phrase itself holds no text, its words are put together.
    """
    file = read_xml(path, name)
    _expect(file, "document", "a text of FLEx")
    rows: list[Row] = []
    languages: dict[str, str] = {}
    for phrase in file.root.every("phrase"):
        fields = {"id": phrase.attributes.get("guid", "") or str(len(rows) + 1)}
        items = [item for item in phrase.children if item.name == "item"]
        if not any(item.attributes.get("type") == "txt" for item in items):
            items += _words(phrase)
        for item in items:
            kind, code = item.attributes.get("type", ""), item.attributes.get("lang", "")
            kind = "text" if kind == "txt" else kind
            column = kind if kind == "segnum" else f"{kind}-{code}"
            if kind in ("text", "gls", "lit"):
                languages[column] = code
            fields[column] = f"{fields.get(column, '')} {item.text.strip()}".strip()
        rows.append((phrase.line, fields))
    return _table(file, rows, languages)


def _words(phrase: Element) -> Iterator[Element]:
    """The words of a phrase, and its punctuation marks, as items of one text each language."""
    texts: dict[str, str] = {}
    for word in phrase.every("word"):
        for item in word.children:
            kind, code = item.attributes.get("type"), item.attributes.get("lang", "")
            if item.name == "item" and kind in ("txt", "punct"):
                before = texts.get(code, "")
                opening = before.endswith(("(", "[", "“", "«", "¿", "¡"))
                close = opening or (kind == "punct" and item.text not in "([“«¿¡")
                texts[code] = f"{before}{'' if close or not before else ' '}{item.text}"
    yield from (Element("item", {"type": "txt", "lang": code}, 0, 0, content=[text]) for code, text in texts.items())


def _expect(file: XmlFile, root: str, what: str) -> None:
    if file.root.name != root:
        raise DataError(Problem(f"{file.name}:{file.root.line}", f"is not {what}: it begins with <{file.root.name}>"))


def _depth(tier: str, parents: Mapping[str, str]) -> int:
    """How many tiers a tier depends on, one through the other."""
    seen: list[str] = []
    while (tier := parents.get(tier, "")) and tier not in seen:
        seen.append(tier)
    return len(seen)


def _annotations(tier: Element) -> Iterator[Element]:
    for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
        yield from tier.every(kind)


def _table(file: XmlFile, rows: list[Row], languages: Mapping[str, str]) -> Table:
    columns = list(dict.fromkeys(column for _, fields in rows for column in fields)) or ["id"]
    found = [
        (line, [fields.get(column, "") for column in columns]) for line, fields in sorted(rows, key=lambda row: row[0])
    ]
    return replace(make_table(file.name, file.sha256, columns, found), languages=dict(languages))
