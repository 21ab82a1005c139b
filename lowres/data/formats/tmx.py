"""Translation memories: TMX 1.1 to 1.4."""

from dataclasses import replace
from pathlib import Path

from lowres.data.formats.damage import BROKEN
from lowres.data.formats.inline_codes import inline_text
from lowres.data.formats.tables import Table, make_table
from lowres.data.formats.xml_tree import Element, XmlFile, read_xml
from lowres.errors import DataError, Problem


def read_tmx(path: Path, name: str) -> Table:
    """One row for each unit: `tuid`, and a column for each language, named as the file writes it (en-US).

    Of several texts in one language the first is taken. Inline codes are shown as what they stand for (<b>).
    """
    file = read_xml(path, name)
    units = [(unit, texts_of(unit)) for unit in units_of(file)]
    spelled: dict[str, str] = {}
    for _, texts in units:
        for code in texts:
            spelled.setdefault(code.casefold(), code)
    rows = []
    for number, (unit, texts) in enumerate(units, 1):
        by_language = {code.casefold(): inline_text(seg, file).text for code, seg in reversed(texts.items())}
        identifier = unit.attributes.get("tuid") or str(number)
        rows.append((unit.line, [identifier, *(by_language.get(code, "") for code in spelled)]))
    table = make_table(name, file.sha256, ["tuid", *spelled.values()], rows, kinds=BROKEN)
    return replace(table, languages={code: code for code in spelled.values()})


def units_of(file: XmlFile) -> list[Element]:
    """The translation units of a memory. Raises DataError where the file is another kind of XML."""
    if file.root.name != "tmx":
        raise DataError(Problem(f"{file.name}:{file.root.line}", f"is not TMX: it begins with <{file.root.name}>"))
    return list(file.root.every("tu"))


def texts_of(unit: Element) -> dict[str, Element]:
    """Language code → the first <seg> of that language."""
    found: dict[str, Element] = {}
    for variant in unit.children:
        segment = variant.child("seg") if variant.name == "tuv" else None
        if segment:
            found.setdefault(variant.attributes.get("xml:lang") or variant.attributes.get("lang", ""), segment)
    return found
