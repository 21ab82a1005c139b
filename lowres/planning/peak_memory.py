"""How much memory a run will take with its data: on the device that computes and, where that is a GPU, on its host."""

from lowres.data.corpus import Corpus
from lowres.data.pairs import directions, pairs
from lowres.planning.durations import kept_states_gib
from lowres.planning.footprint import host_gib
from lowres.planning.machine import GIB
from lowres.planning.plan import Plan
from lowres.recipe.task_section import Translation

# Bytes of a phrase table for each character of a source: counts of phrases and of word pairs, and the aligned pairs themselves.
# Measured with 1 000 to 20 000 pairs of MinangNLP and NLLB-Seed (docs/results/speed.md).
TABLE_BYTES = 900


def phrase_tables_gib(plan: Plan, corpus: Corpus) -> float:
    """Memory of the phrase tables of all directions, in GiB; a translator has them for hints, and to answer in its place."""
    recipe, task = plan.recipe, plan.recipe.task
    if not isinstance(task, Translation) or (task.hints == "off" and recipe.ensemble.phrase_table == "off"):
        return 0.0
    found = pairs(corpus.train, directions(task, corpus.languages))
    return TABLE_BYTES * sum(len(pair.source.fields["text"]) for pair in found) / GIB


def device_memory_gib(plan: Plan, corpus: Corpus) -> float:
    """Peak memory of the device that computes, in GiB. A processor's memory holds everything."""
    tables = phrase_tables_gib(plan, corpus) if plan.machine.device != "cuda" else 0.0
    return plan.memory_gib + kept_states_gib(plan, corpus) + tables


def host_memory_gib(plan: Plan, corpus: Corpus) -> float | None:
    """Peak memory of the machine around a GPU, in GiB; None where the device's memory is the machine's own."""
    if plan.machine.device != "cuda":
        return None
    return host_gib(plan.checkpoint) + phrase_tables_gib(plan, corpus)
