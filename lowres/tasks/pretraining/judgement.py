"""How a pre-trained model is evaluated: bits per character, beside the untouched base and a character n-gram model."""

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
from lowres.record import Comparison
from lowres.score import Score
from lowres.statistical.character_lm import CharacterModel
from lowres.tasks.job import Announce, Facts
from lowres.tasks.judgement import Evaluator, resampling_of
from lowres.tasks.pretraining.model import (
    Cost,
    MaskedLM,
    MaskedLMFacts,
    chosen_words,
    corruption_for,
    load,
    tagged_for,
    task_of,
)
from lowres.tasks.pretraining.objective import Costs, costs
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import NewRows

UNTOUCHED = "untouched base"
NGRAMS = "character 5-grams"
NO_HEAD = "the untouched base has no head that predicts masked words, so it cannot be scored by itself"
ChosenWords = Sequence[set[int]]
Value = TypeVar("Value")


@dataclass(frozen=True)
class TestAndDev(Generic[Value]):
    """A value for each of the two splits that are scored."""

    test: Value
    dev: Value


def judge(
    masked_lm: MaskedLM, plan: Plan, corpus: Corpus, found: Sequence[Cost], announce: Announce
) -> Iterator[Facts]:
    """Bits per character with intervals, and those of the untouched base and of a character n-gram model over the same words."""
    scored = TestAndDev(chosen_words(masked_lm, plan, corpus.test), chosen_words(masked_lm, plan, corpus.dev))
    evaluator = evaluator_of(
        corpus, f"{masked_lm.corruption.measure}|words:{task_of(plan).scored_words}", resampling_of(plan)
    )
    mine = TestAndDev(
        Costs(np.array([cost.bits for cost in found]), np.array([float(cost.characters) for cost in found])),
        costs(masked_lm.model, masked_lm.corruption, corpus.dev, scored.dev, masked_lm.accelerator),
    )
    yield {"primary_metric": PRIMARY_METRIC, "scores": evaluator.scores(mine)}
    rivals: list[BaselineRun[TestAndDev[Costs]]] = []
    if not masked_lm.facts.fresh_head:
        announce("before")
        started = time.perf_counter()
        before = untouched(plan, corpus, masked_lm.accelerator)
        both = TestAndDev(*(costs(before.model, before.corruption, rows, chosen, masked_lm.accelerator) for rows, chosen in (
            (corpus.test, scored.test), (corpus.dev, scored.dev)
        )))  # fmt: skip
        what = "the base with its own tokens, before any training"
        rivals.append(BaselineRun(UNTOUCHED, what, time.perf_counter() - started, both))
    if plan.recipe.evaluation.baselines:
        announce("baselines")
        started = time.perf_counter()
        both = TestAndDev(
            character_lm_costs(corpus.train, corpus.test, scored.test),
            character_lm_costs(corpus.train, corpus.dev, scored.dev),
        )
        what = "Witten–Bell n-grams of the same training texts; they see only what stands before a word"
        rivals.append(BaselineRun(NGRAMS, what, time.perf_counter() - started, both))
    comparisons = [comparison for run in rivals for comparison in evaluator.compare_with(run, mine)]
    verdict = transfer_verdict(comparisons)
    if masked_lm.facts.fresh_head:
        verdict = verdict.model_copy(update={"why": f"{verdict.why}; {NO_HEAD}"})
    yield {
        "baselines": [evaluator.baseline(run) for run in rivals],
        "comparisons": corrected(comparisons),
        "transfer": verdict,
    }


def evaluator_of(corpus: Corpus, method: str, resampling: Resampling) -> Evaluator[TestAndDev[Costs]]:
    """Evaluates the bits that the scored words of test and dev cost; `method` names the scoring in the signature."""

    def scores(found: TestAndDev[Costs]) -> list[Score]:
        return [
            *bits_scores(_sums(found.test, corpus.test), method, split="test", resampling=resampling),
            *bits_scores(_sums(found.dev, corpus.dev), method, split="dev", resampling=resampling),
        ]

    def compared(ours: TestAndDev[Costs], theirs: TestAndDev[Costs], against: str) -> list[Comparison]:
        mine, other = _sums(ours.test, corpus.test), _sums(theirs.test, corpus.test)
        return compare_bits(mine, other, against=against, resampling=resampling)

    return Evaluator(scores, scores, compared)


def untouched(plan: Plan, corpus: Corpus, accelerator: Accelerator) -> MaskedLM:
    """The base before any training, but with language tokens where its family needs them."""
    tokenizer, base = load(plan.checkpoint)
    width = base.get_input_embeddings().weight.shape[1]
    plain = Adapted(tokenizer, torch.zeros(0, dtype=torch.long), NewRows(torch.zeros(0, width)), None)
    tagged = tagged_for(plain, base, plan, corpus)
    tagged.adapted.install(base)
    facts = MaskedLMFacts(
        **common_facts(plan, corpus, tagged.adapted),
        tags=dict(tagged.tags),
        masked=task_of(plan).masked,
        fresh_head=False,
    )
    return MaskedLM(
        base.to(accelerator.device), corruption_for(tagged.adapted, facts, plan), facts, accelerator, Rows(None, 0)
    )


def character_lm_costs(train: Sequence[Row], rows: Sequence[Row], chosen: ChosenWords) -> Costs:
    """What the chosen words cost a character n-gram model of their language, trained on `train`."""
    texts: dict[str, list[str]] = {}
    for row in train:
        texts.setdefault(row.language, []).append(normalise(row.fields["text"]))
    together = [text for some in texts.values() for text in some]
    models = {tag: CharacterModel(texts.get(tag, together)) for tag in dict.fromkeys(row.language for row in rows)}
    bits, characters = np.zeros(len(rows)), np.zeros(len(rows))
    for number, (row, scored) in enumerate(zip(rows, chosen, strict=True)):
        text = normalise(row.fields["text"])
        each, spans = models[row.language].bits(text), words(text)
        for start, end in (spans[word] for word in sorted(scored)):
            bits[number] += sum(each[start:end])
            characters[number] += end - start
    return Costs(bits, characters)


def _sums(found: Costs, rows: Sequence[Row]) -> SufficientStatistics:
    return bits_statistics(found.bits, found.characters, [row.language for row in rows], [row.cluster for row in rows])
