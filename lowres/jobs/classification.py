"""Classification from base to judgement: an encoder with a head, and n-grams that vote with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus, Lesson, Row
from lowres.errors import ModelError, Problem
from lowres.evaluation.baselines import BaselineRun, majority, tfidf
from lowres.evaluation.classification import classification_scores, confusion
from lowres.evaluation.comparison import compare, transfer_verdict
from lowres.evaluation.record import Baseline, Comparison
from lowres.evaluation.scores import Score
from lowres.jobs.equipping import equip
from lowres.jobs.job import Facts, Form, Job, Say
from lowres.jobs.saved import (
    ModelFacts,
    Rows,
    common_facts,
    find_saved_base,
    read_facts,
    restore_model,
    restoring_accelerator,
    save_model,
)
from lowres.languages import normalise
from lowres.models.classifier import Classifier
from lowres.models.loading import load_encoder
from lowres.models.ngrams import NgramClassifier, combine, pooling_weights
from lowres.planning import Options, Plan
from lowres.recipe.sections import Classification
from lowres.recording import examples
from lowres.tasks.classification import ClassificationObjective, Encoder, Prediction, probabilities
from lowres.vocabulary.adapting import Adapted

HEAD, NGRAMS = "head.safetensors", "ngrams"


class LabellerFacts(ModelFacts):
    """How to put base, adapter and heads together again; `beside` gives the labels of further heads by name."""

    @property
    def sizes(self) -> list[int]:
        """Labels of each head, the task's own first."""
        return [len(self.labels), *map(len, self.beside.values())]

    labels: list[str]
    beside: dict[str, list[str]]
    hidden_size: int
    weights: tuple[float, float] | None


@dataclass(frozen=True)
class Labeller:
    """A classifier ready to answer, on the device it was loaded to; with n-grams, `weights` says how much each counts."""

    model: Classifier
    encoder: Encoder
    facts: LabellerFacts
    accelerator: Accelerator
    rows: Rows
    ngrams: NgramClassifier | None = None

    @property
    def transformer(self) -> nn.Module:
        """The encoder."""
        return self.model.encoder

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts its texts."""
        return self.encoder.tokenizer

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the head."""
        return tuple(self.facts.labels)

    def log_probabilities(self, texts: Sequence[str], languages: Sequence[str | None]) -> NDArray[np.float64]:
        """What the encoder alone says, shape (texts, labels)."""
        found = probabilities(self.model, self.encoder, self.encoder.pieces(texts), languages, self.accelerator)
        return np.log(np.maximum(found.astype(np.float64), 1e-12))

    def predict(
        self, texts: Sequence[str], *, language: str | None = None, head: str | None = None
    ) -> list[Prediction]:
        """One prediction per text, in order; an empty text is answered too. Naming the language helps a model of several.

        `head` asks for labels of another kind, which were learned beside the task's. Raises ModelError for an unknown name.
        """
        if language is not None and language not in self.facts.languages:
            known = ", ".join(self.facts.languages)
            raise ModelError(Problem("language", f"“{language}” is not a language of this run", f"one of {known}"))
        if head is not None:
            return self._by_head(texts, [language] * len(texts), head)
        return self.label(texts, [language] * len(texts))

    def _by_head(self, texts: Sequence[str], languages: Sequence[str | None], head: str) -> list[Prediction]:
        if head not in self.facts.beside:
            known = ", ".join(self.facts.beside) or "none"
            raise ModelError(Problem("head", f"there is no head “{head}”", f"beside the task's own: {known}"))
        number, labels = 1 + list(self.facts.beside).index(head), self.facts.beside[head]
        pieces = self.encoder.pieces(texts)
        found = probabilities(self.model, self.encoder, pieces, languages, self.accelerator, number)
        return [
            Prediction(text, labels[int(row.argmax())], dict(zip(labels, map(float, row), strict=True)))
            for text, row in zip(texts, found, strict=True)
        ]

    def label(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prediction]:
        """One prediction per text, in order; None is a language unknown."""
        table = self.log_probabilities(texts, languages)
        if self.ngrams and self.facts.weights:
            others = self.ngrams.log_probabilities(list(map(normalise, texts)), languages)
            table = combine(table, others, self.facts.weights)
        return [self._prediction(text, row) for text, row in zip(texts, np.exp(table), strict=True)]

    def trial(self, asked: Sequence[Sequence[str]]) -> list[list[float]]:
        """Probabilities of the labels for each text and its language."""
        found = self.label([text for text, _ in asked], [language for _, language in asked])
        return [[prediction.probabilities[label] for label in self.labels] for prediction in found]

    def alone(self) -> "Labeller":
        """The encoder without its partner."""
        return replace(self, ngrams=None)

    def _prediction(self, text: str, row: NDArray[np.float64]) -> Prediction:
        return Prediction(text, self.labels[int(row.argmax())], dict(zip(self.labels, map(float, row), strict=True)))

    def save(self, folder: Path) -> None:
        """Write adapter, head, tokenizer and facts: all that must be kept beside the base."""
        save_model(folder, self.facts, self.model.encoder, self.rows, self.encoder.tokenizer)
        self.save_head(folder)
        if self.ngrams:
            self.ngrams.save(folder / NGRAMS)

    def save_head(self, folder: Path) -> None:
        """Write the weights that make labels of vectors."""
        head = self.model.head.state_dict()
        save_file({name: weight.detach().cpu().contiguous() for name, weight in head.items()}, folder / HEAD)


def build(adapted: Adapted, base: nn.Module, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Labeller:
    """Base + its new rows + method + a new head."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    set_seed(recipe.training.seed)
    facts = LabellerFacts(
        **common_facts(plan, corpus, adapted), labels=list(corpus.labels),
        beside={head: list(lesson.labels) for head, lesson in corpus.beside.items()},
        hidden_size=checkpoint.hidden_size, weights=None,
    )  # fmt: skip
    model = Classifier(equip(base, adapted, plan), facts.hidden_size, facts.sizes, plan.pooling).to(accelerator.device)
    places = adapted.places if len(adapted.places) else None
    reader = Encoder(adapted.tokenizer, checkpoint.prefix, recipe.training.max_pieces)
    return Labeller(model, reader, facts, accelerator, Rows(places, adapted.added))


def objective(labeller: Labeller, plan: Plan, corpus: Corpus) -> ClassificationObjective:
    """Train on the rows of all heads, choose by the task's own on dev."""
    settings = plan.recipe.training
    assert isinstance(plan.recipe.task, Classification)
    return ClassificationObjective(
        labeller.model, labeller.encoder, [Lesson(labeller.labels, corpus.train), *corpus.beside.values()], corpus.dev,
        labeller.accelerator, label_smoothing=settings.label_smoothing, temperature=plan.recipe.task.temperature,
        seed=settings.seed,
    )  # fmt: skip


def complete(labeller: Labeller, plan: Plan, corpus: Corpus, say: Say) -> Labeller:
    """Add the n-gram classifier, weighed against the encoder by the likelihood of dev."""
    if plan.recipe.ensemble.ngrams == "off":
        return labeller
    say("n-grams")
    ngrams = NgramClassifier.fit(corpus.train, corpus.dev, labeller.labels, plan.recipe.training.seed)
    texts, languages = [row.fields["text"] for row in corpus.dev], [row.language for row in corpus.dev]
    answers = [labeller.labels.index(row.fields["label"]) for row in corpus.dev]
    weights = pooling_weights(
        labeller.log_probabilities(texts, languages), ngrams.log_probabilities(texts, languages), answers
    )
    return replace(labeller, ngrams=ngrams, facts=labeller.facts.model_copy(update={"weights": weights}))


def answer(labeller: Labeller, plan: Plan, corpus: Corpus) -> list[Prediction]:
    """Predictions for the test rows, whose language is known."""
    return labeller.label([row.fields["text"] for row in corpus.test], [row.language for row in corpus.test])


def lines(plan: Plan, corpus: Corpus, predictions: Sequence[Prediction]) -> Iterator[Mapping[str, object]]:
    """One line per test row."""
    for row, prediction in zip(corpus.test, predictions, strict=True):
        yield {
            "id": row.id, "language": row.language, "text": row.fields["text"], "reference": row.fields["label"],
            "prediction": prediction.label, "probabilities": prediction.probabilities,
        }  # fmt: skip


def judge(
    labeller: Labeller, plan: Plan, corpus: Corpus, predictions: Sequence[Prediction], say: Say
) -> Iterator[Facts]:
    """Scores with intervals, what simpler methods score on the same rows, and the paired comparisons."""
    settings, seed, rows = plan.recipe.evaluation, plan.recipe.training.seed, corpus.test
    jury = Jury(rows, labeller.labels, settings.confidence, settings.resamples, seed)
    chosen = [prediction.label for prediction in predictions]
    yield {
        "scores": jury.scores(chosen),
        "confusion": confusion(jury.references, chosen, labeller.labels),
        "examples": examples(rows, predictions),
    }
    parts, rivals = [], []
    if labeller.ngrams:
        alone = [prediction.label for prediction in answer(labeller.alone(), plan, corpus)]
        parts.append(BaselineRun("encoder alone", "the adapted base without the n-gram classifier", 0.0, tuple(alone)))
    if settings.baselines:
        say("baselines")
        rivals = [majority(corpus.train, rows), tfidf(corpus.train, corpus.dev, rows, labeller.labels, seed)]
    comparisons = {run.name: jury.against(run, chosen) for run in (*parts, *rivals)}
    yield {
        "baselines": [jury.baseline(run, part=run in parts) for run in (*parts, *rivals)],
        "comparisons": [comparison for found in comparisons.values() for comparison in found],
        "transfer": transfer_verdict([comparison for run in rivals for comparison in comparisons[run.name]]),
    }


@dataclass(frozen=True)
class Jury:
    """Judges every system on the same rows with the same settings."""

    rows: Sequence[Row]
    labels: Sequence[str]
    confidence: float
    resamples: int
    seed: int

    @property
    def references(self) -> list[str]:
        """True labels."""
        return [row.fields["label"] for row in self.rows]

    @property
    def languages(self) -> list[str]:
        return [row.language for row in self.rows]

    @property
    def groups(self) -> list[str]:
        return [row.group for row in self.rows]

    def scores(self, predictions: Sequence[str]) -> list[Score]:
        """Every score of one system."""
        return classification_scores(
            self.references, predictions, self.languages, self.labels, groups=self.groups, split="test",
            confidence=self.confidence, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip

    def baseline(self, run: BaselineRun, *, part: bool) -> Baseline:
        """A simpler system, or a part of this one, and its scores."""
        return Baseline(
            name=run.name,
            description=run.description,
            seconds=run.seconds,
            scores=self.scores(run.predictions),
            part=part,
        )

    def against(self, run: BaselineRun, predictions: Sequence[str]) -> list[Comparison]:
        """The predictions against those of another system, paired."""
        return compare(
            self.references, predictions, run.predictions, self.languages, self.groups, self.labels, against=run.name,
            confidence=self.confidence, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip


def sample(labeller: Labeller, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """Some texts of dev with their languages."""
    return [[row.fields["text"], row.language] for row in corpus.dev[:: max(1, len(corpus.dev) // count)][:count]]


def restore(folder: Path, options: Options, form: Form = "trained") -> Labeller:
    """Base + adapter + head from a run's model folder. Raises ModelError where one of them is missing or another base."""
    facts = read_facts(folder, LabellerFacts)
    accelerator = restoring_accelerator(options, form)
    checkpoint = find_saved_base(folder, facts, options)
    _, base = load_encoder(checkpoint)
    tokenizer, encoder = restore_model(folder, facts, checkpoint, base, accelerator, form)
    model = Classifier(encoder, facts.hidden_size, facts.sizes, facts.pooling)
    model.head.load_state_dict(load_file(folder / HEAD))
    model.to(accelerator.device).eval()
    ngrams = NgramClassifier.load(folder / NGRAMS) if facts.weights else None
    reader = Encoder(tokenizer, facts.prefix, facts.max_pieces)
    return Labeller(model, reader, facts, accelerator, Rows(None, 0), ngrams)


CLASSIFICATION = Job(
    load=load_encoder, encoder=lambda model: model, build=build, objective=objective, complete=complete, answer=answer,
    lines=lines, judge=judge, restore=restore, sample=sample,
)  # fmt: skip
