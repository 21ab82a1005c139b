"""The formats a file may have, one reader each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lowres.data.formats.columnar import read_parquet
from lowres.data.formats.delimited import read_csv, read_tsv
from lowres.data.formats.file_text import PACKINGS
from lowres.data.formats.gettext import read_po
from lowres.data.formats.json_rows import read_json
from lowres.data.formats.plain import read_text
from lowres.data.formats.quoting import Quotes
from lowres.data.formats.recognising import ENDINGS as UNREAD_ENDINGS
from lowres.data.formats.tables import Table
from lowres.errors import DataError, Finding, Problem
from lowres.languages.tags import is_language_code

Reader = Callable[[Path, str], Table]
READERS: Mapping[str, Reader] = {
    "tsv": read_tsv,
    "csv": read_csv,
    "jsonl": read_json,
    "parquet": read_parquet,
    "text": read_text,
    "gettext": read_po,
}
ENDINGS: Mapping[str, str] = {
    ".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".txt": "text", ".po": "gettext", ".tab": "tsv",
    ".json": "jsonl", ".ndjson": "jsonl", ".text": "text",
}  # fmt: skip
NEVER_PACKED = ("gettext", "parquet")  # their readers open the file themselves


def read_file(path: Path, name: str, quotes: Quotes = "auto") -> Table:
    """Read a file by the ending of its name, capitals or not, .xz, .gz or .bz2 behind it or not; messages call it `name`.

    `quotes` says whether fields of a table in text are quoted. A file with another ending or none (train.en, corpus) is
    read as plain text, and a finding says so. Raises DataError for endings of formats that are not read.
    """
    packing = path.suffix.lower() if path.suffix.lower() in PACKINGS else ""
    ending = (path.with_suffix("").suffix if packing else path.suffix).lower()
    if ending in UNREAD_ENDINGS:
        unread = UNREAD_ENDINGS[ending]
        raise DataError(Problem(name, f"is {unread.name} by its ending, which is not read", unread.remedy))
    kind = ENDINGS.get(ending, "text")
    if packing and kind in NEVER_PACKED:
        raise DataError(Problem(name, f"files ending on “{ending + packing}” cannot be read", "unpack it"))
    if kind in ("tsv", "csv"):
        return (read_tsv if kind == "tsv" else read_csv)(path, name, quotes)
    table = READERS[kind](path, name)
    if ending in ENDINGS or is_language_code(ending[1:]):
        return table
    said = f"the ending “{ending}” is not known" if ending else "the name has no ending"
    note = Finding(
        "note", f"{said}; it is read as plain text, one text on each line. Tables end on {' '.join(ENDINGS)}", name
    )
    return replace(table, findings=(*table.findings, note))
