"""Whether a corpus holds what translation needs, and findings about its pairs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import log
from statistics import median

from lowres.data.corpus import SPLITS, Row, Split
from lowres.data.pairs import Direction, Pair, directions, pairs, returning, unpaired
from lowres.data.rows import Sample
from lowres.errors import DataError, Finding, Problem
from lowres.languages import matching_key, strict_key
from lowres.languages.scripts import scripts, share_in
from lowres.recipe.task_section import Translation

RATIO = 3.0  # of the lengths, against what is usual for the two languages, from which on a pair is doubtful
TELLING = 40  # characters of the longer side from which on lengths tell something
LETTERS = 10  # letters from which on a text shows its script
NAMED = 6  # directions that a message names
MANY_EQUAL = 0.1  # share of pairs with equal sides from which on they are surely not all loanwords and names
MANY_SOURCES = 5  # different texts that share one translation before it is doubtful
SHOWN = 60  # characters of a text in a message


def check_pairs(task: Translation, samples: Sequence[Sample], blank: Sequence[Finding] = ()) -> tuple[Finding, ...]:
    """Findings about the pairs of a corpus; `blank` are those about columns with nothing in them, which explain missing pairs.

    Raises DataError where a split has no pairs, or where the task asks for back-translation and no text can be translated back.
    """
    rows = {split: [sample.row for sample in samples if sample.split == split] for split in SPLITS}
    wanted = directions(task, tuple(dict.fromkeys(sample.row.language for sample in samples)))
    if not wanted:
        raise DataError(Problem("task", "asks for no direction: source and target are one language", "name another"))
    # one of each direction and its reverse: their pairs are the same
    once = [direction for number, direction in enumerate(wanted) if direction[::-1] not in wanted[:number]]
    found = {split: pairs(rows[split], once) for split in SPLITS}
    problems = []
    for split in SPLITS:
        if not found[split]:
            what = f"none of the {len(rows[split]):,} {split} rows translate one another ({_named(wanted)})"
            remedy = "a pair is a text and its translation: in the same row, or with the same id"
            problems.append(Problem("data", what, "; ".join([*(finding.what for finding in blank), remedy])))
    if problems:
        raise DataError(*problems)
    where = {id(sample.row): sample.where for sample in samples}
    return (
        *(_alone(wanted, rows) if task.back_translation else ()),
        *_unshown(once, found),
        *_repeated(found["train"], where),
        *(finding for split in SPLITS for finding in _same(split, found[split], where)),
        *_uneven(found["train"], where),
        *_of_another_script(samples),
    )


def _alone(asked: Sequence[Direction], rows: Mapping[Split, Sequence[Row]]) -> Iterator[Finding]:
    """How many texts back-translation can use; they must be there, and the model must be taught to translate them."""
    usable = returning(rows["train"], (*rows["dev"], *rows["test"]), asked)
    counts = {target: len(texts) for (_, target), texts in usable.items()}
    if any(counts.values()):
        said = ", ".join(f"{tag} {count:,}" for tag, count in counts.items())
        yield Finding("note", f"training texts without a translation, for back-translation: {said}")
        return
    alone = {row.language for row in unpaired(rows["train"], pairs(rows["train"], asked), asked)}
    untaught = [pair for pair in asked if pair[::-1] not in asked and (pair[1] in alone or not usable)]
    where, problems = "task.back_translation", []
    if untaught:
        reverse = min(untaught, key=lambda pair: pair[1] not in alone)[::-1]
        what = f"texts of {reverse[0]} are to be translated back, but the task does not teach {_arrow(reverse)}"
        problems.append(Problem(where, what, "say task.both: true"))
    if not (alone and untaught):
        written = " or ".join(dict.fromkeys(target for _, target in asked))
        what = f"train has no text of {written} that is without a translation and not in dev or test either"
        problems.append(Problem(where, what, "name further data with text of one language, or leave this out"))
    raise DataError(*problems)


def _arrow(direction: Direction) -> str:
    """The direction as `Pair.direction_name` writes it."""
    return "→".join(direction)


def _named(asked: Sequence[Direction]) -> str:
    more = f" and {len(asked) - NAMED} more" if len(asked) > NAMED else ""
    return ", ".join(map(_arrow, asked[:NAMED])) + more


def _unshown(asked: Sequence[Direction], found: Mapping[Split, Sequence[Pair]]) -> Iterator[Finding]:
    """Directions that the task asks for but that have no pairs in train, or none at all."""
    counts = {split: Counter(pair.direction_name for pair in some) for split, some in found.items()}
    untrained = [each for each in asked if not counts["train"][_arrow(each)] and counts["test"][_arrow(each)]]
    if untrained:
        yield Finding(
            "warning", f"train has no pairs for {_named(untrained)}, but test does: the model is not trained for these"
        )
    never = [each for each in asked if not any(count[_arrow(each)] for count in counts.values())]
    if never:
        yield Finding("note", f"the data have no pairs for {_named(never)}")


def _repeated(found: Sequence[Pair], where: Mapping[int, str]) -> Iterator[Finding]:
    first: dict[tuple[str, str, str], Pair] = {}
    again = []
    for pair in found:
        key = (pair.direction_name, matching_key(pair.source.fields["text"]), matching_key(pair.target.fields["text"]))
        if first.setdefault(key, pair) is not pair:
            again.append((pair, first[key]))
    if again:
        pair, before = again[0]
        places = f"{where[id(pair.target)]} and {where[id(before.target)]}"
        yield Finding(
            "note",
            f"{len(again):,} of {len(found):,} train pairs repeat an earlier one ({places})",
            where[id(pair.target)],
            "repeats",
        )


def _same(split: Split, found: Sequence[Pair], where: Mapping[int, str]) -> Iterator[Finding]:
    """Pairs whose two sides are equal: not translated, or the same in both languages. Many of them are a warning."""
    same = [
        pair for pair in found if matching_key(pair.source.fields["text"]) == matching_key(pair.target.fields["text"])
    ]
    if same:
        many = len(same) >= MANY_EQUAL * len(found)
        share = f"{len(same):,} of {len(found):,} {split} pairs have the same text on both sides"
        doubt = ": are they translated?" if many else ""
        place = where[id(same[0].target)]
        yield Finding("warning" if many else "note", f"{share} ({place}){doubt}", place, "untranslated")


def one_for_many(task: Translation, samples: Sequence[Sample]) -> Iterator[Finding]:
    """A text that is the translation of many different texts: a stand-in, a template, or a column that was filled down.

    All splits are looked at together, and before repeated texts are left out of train for the sake of test.
    """
    rows = [sample.row for sample in samples]
    spoken = tuple(dict.fromkeys(row.language for row in rows))
    of_row = {id(sample.row): sample for sample in samples}
    repeated = {text for text, count in Counter(row.fields["text"] for row in rows).items() if count >= MANY_SOURCES}
    if not repeated:
        return
    sources: dict[tuple[str, str], dict[str, Pair]] = {}
    for split in SPLITS:
        some = [sample.row for sample in samples if sample.split == split]
        for pair in pairs(some, directions(task, spoken)):
            if pair.target.fields["text"] not in repeated:
                continue
            key = pair.target.language, strict_key(pair.target.fields["text"])
            sources.setdefault(key, {}).setdefault(strict_key(pair.source.fields["text"]), pair)
    often = sorted((len(pairs), key) for key, pairs in sources.items() if len(pairs) >= MANY_SOURCES)
    if often:
        count, key = often[-1]
        found = [of_row[id(pair.target)] for pair in sources[key].values()]
        text, place = found[0].row.fields["text"], found[0].where
        shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
        more = f", and {len(often) - 1:,} more texts like it" if len(often) > 1 else ""
        where = " and ".join(split for split in SPLITS if any(sample.split == split for sample in found))
        what = f"“{shown}” is the translation of {count:,} different texts of {where} ({place}){more}"
        yield Finding("warning", what, place, "one-for-many")


def _uneven(found: Sequence[Pair], where: Mapping[int, str]) -> Iterator[Finding]:
    """Pairs whose lengths are far from what is usual for their two languages."""
    ratios: dict[str, list[tuple[float, Pair]]] = {}
    for pair in found:
        ratios.setdefault(pair.direction_name, []).append((_ratio(pair), pair))
    odd = []
    for some in ratios.values():
        usual = median(ratio for ratio, _ in some)
        odd += [pair for ratio, pair in some if abs(ratio - usual) > log(RATIO) and _longer(pair) >= TELLING]
    if odd:
        what = f"{len(odd):,} of {len(found):,} train pairs have lengths that are more than {RATIO:g} times off"
        places = f"{where[id(odd[0].source)]} and {where[id(odd[0].target)]}"
        told = f"{what} what is usual for their languages ({places})"
        yield Finding("warning", told, where[id(odd[0].target)], "misaligned")


def _ratio(pair: Pair) -> float:
    return log(len(pair.target.fields["text"]) / len(pair.source.fields["text"]))


def _longer(pair: Pair) -> int:
    return max(len(pair.source.fields["text"]), len(pair.target.fields["text"]))


def _of_another_script(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Texts that are mostly in another script than their language's tag says."""
    odd: dict[str, list[Sample]] = {}
    for sample in samples:
        text = sample.row.fields["text"]
        if text.isascii() and sample.row.language.endswith("-Latn"):
            continue
        characters = Counter(text)
        if sum(scripts(characters).values()) >= LETTERS and share_in(sample.row.language[4:], characters) < 0.5:
            odd.setdefault(sample.row.language, []).append(sample)
    for tag, some in odd.items():
        count = "1 text" if len(some) == 1 else f"{len(some):,} texts"
        what = f"{count} of {tag} not in the script of the tag ({some[0].where})"
        yield Finding("warning", what, some[0].where, "other-script")
