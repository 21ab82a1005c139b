"""Hostile and damaged data files: each is read, or refused in lines that name it; nothing waits, and memory is bounded."""

import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matrix import tried

from lowres.data.formats.readers import read_file
from lowres.errors import LowresError
from lowres.languages import normalise

Make = Callable[[Path], object]
ROWS = {"text": [f"häuser {number}" for number in range(60)], "label": ["a", "b"] * 30, "list": [[1]] * 60}


def parquet(path: Path, **columns: list[object]) -> None:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")


HOSTILE: dict[str, tuple[str, Make, str]] = {
    "a pipe that nobody writes to": ("a.tsv", os.mkfifo, "no ordinary file"),
    "a link to /dev/zero": ("a.tsv", lambda path: path.symlink_to("/dev/zero"), "no ordinary file"),
    "a folder": ("a.tsv", Path.mkdir, "is a folder"),
    "3 GiB of nothing": ("a.csv", lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 3 << 30), "MiB"),
    "ten million rows in a few bytes": (
        "a.parquet",
        lambda path: parquet(path, text=["a"] * 10_000_000),
        "more than 4,000,000 rows",
    ),
    "long texts in a few bytes": (
        "a.parquet",
        lambda path: parquet(path, text=["a" * 10_000] * 5000),
        "unpacks to more",
    ),
    "a bomb of xz": ("a.tsv.xz", lambda path: path.write_bytes(lzma.compress(bytes(40 << 20))), "unpacks to more"),
    "a bomb of gzip": ("a.jsonl.gz", lambda path: path.write_bytes(gzip.compress(bytes(40 << 20))), "unpacks to more"),
    "100,000 brackets": ("a.jsonl", lambda path: path.write_text("[" * 100_000), "inside one another"),
    "100,000 objects inside one another": (
        "a.json",
        lambda path: path.write_text('{"a":' * 100_000),
        "inside one another",
    ),
    "no UTF-8": ("a.txt", lambda path: path.write_bytes(b"caf\xe9\n"), "not UTF-8"),
    "a NUL": ("a.tsv", lambda path: path.write_bytes(b"text\na\0b\n"), "NUL"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowres.data.formats.columnar.MAX_BYTES", 30 << 20)
    if "bomb" in name:
        monkeypatch.setattr("lowres.data.formats.file_text.MAX_BYTES", 30 << 20)
    ending, make, words = HOSTILE[name]
    make(tmp_path / ending)
    with tried("hostile data files", "refused in a line"), pytest.raises(LowresError, match=words) as caught:
        read_file(tmp_path / ending, ending)
    assert all(len(str(problem).splitlines()) == 1 for problem in caught.value.problems)


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "a\\ud83d b"])
def test_half_a_character_is_replaced(half: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{half}"}}\n{{"text": "b"}}\n')
    with tried("hostile data files", "half a character replaced"):
        table = read_file(tmp_path / "a.jsonl", "a.jsonl")
        assert "\ufffd" in table.records[0].fields["text"]
        table.records[0].fields["text"].encode()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), min_size=1, max_size=6))
def test_damaged_parquet_is_read_or_refused(flips: list[tuple[float, int]], tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", **{key: list(values) for key, values in ROWS.items()})
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    for place, bit in flips:
        data[int(place * (len(data) - 1))] ^= 1 << bit
    (tmp_path / "a.parquet").write_bytes(data)
    with tried("damaged Parquet", "read or refused"):
        _accounted(tmp_path / "a.parquet")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=200),
    ending=st.sampled_from(["tsv", "csv", "jsonl", "txt", "po", "parquet", "tsv.xz", "csv.gz"]),
)
def test_any_bytes_are_read_or_refused(data: bytes, ending: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{ending}").write_bytes(data)
    with tried("any bytes as a data file", "read or refused"):
        _accounted(tmp_path / f"a.{ending}")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=30), min_size=1
    )
)
def test_every_text_of_jsonl_is_read_or_counted(texts: list[str], tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": text, "label": "x"}) + "\n" for text in texts)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    with tried("random texts", "all accounted for"):
        table = read_file(tmp_path / "a.jsonl", "a.jsonl")
        assert [record.fields["text"] for record in table.records] == [normalise(text) for text in texts]


def _accounted(path: Path) -> None:
    try:
        table = read_file(path, path.name)
    except LowresError as error:
        assert all(len(str(problem).splitlines()) == 1 for problem in error.problems)
    else:
        assert table.read == len(table.records) + table.empty
