"""From tables to rows: which column holds what, which split each row belongs to, and how rows are counted."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from lowres.data.corpus import SPLITS, FileCount, Row, Split
from lowres.data.formats.tables import Record, Table, capped, no_column
from lowres.errors import DataError, Problem

SUBSET, LANGUAGE = "subset", "language"  # columns that every row has, unless the file has its own
LINE = "line"  # as the column of an id or a cluster: the row's number in its file


@dataclass(frozen=True)
class Roles:
    """The columns that hold text, label and answer (None where the task has none), a row's id, and the id its translations share."""

    text: str
    label: str | None = None
    id: str | None = None
    cluster: str | None = None
    answer: str | None = None


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
    """One table and its place in the corpus: its language, its columns, and the split of its rows.

    `split` is one split for all rows, a rule that splits them, or the split of each line. `subset` is empty where the data
    have none. `entry` begins the ids and clusters of one source of a mixture, so that those of different sources differ;
    `file` does so for ids where a split has several files;
    `scope` begins the clusters of a set of files whose ids or line numbers mean nothing in other files. `hashed` says that lowres
    chose the split of each line by a hash, `decontaminated` that the recipe leaves out what published splits share. Only rows of
    the splits in `use` are kept. `head` names an auxiliary head and is empty for the task's own.
    """

    table: Table
    split: Split | Cut | Mapping[int, Split]
    subset: str
    language: str
    roles: Roles
    entry: str = ""
    file: str = ""
    scope: str = ""
    hashed: bool = False
    use: tuple[Split, ...] = SPLITS
    head: str = ""
    decontaminated: bool = False

    def split_of(self, record: Record) -> Split:
        """The split of one of its rows."""
        if isinstance(self.split, str):
            return self.split
        if isinstance(self.split, Cut):
            return self.split.split(self.value(record, self.split.by))
        return self.split[line_of(record)]

    def value(self, record: Record, column: str) -> str:
        """What a row holds in a column of the file, or else in one of those that every row has."""
        found = record.fields.get(column)
        if found is None:
            found = {SUBSET: self.subset, LANGUAGE: self.language}.get(column) or str(line_of(record))
        return found


@dataclass(frozen=True)
class Sample:
    """A row with its split, its subset, its place “file:line”, and the index of its part."""

    row: Row
    split: Split
    subset: str
    where: str
    part: int


def line_of(record: Record) -> int:
    """The number of a row in its file."""
    return int(record.where.rpartition(":")[2])


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


def limited(samples: Sequence[Sample], limit: int | None, seed: int, *, pairs: bool = False) -> list[Sample]:
    """At most `limit` training rows of each subset; the seed chooses the same clusters in every subset.

    With `pairs` it is at most `limit` clusters of each two languages, and as many texts of a language that have no translation.
    """
    if limit is None:
        return list(samples)
    train = [sample for sample in samples if sample.split == "train"]
    groups: dict[tuple[str, ...], dict[str, list[Sample]]] = {}
    if pairs:
        clusters: dict[str, list[Sample]] = {}
        for sample in train:
            clusters.setdefault(sample.row.cluster, []).append(sample)
        for name, rows in clusters.items():
            tags = sorted({sample.row.language for sample in rows})
            subset = _own_subset(rows[0])
            for group in combinations(tags, 2) if len(tags) > 1 else [tuple(tags)]:
                groups.setdefault((subset, *group), {})[name] = rows
    else:
        for sample in train:
            groups.setdefault((sample.subset,), {}).setdefault(f"{sample.row.cluster} {id(sample)}", []).append(sample)
    chosen = {
        id(sample)
        for group in groups.values()
        for rows in sorted(group.values(), key=lambda rows: _rank(rows[0], seed))[:limit]
        for sample in rows
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
    """What became of the rows of each table; `samples` are those that are kept. A row of several languages counts once."""
    kept: dict[int, set[str]] = {}
    for sample in samples:
        kept.setdefault(id(parts[sample.part].table), set()).add(sample.where)
    columns: dict[int, tuple[Table, set[str]]] = {}
    for part in parts:
        columns.setdefault(id(part.table), (part.table, set()))[1].add(part.roles.text)
    counts = []
    for key, (table, texts) in columns.items():
        blank = sum(not any(record.fields[column] for column in texts) for record in table.records)
        empty, number = table.empty + blank, len(kept.get(key, ()))
        counts.append(FileCount(table.name, table.sha256, table.read, empty, table.read - empty - number, number))
    return tuple(counts)


def _own_subset(sample: Sample) -> str:
    """The subset without the language, where texts of several languages are one subset."""
    return sample.subset.partition("/")[0] if "/" in sample.subset else ""


def _rank(sample: Sample, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {sample.row.cluster}".encode()).digest()


def _missing_columns(part: Part) -> Iterator[Problem]:
    roles, columns = part.roles, part.table.columns
    known = {*columns, SUBSET, LANGUAGE, LINE}
    wanted = {
        roles.label,
        roles.answer,
        roles.id,
        roles.cluster,
        part.split.by if isinstance(part.split, Cut) else None,
    }
    missing = {roles.text} - set(columns) | ({column for column in wanted if column} - known)
    for column in sorted(missing):
        yield no_column(part.table, column, () if column == roles.text else (LANGUAGE, SUBSET))


def _samples(part: Part, number: int) -> Iterator[Sample]:
    roles = part.roles
    prefix = part.entry + part.file + (f"{part.subset}/" if part.subset else "")
    for record in part.table.records:
        text = record.fields[roles.text]
        if not text or (roles.answer and not record.fields[roles.answer]):
            continue
        split = part.split_of(record)
        if split not in part.use:
            continue
        unique = prefix + (part.value(record, roles.id) if roles.id else str(line_of(record)))
        # without a column that says so, equal ids of two splits or subsets promise nothing
        cluster = f"{part.entry}{part.scope}{_tie(record, roles.cluster)}" if roles.cluster else f"{split}/{unique}"
        fields = {"text": text, "label": part.value(record, roles.label)} if roles.label else {"text": text}
        if roles.answer:
            fields["answer"] = record.fields[roles.answer]
        yield Sample(Row(unique, cluster, part.language, fields), split, part.subset, record.where, number)


def _tie(record: Record, column: str) -> str:
    return str(line_of(record)) if column == LINE else record.fields[column]


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
