"""How a pre-trained model is judged: bits per character, beside the untouched base and a model of characters."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from accelerate import Accelerator

from lowres.data.corpus import Corpus, Row
from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.bits_per_character import PRIMARY_METRIC, bits_scores, bits_statistics, compare_bits
from lowres.evaluation.comparison import corrected, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.languages import normalise
from lowres.languages.words import words
from lowres.planning import Plan
from lowres.record import Comparison, Score
from lowres.statistical.character_lm import CharacterModel
from lowres.tasks.job import Facts, Say
from lowres.tasks.judgement import Jury, resampling_of
from lowres.tasks.pretraining.model import (
    Cost,
    MaskedLM,
    MaskedLMFacts,
    chosen_words,
    load,
    tagged_for,
    task_of,
    way_for,
)
from lowres.tasks.pretraining.objective import Costs, costs
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import NewRows

UNTOUCHED = "untouched base"
NGRAMS = "character 5-grams"
HEADLESS = "the untouched base has no head that fills in masks, so it cannot be scored by itself"
Chosen = Sequence[set[int]]
Value = TypeVar("Value")


@dataclass(frozen=True)
class OnBoth(Generic[Value]):
    """The same thing for test and for dev."""

    test: Value
    dev: Value


def judge(masked_lm: MaskedLM, plan: Plan, corpus: Corpus, found: Sequence[Cost], say: Say) -> Iterator[Facts]:
    """Bits per character with intervals, beside the untouched base and a model of characters, over the same words."""
    asked = OnBoth(chosen_words(masked_lm, plan, corpus.test), chosen_words(masked_lm, plan, corpus.dev))
    jury = jury_of(corpus, f"{masked_lm.way.measure}|words:{task_of(plan).scored_words}", resampling_of(plan))
    mine = OnBoth(
        Costs(np.array([cost.bits for cost in found]), np.array([float(cost.characters) for cost in found])),
        costs(masked_lm.model, masked_lm.way, corpus.dev, asked.dev, masked_lm.accelerator),
    )
    yield {"primary_metric": PRIMARY_METRIC, "scores": jury.scores(mine)}
    rivals: list[BaselineRun[OnBoth[Costs]]] = []
    if not masked_lm.facts.fresh_head:
        say("before")
        started = time.perf_counter()
        before = untouched(plan, corpus, masked_lm.accelerator)
        both = OnBoth(*(costs(before.model, before.way, rows, chosen, masked_lm.accelerator) for rows, chosen in (
            (corpus.test, asked.test), (corpus.dev, asked.dev)
        )))  # fmt: skip
        what = "the base with its own pieces, before any training"
        rivals.append(BaselineRun(UNTOUCHED, what, time.perf_counter() - started, both))
    if plan.recipe.evaluation.baselines:
        say("baselines")
        started = time.perf_counter()
        both = OnBoth(spelled(corpus.train, corpus.test, asked.test), spelled(corpus.train, corpus.dev, asked.dev))
        what = "Witten–Bell, of the same training texts; it sees only what stands before a word"
        rivals.append(BaselineRun(NGRAMS, what, time.perf_counter() - started, both))
    comparisons = [comparison for run in rivals for comparison in jury.against(run, mine)]
    verdict = transfer_verdict(comparisons)
    if masked_lm.facts.fresh_head:
        verdict = verdict.model_copy(update={"why": f"{verdict.why}; {HEADLESS}"})
    yield {
        "baselines": [jury.baseline(run) for run in rivals],
        "comparisons": corrected(comparisons),
        "transfer": verdict,
    }


def jury_of(corpus: Corpus, method: str, resampling: Resampling) -> Jury[OnBoth[Costs]]:
    """Judges what the words of test and dev cost; `method` says how that was found."""

    def scores(found: OnBoth[Costs]) -> list[Score]:
        return [
            *bits_scores(_sums(found.test, corpus.test), method, split="test", resampling=resampling),
            *bits_scores(_sums(found.dev, corpus.dev), method, split="dev", resampling=resampling),
        ]

    def compared(ours: OnBoth[Costs], theirs: OnBoth[Costs], against: str) -> list[Comparison]:
        mine, other = _sums(ours.test, corpus.test), _sums(theirs.test, corpus.test)
        return compare_bits(mine, other, against=against, resampling=resampling)

    return Jury(scores, scores, compared)


def untouched(plan: Plan, corpus: Corpus, accelerator: Accelerator) -> MaskedLM:
    """The base as it was, but for a piece of the language's own where its family needs one."""
    tokenizer, base = load(plan.checkpoint)
    width = base.get_input_embeddings().weight.shape[1]
    plain = Adapted(tokenizer, torch.zeros(0, dtype=torch.long), NewRows(torch.zeros(0, width)), None)
    tagged = tagged_for(plain, base, plan, corpus)
    tagged.adapted.install(base)
    facts = MaskedLMFacts(
        **common_facts(plan, corpus, tagged.adapted),
        tags=dict(tagged.tags),
        hidden=task_of(plan).masked,
        fresh_head=False,
    )
    return MaskedLM(
        base.to(accelerator.device), way_for(tagged.adapted, facts, plan), facts, accelerator, Rows(None, 0)
    )


def spelled(train: Sequence[Row], rows: Sequence[Row], chosen: Chosen) -> Costs:
    """What the chosen words cost a model of characters, one for each language, trained on these texts."""
    texts: dict[str, list[str]] = {}
    for row in train:
        texts.setdefault(row.language, []).append(normalise(row.fields["text"]))
    together = [text for some in texts.values() for text in some]
    models = {tag: CharacterModel(texts.get(tag, together)) for tag in dict.fromkeys(row.language for row in rows)}
    bits, characters = np.zeros(len(rows)), np.zeros(len(rows))
    for number, (row, asked) in enumerate(zip(rows, chosen, strict=True)):
        text = normalise(row.fields["text"])
        each, spans = models[row.language].bits(text), words(text)
        for start, end in (spans[word] for word in sorted(asked)):
            bits[number] += sum(each[start:end])
            characters[number] += end - start
    return Costs(bits, characters)


def _sums(found: Costs, rows: Sequence[Row]) -> SufficientStatistics:
    return bits_statistics(found.bits, found.characters, [row.language for row in rows], [row.cluster for row in rows])
