"""Data that a card describes: its subsets, the files of each, and what the card says about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lowres.cards import Card, read_card
from lowres.cards.card import CardColumns, CardFile, Subset
from lowres.cards.licences import SPDX
from lowres.data.checks.parallel_texts import Side, without_misaligned
from lowres.data.corpus import Split
from lowres.data.files import PackageFile, card_file, fetch, matching
from lowres.data.formats.catalogues import Messages, read_catalogues
from lowres.data.formats.gettext import po_messages
from lowres.data.formats.message_folders import messages_beside
from lowres.data.formats.readers import READERS
from lowres.data.formats.tables import Table
from lowres.data.rows import LINE, Cut, Part, Roles
from lowres.data.source_tables import SourceTables
from lowres.errors import DataError, Finding, Problem, nearest
from lowres.places import Places
from lowres.recipe.data_section import CardData
from lowres.recipe.task_section import Classification, Task

CardSplit = Literal["train", "dev", "test", "all"]


def from_card(data: CardData, task: Task, places: Places) -> SourceTables:
    """The tables of a card's subsets, with what the card says of them as findings. Raises CardError or DataError."""
    card = read_card(data.card, places.near)
    facts, chosen = card.lowres, _chosen_subsets(data, card)
    given = (
        data.columns.model_dump(include=data.columns.model_fields_set & set(CardColumns.model_fields))
        if data.columns
        else {}
    )
    columns = facts.columns.model_dump() | given
    roles = Roles(**(columns if isinstance(task, Classification) else columns | {"label": None}))
    findings = list(_card_findings(card))
    messages = _messages_of(card, places)
    parts = tuple(
        part for name in chosen for part in _card_parts(card, name, roles, places, data.use, messages, findings)
    )
    # the card's labels are those of its own label column
    labels = tuple(facts.labels) if facts.labels and roles.label == facts.columns.label else None
    name = card.name if set(chosen) == set(facts.subsets) else f"{card.name} ({', '.join(chosen)})"
    licence = SPDX.get(card.license, card.license)
    return SourceTables(name, parts, licence, labels, facts.citation, facts.homepage, tuple(findings))


def _card_findings(card: Card) -> Iterator[Finding]:
    """What a card says that whoever uses its data, or a score from them, should know."""
    facts = card.lowres
    for problem in facts.known_problems:
        yield Finding("note", f"known problem of {card.name}: {problem}")
    yield Finding("note", f"consent, {card.name}: {facts.consent}")
    for wish in card.wishes:
        yield Finding("note", f"{card.name}, {wish[0].lower()}{wish[1:]}")
    if facts.redistribute != "yes":
        said = {"no": "may not be redistributed", "ask": "may be redistributed only with their owners' consent"}
        what = f"the card {card.name} says that the data {said[facts.redistribute]}, nor texts that a report quotes from them"
        yield Finding("warning", what)


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
                    if any(name in (tag, tag[:3]) for tag in subset.languages)
                ),
                "",
            )
            hint = " ".join(
                part
                for part in (
                    by_tag or nearest(name, subsets),
                    f"possible: {', '.join(dict.fromkeys(('all', *subsets)))}",
                )
                if part
            )
            problems.append(Problem("data.subset", f"the card {card.name} has no subset “{name}”", hint))
    if problems:
        raise DataError(*problems)
    return tuple(dict.fromkeys(chosen))


def _card_parts(
    card: Card,
    name: str,
    roles: Roles,
    places: Places,
    use: Sequence[Split],
    messages: Messages,
    findings: list[Finding],
) -> Iterator[Part]:
    subset, rule = card.lowres.subsets[name], card.lowres.split
    for split, sides in _card_sides(card, subset, roles, places, use, messages).items():
        if split == "all" and rule is None:
            what = f"the subset {name} has all rows in one file, but the card has no split"
            raise DataError(Problem(f"data_cards/{card.name}.md", what))
        place = Cut(rule.by, rule.train, rule.dev) if split == "all" and rule is not None else split
        tables = {tag: side.table for tag, side in sides.items()}
        if len(sides) > 1 and all(side.column in side.table.columns for side in sides.values()):
            tables, told = without_misaligned(sides, split)
            findings += told
        for tag, side in sides.items():
            whole = name if subset.language else f"{name}/{tag}"
            part = Part(tables[tag], place, whole, tag, replace(roles, text=side.column))  # type: ignore[arg-type]
            if roles.cluster == LINE:  # equal line numbers tie rows together only within one set of files
                part = replace(part, scope=f"{split}/" if subset.language else f"{name}/{split}/")
            yield part


def _card_sides(
    card: Card, subset: Subset, roles: Roles, places: Places, use: Sequence[Split], messages: Messages
) -> dict[CardSplit, dict[str, Side]]:
    """The texts of each language in each split. Files of splits that are not used are not read."""
    found: dict[CardSplit, dict[str, Side]] = {}
    for tag, files in (subset.sides or {subset.language or "": subset.files}).items():
        wanted = {split: file for split, file in files.items() if split == "all" or split in use}
        for split, table in _card_tables(card, wanted, places, messages):
            for language_tag, column in (subset.texts or {tag: roles.text}).items():
                name = table.name if subset.sides else column
                found.setdefault(split, {})[language_tag] = Side(name, table, column)
    return found


def _card_tables(
    card: Card, files: Mapping[CardSplit, CardFile], places: Places, messages: Messages
) -> Iterator[tuple[CardSplit, Table]]:
    for split, entry in files.items():
        file = card_file(card, entry)
        if isinstance(file.source, PackageFile) and file.source.is_pattern:
            yield split, read_catalogues(_many(card, entry, places), file.name, messages)
        else:
            path = fetch(file, places.cache, places.mirrors, places.offline)
            yield split, READERS[card.lowres.format](path, file.name)


def _many(card: Card, entry: CardFile, places: Places) -> list[tuple[Path, str]]:
    """The (file, its name) of a pattern."""
    folder = fetch(card_file(card, entry), places.cache, places.mirrors, places.offline)
    return [(found, f"{card.name}:{inner}") for inner, found in matching(folder, entry.path)]


def _messages_of(card: Card, places: Places) -> Messages:
    """How the catalogues of a card are read."""
    if card.lowres.originals is None:
        return po_messages
    return messages_beside(_many(card, card.originals[0], places))
