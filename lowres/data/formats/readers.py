"""The formats a file may have, one reader each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lowres.data.formats import recognising
from lowres.data.formats.cldf import with_languages
from lowres.data.formats.columnar import read_parquet
from lowres.data.formats.conllu import read_conllu
from lowres.data.formats.delimited import read_csv, read_tsv
from lowres.data.formats.file_text import PACKINGS, archive_of, decode, members, read_bytes
from lowres.data.formats.gettext import read_po
from lowres.data.formats.interlinear import read_eaf, read_flextext
from lowres.data.formats.json_rows import read_json
from lowres.data.formats.plain import read_text
from lowres.data.formats.quoting import Quotes
from lowres.data.formats.spreadsheet import read_spreadsheet
from lowres.data.formats.tables import Table
from lowres.data.formats.tmx import read_tmx
from lowres.data.formats.toolbox import read_toolbox
from lowres.data.formats.usfm import read_usfm
from lowres.data.formats.xliff import read_xliff
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
    "tmx": read_tmx,
    "xliff": read_xliff,
    "spreadsheet": read_spreadsheet,
    "eaf": read_eaf,
    "flextext": read_flextext,
    "toolbox": read_toolbox,
    "usfm": read_usfm,
    "conllu": read_conllu,
}
ENDINGS: Mapping[str, str] = {
    ".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".txt": "text", ".po": "gettext", ".tab": "tsv",
    ".json": "jsonl", ".ndjson": "jsonl", ".text": "text", ".arb": "jsonl", ".pot": "gettext", ".tmx": "tmx", ".xlf": "xliff",
    ".xliff": "xliff", ".xlsx": "spreadsheet", ".xls": "spreadsheet", ".xlsm": "spreadsheet", ".ods": "spreadsheet", ".eaf": "eaf",
    ".flextext": "flextext", ".usfm": "usfm", ".sfm": "by content", ".db": "by content", ".lex": "by content", ".mdf": "by content",
    ".xml": "by content", ".conllu": "conllu",
}  # fmt: skip
# What a file is by its content, where its ending does not tell: Toolbox itself names its files .txt.
BY_CONTENT: Mapping[recognising.Format, str] = {
    recognising.TMX: "tmx",
    recognising.XLIFF: "xliff",
    recognising.ELAN: "eaf",
    recognising.FLEX: "flextext",
    recognising.USFM: "usfm",
    recognising.TOOLBOX: "toolbox",
    recognising.CONLLU: "conllu",
}


def read_file(path: Path, name: str, quotes: Quotes = "auto") -> Table:
    """Read a file by the ending of its name, capitals or not, .xz, .gz or .bz2 behind it or not; messages call it `name`.

    A .zip is read if it holds one file; corpus.zip/train.tsv is the file train.tsv in it. `quotes` says whether fields of a table
    in text are quoted. Files of some formats are known by their content, whatever their name. A file with another ending or none
    (train.en, corpus) is read as plain text, and a finding says so. Raises DataError for endings of formats that are not read.
    """
    if path.suffix.lower() == ".zip" and path.is_file() and not archive_of(path):
        path = path / _only_member(path, name)
    packing = path.suffix.lower() if path.suffix.lower() in PACKINGS else ""
    ending = (path.with_suffix("").suffix if packing else path.suffix).lower()
    if ending in recognising.ENDINGS:
        unread = recognising.ENDINGS[ending]
        raise DataError(Problem(name, f"is {unread.name} by its ending, which is not read", unread.remedy))
    kind = ENDINGS.get(ending, "text")
    if kind in ("tsv", "csv"):
        return with_languages((read_tsv if kind == "tsv" else read_csv)(path, name, quotes))
    if kind in ("text", "by content"):
        if found := _by_content(path, name):
            table = READERS[BY_CONTENT[found]](path, name)
            note = Finding("note", f"is {found.name} by its content, and read as one", name)
            return table if kind == "by content" else replace(table, findings=(*table.findings, note))
        kind = "text" if kind == "text" or ending == ".xml" else "toolbox"
    table = READERS[kind](path, name)
    if ending in ENDINGS or is_language_code(ending[1:]):
        return table
    said = f"the ending “{ending}” is not known" if ending else "the name has no ending"
    note = Finding(
        "note", f"{said}; it is read as plain text, one text on each line. Tables end on {' '.join(ENDINGS)}", name
    )
    return replace(table, findings=(*table.findings, note))


def _by_content(path: Path, name: str) -> recognising.Format | None:
    """The format of a file, if it is one that is read whatever the file's name."""
    data = read_bytes(path, name).data
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # XML may be UTF-16, since it says so itself
    found = recognising.markup_format(data.decode("utf-16", "replace") if wide else decode(data, name))
    return found if found and found in BY_CONTENT else None


def _only_member(archive: Path, name: str) -> str:
    inside = members(archive, name)
    if len(inside) == 1:
        return inside[0]
    what = f"holds {len(inside)} files: {', '.join(inside[:12])}{', …' if len(inside) > 12 else ''}"
    raise DataError(Problem(name, what, f"name one, such as {name}/{inside[0] if inside else 'train.tsv'}"))
