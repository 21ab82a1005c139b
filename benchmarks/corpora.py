"""The texts that the benchmarks read, by their paths in a copy of the data (each path is a line of its MANIFEST.tsv)."""

import csv
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Column:
    """One column of two tab-separated tables, for training and for testing."""

    train: str
    test: str
    name: str | int = -1

    def read(self, folder: Path, split: str) -> list[str]:
        """The texts of a split in their order, without the empty ones."""
        return [text for text in table(folder / (self.train if split == "train" else self.test), self.name) if text]


def mafand(pair: str, column: str | int = -1) -> Column:
    """News of MAFAND-MT: a pair such as en-yor; by default the African side."""
    return Column(f"restricted/mafand/{pair}/train.tsv.xz", f"restricted/mafand/{pair}/test.tsv.xz", column)


def americas(pair: str, column: str | int = -1) -> Column:
    """AmericasNLP: a pair such as spa-gn; its dev part serves as test."""
    return Column(f"restricted/americasnlp/{pair}/train.tsv.xz", f"restricted/americasnlp/{pair}/dev.tsv.xz", column)


def nusax(language: str) -> Column:
    """NusaX in one language."""
    return Column("ship/nusax/train.tsv", "ship/nusax/test.tsv", language)


def afrisenti(language: str, train: str = "train") -> Column:
    """Tweets of AfriSenti in one language."""
    return Column(f"dev/afrisenti/{language}/{train}.tsv", f"dev/afrisenti/{language}/test.tsv", "text")


def table(path: Path, column: str | int) -> Iterator[str]:
    """A column, by name or by number, of a table with a header line read without quoting; .xz is unpacked."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(rows)
        at = header.index(column) if isinstance(column, str) else column
        for row in rows:
            yield row[at]
