"""Rows in three splits: what every later room reads."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lowres.errors import Finding

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Row:
    """One example.

    `id` is unique in its split. `group` is shared by rows that are translations of one another, so that they
    stay in one split. `fields` holds NFC text by the task's own column names (`text`, `label`, …).
    """

    id: str
    cluster: str
    language: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class FileCount:
    """How the rows of one file were counted in and out: `read = kept + empty + outside`.

    `outside` counts rows that the card or recipe sends elsewhere (another split, a limit).
    """

    name: str
    sha256: str
    read: int
    empty: int
    outside: int
    kept: int


@dataclass(frozen=True)
class LabelledRows:
    """Training rows with labels of one kind."""

    labels: tuple[str, ...]
    train: tuple[Row, ...]


@dataclass(frozen=True)
class Corpus:
    """The rows of a recipe, with what is known of where they come from.

    `beside` holds training rows with labels of other kinds, by the name of their head.
    """

    name: str
    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]
    labels: tuple[str, ...]
    licence: str
    citation: str = ""
    homepage: str = ""
    files: tuple[FileCount, ...] = ()
    findings: tuple[Finding, ...] = ()
    auxiliary: Mapping[str, LabelledRows] = field(default_factory=dict)

    def split(self, name: Split) -> tuple[Row, ...]:
        """The rows of one split."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]

    @property
    def languages(self) -> tuple[str, ...]:
        """Language tags in order of first appearance in train, then dev, then test."""
        return tuple(dict.fromkeys(row.language for row in self.rows()))

    def rows(self) -> Iterator[Row]:
        """Every row of every split."""
        for name in SPLITS:
            yield from self.split(name)

    @property
    def fingerprint(self) -> str:
        """sha256 over every row of every split, in order: equal data, equal fingerprint."""
        digest = hashlib.sha256()
        for name in SPLITS:
            for row in self.split(name):
                line = [name, row.id, row.cluster, row.language, sorted(row.fields.items())]
                digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        for head, lesson in self.auxiliary.items():
            for row in lesson.train:
                line = [head, row.id, row.cluster, row.language, sorted(row.fields.items())]
                digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()
