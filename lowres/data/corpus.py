"""Rows in three splits: the data as every later stage reads them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from lowres.errors import Finding

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Row:
    """One example.

    `id` is unique in its split. `cluster` is shared by rows that are translations of one another; such rows stay in
    one split. `fields` maps the task's own column names (`text`, `label`) to text in Unicode's NFC.
    """

    id: str
    cluster: str
    language: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class FileCount:
    """What became of the rows of one file: `read = kept + empty + outside`.

    `empty` counts rows without a text; `outside` counts rows that were left out for another reason: another split, a limit,
    a text that stands in dev or test.
    """

    name: str
    sha256: str
    read: int
    empty: int
    outside: int
    kept: int


@dataclass(frozen=True)
class LabelledRows:
    """Training rows of an auxiliary head, and the labels of that head in their order."""

    labels: tuple[str, ...]
    train: tuple[Row, ...]


@dataclass(frozen=True)
class GlossaryEntry:
    """A term and its required translation, with the tags of their languages."""

    source_language: str
    target_language: str
    source: str
    target: str


@dataclass(frozen=True)
class Corpus:
    """The rows of a recipe and what is known of their origin.

    `labels` are the classes in their order, empty for other tasks than classification. `auxiliary` maps the name of each
    further head to its training rows. `stages` are the rows of each stage that comes before the task, `plain` texts without labels,
    `parallel` further texts that are translations of each other or of training rows.
    `glossary` are the terms that the task must translate so. `findings` are notes and warnings for the console and the report.
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
    stages: tuple[tuple[Row, ...], ...] = ()
    plain: tuple[Row, ...] = ()
    parallel: tuple[Row, ...] = ()
    glossary: tuple[GlossaryEntry, ...] = ()

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

    def label_counts(self, split: Split) -> Counter[str]:
        """How many rows of a split have each label; empty where the task has no labels."""
        return Counter(label for row in self.split(split) if (label := row.fields.get("label")) is not None)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over every row of every split and every term, in order: corpora with equal ones have equal fingerprints."""
        digest = hashlib.sha256()
        for name in SPLITS:
            for row in self.split(name):
                line = [name, row.id, row.cluster, row.language, sorted(row.fields.items())]
                digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        named = [(head, labelled.train) for head, labelled in self.auxiliary.items()]
        named += [(f"first {number}", rows) for number, rows in enumerate(self.stages, start=1)]
        named += [("plain", self.plain), ("parallel", self.parallel)]
        for part, rows in named:
            for row in rows:
                line = [part, row.id, row.cluster, row.language, sorted(row.fields.items())]
                digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        for entry in self.glossary:
            digest.update(json.dumps(["glossary", *vars(entry).values()], ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()
