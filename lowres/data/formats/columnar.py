"""Typed columns: Parquet files, and data sets of the Hugging Face hub."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lowres.data.formats.file_text import MAX_BYTES, read_bytes
from lowres.data.formats.recognising import binary_format
from lowres.data.formats.tables import MAX_ROWS, Table, make_table, too_many_rows
from lowres.errors import DataError, Problem

if TYPE_CHECKING:
    import pyarrow

BATCH = 1000  # rows read at a time
# What pyarrow raises for a damaged file beside its own errors.
DAMAGED = (OSError, ValueError, KeyError, IndexError, OverflowError, MemoryError)


def read_parquet(path: Path, name: str) -> Table:
    """Read a Parquet file: columns of text, numbers or truth values. “line” is the row's number from 1, null an empty text.

    Fields of a structure are columns with a dot in their names, such as `translation.en`; a list of one value is that value.
    """
    import pyarrow
    import pyarrow.parquet

    raw = read_bytes(path, name)
    try:
        return _from_arrow(
            _whole(pyarrow.parquet.ParquetFile(pyarrow.BufferReader(raw.data)), name), name, raw.sha256, {}
        )
    except (pyarrow.ArrowException, *DAMAGED):
        other = binary_format(raw.data)
        what = (
            f"is {other.name}, not a Parquet file"
            if other and other.name != "a Parquet file"
            else "is not a whole Parquet file"
        )
        raise DataError(Problem(name, what, "was it cut short, or is it of another format?")) from None


def _whole(file: "pyarrow.parquet.ParquetFile", name: str) -> "pyarrow.Table":
    """All rows of a file. Raises DataError for more than a table may have: a few bytes can stand for a value a million times."""
    import pyarrow

    if file.metadata.num_rows > MAX_ROWS:
        raise DataError(too_many_rows(name))
    batches, size = [], 0
    for batch in file.iter_batches(batch_size=BATCH):
        batches.append(batch)
        size += batch.nbytes
        if size > MAX_BYTES:
            what = f"unpacks to more than {MAX_BYTES >> 20:,} MiB"
            raise DataError(Problem(name, what, "split it into smaller files"))
    return pyarrow.Table.from_batches(batches, schema=file.schema_arrow)


def read_hub(repo: str, revision: str, config: str | None, split: str, cache: Path, offline: bool) -> Table:
    """Read one split of a hub data set at a commit with `datasets`; class labels are given by name.

    `repo` may also be a folder of data files. The table's sha256 is over its texts, since the hub names no file.
    """
    import datasets
    from datasets import ClassLabel, DownloadConfig

    name = f"{repo}@{revision[:12]} {split}"
    try:
        data = datasets.load_dataset(
            repo, config, split=split, revision=revision, cache_dir=str(cache / "datasets"),
            download_config=DownloadConfig(local_files_only=offline, cache_dir=str(cache / "datasets")),
        )  # fmt: skip
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = (
            "offline: run once with a connection" if offline else "is the name, commit, configuration and split right?"
        )
        raise DataError(Problem(name, f"cannot be read: {reason}", hint)) from None
    kinds = {
        column: getattr(kind, "feature", kind) for column, kind in data.features.items()
    }  # a list's kind is that of its values
    names = {column: kind.names for column, kind in kinds.items() if isinstance(kind, ClassLabel)}
    table = data.with_format("arrow")[:]
    digest = hashlib.sha256()
    for batch in table.combine_chunks().to_batches():
        digest.update(repr(batch.to_pydict()).encode())
    return _from_arrow(table, name, digest.hexdigest(), names)


def _from_arrow(table: "pyarrow.Table", name: str, sha256: str, labels: Mapping[str, list[str]]) -> Table:
    """The columns that hold texts, numbers or truth values; those with longer lists are left out and told to who asks for them."""
    import pyarrow

    while any(pyarrow.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    columns, unreadable = {}, {}
    for field in table.schema:
        values = table.column(field.name).to_pylist()
        if pyarrow.types.is_nested(field.type):
            row = next((number for number, value in enumerate(values, 1) if not _is_single(value)), None)
            if row is not None:
                unreadable[field.name] = Problem(
                    f"{name}:{row}", f"“{field.name}” holds lists", "one text, one label for each row"
                )
                continue
            values = [value[0] if value else None for value in values]
        elif pyarrow.types.is_binary(field.type):
            unreadable[field.name] = Problem(name, f"“{field.name}” holds bytes, not texts", "choose another column")
            continue
        columns[field.name] = [_text(value, labels.get(field.name)) for value in values]
    return make_table(name, sha256, list(columns), list(_rows(columns)), unreadable=unreadable)


def _is_single(value: object) -> bool:
    """Whether a list holds one value at most, and none that is a list or structure itself."""
    if not isinstance(value, list):
        return value is None
    return len(value) < 2 and not any(isinstance(inner, list | dict) for inner in value)


def _rows(columns: Mapping[str, list[str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    return enumerate(zip(*columns.values(), strict=True), 1)


def _text(value: object, labels: list[str] | None) -> str:
    if value is None:
        return ""
    if labels is not None and isinstance(value, int):
        return labels[value] if value >= 0 else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
