"""Files of fieldwork – ELAN, FLEx, Toolbox, CoNLL-U, CLDF – read by lowres and by an independent reader, text by text.

    pip install pympi-ling conllu nltk pycldf
    python benchmarks/fieldwork.py FILE …

A text is the same if both find the same letters and signs in the same order, but for white space. ELAN is read by pympi, FLEx by
Python's own reader of XML, Toolbox by nltk.toolbox, CoNLL-U by conllu and CLDF (a file cldf-metadata.json, whose table of examples
lowres reads) by pycldf.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from lowres.data.formats.readers import read_file
from lowres.languages import normalise

Text = tuple[str, str, str]  # row, column, value


def elan(path: Path) -> Iterator[Text]:
    """Annotations of tiers without a parent, and what depends on them, by the id of the former."""
    file = import_module("pympi").Elan.Eaf(str(path))
    owner: dict[str, str] = {}
    spans: dict[str, list[tuple[int, int, str]]] = {}
    depth: Callable[[str], int] = lambda tier: 1 + depth(parent) if (parent := parents[tier]) else 0  # noqa: E731
    parents = {tier: held[2].get("PARENT_REF", "") for tier, held in file.tiers.items()}
    for tier in sorted(file.tiers, key=depth):
        aligned, referring = file.tiers[tier][:2]
        for identifier, (begin, end, value, _) in aligned.items():
            first, last = file.timeslots[begin], file.timeslots[end]
            inside = [one for left, right, one in spans.get(parents[tier], []) if left <= (first or left) < right]
            owner[identifier] = inside[0] if inside else identifier
            spans.setdefault(tier, []).append((first or 0, last or 0, owner[identifier]))
            yield owner[identifier], tier.partition("@")[0], value
        for identifier, (refers, value, *_) in referring.items():
            owner[identifier] = owner.get(refers, identifier)
            yield owner[identifier], tier.partition("@")[0], value


def flex(path: Path) -> Iterator[Text]:
    """The items of phrases that are texts or translations, and of words where a phrase has no text."""
    for number, phrase in enumerate(ElementTree.parse(path).iter("phrase"), 1):
        row = phrase.get("guid") or str(number)
        for item in phrase.findall("item"):
            if item.get("type") in ("txt", "gls", "lit"):
                yield (
                    row,
                    f"{'text' if item.get('type') == 'txt' else item.get('type')}-{item.get('lang')}",
                    item.text or "",
                )
        if not any(item.get("type") == "txt" for item in phrase.findall("item")):
            for item in phrase.findall(".//word/item"):
                if item.get("type") in ("txt", "punct"):
                    yield row, f"text-{item.get('lang')}", item.text or ""


def toolbox(path: Path) -> Iterator[Text]:
    """Fields, by the number of their record."""
    file = import_module("nltk.toolbox").StandardFormat()
    file.open_string(path.read_text(encoding="utf-8-sig"))
    fields = [(marker, value) for marker, value in file.fields(strip=True, unwrap=True) if not marker.startswith("_")]
    first = next((marker for marker in ("ref", "lx") if marker in dict(fields)), "")
    number = 0
    for marker, value in fields:
        number += marker == first
        if number:
            yield str(number), marker, value


def treebank(path: Path) -> Iterator[Text]:
    """Texts and translations of sentences, by their number."""
    with path.open(encoding="utf-8") as file:
        for number, sentence in enumerate(import_module("conllu").parse_incr(file), 1):
            for key, value in sentence.metadata.items():
                if key == "text" or key.startswith(("text_", "text[")):
                    yield str(number), key, value or ""


def examples(path: Path) -> Iterator[Text]:
    """Examples and their translations, by their ids."""
    for row in import_module("pycldf").Dataset.from_metadata(path)["ExampleTable"]:
        for column in ("Primary_Text", "Translated_Text"):
            yield str(row["ID"]), column, row[column] or ""


READERS: Mapping[str, tuple[Callable[[Path], Iterator[Text]], str]] = {
    ".eaf": (elan, "annotation"), ".flextext": (flex, "id"), ".txt": (toolbox, ""), ".conllu": (treebank, ""),
    ".json": (examples, "ID"),
}  # fmt: skip


def own(path: Path, key: str) -> Iterator[Text]:
    """The same as lowres reads it."""
    file = path.with_name("examples.csv") if path.suffix == ".json" else path
    for number, record in enumerate(read_file(file, file.name).records, 1):
        for column, value in record.fields.items():
            yield record.fields[key] if key else str(number), column, value


def letters(texts: Iterator[Text]) -> dict[tuple[str, str], str]:
    """Row and column → its text without white space."""
    found: dict[tuple[str, str], str] = {}
    for row, column, value in texts:
        if text := "".join(normalise(value).split()):
            place = row, normalise(column)
            found[place] = found.get(place, "") + text
    return found


def main() -> None:
    different = 0
    for name in sys.argv[1:]:
        path = Path(name)
        reader, key = READERS[path.suffix]
        theirs = letters(reader(path))
        ours = {
            place: text for place, text in letters(own(path, key)).items() if place in theirs or path.suffix == ".txt"
        }
        wrong = sorted(place for place in {**theirs, **ours} if theirs.get(place) != ours.get(place))
        print(f"{path.name}: {len(theirs)} texts, {len(wrong)} different")
        for place in wrong[:5]:
            print("   ", *place, "|", theirs.get(place), "|", ours.get(place))
        different += len(wrong)
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
