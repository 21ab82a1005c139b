"""How much memory a run will take with its data: on the device that computes and, where that is a GPU, on its host."""

import sys
from collections import Counter
from collections.abc import Sequence

from lowres.data.corpus import Corpus
from lowres.data.pairs import Direction, directions, pairs
from lowres.planning.durations import kept_states_gib
from lowres.planning.footprint import host_gib
from lowres.planning.machine import GIB
from lowres.planning.plan import Plan
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Classification, Translation
from lowres.statistical.word_alignment import MAX_PHRASE, MAX_WORDS

# Bytes of a phrase table for each phrase in its sources: the counts of its translations, of word pairs, and the aligned words. The
# most that was measured (docs/results/speed.md). The more phrases there are, the more of them were there before (Heaps' law): beyond
# MANY_PHRASES, ten times as many take eight times the memory.
PHRASE_BYTES = 1750
MANY_PHRASES = 60_000
GROWTH = 0.91
SMALLER_TEXTS = (
    0.94 if sys.version_info >= (3, 12) else 1.0
)  # a text has no second form any more (PEP 623); 0.934 was measured


def phrase_tables_gib(plan: Plan, corpus: Corpus) -> float:
    """Memory of the phrase tables of all directions, in GiB; a translator has them for hints, and to answer in its place, a classifier
    to read translations beside the texts.
    """
    found = Counter[Direction]()
    for pair in pairs((*corpus.train, *corpus.parallel), _with_tables(plan.recipe, corpus)):
        found[pair.direction] += _phrases(pair.source.fields["text"])
    return SMALLER_TEXTS * sum(phrase_table_bytes(phrases) for phrases in found.values()) / GIB


def _with_tables(recipe: Recipe, corpus: Corpus) -> Sequence[Direction]:
    """The directions for which phrase tables are learned."""
    task = recipe.task
    if isinstance(task, Translation) and (task.hints == "lexicon" or recipe.ensemble.phrase_table == "auto"):
        return directions(task, corpus.languages)
    if isinstance(task, Classification) and task.translate_into:
        return [(tag, task.translate_into) for tag in corpus.languages if tag != task.translate_into]
    return ()


def phrase_table_bytes(phrases: int) -> float:
    """Memory of the phrase table of one direction whose sources have so many phrases."""
    more: float = max(1.0, phrases / MANY_PHRASES) ** GROWTH
    return PHRASE_BYTES * min(phrases, MANY_PHRASES) * more


def _phrases(text: str) -> int:
    """How many runs of words a text has that may be a phrase."""
    words = min(MAX_WORDS, len(text.split()))
    return sum(max(0, words - more) for more in range(MAX_PHRASE))


def device_memory_gib(plan: Plan, corpus: Corpus) -> float:
    """Peak memory of the device that computes, in GiB. A processor's memory holds everything."""
    tables = phrase_tables_gib(plan, corpus) if plan.machine.device != "cuda" else 0.0
    return plan.memory_gib + kept_states_gib(plan, corpus) + tables


def host_memory_gib(plan: Plan, corpus: Corpus) -> float | None:
    """Peak memory of the machine around a GPU, in GiB; None where the device's memory is the machine's own."""
    if plan.machine.device != "cuda":
        return None
    return host_gib(plan.checkpoint) + phrase_tables_gib(plan, corpus)
