"""A classifier whose encoder and heads are computed by ONNX Runtime: inputs, n-grams and the ensemble are the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import device

from lowres.errors import ModelError, Problem
from lowres.planning import Machine, Options
from lowres.statistical.ngrams import NgramClassifier
from lowres.tasks.classification.forward import SCORING_TOKENS
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.model import NGRAMS, Classifier, ClassifierFacts
from lowres.tasks.classification.translations import restored_translations
from lowres.tasks.engines import ExportFacts, export_again, export_facts, installed
from lowres.tasks.job import make_accelerator
from lowres.tasks.saved import Rows, read_facts, reading, saved_tokenizer
from lowres.training.batches import sorted_batches

if TYPE_CHECKING:  # an optional package
    import onnxruntime

GRAPH = "model.onnx"
# What ONNX Runtime raises for a file that is not there, cut, or no graph; they share no class of their own.
FAULTS = (
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)


class OnnxFacts(ExportFacts):
    """What export.json of a classifier says: what is subtracted from the logits of the texts of each language, where means of
    languages are subtracted from vectors.
    """

    centres: dict[str, list[float]] = {}


@dataclass(frozen=True)
class OnnxGraph:
    """Encoder and heads as a graph, from token ids and mask to the logits of all heads."""

    session: "onnxruntime.InferenceSession"
    centres: Mapping[str, NDArray[np.float32]]

    def logits(
        self, inputs: TextInputs, token_ids: Sequence[Sequence[int]], languages: Sequence[str | None]
    ) -> NDArray[np.float32]:
        """The logits of all heads for texts of these tokens, float32 of shape (texts, labels in all)."""
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(token_ids)
        for rows in sorted_batches([len(ids) for ids in token_ids], SCORING_TOKENS):
            ids, mask = inputs.batch([token_ids[row] for row in rows], device("cpu"))
            (made,) = self.session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
            for row, line in zip(rows, made, strict=True):
                found[row] = line - self._centre(languages[row]) if self.centres else line
        return np.stack(found)

    def _centre(self, language: str | None) -> NDArray[np.float32]:
        """What is subtracted for a language; for one without a mean of its own it is the mean of all languages."""
        own = self.centres.get(language or "")
        return np.mean(list(self.centres.values()), axis=0) if own is None else own


@dataclass(frozen=True)
class OnnxClassifier(Classifier):
    """A classifier whose model is a graph of ONNX."""

    model: Any  # an OnnxGraph

    def head_probabilities(
        self, texts: Sequence[str], languages: Sequence[str | None], head: int = 0
    ) -> NDArray[np.float32]:
        """The encoder's probability of each label of one head, float32 of shape (texts, labels), by ONNX Runtime."""
        begin = sum(self.facts.sizes[:head])
        if not texts:
            return np.empty((0, self.facts.sizes[head]), np.float32)
        token_ids = self.inputs.token_ids(texts, self.translations.of(texts, languages))
        logits = self.model.logits(self.inputs, token_ids, languages)[:, begin : begin + self.facts.sizes[head]]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return found

    @property
    def uses_language(self) -> bool:
        """Whether predictions depend on the language that is named with a text, which may then also be left open."""
        return bool(self.translations.tables) or (self.ngrams is not None and len(self.ngrams.classifiers) > 1)


def restore_exported(folder: Path, model_folder: Path, digest: str, options: Options) -> OnnxClassifier:
    """The classifier of an exported folder, with tokenizer and n-grams from the run's model folder, whose digest is `digest`.

    The base is not needed. Raises ModelError where ONNX Runtime is not installed, a file cannot be read, or the run's model is
    another one than was exported.
    """
    facts, machine = read_facts(model_folder, ClassifierFacts), Machine.detect("cpu", options.threads)
    own = export_facts(folder, OnnxFacts, "onnx", digest)
    session = session_of(folder / GRAPH, machine.cores)
    tokenizer = saved_tokenizer(model_folder)
    with reading(model_folder / NGRAMS):
        ngrams = NgramClassifier.load(model_folder / NGRAMS) if facts.with_ngrams else None
    centres = {tag: np.array(numbers, np.float32) for tag, numbers in own.centres.items()}
    inputs, accelerator = TextInputs(tokenizer, facts.prefix, facts.max_length), make_accelerator(machine, "fp32")
    translations = restored_translations(model_folder, facts.translate_into)
    return OnnxClassifier(
        OnnxGraph(session, centres), inputs, facts, accelerator, Rows(None, 0), ngrams, translations=translations
    )


def session_of(path: Path, threads: int) -> "onnxruntime.InferenceSession":
    """A graph that is ready to compute. Raises ModelError where ONNX Runtime is not installed, or the file cannot be read."""
    runtime = installed("onnx", "onnxruntime", "--engine onnx")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 3  # 3: errors alone
    kinds = tuple(getattr(runtime.capi.onnxruntime_pybind11_state, name) for name in FAULTS)
    try:
        return runtime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except kinds as error:
        what = f"cannot be read: {str(error).strip().splitlines()[0]}"
        raise ModelError(Problem(str(path), what, export_again("onnx"))) from error
