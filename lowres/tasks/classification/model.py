"""The trained classifier: an encoder with a head, in an ensemble with an n-gram classifier; how it predicts, is saved and restored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.atomic import make_readable
from lowres.data.corpus import Corpus, Row
from lowres.errors import Finding, ModelError, Problem
from lowres.languages import normalise
from lowres.methods.stacking import adapter_languages
from lowres.models.loading import load_encoder
from lowres.planning import Options, Plan
from lowres.statistical.ngrams import Floats, NgramClassifier, combine
from lowres.tasks.classification.forward import probabilities
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.translations import NOTHING_BESIDE, Translations, restored_translations
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, Rows, reading, restored, save_model

HEAD, NGRAMS = "head.safetensors", "ngrams"
CENTRE = "centre "  # what stands before a language tag in the names of the mean vectors


@dataclass(frozen=True)
class Prediction:
    """The label predicted for a text, and the probability (0–1) of every label.

    `truncated` says that the text is longer than the model reads, so that its end has no part in the prediction.
    """

    text: str
    label: str
    probabilities: dict[str, float]
    truncated: bool = False


class ClassifierFacts(ModelFacts):
    """What a classifier's model.json holds; `auxiliary` gives the labels of further heads by name, `translate_into` the language of
    what is read beside the texts.

    `weights` are those of the ensemble: of the encoder, and of the n-grams where there are any; see `ensemble_weights`.
    """

    @property
    def sizes(self) -> list[int]:
        """Number of labels of each head, the task's own first."""
        return [len(self.labels), *map(len, self.auxiliary.values())]

    labels: list[str]
    auxiliary: dict[str, list[str]]
    hidden_size: int
    weights: tuple[float, ...] = (1.0,)
    translate_into: str | None = None

    @property
    def with_ngrams(self) -> bool:
        """Whether n-grams have a part in the predictions."""
        return len(self.weights) > 1


@dataclass(frozen=True)
class Classifier:
    """A trained classifier on its device, with n-grams or without."""

    model: ClassificationModel
    inputs: TextInputs
    facts: ClassifierFacts
    accelerator: Accelerator
    rows: Rows
    ngrams: NgramClassifier | None = None
    findings: tuple[Finding, ...] = ()
    translations: Translations = NOTHING_BESIDE

    @property
    def transformer(self) -> nn.Module:
        """The encoder, inside its adapter if it has one."""
        return self.model.encoder

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of its texts."""
        return self.inputs.tokenizer

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the head."""
        return tuple(self.facts.labels)

    def log_probabilities(self, texts: Sequence[str], languages: Sequence[str | None]) -> Floats:
        """Natural logarithms of the encoder's probabilities, float64 of shape (texts, labels)."""
        found = self.head_probabilities(texts, languages)
        return np.log(np.maximum(found.astype(np.float64), 1e-12))

    def head_probabilities(
        self, texts: Sequence[str], languages: Sequence[str | None], head: int = 0
    ) -> NDArray[np.float32]:
        """The encoder's probability of each label of one head, float32 of shape (texts, labels)."""
        token_ids = self.inputs.token_ids(texts, self.translations.of(texts, languages))
        return probabilities(self.model, self.inputs, token_ids, languages, self.accelerator, head)

    def ngram_log_probabilities(self, texts: Sequence[str], languages: Sequence[str | None]) -> Floats:
        """Natural logarithms of the n-gram classifier's probabilities, float64 of shape (texts, labels)."""
        assert self.ngrams is not None
        if beside := self.translations.of(texts, languages):
            return self.ngrams.log_probabilities(beside, [self.facts.translate_into] * len(beside))
        return self.ngrams.log_probabilities(list(map(normalise, texts)), languages)

    def read_by_ngrams(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as the n-gram classifier reads them: translated, if there are translations, and so all in one language."""
        beside = self.translations.of_rows(rows)
        return [
            replace(row, fields={**row.fields, "text": text}, language=self.facts.translate_into or row.language)
            for row, text in zip(rows, beside, strict=True)
        ] if beside else rows  # fmt: skip

    def predict(
        self, texts: Sequence[str], *, language: str | None = None, head: str | None = None
    ) -> list[Prediction]:
        """One prediction per text, in order, for empty texts too. Naming the language helps a model of several languages.

        `head` names an auxiliary task whose labels are predicted instead. Raises ModelError for an unknown language or head.
        """
        if language is not None and language not in self.facts.languages:
            known = ", ".join(self.facts.languages)
            raise ModelError(Problem("language", f"“{language}” is not a language of this run", f"one of {known}"))
        if head is not None:
            return self._predict_by_head(texts, [language] * len(texts), head)
        return self.label(texts, [language] * len(texts))

    def _predict_by_head(self, texts: Sequence[str], languages: Sequence[str | None], head: str) -> list[Prediction]:
        if head not in self.facts.auxiliary:
            known = ", ".join(self.facts.auxiliary) or "none"
            raise ModelError(Problem("head", f"there is no head “{head}”", f"auxiliary heads of this run: {known}"))
        number, labels = 1 + list(self.facts.auxiliary).index(head), self.facts.auxiliary[head]
        found = self.head_probabilities(texts, languages, number)
        return [
            Prediction(text, labels[int(row.argmax())], dict(zip(labels, map(float, row), strict=True)))
            for text, row in zip(texts, found, strict=True)
        ]

    def label(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prediction]:
        """One prediction per text, in order; a language is None where it is not known."""
        found = self.combined(texts, languages, self.log_probabilities(texts, languages))
        cut = self.inputs.truncated(texts, self.translations.of(texts, languages))
        return [replace(prediction, truncated=longer) for prediction, longer in zip(found, cut, strict=True)]

    def combined(self, texts: Sequence[str], languages: Sequence[str | None], encoder: Floats) -> list[Prediction]:
        """Predictions of the ensemble, or of the encoder where there are no n-grams, from the encoder's log-probabilities."""
        members = [encoder]
        if self.ngrams:
            members.append(self.ngram_log_probabilities(texts, languages))
        table = combine(members, self.facts.weights)
        return [self._prediction(text, row) for text, row in zip(texts, np.exp(table), strict=True)]

    def raw_predictions(self, inputs: Sequence[Sequence[str]]) -> list[list[float]]:
        """Probabilities of the labels for each (text, language)."""
        found = self.label([text for text, _ in inputs], [language for _, language in inputs])
        return [[prediction.probabilities[label] for label in self.labels] for prediction in found]

    @property
    def uses_language(self) -> bool:
        """Whether predictions depend on the language that is named with a text, which may then also be left open."""
        several = self.ngrams is not None and len(self.ngrams.classifiers) > 1
        return (several or bool(self.translations.tables)) and not adapter_languages(self.model.encoder)

    @property
    def centres(self) -> tuple[str, ...]:
        """The languages whose mean vector is subtracted from those of their texts."""
        return tuple(self.model.centres)

    def without_ngrams(self) -> "Classifier":
        """The same classifier without its n-grams."""
        return replace(self, ngrams=None, facts=self.facts.model_copy(update={"weights": (1.0,)}))

    def _prediction(self, text: str, row: NDArray[np.float64]) -> Prediction:
        return Prediction(text, self.labels[int(row.argmax())], dict(zip(self.labels, map(float, row), strict=True)))

    def save(self, folder: Path) -> None:
        """Write adapter, head, tokenizer, n-grams and facts: everything beside the base that restores this classifier."""
        save_model(folder, self.facts, self.model.encoder, self.rows, self.inputs.tokenizer)
        self.save_head(folder)
        if self.ngrams:
            self.ngrams.save(folder / NGRAMS)
        self.translations.save(folder)
        make_readable(folder, MODEL_JSON)

    def save_head(self, folder: Path) -> None:
        """Write the weights of the linear heads, and the mean vectors of the languages where there are any."""
        head = {**self.model.head.state_dict(), **{CENTRE + tag: mean for tag, mean in self.model.centres.items()}}
        save_file({name: weight.detach().cpu().contiguous() for name, weight in head.items()}, folder / HEAD)


def predict_test(classifier: Classifier, plan: Plan, corpus: Corpus) -> list[Prediction]:
    """Predictions for the test rows, with their languages given."""
    return classifier.label([row.fields["text"] for row in corpus.test], [row.language for row in corpus.test])


def restore(folder: Path, options: Options, form: Form = "trained") -> Classifier:
    """Base, adapter and head from a run's model folder. Raises ModelError where one is missing or the base is another."""
    found = restored(folder, ClassifierFacts, load_encoder, options, form)
    facts = found.facts
    model = ClassificationModel(found.model, facts.hidden_size, facts.sizes, facts.pooling)
    with reading(folder / HEAD):
        head = load_file(folder / HEAD)
        model.centres = {name.removeprefix(CENTRE): head.pop(name) for name in list(head) if name.startswith(CENTRE)}
        model.head.load_state_dict(head)
    model.to(found.accelerator.device).eval()
    with reading(folder / NGRAMS):
        ngrams = NgramClassifier.load(folder / NGRAMS) if facts.with_ngrams else None
    inputs = TextInputs(found.tokenizer, facts.prefix, facts.max_length)
    translations = restored_translations(folder, facts.translate_into)
    return Classifier(model, inputs, facts, found.accelerator, Rows(None, 0), ngrams, translations=translations)
