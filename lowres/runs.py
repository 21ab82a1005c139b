"""A finished run: its folder, and a model that answers in one call."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer

from lowres.errors import ModelError, Problem
from lowres.evaluation.record import RECORD_VERSION, Record
from lowres.evaluation.scores import Score
from lowres.languages.text import normalise
from lowres.methods import TECHNIQUES
from lowres.models.checkpoint import find_base
from lowres.models.classifier import Classifier
from lowres.models.loading import load_encoder
from lowres.models.ngrams import NgramClassifier, combine
from lowres.planning import Machine, Options
from lowres.report import render
from lowres.tasks.classification import Encoder, Prediction, probabilities
from lowres.vocabulary.rows import new_rows, place_rows
from lowres.vocabulary.saving import load_rows, save_rows

RECIPE, LOCK, RECORD, REPORT = "recipe.yaml", "recipe.lock", "record.json", "report.html"
PREDICTIONS, LOG, MODEL = "predictions.jsonl", "log.jsonl", "model"
FACTS, HEAD, ADAPTER, TOKENIZER, NGRAMS = "model.json", "head.safetensors", "adapter", "tokenizer", "ngrams"
ROWS = "rows.safetensors"


class ModelFacts(BaseModel):
    """What model/model.json says: how to put base, adapter and head together again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    base: str
    revision: str | None
    base_sha256: str
    method: str
    labels: list[str]
    pooling: str
    prefix: str
    max_pieces: int
    hidden_size: int
    languages: list[str]
    weights: tuple[float, float] | None


@dataclass(frozen=True)
class Answerer:
    """A model ready to answer, on the device it was loaded to; with n-grams, `weights` says how much each counts.

    `places` says which rows of the base make its table, the last `added` of them new; None where the table is the base's.
    """

    model: Classifier
    encoder: Encoder
    labels: tuple[str, ...]
    accelerator: Accelerator
    ngrams: NgramClassifier | None = None
    weights: tuple[float, float] = (1.0, 0.0)
    places: Tensor | None = None
    added: int = 0

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """What the encoder alone says, shape (texts, labels)."""
        found = probabilities(self.model, self.encoder, self.encoder.pieces(texts), self.accelerator)
        return np.log(np.maximum(found.astype(np.float64), 1e-12))

    def predict(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Prediction]:
        """One prediction per text, in order; an empty text is answered too. None is a language unknown."""
        table = self.log_probabilities(texts)
        if self.ngrams:
            table = combine(table, self.ngrams.log_probabilities(list(map(normalise, texts)), languages), self.weights)
        return [self._prediction(text, row) for text, row in zip(texts, np.exp(table), strict=True)]

    def alone(self) -> "Answerer":
        """The encoder without its partner."""
        return replace(self, ngrams=None, weights=(1.0, 0.0))

    def _prediction(self, text: str, row: NDArray[np.float64]) -> Prediction:
        return Prediction(text, self.labels[int(row.argmax())], dict(zip(self.labels, map(float, row), strict=True)))

    def save(self, folder: Path, facts: ModelFacts) -> None:
        """Write adapter, head, tokenizer and facts: all that must be kept beside the base."""
        folder.mkdir(parents=True, exist_ok=True)
        TECHNIQUES[facts.method].save(self.model.encoder, folder / ADAPTER, facts.base)
        save_file(
            {name: weight.detach().cpu().contiguous() for name, weight in self.model.head.state_dict().items()},
            folder / HEAD,
        )
        if self.ngrams:
            self.ngrams.save(folder / NGRAMS)
        self.encoder.tokenizer.save_pretrained(str(folder / TOKENIZER))
        if self.places is not None:
            save_rows(folder / ROWS, self.places, new_rows(self.model.encoder, self.added))
        (folder / FACTS).write_text(
            json.dumps(facts.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def make_accelerator(machine: Machine, precision: str) -> Accelerator:
    """Devices and mixed precision are accelerate's business."""
    return Accelerator(cpu=machine.device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def load_answerer(folder: Path, options: Options) -> Answerer:
    """Base + adapter + head from a run's model folder. Raises ModelError where one of them is missing or another base."""
    try:
        facts = ModelFacts.model_validate_json((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ModelError(
            Problem(str(folder / FACTS), f"cannot be read: {error}", "is this the folder of a finished run?")
        ) from error
    checkpoint = find_base(facts.base, facts.revision, cache=options.cache, near=folder, offline=options.offline)
    if checkpoint.sha256() != facts.base_sha256:
        raise ModelError(
            Problem(
                str(folder),
                f"was trained over another {facts.base} than the one found here",
                "fetch the pinned base again",
            )
        )
    machine = Machine.detect(options.device, options.threads)
    accelerator = make_accelerator(machine, "bf16" if machine.bf16 else "fp32")
    _, base = load_encoder(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(str(folder / TOKENIZER), trust_remote_code=False, local_files_only=True)
    if (folder / ROWS).exists():
        place_rows(base, *load_rows(folder / ROWS))
    encoder = TECHNIQUES[facts.method].restore(base, folder / ADAPTER)
    model = Classifier(encoder, facts.hidden_size, len(facts.labels), facts.pooling)
    model.head.load_state_dict(load_file(folder / HEAD))
    model.to(accelerator.device).eval()
    return Answerer(
        model,
        Encoder(tokenizer, facts.prefix, facts.max_pieces),
        tuple(facts.labels),
        accelerator,
        NgramClassifier.load(folder / NGRAMS) if facts.weights else None,
        facts.weights or (1.0, 0.0),
    )


class Run:
    """The folder of a run. `record` holds every fact; the model is loaded when first asked."""

    def __init__(self, folder: Path, *, options: Options | None = None) -> None:
        self.folder, self.options = folder, options or Options()
        self.record = read_record(folder / RECORD)

    @cached_property
    def answerer(self) -> Answerer:
        """The model, loaded once."""
        return load_answerer(self.folder / MODEL, self.options)

    @property
    def scores(self) -> list[Score]:
        """Every score of the test split, each with its interval."""
        return self.record.scores

    def predict(self, texts: Sequence[str] | str, *, language: str | None = None) -> list[Prediction]:
        """Label one text or many. Naming their language helps a model of several; a model of one knows it."""
        texts = [texts] if isinstance(texts, str) else texts
        known = self.record.data.languages if self.record.data else []
        if language is not None and language not in known:
            raise ModelError(
                Problem("language", f"“{language}” is not a language of this run", f"one of {', '.join(known)}")
            )
        return self.answerer.predict(texts, [language] * len(texts))

    def report(self) -> Path:
        """Write report.html again from the record, and say where it is."""
        path = self.folder / REPORT
        path.write_text(render(self.record), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return render(self.record)

    def __repr__(self) -> str:
        first = next(
            (score for score in self.scores if score.name == self.record.headline and score.language is None), None
        )
        result = f"{first.name} {first.value:.1f} [{first.low:.1f}, {first.high:.1f}]" if first else self.record.status
        return f"Run({self.record.recipe.name!r}, {result}, {str(self.folder)!r})"


def read_record(path: Path) -> Record:
    """The facts of a run. Raises ModelError where there is none, or one of another version."""
    if not path.exists():
        raise ModelError(
            Problem(str(path), "there is no record here", "name the folder of a run, such as runs/quickstart-…")
        )
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ModelError(
            Problem(
                str(path),
                f"is not a record of version {RECORD_VERSION}",
                "was it written by another version of lowres?",
            )
        ) from error


def load(folder: str | Path, *, options: Options | None = None) -> Run:
    """A finished run, ready to answer: `lowres.load("runs/…").predict(["…"])`."""
    return Run(Path(folder), options=options)
