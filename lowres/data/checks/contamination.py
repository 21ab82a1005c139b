"""Training rows that give away dev or test: found, and left out where the splits are ours or the data are mixed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lowres.data.corpus import Split
from lowres.data.rows import LINE, Cut, Part, Sample
from lowres.languages import matching_key

RUN = 8  # words in a row that two texts share only if one was made from the other
LATER: tuple[Split, ...] = ("test", "dev", "train")  # a row is left out for the sake of an earlier one in this order


@dataclass(frozen=True)
class Left:
    """The samples that stay, and how many were left out: for the same text, for the same words, with their group."""

    samples: tuple[Sample, ...]
    same_text: int = 0
    same_words: int = 0
    with_cluster: int = 0


def without_contamination(samples: Sequence[Sample], parts: Sequence[Part], *, whole_clusters: bool) -> Left:
    """No text of test stands in dev or train, and none of dev in train, as far as that is for lowres to see to.

    That is where lowres cuts the splits itself, and between sources of different origin. Splits that others made stay as
    they are. Texts are compared as `comparable` does, in all languages; those of different entries also by runs of eight
    words. The row in the earlier split is left out; with `whole_groups` all its translations there, too, and subsets
    that no column ties together count as different sources: they may hold the same sentences in other splits.
    """
    ties = [_ties(part, whole_clusters) for part in parts]
    texts: dict[str, set[_Tie]] = {}
    runs: dict[str, set[_Tie]] = {}
    dropped: dict[int, str] = {}
    mixed = len({tie.table for tie in ties}) > 1
    for split in LATER:
        some = [sample for sample in samples if sample.split == split]
        words = {id(sample): matching_key(sample.row.fields["text"]) for sample in some}
        for sample in some:
            tie, text = ties[sample.part], words[id(sample)]
            if tie.clashes(texts.get(text, ())):
                dropped[id(sample)] = "text"
            elif mixed and any(tie.clashes(runs.get(run, ()), elsewhere=True) for run in _runs(text)):
                dropped[id(sample)] = "words"
        if whole_clusters:
            clusters = {sample.row.cluster for sample in some if id(sample) in dropped}
            for sample in some:
                if sample.row.cluster in clusters:
                    dropped.setdefault(id(sample), "group")
        if split != "train":
            for sample in some:
                texts.setdefault(words[id(sample)], set()).add(ties[sample.part])
                for run in _runs(words[id(sample)]) if mixed else ():
                    runs.setdefault(run, set()).add(ties[sample.part])
    reasons = list(dropped.values())
    kept = tuple(sample for sample in samples if id(sample) not in dropped)
    return Left(kept, reasons.count("text"), reasons.count("words"), reasons.count("group"))


@dataclass(frozen=True)
class _Tie:
    """Where a row comes from: tables of one origin have splits that agree, unless lowres cuts them."""

    origin: tuple[str, ...]
    table: tuple[str, ...]
    cut: bool

    def clashes(self, others: "set[_Tie] | tuple[()]", *, elsewhere: bool = False) -> bool:
        """Whether a row from here must make way for one from there; `elsewhere`: only for one of another table."""
        return any(
            (self.cut or self.origin != other.origin) and (not elsewhere or self.table != other.table)
            for other in others
        )


def _ties(part: Part, by_subset: bool) -> _Tie:
    entry = (part.entry,)
    # of languages that stand line by line, the subset is named subset/language
    table = (part.entry, part.subset.partition("/")[0] if "/" in part.subset or part.roles.cluster != LINE else "")
    tied = part.roles.cluster not in (None, LINE)
    return _Tie(entry if tied or not by_subset else table, table if by_subset else entry, isinstance(part.split, Cut))


def _runs(text: str) -> Iterator[str]:
    """Every run of eight words of a comparable text."""
    words = text.split(" ")
    for start in range(len(words) - RUN + 1):
        yield " ".join(words[start : start + RUN])
