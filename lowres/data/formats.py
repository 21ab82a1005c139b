"""The formats a file may have, one reader each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lowres.data.columnar import read_parquet
from lowres.data.delimited import read_csv, read_tsv
from lowres.data.gettext import read_po
from lowres.data.plain import read_jsonl, read_text
from lowres.data.tables import Table
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


def read_file(path: Path, name: str) -> Table:
    """Read a file by the ending of its name; messages call it `name`. Raises DataError."""
    if path.suffix not in ENDINGS:
        raise DataError(
            Problem(name, f"files ending on “{path.suffix}” cannot be read", f"possible: {' '.join(ENDINGS)}")
        )
    return READERS[ENDINGS[path.suffix]](path, name)
