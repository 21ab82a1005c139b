"""Typed columns: Parquet files, and data sets of the Hugging Face hub."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lowres.data.formats.tables import Table, make_table, read_bytes
from lowres.errors import DataError, Problem

if TYPE_CHECKING:
    import pyarrow


def read_parquet(path: Path, name: str) -> Table:
    """Read a Parquet file: columns of text, numbers or truth values. “line” is the row's number from 1, null an empty text."""
    import pyarrow
    import pyarrow.parquet

    raw = read_bytes(path, name)
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(raw))
    except pyarrow.ArrowException:
        raise DataError(
            Problem(name, "is not a whole Parquet file", "was it cut short, or is it of another format?")
        ) from None
    return _from_arrow(table, name, raw, {})


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
    names = {column: kind.names for column, kind in data.features.items() if isinstance(kind, ClassLabel)}
    table = data.with_format("arrow")[:]
    digest = hashlib.sha256()
    for batch in table.combine_chunks().to_batches():
        digest.update(repr(batch.to_pydict()).encode())
    return _from_arrow(table, name, digest.digest(), names)


def _from_arrow(table: "pyarrow.Table", name: str, raw: bytes, labels: Mapping[str, list[str]]) -> Table:
    """Columns that hold lists or structures are left out: nothing that lowres does reads them."""
    import pyarrow

    flat = [
        field.name
        for field in table.schema
        if not pyarrow.types.is_nested(field.type) and not pyarrow.types.is_binary(field.type)
    ]
    columns = {
        column: [_text(value, labels.get(column)) for value in table.column(column).to_pylist()] for column in flat
    }
    return make_table(name, raw, flat, list(_rows(columns)))


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
