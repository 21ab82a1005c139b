"""From tables to rows: which column holds what, which split each row belongs to, and how rows are counted."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lowres.data.corpus import SPLITS, FileCount, Row, Split
from lowres.data.formats.tables import Table, capped, no_column
from lowres.errors import DataError, Problem

SUBSET, LANGUAGE, LINE = "subset", "language", "line"  # columns that every row has, unless the file has its own


@dataclass(frozen=True)
class Roles:
    """The columns that hold text and label (None where the task has no labels), a row's id, and the id that its translations share."""

    text: str
    label: str | None = None
    id: str | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Cut:
    """A split by the sha256 of one column: equal values are in one split, and every run splits alike.

    `train` and `dev` are percentages. The rest is test, or dev where `test` is False.
    """

    by: str
    train: int
    dev: int
    test: bool = True

    def split(self, value: str) -> Split:
        """The split of a row that holds `value`."""
        percentile = int(hashlib.sha256(value.encode()).hexdigest()[:16], 16) * 100 >> 64
        if percentile < self.train:
            return "train"
        return "dev" if percentile < self.train + self.dev or not self.test else "test"


@dataclass(frozen=True)
class Part:
    """One table and its place in the corpus: its split or the rule that splits it, its language, and its columns.

    `subset` is empty where the data have none. `entry` begins the ids and clusters of one source of a mixture, so that those of
    different sources differ. Only rows of the splits in `use` are kept. `head` names an auxiliary head, empty for the task's own.
    """

    table: Table
    split: Split | Cut
    subset: str
    language: str
    roles: Roles
    entry: str = ""
    use: tuple[Split, ...] = SPLITS
    head: str = ""


@dataclass(frozen=True)
class Sample:
    """A row with its split, its subset, its place “file:line”, and the index of its part."""

    row: Row
    split: Split
    subset: str
    where: str
    part: int


def take_rows(parts: Sequence[Part]) -> list[Sample]:
    """All rows that have a text. Raises DataError for columns that are missing and ids that occur twice."""
    problems = [problem for part in parts for problem in _missing_columns(part)]
    if problems:
        raise DataError(*capped(problems))
    samples = [sample for number, part in enumerate(parts) for sample in _samples(part, number)]
    problems = list(_repeated_ids(samples))
    if problems:
        raise DataError(*capped(problems))
    return samples


def limited(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    """At most `limit` training rows of each subset; the seed chooses the same clusters in every subset."""
    if limit is None:
        return list(samples)
    train: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.split == "train":
            train.setdefault(sample.subset, []).append(sample)
    chosen = {
        id(sample) for rows in train.values() for sample in sorted(rows, key=lambda row: _rank(row, seed))[:limit]
    }
    return [sample for sample in samples if sample.split != "train" or id(sample) in chosen]


def crossing_clusters(samples: Iterable[Sample]) -> Iterator[Problem]:
    """Problems: clusters (translations of one text) whose rows are in more than one split."""
    first: dict[str, Sample] = {}
    told: set[str] = set()
    for sample in samples:
        cluster = sample.row.cluster
        before = first.setdefault(cluster, sample)
        if before.split != sample.split and cluster not in told:
            told.add(cluster)
            what = f"“{cluster}” is in {sample.split}, but {before.where} has it in {before.split}"
            yield Problem(sample.where, what, "a text and its translations must be in one split")


def count_files(parts: Sequence[Part], samples: Iterable[Sample]) -> tuple[FileCount, ...]:
    """What became of the rows of each table; `samples` are those that are kept."""
    kept = [0] * len(parts)
    for sample in samples:
        kept[sample.part] += 1
    counts = []
    for part, number in zip(parts, kept, strict=True):
        table = part.table
        empty = table.empty + sum(not record.fields[part.roles.text] for record in table.records)
        counts.append(FileCount(table.name, table.sha256, table.read, empty, table.read - empty - number, number))
    return tuple(counts)


def _rank(sample: Sample, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {sample.row.cluster}".encode()).digest()


def _missing_columns(part: Part) -> Iterator[Problem]:
    roles, columns = part.roles, part.table.columns
    wanted = {roles.text, roles.label or roles.text, roles.id or roles.text, roles.cluster or roles.text}
    wanted |= {part.split.by} if isinstance(part.split, Cut) else set()
    for column in sorted(wanted - {*columns, SUBSET, LANGUAGE, LINE}):
        yield no_column(part.table, column, (LANGUAGE, SUBSET))


def _samples(part: Part, number: int) -> Iterator[Sample]:
    roles, virtual = part.roles, {SUBSET: part.subset, LANGUAGE: part.language}
    for record in part.table.records:
        fields = {**virtual, LINE: record.where.rpartition(":")[2], **record.fields}
        text = fields[roles.text]
        if not text:
            continue
        split = part.split.split(fields[part.split.by]) if isinstance(part.split, Cut) else part.split
        if split not in part.use:
            continue
        name = fields[roles.id or LINE]
        unique = part.entry + (f"{part.subset}/{name}" if part.subset else name)
        # without a column that says so, equal ids of two splits or subsets promise nothing
        cluster = f"{part.entry}{_file_set(part)}{fields[roles.cluster]}" if roles.cluster else f"{split}/{unique}"
        row = Row(
            unique, cluster, part.language, {"text": text} | ({"label": fields[roles.label]} if roles.label else {})
        )
        yield Sample(row, split, part.subset, record.where, number)


def _file_set(part: Part) -> str:
    """Equal line numbers tie rows together only within one set of files."""
    if part.roles.cluster != LINE:
        return ""
    file = part.split if isinstance(part.split, str) else "all"
    return f"{part.subset.partition('/')[0]}/{file}/" if "/" in part.subset else f"{file}/"


def _repeated_ids(samples: Iterable[Sample]) -> Iterator[Problem]:
    seen: dict[tuple[Split, str], str] = {}
    for sample in samples:
        before = seen.setdefault((sample.split, sample.row.id), sample.where)
        if before != sample.where:
            yield Problem(sample.where, f"the id “{sample.row.id}” occurs twice", f"first at {before}")


def relabelled(sample: Sample, label: str) -> Sample:
    """The sample with another label."""
    row = sample.row
    return replace(sample, row=replace(row, fields={**row.fields, "label": label}))
