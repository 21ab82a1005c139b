"""What a task must know how to do, so that one story, lowres.running.run, serves all tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.models.checkpoint import Checkpoint
from lowres.planning import Machine, Options, Plan
from lowres.recipe.sections import Training
from lowres.record import BackTranslationFacts
from lowres.training.loop import Objective, Step
from lowres.vocabulary.adapting import Adapted

Facts = Mapping[str, Any]  # sections of the record by name
Form = Literal["trained", "precise", "merged"]  # as in training; in float32; in float32 with the adapter in the weights
Say = Callable[[str], None]  # tells that a new stage begins


class Predictor(Protocol):
    """A model ready to answer."""

    @property
    def model(self) -> nn.Module:
        """What is trained and asked."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What cuts its texts."""

    @property
    def transformer(self) -> Any:
        """The model of transformers, in its adapter."""

    @property
    def accelerator(self) -> Accelerator:
        """Its device and precision."""

    @property
    def facts(self) -> Any:
        """What model.json says of it."""

    def save_head(self, folder: Path) -> None:
        """Write what stands on the transformer, if anything does."""

    def save(self, folder: Path) -> None:
        """Write all that must be kept beside the base."""

    def reload_answers(self, asked: Sequence[Sequence[str]]) -> list[Any]:
        """Answers to rows of a text and its languages, as JSON can hold them: a text or numbers for each."""


@dataclass(frozen=True)
class Round:
    """Training that goes on: what it minimises (None where nothing is left to learn from), its settings, and what it tells the
    record, given all steps before it and its own.
    """

    objective: Objective | None
    settings: Training
    facts: Callable[[Sequence[Step], Sequence[Step]], BackTranslationFacts]


def no_rounds(predictor: Any, plan: Plan, corpus: Corpus, say: Say) -> Iterator[Round]:
    """One training is enough."""
    return iter(())


@dataclass(frozen=True)
class Job:
    """The verbs of a task.

    `load` gives tokenizer and model, `encoder` the part of it that reads, `build` the model with its new rows and its method,
    `objective` what training minimises, `complete` what joins it after training, `answer` its answers to the test rows, `lines`
    those as predictions.jsonl has them, `judge` the sections of the record that judge them, `restore` a saved model, `sample`
    the rows that a saved model is tried on. `rounds` gives what the model trains on after its first training, each round made
    when the one before has ended. `leads_on` says that the result is meant as the base of a next recipe.
    """

    load: Callable[[Checkpoint], tuple[PreTrainedTokenizerBase, Any]]
    encoder: Callable[[Any], nn.Module]
    build: Callable[[Adapted, Any, Plan, Corpus, Accelerator], Any]
    objective: Callable[[Any, Plan, Corpus], Objective]
    complete: Callable[[Any, Plan, Corpus, Say], Any]
    answer: Callable[[Any, Plan, Corpus], Sequence[Any]]
    lines: Callable[[Plan, Corpus, Sequence[Any]], Iterator[Mapping[str, object]]]
    judge: Callable[[Any, Plan, Corpus, Sequence[Any], Say], Iterator[Facts]]
    restore: Callable[[Path, Options, Form], Any]
    sample: Callable[[Any, Plan, Corpus, int], list[list[str]]]
    rounds: Callable[[Any, Plan, Corpus, Say], Iterator[Round]] = no_rounds
    leads_on: bool = False


def sample_texts(predictor: Any, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """Some texts of dev with their languages, evenly from all of them."""
    return [[row.fields["text"], row.language] for row in corpus.dev[:: max(1, len(corpus.dev) // count)][:count]]


def make_accelerator(machine: Machine, precision: str) -> Accelerator:
    """Devices and mixed precision are accelerate's business.

    It keeps one precision for a process; a run that was trained in one may be asked in another.
    """
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=machine.device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
