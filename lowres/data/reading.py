"""From a recipe's `data` to a Corpus: cards, plain files or the hub, every row counted in and out."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lowres.cards import Card, Subset, read_card
from lowres.data.audit import audit
from lowres.data.corpus import SPLITS, Corpus, FileCount, Row, Split
from lowres.data.formats import READERS, Record, read_aligned, reader_for
from lowres.data.sources import Places, fetch, manifest_sha256, sha256_of
from lowres.errors import DataError, Problem, nearest
from lowres.languages import language
from lowres.recipe.sections import CardData, Classification, Columns, Data, FileData, HubData

MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Found:
    """A record on its way to becoming a row."""

    record: Record
    split: Split
    language: str
    subset: str
    file: int


@dataclass
class Tally:
    """Counts of one file while it is read."""

    name: str
    sha256: str
    read: int = 0
    empty: int = 0
    outside: int = 0
    kept: int = field(default=0)

    def done(self) -> FileCount:
        return FileCount(self.name, self.sha256, self.read, self.empty, self.outside, self.kept)


@dataclass(frozen=True)
class Facts:
    """What a corpus says of its origin."""

    name: str
    licence: str
    citation: str = ""
    homepage: str = ""
    labels: tuple[str, ...] | None = None


def read_corpus(data: Data, task: Classification, *, near: Path, places: Places, seed: int) -> Corpus:
    """The rows of a recipe. Raises CardError or DataError with every problem found.

    `near` is the recipe's folder, from which paths are taken; `seed` chooses the rows of a `limit`.
    """
    if isinstance(data, CardData):
        card = read_card(data.card, near)
        columns = data.columns or Columns(
            text=card.lowres.columns.text, label=card.lowres.columns.label, id=card.lowres.columns.id
        )
        group = card.lowres.columns.group
        tallies, found = _from_card(card, data, task, places)
        facts = Facts(card.pretty_name, card.license, card.lowres.citation, card.lowres.homepage, _labels(card))
    elif isinstance(data, FileData):
        columns, group = data.columns, None
        tallies, found = _from_files(data, near)
        facts = Facts(", ".join(tally.name for tally in tallies), data.licence, data.source)
    else:
        columns, group = data.columns, None
        tallies, found = _from_hub(data, places)
        facts = Facts(
            f"{data.hub} at {data.revision[:12]}", data.licence, homepage=f"https://huggingface.co/datasets/{data.hub}"
        )
    _check_language(task, found)
    rows = _rows(found, tallies, columns, group)
    rows = _limited(rows, tallies, data.limit, seed)
    labels = _known_labels(rows, task.labels or (facts.labels if columns.label not in ("language", "subset") else None))
    splits = {split: tuple(row for kept, row, _ in rows if kept.split == split) for split in SPLITS}
    _check_groups(splits)
    return Corpus(
        name=facts.name, train=splits["train"], dev=splits["dev"], test=splits["test"], labels=labels, licence=facts.licence,
        citation=facts.citation, homepage=facts.homepage, files=tuple(tally.done() for tally in tallies), findings=audit(splits),
    )  # fmt: skip


Kept = tuple[Found, Row, str]


def _labels(card: Card) -> tuple[str, ...] | None:
    return tuple(card.lowres.labels) if card.lowres.labels else None


def _from_card(card: Card, data: CardData, task: Classification, places: Places) -> tuple[list[Tally], list[Found]]:
    tallies: list[Tally] = []
    found: list[Found] = []
    for name, subset in _chosen(card, data.subset).items():
        for split, file in subset.files.items():
            paths = fetch(file, card.lowres.source, card.folder, places)
            tallies.append(Tally(file.path, file.sha256))
            for path in paths:
                for record in READERS[card.lowres.format](path):
                    place = _hashed_split(card, record) if split == "all" else split
                    found.append(Found(record, place, subset.language, name, len(tallies) - 1))
    return tallies, found


def _chosen(card: Card, wanted: str | Sequence[str]) -> Mapping[str, Subset]:
    subsets = card.lowres.subsets
    if wanted == "all":
        return subsets
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    problems = [
        Problem(
            "data.subset",
            f"the card {card.name} has no subset “{name}”",
            nearest(name, subsets) or f"it has {', '.join(subsets)}",
        )
        for name in names
        if name not in subsets
    ]
    if problems:
        raise DataError(*problems)
    return {name: subsets[name] for name in names}


def _hashed_split(card: Card, record: Record) -> Split:
    """The split of a record by the hash of a column, so that equal values share a split in every subset."""
    rule = card.lowres.split
    if rule is None:
        raise DataError(
            Problem(str(card.folder / f"{card.name}.md"), "files for “all” need a split rule", "add lowres.split")
        )
    place = int.from_bytes(hashlib.sha256(record.fields[rule.by].encode()).digest()[:8], "big") % 100
    return "train" if place < rule.train else "dev" if place < rule.train + rule.dev else "test"


def _from_files(data: FileData, near: Path) -> tuple[list[Tally], list[Found]]:
    missing = [split for split in SPLITS if split not in data.files]
    if missing:
        raise DataError(Problem("data.files", f"names no {' and no '.join(missing)} file", "give train, dev and test"))
    tallies: list[Tally] = []
    found: list[Found] = []
    for split in SPLITS:
        named = data.files[split]
        if isinstance(named, str):
            path = near / named
            records: Iterable[Record] = reader_for(path)(path)
            tallies.append(Tally(named, sha256_of(path) if path.exists() else ""))
        else:
            parts = {column: near / name for column, name in named.items()}
            records = read_aligned(parts)
            existing = [(str(path.name), path) for path in parts.values() if path.exists()]
            tallies.append(Tally(" + ".join(named.values()), manifest_sha256(existing)))
        found += [Found(record, split, data.language, split, len(tallies) - 1) for record in records]
    return tallies, found


def _from_hub(data: HubData, places: Places) -> tuple[list[Tally], list[Found]]:
    from datasets import DownloadConfig, load_dataset

    tallies: list[Tally] = []
    found: list[Found] = []
    for split, named in data.splits.items():
        where = f"{data.hub}/{named}"
        try:
            rows = load_dataset(
                data.hub, data.config, split=named, revision=data.revision, cache_dir=str(places.cache / "hub"),
                download_config=DownloadConfig(local_files_only=places.offline),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            hint = (
                "run once without --offline"
                if places.offline
                else "is the network up, and are name, revision and split right?"
            )
            raise DataError(Problem(where, f"cannot be fetched from the hub: {error}", hint)) from error
        tallies.append(Tally(where, data.revision))
        names = rows.features["label"].names if hasattr(rows.features.get("label"), "names") else None
        for number, row in enumerate(rows, start=1):
            fields = {key: _hub_text(value, names if key == "label" else None) for key, value in row.items()}
            found.append(Found(Record(fields, f"{where}: row {number}"), split, data.language, named, len(tallies) - 1))
    return tallies, found


def _hub_text(value: object, names: Sequence[str] | None) -> str:
    from lowres.languages.text import normalise

    if names is not None and isinstance(value, int):
        return names[value]
    return "" if value is None else normalise(str(value))


def _check_language(task: Classification, found: Sequence[Found]) -> None:
    tags = sorted({item.language for item in found})
    for tag in tags:
        language(tag)
    if task.language is not None and tags != [task.language]:
        raise DataError(
            Problem(
                "task.language",
                f"is {task.language}, but the data are in {', '.join(tags)}",
                "leave it out, or choose the subset",
            )
        )


def _rows(found: Sequence[Found], tallies: Sequence[Tally], columns: Columns, group: str | None) -> list[Kept]:
    """Rows with text and label; empty and repeated ones are counted and dropped."""
    kept: list[Kept] = []
    seen: set[tuple[str, str]] = set()
    for item in found:
        tally = tallies[item.file]
        tally.read += 1
        fields = {**item.record.fields, "language": item.language, "subset": item.subset}
        _check_columns(fields, columns, item.record.where)
        text, label = fields[columns.text], fields[columns.label]
        if not text or not label:
            tally.empty += 1
            continue
        key = fields[columns.id] if columns.id else str(tally.read)
        shared = f"{item.split}/{fields[group]}" if group and fields.get(group) else ""
        if group and not columns.id:  # a catalogue may give one message several times
            key = hashlib.sha256(f"{fields[group]}\0{text}".encode()).hexdigest()[:12]
        name = f"{item.subset}/{key}" if group else key
        if (item.split, name) in seen:
            tally.outside += 1
            continue
        seen.add((item.split, name))
        tally.kept += 1
        kept.append(
            (
                item,
                Row(name, shared or f"{item.split}/{name}", item.language, {"text": text, "label": label}),
                item.record.where,
            )
        )
    return kept


def _check_columns(fields: Mapping[str, str], columns: Columns, where: str) -> None:
    wanted = [columns.text, columns.label, *([columns.id] if columns.id else [])]
    missing = [name for name in wanted if name not in fields]
    if missing and set(fields) - {"language", "subset"}:
        known = [name for name in fields if name not in ("language", "subset")]
        hint = "; ".join(filter(None, [nearest(missing[0], known), f"it has {', '.join(known)}", "set data.columns"]))
        raise DataError(Problem(where, f"has no column “{missing[0]}”", hint))
    if missing:
        raise DataError(Problem(where, "is an empty line", "remove it"))


def _limited(rows: list[Kept], tallies: Sequence[Tally], limit: int | None, seed: int) -> list[Kept]:
    """At most `limit` training rows per subset; the same groups in all, so that parallel rows stay together."""
    if limit is None:
        return rows
    groups = sorted({row.group for item, row, _ in rows if item.split == "train"})
    random.Random(seed).shuffle(groups)
    rank = {group: number for number, group in enumerate(groups)}
    chosen: set[int] = set()
    subsets = dict.fromkeys(item.subset for item, _, _ in rows)
    for subset in subsets:
        mine = [number for number, (item, _, _) in enumerate(rows) if item.split == "train" and item.subset == subset]
        chosen.update(sorted(mine, key=lambda number: (rank[rows[number][1].group], number))[:limit])
    kept = []
    for number, (item, row, where) in enumerate(rows):
        if item.split == "train" and number not in chosen:
            tallies[item.file].kept -= 1
            tallies[item.file].outside += 1
        else:
            kept.append((item, row, where))
    return kept


def _known_labels(rows: Sequence[Kept], given: Sequence[str] | None) -> tuple[str, ...]:
    """The labels in their order. Raises DataError for a label that is not one of them, or that train lacks."""
    in_train = sorted({row.fields["label"] for item, row, _ in rows if item.split == "train"})
    labels = tuple(given) if given else tuple(in_train)
    problems = []
    for split in SPLITS:
        if not any(item.split == split for item, _, _ in rows):
            problems.append(Problem(split, "has no rows", "every split needs some"))
    for _, row, where in rows:
        label = row.fields["label"]
        if label not in labels:
            hint = "; ".join(filter(None, [nearest(label, labels), f"labels: {', '.join(labels)}"]))
            problems.append(Problem(where, f"the label “{label}” is not known", hint))
    problems += [
        Problem("train", f"has no row labelled “{label}”", "add some, or name only the labels there are in task.labels")
        for label in labels
        if label not in in_train and not problems
    ]
    if len(labels) < 2 and not problems:
        problems.append(
            Problem("train", f"has only the label {', '.join(labels) or '…'}", "classification needs two or more")
        )
    if problems:
        left = len(problems) - MOST_PROBLEMS
        more = [Problem("", f"… and {left} more like these")] if left > 0 else []
        raise DataError(*problems[:MOST_PROBLEMS], *more)
    return labels


def _check_groups(splits: Mapping[Split, Sequence[Row]]) -> None:
    """Ids are unique within a split."""
    for split, rows in splits.items():
        seen: set[str] = set()
        twice = sorted(_repeated((row.id for row in rows), seen))
        if twice:
            raise DataError(
                Problem(
                    split, f"the id “{twice[0]}” names several rows", "ids name one row each; leave data.columns.id out"
                )
            )


def _repeated(names: Iterable[str], seen: set[str]) -> Iterator[str]:
    for name in names:
        if name in seen:
            yield name
        seen.add(name)
