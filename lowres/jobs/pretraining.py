"""Language-adaptive pre-training from base to judgement: plain text in; adapter, new rows and bits per character out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus, Row
from lowres.evaluation.bits import HEADLINE, bits_scores, compare_bits, sum_bits
from lowres.evaluation.comparison import transfer_verdict
from lowres.evaluation.record import Baseline, Comparison
from lowres.evaluation.scores import Score
from lowres.evaluation.spelling import CharacterModel
from lowres.evaluation.sums import Sums
from lowres.jobs.equipping import equip
from lowres.jobs.filler import Filler, FillerFacts, load, restore, way_of
from lowres.jobs.job import Facts, Job, Say
from lowres.jobs.saved import Rows, common_facts
from lowres.languages import normalise
from lowres.languages.words import words
from lowres.models.masked import begin_head, biases, transform, untrained
from lowres.planning import Plan
from lowres.recipe.sections import PreTraining
from lowres.tasks.hiding import Way
from lowres.tasks.pretraining import Costs, PretrainingObjective, choose_words, costs
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.rows import NewRows, keep_head_apart
from lowres.vocabulary.tagging import Tagged, tag_languages

UNTOUCHED = "untouched base"
NGRAMS = "character 5-grams"
HEADLESS = "the untouched base has no head that fills in masks, so it cannot be scored by itself"
Chosen = Sequence[set[int]]


@dataclass(frozen=True)
class Cost:
    """What the scored words of one text cost: bits, and the characters they hold."""

    bits: float
    characters: int


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Filler:
    """Base + new rows + head + method."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    set_seed(recipe.training.seed)
    tagged = _tagged(adapted, base, plan, corpus)
    adapted = tagged.adapted
    facts = FillerFacts(
        **common_facts(plan, corpus, adapted), tags=dict(tagged.tags), hidden=_task(plan).hidden,
        fresh_head=checkpoint.architecture.marks is None and untrained(base),
    )  # fmt: skip
    way = _way(adapted, facts, plan)
    model = equip(base, adapted, plan)
    if facts.fresh_head:
        begin_head(model, _counts(way, corpus.train, len(model.get_input_embeddings().weight)))
    if not way.decodes:  # the head learns with every method, unless it is fixed
        for weights in biases(model):
            weights.requires_grad_(True)
        for weights in transform(model).values():
            weights.requires_grad_(_task(plan).head == "trained")
    places = adapted.places if len(adapted.places) else None
    return Filler(model.to(accelerator.device), way, facts, accelerator, Rows(places, adapted.added))


def _tagged(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus) -> Tagged:
    """The vocabulary with a piece for every language, in families that have them."""
    marks = plan.checkpoint.architecture.marks
    if marks is None:
        return Tagged(adapted, {})
    keep_head_apart(base)
    return tag_languages(adapted, base, marks, corpus.languages, {})


def _way(adapted: Adapted, facts: FillerFacts, plan: Plan) -> Way:
    return way_of(
        adapted.tokenizer,
        plan.checkpoint.architecture,
        facts.languages,
        facts.tags,
        facts.prefix,
        facts.max_pieces,
        facts.hidden,
    )


def _counts(way: Way, rows: Sequence[Row], pieces: int) -> torch.Tensor:
    """How often each piece occurs in these texts, float32 of shape (pieces,)."""
    stretches = way.reader.stretches([row.fields["text"] for row in rows], [row.language for row in rows])
    ids = torch.tensor([one for stretch in stretches for one in stretch.ids], dtype=torch.long)
    return torch.bincount(ids, minlength=pieces).float()


def _task(plan: Plan) -> PreTraining:
    assert isinstance(plan.recipe.task, PreTraining)
    return plan.recipe.task


def objective(filler: Filler, plan: Plan, corpus: Corpus) -> PretrainingObjective:
    """Find hidden words of train, choose by those of dev."""
    settings = plan.recipe.training
    named = "label_smoothing" in settings.model_fields_set
    return PretrainingObjective(
        filler.model, filler.way, corpus.train, corpus.dev, filler.accelerator,
        label_smoothing=settings.label_smoothing if named else 0.0, seed=settings.seed,
    )  # fmt: skip


def complete(filler: Filler, plan: Plan, corpus: Corpus, say: Say) -> Filler:
    """Nothing joins the model after training."""
    return filler


def answer(filler: Filler, plan: Plan, corpus: Corpus) -> list[Cost]:
    """What the scored words of each test text cost."""
    found = costs(filler.model, filler.way, corpus.test, _chosen(filler, plan, corpus.test), filler.accelerator)
    return [Cost(float(bits), int(signs)) for bits, signs in zip(found.bits, found.characters, strict=True)]


def _chosen(filler: Filler, plan: Plan, rows: Sequence[Row]) -> list[set[int]]:
    return choose_words(filler.way, rows, _task(plan).scored_words, plan.recipe.training.seed)


def lines(plan: Plan, corpus: Corpus, found: Sequence[Cost]) -> Iterator[Mapping[str, object]]:
    """One line per test text."""
    for row, cost in zip(corpus.test, found, strict=True):
        yield {
            "id": row.id, "language": row.language, "text": row.fields["text"], "bits": cost.bits, "characters": cost.characters,
        }  # fmt: skip


def judge(filler: Filler, plan: Plan, corpus: Corpus, found: Sequence[Cost], say: Say) -> Iterator[Facts]:
    """Bits per character with intervals, beside the untouched base and a model of characters, over the same words."""
    jury = Jury(plan, corpus, filler.way, _chosen(filler, plan, corpus.test), _chosen(filler, plan, corpus.dev))
    mine = Costs(np.array([cost.bits for cost in found]), np.array([float(cost.characters) for cost in found]))
    on_dev = costs(filler.model, filler.way, corpus.dev, jury.dev_words, filler.accelerator)
    yield {"headline": HEADLINE, "scores": jury.scores(mine, on_dev)}
    rivals: list[Baseline] = []
    comparisons: list[Comparison] = []
    if not filler.facts.fresh_head:
        say("before")
        started = time.perf_counter()
        before = untouched(plan, corpus, filler.accelerator)
        test, dev = (
            costs(before.model, before.way, rows, chosen, filler.accelerator)
            for rows, chosen in ((corpus.test, jury.words), (corpus.dev, jury.dev_words))
        )
        what = "the base with its own pieces, before any training"
        rivals.append(jury.baseline(UNTOUCHED, what, time.perf_counter() - started, test, dev))
        comparisons += jury.against(UNTOUCHED, mine, test)
    if plan.recipe.evaluation.baselines:
        say("baselines")
        started = time.perf_counter()
        test, dev = (
            spelled(corpus.train, rows, chosen)
            for rows, chosen in ((corpus.test, jury.words), (corpus.dev, jury.dev_words))
        )
        what = "Witten–Bell, of the same training texts; it sees only what stands before a word"
        rivals.append(jury.baseline(NGRAMS, what, time.perf_counter() - started, test, dev))
        comparisons += jury.against(NGRAMS, mine, test)
    verdict = transfer_verdict(comparisons)
    if filler.facts.fresh_head:
        verdict = verdict.model_copy(update={"why": f"{verdict.why}; {HEADLESS}"})
    yield {"baselines": rivals, "comparisons": comparisons, "transfer": verdict}


def untouched(plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Filler:
    """The base as it was, but for a piece of the language's own where its family needs one."""
    tokenizer, base = load(plan.checkpoint)
    width = base.get_input_embeddings().weight.shape[1]
    plain = Adapted(tokenizer, torch.zeros(0, dtype=torch.long), NewRows(torch.zeros(0, width)), None)
    tagged = _tagged(plain, base, plan, corpus)
    tagged.adapted.install(base)
    facts = FillerFacts(
        **common_facts(plan, corpus, tagged.adapted),
        tags=dict(tagged.tags),
        hidden=_task(plan).hidden,
        fresh_head=False,
    )
    return Filler(base.to(accelerator.device), _way(tagged.adapted, facts, plan), facts, accelerator, Rows(None, 0))


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


@dataclass(frozen=True)
class Jury:
    """Judges every system on the same words with the same settings."""

    plan: Plan
    corpus: Corpus
    way: Way
    words: Chosen
    dev_words: Chosen

    def scores(self, test: Costs, dev: Costs) -> list[Score]:
        """Bits per character on test, then on dev."""
        settings, seed = self.plan.recipe.evaluation, self.plan.recipe.training.seed
        method = f"{self.way.measure}|words:{_task(self.plan).scored_words}"
        given = {"confidence": settings.confidence, "resamples": settings.resamples}
        return [
            *bits_scores(_sums(test, self.corpus.test), method, split="test", **given, seed=seed),  # type: ignore[arg-type]
            *bits_scores(_sums(dev, self.corpus.dev), method, split="dev", **given, seed=seed),  # type: ignore[arg-type]
        ]

    def baseline(self, name: str, description: str, seconds: float, test: Costs, dev: Costs) -> Baseline:
        """Another model and its scores."""
        return Baseline(name=name, description=description, seconds=seconds, scores=self.scores(test, dev))

    def against(self, name: str, ours: Costs, theirs: Costs) -> list[Comparison]:
        """The model against another on the test texts, paired."""
        settings = self.plan.recipe.evaluation
        return compare_bits(
            _sums(ours, self.corpus.test), _sums(theirs, self.corpus.test), against=name, confidence=settings.confidence,
            resamples=settings.resamples, seed=self.plan.recipe.training.seed,
        )  # fmt: skip


def _sums(found: Costs, rows: Sequence[Row]) -> Sums:
    return sum_bits(found.bits, found.characters, [row.language for row in rows], [row.group for row in rows])


def sample(filler: Filler, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """Some texts of dev with their languages."""
    return [[row.fields["text"], row.language] for row in corpus.dev[:: max(1, len(corpus.dev) // count)][:count]]


def encoder(model: Any) -> nn.Module:
    """The part that reads."""
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model  # type: ignore[no-any-return]


PRE_TRAINING = Job(
    load=load, encoder=encoder, build=build, objective=objective, complete=complete, answer=answer, lines=lines, judge=judge,
    restore=restore, sample=sample, leads_on=True,
)  # fmt: skip
