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

    Into the languages `passed` the base alone was clearly ahead, with 500 pairs and more, from those that stand beside them; from
    others it was not, or that was not measured.
    """

    level: int
    passed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


CROSSINGS: Mapping[str, Crossing] = {
    "starter:translation": Crossing(4800),
    "starter:multilingual-decoder": Crossing(
        650, passed={"eng-Latn": ("fry-Latn", "ind-Latn", "ltz-Latn"), "ind-Latn": ("eng-Latn",)}
    ),
}


def few_pairs(plan: Plan, corpus: Corpus) -> tuple[Finding, ...]:
    """A note where a phrase table will probably translate as well as the model, and which base to try there, if one passed it.

    Into languages that the base passed a phrase table in, from whichever source, nothing is said of it.
    """
    task, base = plan.recipe.task, plan.checkpoint.over or plan.checkpoint.name
    crossing = CROSSINGS.get(base)
    if crossing is None or not isinstance(task, Translation) or task.objective == "language-model":
        return ()
    counts = Counter(pair.direction for pair in pairs(corpus.train, directions(task, corpus.languages)))
    few = {way: count for way, count in counts.items() if count <= crossing.level and way[1] not in crossing.passed}
    if not few:
        return ()
    most = max(few.values())
    what = f"with {most:,} pairs" if len(few) == 1 else f"with up to {most:,} pairs in a direction"
    what = f"{what} a phrase table will probably translate as well as the adapted {base}"
    for name, other in CROSSINGS.items():
        for target in sorted({target for _, target in few} & {*other.passed}):
            sources = ", ".join(other.passed[target])
            what += f"; try {name}, which was clearly better than a phrase table into {target} from {sources}"
    return (Finding("note", what, "base.name", "few-pairs"),)
