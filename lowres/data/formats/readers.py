"""The formats a file may have, one reader each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lowres.data.formats.columnar import read_parquet
from lowres.data.formats.delimited import read_csv, read_tsv
from lowres.data.formats.gettext import read_po
from lowres.data.formats.plain import read_jsonl, read_text
from lowres.data.formats.tables import PACKED, Table
from lowres.errors import DataError, Problem

Reader = Callable[[Path, str], Table]
READERS: Mapping[str, Reader] = {
    "tsv": read_tsv,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "text": read_text,
    "gettext": read_po,
}
ENDINGS: Mapping[str, str] = {
    ".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".txt": "text", ".po": "gettext",
}  # fmt: skip
NEVER_PACKED = (".po",)  # its reader opens the file itself


def read_file(path: Path, name: str) -> Table:
    """Read a file by the ending of its name, .xz behind it or not; messages call it `name`. Raises DataError."""
    packed = path.suffix == PACKED
    ending = path.with_suffix("").suffix if packed else path.suffix
    if ending not in ENDINGS or (packed and ending in NEVER_PACKED):
        what = f"files ending on “{ending + PACKED * packed}” cannot be read"
        raise DataError(Problem(name, what, f"possible: {' '.join(ENDINGS)}"))
    return READERS[ENDINGS[ending]](path, name)
