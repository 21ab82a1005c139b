"""Whether the adapted base will translate better than a phrase table with so few pairs, as far as that was measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from lowres.data.corpus import Corpus
from lowres.data.pairs import directions, pairs
from lowres.errors import Finding
from lowres.planning.plan import Plan
from lowres.recipe.task_section import Translation


@dataclass(frozen=True)
class Crossing:
    """Up to how many pairs a phrase table was level with the adapted base alone, or ahead of it: docs/results/translation.md.

    Into the languages `passed` the base alone was clearly ahead, with 500 to 1 800 pairs, from those that stand beside them; from
    those beside the languages `behind` it was level or behind. From others that was not measured.
    """

    level: int
    passed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    behind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expects(self, source: str, target: str) -> bool:
        """Whether a phrase table is expected to be as good with few pairs."""
        return target not in self.passed or source in self.behind.get(target, ())


CROSSINGS: Mapping[str, Crossing] = {
    "starter:translation": Crossing(4800),
    "starter:multilingual-decoder": Crossing(
        1800,
        passed={
            "eng-Latn": ("ell-Grek", "fry-Latn", "ind-Latn", "lit-Latn", "ltz-Latn", "slk-Latn", "tur-Latn"),
            **dict.fromkeys(("ell-Grek", "ind-Latn", "tur-Latn"), ("eng-Latn",)),
        },
        behind={"eng-Latn": ("est-Latn", "gle-Latn", "hsb-Latn")},
    ),
}


def few_pairs(plan: Plan, corpus: Corpus) -> tuple[Finding, ...]:
    """A note where a phrase table will probably translate as well as the model, and which base to try there, if one passed it.

    Into languages that the base passed a phrase table in nothing is said of it, but of sources from which it did not.
    """
    task, base = plan.recipe.task, plan.checkpoint.over or plan.checkpoint.name
    crossing = CROSSINGS.get(base)
    if crossing is None or not isinstance(task, Translation) or task.objective == "language-model":
        return ()
    counts = Counter(pair.direction for pair in pairs(corpus.train, directions(task, corpus.languages)))
    few = {way: count for way, count in counts.items() if count <= crossing.level and crossing.expects(*way)}
    if not few:
        return ()
    most = max(few.values())
    what = f"with {most:,} pairs" if len(few) == 1 else f"with up to {most:,} pairs in a direction"
    what = f"{what} a phrase table will probably translate as well as the adapted {base}"
    for name, other in CROSSINGS.items():
        better = {target for source, target in few if name != base and not other.expects(source, target)}
        for target in sorted(better):
            sources = ", ".join(other.passed[target])
            what += f"; try {name}, which was clearly better than a phrase table into {target} from {sources}"
            what += f", not from {', '.join(other.behind[target])}" if target in other.behind else ""
    return (Finding("note", what, "base.name", "few-pairs"),)
