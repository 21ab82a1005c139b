"""read_corpus(): from what a recipe says about its data to rows in three splits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lowres.cards import Card, Subset, read_card
from lowres.cards.licences import SPDX
from lowres.data.audit import audit
from lowres.data.columnar import read_hub
from lowres.data.corpus import SPLITS, Corpus
from lowres.data.formats import READERS, read_file
from lowres.data.gettext import read_catalogues
from lowres.data.labels import checked_labels
from lowres.data.rows import Cut, Part, Roles, Sample, count_files, crossing_groups, limited, take_rows, without_leaks
from lowres.data.sources import PackageFile, card_file, fetch, matching
from lowres.data.tables import Table, capped
from lowres.errors import DataError, Finding, LowresError, Problem, nearest
from lowres.languages import language
from lowres.recipe.sections import CardData, Classification, Data, FileData, HubData

CardSplit = Literal["train", "dev", "test", "all"]
TENTH = 10  # hundredths that are cut from train for each split that the user has no file for


@dataclass(frozen=True)
class Store:
    """Where files may be found: the cache, the user's mirrors, and whether the net may be asked."""

    cache: Path
    mirrors: Sequence[Path]
    offline: bool


@dataclass(frozen=True)
class Material:
    """The tables of a corpus and what is known of their origin. `labels` are those that a card declares."""

    name: str
    parts: tuple[Part, ...]
    licence: str
    labels: tuple[str, ...] | None = None
    citation: str = ""
    homepage: str = ""
    findings: tuple[Finding, ...] = ()


def read_corpus(
    data: Data,
    task: Classification,
    *,
    near: Path,
    cache: Path,
    mirrors: Sequence[Path] = (),
    offline: bool = False,
    seed: int,
) -> Corpus:
    """The rows that a recipe's `data` section means, checked; each has the fields `text` and `label`.

    Paths are relative to `near`, the recipe's folder. `seed` chooses the rows that `data.limit` keeps. Raises
    CardError or DataError with all problems found at that stage.
    """
    store = Store(cache, mirrors, offline)
    if isinstance(data, CardData):
        material = _from_card(data, near, store)
    elif isinstance(data, FileData):
        material = _from_files(data, near)
    else:
        material = _from_hub(data, store)
    samples = take_rows(material.parts)
    crossing = list(crossing_groups(samples))
    if crossing:
        raise DataError(*capped(crossing))
    everything, samples = len(samples), without_leaks(samples, material.parts)
    repeated = everything - len(samples)
    samples = limited(samples, data.limit, seed)
    _refuse_empty_splits(samples, material)
    samples, labels = checked_labels(samples, task.labels or material.labels)
    rows = {split: tuple(sample.row for sample in samples if sample.split == split) for split in SPLITS}
    _check_language(task, samples)
    findings = (
        *material.findings,
        *_left_out(material.parts, repeated),
        *_thin_subsets(samples, material.parts),
        *audit(samples, labels),
    )
    return Corpus(
        name=material.name,
        train=rows["train"],
        dev=rows["dev"],
        test=rows["test"],
        labels=labels,
        licence=material.licence,
        citation=material.citation,
        homepage=material.homepage,
        files=count_files(material.parts, samples),
        findings=findings,
    )


def _check_language(task: Classification, samples: Sequence[Sample]) -> None:
    """Every tag must be a language's, and the task's language among them."""
    tags = tuple(dict.fromkeys(sample.row.language for sample in samples))
    problems = []
    for tag in tags:
        try:
            language(tag)
        except LowresError as error:
            problems += [Problem("data", problem.what, problem.hint) for problem in error.problems]
    if task.language is not None and task.language not in tags:
        what = f"the recipe says {task.language}, but the data are in {', '.join(tags[:8])}"
        problems.append(Problem("task.language", what, "leave it out, or choose other data"))
    if problems:
        raise DataError(*problems)


def _from_card(data: CardData, near: Path, store: Store) -> Material:
    card = read_card(data.card, near)
    facts, chosen = card.lowres, _chosen_subsets(data, card)
    given = data.columns.model_dump(include=data.columns.model_fields_set) if data.columns else {}
    roles = Roles(**(facts.columns.model_dump() | given))
    parts = tuple(part for name in chosen for part in _card_parts(card, name, roles, store))
    # the card's labels are those of its own label column
    labels = tuple(facts.labels) if facts.labels and roles.label == facts.columns.label else None
    name = card.name if set(chosen) == set(facts.subsets) else f"{card.name} ({', '.join(chosen)})"
    return Material(name, parts, SPDX.get(card.license, card.license), labels, facts.citation, facts.homepage)


def _chosen_subsets(data: CardData, card: Card) -> tuple[str, ...]:
    """The names of the subsets that the recipe asks for, in its order."""
    subsets = card.lowres.subsets
    if data.subset == "all":
        return tuple(subsets)
    chosen = (data.subset,) if isinstance(data.subset, str) else data.subset
    problems = []
    for name in chosen:
        if name not in subsets:
            by_tag = next(
                (
                    f"did you mean “{key}”?"
                    for key, subset in subsets.items()
                    if name in (subset.language, subset.language[:3])
                ),
                "",
            )
            hint = " ".join(
                part for part in (by_tag or nearest(name, subsets), f"possible: all, {', '.join(subsets)}") if part
            )
            problems.append(Problem("data.subset", f"the card {card.name} has no subset “{name}”", hint))
    if problems:
        raise DataError(*problems)
    return tuple(dict.fromkeys(chosen))


def _card_parts(card: Card, name: str, roles: Roles, store: Store) -> Iterator[Part]:
    subset, rule = card.lowres.subsets[name], card.lowres.split
    for split, table in _card_tables(card, subset, store):
        if split != "all":
            yield Part(table, split, name, subset.language, roles)
        elif rule is not None:
            yield Part(table, Cut(rule.by, rule.train, rule.dev), name, subset.language, roles)
        else:
            raise DataError(
                Problem(
                    f"data_cards/{card.name}.md",
                    f"the subset {name} has all rows in one file, but the card has no split",
                )
            )


def _card_tables(card: Card, subset: Subset, store: Store) -> Iterator[tuple[CardSplit, Table]]:
    for split, entry in subset.files.items():
        file = card_file(card, entry)
        path = fetch(file, store.cache, store.mirrors, store.offline)
        if isinstance(file.source, PackageFile) and file.source.is_pattern:
            catalogues = [(found, f"{card.name}:{inner}") for inner, found in matching(path, entry.path)]
            yield split, read_catalogues(catalogues, file.name)
        else:
            yield split, READERS[card.lowres.format](path, file.name)


def _from_files(data: FileData, near: Path) -> Material:
    if "train" not in data.files:
        raise DataError(Problem("data.files", "there is no train file", f"given: {', '.join(data.files) or 'none'}"))
    tables = {split: read_file(near / name, str(near / name)) for split, name in data.files.items()}
    roles = Roles(data.columns.text, data.columns.label, data.columns.id)
    missing = [split for split in SPLITS if split not in data.files]
    rule: Cut | None = None
    findings: tuple[Finding, ...] = ()
    if missing:
        rule = Cut(roles.text, 100 - TENTH * len(missing), TENTH * ("dev" in missing), "test" in missing)
        each = "each" if len(missing) > 1 else "it"
        what = f"no {' and no '.join(missing)} file: a tenth of train was set aside for {each}, by the hash of the text"
        findings = (Finding("note", what),)
    parts = [
        Part(table, rule if split == "train" and rule else split, "", data.language, roles)
        for split, table in tables.items()
    ]
    return Material(data.files["train"], tuple(parts), data.licence, findings=findings)


def _from_hub(data: HubData, store: Store) -> Material:
    roles = Roles(data.columns.text, data.columns.label, data.columns.id)
    parts = tuple(
        Part(
            read_hub(data.hub, data.revision, data.config, there, store.cache, store.offline),
            here,
            "",
            data.language,
            roles,
        )
        for here, there in data.splits.items()
    )
    return Material(
        data.hub, parts, data.licence, homepage=f"https://huggingface.co/datasets/{data.hub}/tree/{data.revision}"
    )


def _refuse_empty_splits(samples: Sequence[Sample], material: Material) -> None:
    filled = {sample.split for sample in samples}
    problems = []
    for split in SPLITS:
        if split not in filled:
            tables = ", ".join(part.table.name for part in material.parts if part.split == split)
            problems.append(
                Problem(tables or material.name, f"has no {split} rows", "each of train, dev and test needs some")
            )
    if problems:
        raise DataError(*problems)


def _thin_subsets(samples: Sequence[Sample], parts: Sequence[Part]) -> Iterator[Finding]:
    """Subsets without any row in one of the splits."""
    filled = {(sample.split, sample.subset) for sample in samples}
    for subset in dict.fromkeys(part.subset for part in parts):
        empty = [split for split in SPLITS if (split, subset) not in filled]
        if empty:
            yield Finding("warning", f"the subset {subset} has no rows in {' and '.join(empty)}")


def _left_out(parts: Sequence[Part], repeated: int) -> Iterator[Finding]:
    """What was left out or changed on the way."""
    reasons = {"whose text is in a later split": repeated} if repeated else {}
    for part in parts:
        for reason, count in part.table.notes.items():
            reasons[reason] = reasons.get(reason, 0) + count
    empty = sum(part.table.empty for part in parts)
    if empty:
        reasons["empty"] = empty
    if reasons:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
        yield Finding("note", f"rows left out: {counts}")
    converted = sum(part.table.converted for part in parts)
    if converted:
        yield Finding("note", f"{converted:,} texts were not in Unicode's NFC and were converted")
