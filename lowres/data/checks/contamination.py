"""Decontamination: leaving out training rows whose text is also in dev or test, where lowres made the splits, or is told to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lowres.data.corpus import Split
from lowres.data.rows import LINE, Cut, Part, Sample
from lowres.languages import matching_key, strict_key
from lowres.languages.scripts import without_spaces

RUN = 8  # words in a row that two texts share only if one was copied from the other
RUN_CHARACTERS = 24  # as many characters are about as telling in scripts without spaces between words
Reason = Literal["same text", "eight words"]
LATER: tuple[Split, ...] = ("test", "dev", "train")  # a row is left out for the sake of an earlier one in this order


@dataclass(frozen=True)
class Left:
    """The samples that are kept, and how many were left out: for an equal text, for eight equal words, with their cluster."""

    samples: tuple[Sample, ...]
    same_text: int = 0
    same_words: int = 0
    with_cluster: int = 0


def without_contamination(samples: Sequence[Sample], parts: Sequence[Part], *, whole_clusters: bool) -> Left:
    """No text of test stands in dev or train, and none of dev in train, as far as that is for lowres to see to.

    lowres makes these splits where a table is split by a hash, and where sources of different origin are mixed. Splits that
    were published stay as they are, unless the recipe says `contaminated: leave-out`; then texts that
    look the same count as well. Texts are compared by `strict_key`, across languages; texts of different sources also by
    runs of eight words of their `matching_key`, or of 24 characters in scripts without spaces. Of two equal texts the one in train
    is left out for dev, and the one in dev for test. With
    `whole_clusters` the translations of that text in the same split are left out too, and subsets whose rows no column ties
    together count as different sources, since they may hold the same sentences in other splits.
    """
    origins = [_origin_of(part, whole_clusters) for part in parts]
    if len({origin.source for origin in origins}) == 1 and not any(origin.own for origin in origins):
        return Left(tuple(samples))  # splits that somebody published
    texts: dict[tuple[bool, str], set[_Origin]] = {}
    runs: dict[str, set[_Origin]] = {}
    dropped: dict[int, str] = {}
    mixed = len({origin.table for origin in origins}) > 1
    for split in LATER:
        some = [sample for sample in samples if sample.split == split]
        keys = {id(sample): _keys(sample, parts[sample.part]) for sample in some}
        for sample in some:
            origin = origins[sample.part]
            if any(origin.clashes(texts.get(key, ())) for key in keys[id(sample)]):
                dropped[id(sample)] = "text"
            elif mixed and any(
                origin.clashes(runs.get(run, ()), elsewhere=True) for run in _runs(sample.row.fields["text"])
            ):
                dropped[id(sample)] = "words"
        if whole_clusters:
            clusters = {sample.row.cluster for sample in some if id(sample) in dropped}
            for sample in some:
                if sample.row.cluster in clusters:
                    dropped.setdefault(id(sample), "cluster")
        if split != "train":
            for sample in some:
                for key in keys[id(sample)]:
                    texts.setdefault(key, set()).add(origins[sample.part])
                for run in _runs(sample.row.fields["text"]) if mixed else ():
                    runs.setdefault(run, set()).add(origins[sample.part])
    reasons = list(dropped.values())
    kept = tuple(sample for sample in samples if id(sample) not in dropped)
    return Left(kept, reasons.count("text"), reasons.count("words"), reasons.count("cluster"))


@dataclass(frozen=True)
class _Origin:
    """Where a row comes from. The splits of tables of one origin agree, unless lowres answers for them itself (`own`): where it
    splits them by a hash, and where the recipe does not take them as they were published."""

    source: tuple[str, ...]
    table: tuple[str, ...]
    own: bool

    def clashes(self, others: "set[_Origin] | tuple[()]", *, elsewhere: bool = False) -> bool:
        """Whether a row from here is left out for one of `others`; with `elsewhere`, only for rows of another table."""
        return any(
            (self.own or self.source != other.source) and (not elsewhere or self.table != other.table)
            for other in others
        )


def _origin_of(part: Part, by_subset: bool) -> _Origin:
    entry = (part.entry,)
    # of languages that stand line by line, the subset is named subset/language
    table = (part.entry, part.subset.partition("/")[0] if "/" in part.subset or part.roles.cluster != LINE else "")
    tied = part.roles.cluster not in (None, LINE)
    own = part.hashed or part.decontaminated or isinstance(part.split, Cut)
    return _Origin(entry if tied or not by_subset else table, table if by_subset else entry, own)


def _keys(sample: Sample, part: Part) -> list[tuple[bool, str]]:
    """By what a text is the same as another: for certain; and where the recipe asks for it, to a reader's eye (True)."""
    text = sample.row.fields["text"]
    return [(False, strict_key(text)), *([(True, matching_key(text))] if part.decontaminated else [])]


def copied_from(known: Iterable[str], texts: Sequence[str]) -> list[Reason | None]:
    """For each text, how it is known from the `known` ones: as the same text, by a run of eight words, or not at all."""
    keys: set[str] = set()
    runs: set[str] = set()
    for text in known:
        keys.add(strict_key(text))
        runs.update(_runs(text))
    return [
        "same text" if strict_key(text) in keys else "eight words" if any(run in runs for run in _runs(text)) else None
        for text in texts
    ]


def _runs(text: str) -> Iterator[str]:
    """Every run of eight words of a text's matching key; in a script without spaces, every run of as many characters."""
    text = matching_key(text)
    words = text.split(" ")
    for start in range(len(words) - RUN + 1):
        yield " ".join(words[start : start + RUN])
    if len(text) >= RUN_CHARACTERS and without_spaces(Counter(text), len(words)):
        text = text.replace(" ", "")
        for start in range(len(text) - RUN_CHARACTERS + 1):
            yield text[start : start + RUN_CHARACTERS]
