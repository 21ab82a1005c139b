"""What a task must provide so that lowres.running.run can carry it out: the interface that all tasks share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import Finding
from lowres.models.checkpoint import Checkpoint
from lowres.planning import Machine, Options, Plan
from lowres.recipe.training_section import Training
from lowres.record import BackTranslationFacts
from lowres.training.loop import Objective, Step

if TYPE_CHECKING:  # fitting a vocabulary takes seconds to load, and predicting does not need it
    from lowres.vocabulary.adapting import Adapted

Facts = Mapping[str, Any]  # sections of the record, by name; `findings`; and `others`, what other systems predicted
Form = Literal["trained", "precise", "merged"]  # as in training; in float32; in float32 with the adapter in the weights
Announce = Callable[[str], None]  # called with the name of each stage of the run when it begins


class Load(Protocol):
    """Loads tokenizer and model of a checkpoint, with this dropout inside the model while it trains."""

    def __call__(self, checkpoint: Checkpoint, dropout: float = 0.0) -> tuple[PreTrainedTokenizerBase, Any]: ...


class Predictor(Protocol):
    """A trained model that can predict, as every task provides it."""

    @property
    def model(self) -> nn.Module:
        """The module that is trained."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of its texts."""

    @property
    def transformer(self) -> Any:
        """The model of transformers, inside its adapter if it has one."""

    @property
    def accelerator(self) -> Accelerator:
        """The device and precision it computes in."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What came up when it was built."""

    @property
    def facts(self) -> Any:
        """What model.json says of this model."""

    def save_head(self, folder: Path) -> None:
        """Write the weights of the task's own head, if it has one."""

    def save(self, folder: Path) -> None:
        """Write everything that is needed, beside the base, to restore this model."""

    def raw_predictions(self, inputs: Sequence[Sequence[str]]) -> list[Any]:
        """Predictions as JSON can hold them, a text or numbers for each input; an input is a text followed by its language tags."""


class TaskObjective(Objective, Protocol):
    """What training minimises, and what came up when its data were encoded."""

    @property
    def findings(self) -> Sequence[Finding]:
        """Findings such as the number of truncated texts."""


@dataclass(frozen=True)
class Round:
    """A further round of training: a function that makes its objective (None where no data are left for it), its settings, and a
    function that makes its section of the record from the steps before the round and those of the round.
    """

    objective: Callable[[], TaskObjective] | None
    settings: Training
    facts: Callable[[Sequence[Step], Sequence[Step]], BackTranslationFacts]


class Once(Protocol):
    """Gives the facts that were kept under a name before an interruption of the run; else makes and keeps them."""

    def __call__(self, name: str, make: Callable[[], Facts]) -> Facts: ...


@dataclass(frozen=True)
class StageTraining:
    """A training before that of the task, over the same weights: its name, when it is kept, its training rows and settings.

    `begin` returns the model that trains and its objective; `finish`, called with that model when it has ended, hands its weights to
    the predictor.
    """

    name: str
    keep: Literal["if-better", "always"]
    rows: int
    settings: Training
    begin: Callable[[], tuple[nn.Module, TaskObjective]]
    finish: Callable[[nn.Module], None]


def no_stages(predictor: Any, adapted: "Adapted", plan: Plan, corpus: Corpus) -> Iterator[StageTraining]:
    """The stages of a task that has none."""
    return iter(())


def no_rounds(predictor: Any, plan: Plan, corpus: Corpus, announce: Announce, once: Once) -> Iterator[Round] | None:
    """The rounds of a task that trains only once: none."""
    return None


@dataclass(frozen=True)
class Job:
    """The functions of a task.

    `load` returns tokenizer and model of a checkpoint; `encoder` the model's encoder; `build` the predictor with new embedding
    rows and method; `objective` what training minimises; `complete` the predictor with what is fitted after training (n-grams,
    the choice of phrase tables); `predict` its predictions for the test rows; `lines` those as predictions.jsonl holds them;
    `judge` the sections of the record that evaluate them; `restore` a saved predictor; `sample` the inputs of the reload check.
    `rounds` gives further rounds of training, each made when the one before has ended, or None; `stages` the trainings before that
    of the task. `is_base` says that the result is meant as the base of a next recipe, so that it is exported as one checkpoint.
    """

    load: Load
    encoder: Callable[[Any], nn.Module]
    build: Callable[["Adapted", Any, Plan, Corpus, Accelerator], Any]
    objective: Callable[[Any, Plan, Corpus], TaskObjective]
    complete: Callable[[Any, Plan, Corpus, Announce], Any]
    predict: Callable[[Any, Plan, Corpus], Sequence[Any]]
    lines: Callable[[Plan, Corpus, Sequence[Any]], Iterator[Mapping[str, object]]]
    judge: Callable[[Any, Plan, Corpus, Sequence[Any], Announce], Iterator[Facts]]
    restore: Callable[[Path, Options, Form], Any]
    sample: Callable[[Any, Plan, Corpus, int], list[list[str]]]
    rounds: Callable[[Any, Plan, Corpus, Announce, Once], Iterator[Round] | None] = no_rounds
    stages: Callable[[Any, "Adapted", Plan, Corpus], Iterator[StageTraining]] = no_stages
    is_base: bool = False


def sample_texts(predictor: Any, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """About `count` texts of dev with their languages, at even distances."""
    return [[row.fields["text"], row.language] for row in corpus.dev[:: max(1, len(corpus.dev) // count)][:count]]


def make_accelerator(machine: Machine, precision: str) -> Accelerator:
    """An accelerator for this machine and precision.

    Accelerate keeps one precision per process; its state is reset, since a run may be loaded in another precision than before.
    """
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=machine.device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
