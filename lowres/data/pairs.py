"""Pairs of a text and its translation, in the directions that a task asks for; and texts that have no translation."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowres.data.corpus import SPLITS, Corpus, Row, Split
from lowres.data.sampling import shown, spread
from lowres.languages import strict_key
from lowres.recipe.task_section import Languages, Translation

Direction = tuple[str, str]


@dataclass(frozen=True)
class Pair:
    """A text and its translation. `synthetic` says that a model wrote the source (back-translation)."""

    id: str
    source: Row
    target: Row
    synthetic: bool = False

    @property
    def direction_name(self) -> str:
        """The tags of source and target in one string, such as ind-Latn→min-Latn."""
        return f"{self.source.language}→{self.target.language}"

    @property
    def direction(self) -> Direction:
        """The tags of source and target."""
        return self.source.language, self.target.language


def directions(task: Translation, languages: Sequence[str]) -> tuple[Direction, ...]:
    """Every direction of a task as (source tag, target tag); “all” in the task means all of `languages`."""
    forward = [
        (source, target)
        for source in _tags(task.source, languages)
        for target in _tags(task.target, languages)
        if source != target
    ]
    back = [(target, source) for source, target in forward] if task.both else []
    return tuple(dict.fromkeys([*forward, *back]))


def pairs(rows: Sequence[Row], directions: Sequence[Direction]) -> tuple[Pair, ...]:
    """Every pair of rows of one cluster in one of the directions, direction by direction.

    Where a cluster has several rows of a language, rows with the same id (without the subset) are paired, else the first ones.
    """
    clusters: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        clusters.setdefault(row.cluster, {}).setdefault(row.language, []).append(row)
    found = []
    for source, target in directions:
        for texts in clusters.values():
            if source in texts and target in texts:
                found += [
                    Pair(f"{left.id}→{right.language}", left, right)
                    for left, right in _partners(texts[source], texts[target])
                ]
    return tuple(found)


def unpaired(rows: Iterable[Row], known: Iterable[Pair], directions: Iterable[Direction]) -> list[Row]:
    """The rows that are in none of the pairs `known`, in languages that one of the directions translates into."""
    written = {target for _, target in directions}
    paired = {row.id for pair in known for row in (pair.source, pair.target)}
    return [row for row in rows if row.id not in paired and row.language in written]


@dataclass(frozen=True)
class PairCounts:
    """How many pairs a split has, each in one of its directions, and how many texts have no translation (tag → count)."""

    pairs: int
    alone: Mapping[str, int]


def pair_counts(task: Translation, corpus: Corpus) -> dict[Split, PairCounts]:
    """The pairs of every split. A pair counts once, also where the task asks for both directions."""
    asked = directions(task, corpus.languages)
    once = [direction for number, direction in enumerate(asked) if direction[::-1] not in asked[:number]]
    counts: dict[Split, PairCounts] = {}
    for split in SPLITS:
        rows = corpus.split(split)
        found = pairs(rows, once)
        paired = {id(row) for pair in found for row in (pair.source, pair.target)}
        counts[split] = PairCounts(len(found), Counter(row.language for row in rows if id(row) not in paired))
    return counts


def returning(
    train: Sequence[Row], held: Iterable[Row], directions: Sequence[Direction]
) -> Mapping[Direction, list[Row]]:
    """The training texts that back-translation can use, by the direction that learns from them.

    A direction can use such texts only if the reverse direction is among `directions` as well. A text comes once, and not at all
    if it is also in a pair or in `held`, the rows of dev and test, in whatever language.
    """
    known = pairs(train, directions)
    seen = {strict_key(row.fields["text"]) for row in held}
    seen |= {strict_key(row.fields["text"]) for pair in known for row in (pair.source, pair.target)}
    alone: dict[str, dict[str, Row]] = {}
    for row in unpaired(train, known, directions):
        text = strict_key(row.fields["text"])
        if text not in seen:
            alone.setdefault(row.language, {}).setdefault(text, row)
    return {
        (source, target): list(alone.get(target, {}).values())
        for source, target in directions
        if (target, source) in directions
    }


def sampled(pairs: Sequence[Pair], temperature: float, cap: int | None, seed: int, epoch: int) -> list[int]:
    """The indices of the pairs that an epoch shows: `shown` with the direction of each pair as its group."""
    return shown([pair.direction_name for pair in pairs], temperature, cap, seed, epoch)


def _tags(tags: Languages, languages: Sequence[str]) -> tuple[str, ...]:
    if tags == "all":
        return tuple(languages)
    return (tags,) if isinstance(tags, str) else tags


def _partners(sources: Sequence[Row], targets: Sequence[Row]) -> list[tuple[Row, Row]]:
    if len(sources) == len(targets) == 1:
        return [(sources[0], targets[0])]
    named = {_name(row): row for row in targets}
    same = [(row, named[_name(row)]) for row in sources if _name(row) in named]
    return same or [(sources[0], targets[0])]


def _name(row: Row) -> str:
    return row.id.rpartition("/")[2]


def spread_over_directions(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """At most `most` pairs, the same number of each direction, at even distances."""
    by_direction: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_direction.setdefault(pair.direction_name, []).append(pair)
    share = max(1, most // max(1, len(by_direction)))
    return [pair for found in by_direction.values() for pair in spread(found, share)]
