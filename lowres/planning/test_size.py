"""Whether the test split is large enough to show anything, said before a run is carried out."""

from collections.abc import Mapping

from lowres.data.corpus import Corpus
from lowres.data.pairs import directions, pairs
from lowres.errors import Finding
from lowres.planning.plan import Plan
from lowres.recipe.task_section import Translation
from lowres.score import FEW_CLUSTERS, smallest_difference

METRIC: Mapping[str, str] = {"classification": "macro-F1", "translation": "chrF++", "generation": "chrF++"}


def small_test(plan: Plan, corpus: Corpus) -> tuple[Finding, ...]:
    """A warning where test has few independent texts: how large a difference between two systems must be to be seen."""
    task = plan.recipe.task
    metric, rows = METRIC.get(task.kind), corpus.test
    if isinstance(task, Translation):
        rows = tuple(pair.source for pair in pairs(corpus.test, directions(task, corpus.languages)))
    count = len({row.cluster for row in rows})
    # translations of one text are labelled rightly or wrongly nearly independently; those into one language resemble each other
    telling = count if isinstance(task, Translation) else len(rows)
    least, usual = (smallest_difference(metric or "", number) for number in (telling, FEW_CLUSTERS))
    if count >= FEW_CLUSTERS or least is None or usual is None:
        return ()
    texts = "1 independent text" if count == 1 else f"{count} independent texts"
    what = f"test has {texts}: a difference of less than about {least:.0f} points of {metric} looks like chance"
    return (Finding("warning", f"{what} ({FEW_CLUSTERS} texts show {usual:.0f})", code="small-test"),)
