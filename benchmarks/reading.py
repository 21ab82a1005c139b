"""Compare every cell that lowres reads from the files of a folder with what an independent reader finds in them.

    python benchmarks/reading.py FOLDER

The independent readers are Python's own: str.split for lines and tabs, csv for commas and quotes, json for JSON. A cell is the same
byte for byte; or the same after what docs/data.md says of normalisation (NFC, no byte order marks, no stray zero-width spaces, no
white space around); or it is different, and printed. Rows without any text are left out on both sides.
"""

import csv
import io
import json
import lzma
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lowres.data.formats.readers import read_file
from lowres.errors import DataError

NOT_DATA = {".md", ".pdf", ".ipynb", ".py", ".sh", ".yml", ".yaml", ".lock", ".toml"}
NOT_DATA_NAMES = {"LICENSE"}
SHOWN = 5  # differences printed of a file
Rows = list[list[str]]


def main(folder: Path) -> int:
    """Print the counts; the status is 1 where a cell differs."""
    files: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    for path in sorted(found for found in folder.rglob("*") if found.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix in NOT_DATA or path.name in NOT_DATA_NAMES:
            files["no data (documents, licences)"] += 1
            continue
        try:
            table = read_file(path, name)
        except DataError as error:
            files["refused"] += 1
            print(f"refused    {error.problems[0]}"[:300])
            continue
        ours = [[record.fields[column] for column in table.columns] for record in table.records]
        originals = [record.original for record in table.records]
        how, theirs = nearest(ours, readings(path))
        files[f"read as {how}"] += 1
        if len(ours) != len(theirs):
            files["with another number of rows"] += 1
            print(f"rows       {name}: {len(ours):,} here, {len(theirs):,} by the independent reader ({how})")
        shown = 0
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
            if len(mine) != len(other):
                cells["in rows of another width"] += len(mine)
                continue
            for column, cell, plain in zip(table.columns, mine, other, strict=True):
                kind = likeness(cell, plain, originals[number].get(column))
                cells[kind] += 1
                if kind == "different" and shown < SHOWN:
                    shown += 1
                    print(f"different  {table.records[number].where} {column}: {cell!r:.90} for {plain!r:.90}")
    for what, counts in (("files", files), ("cells", cells)):
        print(f"{counts.total():,} {what}")
        for kind, count in counts.most_common():
            print(f"{count:12,}  {kind}")
    return int(cells["different"] + cells["in rows of another width"] + files["with another number of rows"] > 0)


def likeness(cell: str, plain: str, original: str | None) -> str:
    """How a cell that was read is like the one in the file; `original` is what lowres keeps of a text that was not in NFC."""
    if cell == plain:
        return "the same byte for byte"
    if original is not None and original != plain:
        return "different"
    if cell == plain.strip():
        return "the same but for white space around it"
    composed = unicodedata.normalize("NFC", plain.replace("\ufeff", ""))
    if cell == composed.strip():
        return "the same in NFC, without byte order marks"
    if cell.replace("\u200b", "") == composed.replace("\u200b", "").strip():
        return "the same without stray zero-width spaces"
    return "different"


def readings(path: Path) -> Iterator[tuple[str, Rows]]:
    """What the independent readers find: rows of cells without the header, by the name of the reading."""
    raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    ending = Path(path.name.removesuffix(".xz")).suffix
    text = raw.decode("utf-8").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if ending in (".json", ".jsonl", ".ndjson"):
        yield from of_json(text)
    elif ending in (".tsv", ".csv"):
        if ending == ".tsv":
            yield "lines split at tabs", [line.split("\t") for line in lines][1:]
        separators = ("\t",) if ending == ".tsv" else (",", ";", "\t")
        for separator in separators:
            yield (
                f"quoted, separated by {separator!r}",
                list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))[1:],
            )
    else:
        yield "lines", [[line] for line in lines]


def of_json(text: str) -> Iterator[tuple[str, Rows]]:
    """Objects of an array, or one on each line: the values of the first one's keys."""
    try:
        found = json.loads(text)
    except ValueError:
        found = [json.loads(line) for line in text.split("\n") if line.strip()]
    if isinstance(found, dict):
        yield "one object", [[key, value] for key, value in found.items() if isinstance(value, str)]
        return
    if all(isinstance(one.get("translation"), dict) for one in found):  # as the hub's data sets have translations
        found = [one["translation"] for one in found]
    columns = list(dict.fromkeys(key for one in found for key in one))
    yield "JSON", [[as_text(one.get(column)) for column in columns] for one in found]


def as_text(value: object) -> str:
    """A value as a cell: null is an empty text."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def nearest(ours: Rows, found: Iterator[tuple[str, Rows]]) -> tuple[str, Rows]:
    """The reading with the most cells as lowres has them, without its blank rows."""
    best: tuple[int, str, Rows] = (-1, "nothing", [])
    for name, rows in found:
        filled = [
            row for row in rows if any(unicodedata.normalize("NFC", cell).strip("\ufeff\u200b \t\r\n") for cell in row)
        ]
        same = sum(mine == [cell.strip() for cell in other] for mine, other in zip(ours, filled, strict=False))
        same -= abs(len(ours) - len(filled))
        if same > best[0] or best[1] == "nothing":
            best = (same, name, filled)
    return best[1], best[2]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
