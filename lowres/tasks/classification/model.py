"""A classifier ready to answer: an encoder with a head, and n-grams that vote with it; saved and restored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import ModelError, Problem
from lowres.languages import normalise
from lowres.models.loading import load_encoder
from lowres.planning import Options, Plan
from lowres.statistical.ngrams import NgramClassifier, combine
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.objective import probabilities
from lowres.tasks.job import Form
from lowres.tasks.saved import ModelFacts, Rows, restored, save_model

HEAD, NGRAMS = "head.safetensors", "ngrams"


@dataclass(frozen=True)
class Prediction:
    """The label a model gives a text, and the probability (0–1) of every label."""

    text: str
    label: str
    probabilities: dict[str, float]


class ClassifierFacts(ModelFacts):
    """How to put base, adapter and heads together again; `beside` gives the labels of further heads by name."""

    @property
    def sizes(self) -> list[int]:
        """Labels of each head, the task's own first."""
        return [len(self.labels), *map(len, self.auxiliary.values())]

    labels: list[str]
    auxiliary: dict[str, list[str]]
    hidden_size: int
    weights: tuple[float, float] | None


@dataclass(frozen=True)
class Classifier:
    """A classifier ready to answer, on the device it was loaded to; with n-grams, `weights` says how much each counts."""

    model: ClassificationModel
    encoder: TextInputs
    facts: ClassifierFacts
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
        if head not in self.facts.auxiliary:
            known = ", ".join(self.facts.auxiliary) or "none"
            raise ModelError(Problem("head", f"there is no head “{head}”", f"beside the task's own: {known}"))
        number, labels = 1 + list(self.facts.auxiliary).index(head), self.facts.auxiliary[head]
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

    def reload_answers(self, asked: Sequence[Sequence[str]]) -> list[list[float]]:
        """Probabilities of the labels for each text and its language."""
        found = self.label([text for text, _ in asked], [language for _, language in asked])
        return [[prediction.probabilities[label] for label in self.labels] for prediction in found]

    def alone(self) -> "Classifier":
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


def answer(classifier: Classifier, plan: Plan, corpus: Corpus) -> list[Prediction]:
    """Predictions for the test rows, whose language is known."""
    return classifier.label([row.fields["text"] for row in corpus.test], [row.language for row in corpus.test])


def restore(folder: Path, options: Options, form: Form = "trained") -> Classifier:
    """Base + adapter + head from a run's model folder. Raises ModelError where one of them is missing or another base."""
    found = restored(folder, ClassifierFacts, load_encoder, options, form)
    facts = found.facts
    model = ClassificationModel(found.model, facts.hidden_size, facts.sizes, facts.pooling)
    model.head.load_state_dict(load_file(folder / HEAD))
    model.to(found.accelerator.device).eval()
    ngrams = NgramClassifier.load(folder / NGRAMS) if facts.weights else None
    reader = TextInputs(found.tokenizer, facts.prefix, facts.max_length)
    return Classifier(model, reader, facts, found.accelerator, Rows(None, 0), ngrams)
