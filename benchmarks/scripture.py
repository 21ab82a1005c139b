"""Scripture in USFM, read and filled in: every verse, paragraph and note beside the parser of the USFM committee.

    python benchmarks/scripture.py FOLDER      # with .usfm or .sfm files

A verse is the same if both find the same words. Each book is also filled in with its own words in capitals; then the parser has to
find the same chapters, paragraphs, verses and notes as before, and lowres the capitals.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from usfmtc import USX

from lowres.data.formats.readers import read_file
from lowres.runs.filling import fill

ASIDE = re.compile(r"(?:mte?|ms|mr|s|sr|r|d|sp|sd|h|toc|rem|cl|cp|cd|i[a-z]*)\d*$")


def root_of(path: Path) -> Any:
    """The book as the parser reads it."""
    return USX.fromUsfm(path.read_text(encoding="utf-8-sig")).getroot()


def skeleton(root: Any) -> list[tuple[str, str, str, str]]:
    """Everything but words and remarks: kind, style and number of each element, and the text of notes."""
    found = [one for one in root.iter() if one.tag != "char" and one.get("style") != "rem"]
    return [
        (one.tag, one.get("style", ""), one.get("number", ""), "".join(one.itertext()) if one.tag == "note" else "")
        for one in found
    ]


def verses(root: Any) -> dict[str, str]:
    """Chapter:verse → its words, as the parser reads them."""
    words: dict[str, str] = {}
    chapter = verse = ""

    def walk(node: Any) -> None:
        nonlocal chapter, verse
        if node.tag == "chapter":
            chapter, verse = node.get("number"), ""
        elif node.tag == "verse":
            verse = f"{chapter}:{node.get('number')}"
            words.setdefault(verse, "")
        elif node.tag != "note" and not (node.tag == "para" and ASIDE.match(node.get("style", ""))):
            add(f" {node.text or ''}" if node.tag == "para" else node.text)
            for child in node:
                walk(child)
                add(child.tail)

    def add(text: str | None) -> None:
        if verse and text:
            words[verse] += text

    walk(root)
    return {verse: " ".join(text.replace("//", " ").split()) for verse, text in words.items()}


def own_verses(path: Path) -> dict[str, str]:
    """The same, as lowres reads them."""
    return {row.fields["id"].split()[-1]: row.fields["text"] for row in read_file(path, path.name).records}


def main() -> None:
    """Read and fill in every book of a folder, and print what differs."""
    books = sorted(path for ending in ("*.usfm", "*.sfm", "*.SFM") for path in Path(sys.argv[1]).glob(ending))
    count = different = damaged = 0
    with tempfile.TemporaryDirectory() as made:
        for path in books:
            before, own = root_of(path), own_verses(path)
            theirs, out = verses(before), Path(made, path.name)
            count += len(theirs)
            different += sum(own.get(verse) != text for verse, text in theirs.items())
            fill(path, out, ("eng-Latn", "eng-Latn"), lambda texts: [text.upper() for text in texts])
            same = skeleton(root_of(out)) == skeleton(before)
            damaged += not same or own_verses(out) != {verse: text.upper() for verse, text in own.items()}
    print(
        f"{len(books)} books, {count} verses: {different} read differently; {damaged} books damaged by filling them in"
    )


main()
