"""The model folder of a run: what is saved beside the base, and how the model is put together again."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import ModelError, Problem
from lowres.methods import TECHNIQUES
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.quantization import PRECISIONS, dequantize, quantize_base
from lowres.planning import Machine, Options, Plan
from lowres.recipe.methods import METHOD_FACTS
from lowres.starters.starters import STARTERS
from lowres.tasks.job import Form, make_accelerator
from lowres.vocabulary.embeddings import new_rows, place_rows
from lowres.vocabulary.saving import load_rows, save_rows

if TYPE_CHECKING:  # fitting a vocabulary takes seconds to load, and predicting does not need it
    from lowres.vocabulary.adapting import Adapted

MODEL_JSON, ADAPTER, TOKENIZER, ROWS = "model.json", "adapter", "tokenizer", "rows.safetensors"
# What libraries raise for files that are not there, cut, of another kind, or of another shape.
UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, SafetensorError, LZMAError,
)  # fmt: skip
Found = TypeVar("Found", bound="ModelFacts")


class ModelFacts(BaseModel):
    """What model/model.json says of every model: its base, its method, and how texts are encoded."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # each task adds fields of its own

    task: str
    base: str
    revision: str | None
    encoder_layers: int | None
    decoder_layers: int | None
    base_sha256: str
    added: int
    quantize: str
    method: str
    languages: list[str]
    prefix: str
    pooling: str
    max_length: int


@dataclass(frozen=True)
class Rows:
    """Which embedding rows of the base make the model's table, the last `added` of them new; `places` is None where all are kept."""

    places: Tensor | None
    added: int

    @classmethod
    def of(cls, adapted: "Adapted") -> "Rows":
        """The rows of an adapted vocabulary."""
        return cls(adapted.places if len(adapted.places) else None, adapted.added)


def common_facts(plan: Plan, corpus: Corpus, adapted: "Adapted") -> dict[str, Any]:
    """The facts that every task writes."""
    return {
        "task": plan.recipe.task.kind,
        "base": _found_again(plan),
        "revision": plan.checkpoint.revision,
        "encoder_layers": plan.recipe.base.encoder_layers,
        "decoder_layers": plan.recipe.base.decoder_layers,
        "base_sha256": plan.checkpoint.sha256(),
        "added": adapted.added,
        "quantize": plan.recipe.base.quantize,
        "method": plan.recipe.method.kind,
        "languages": list(corpus.languages),
        "prefix": plan.checkpoint.prefix,
        "pooling": plan.pooling,
        "max_length": plan.recipe.training.max_length,
    }


def _found_again(plan: Plan) -> str:
    """The base's name in the recipe; for a folder given relative to the recipe, its path from the current folder."""
    name = plan.recipe.base.name
    return name if Path(name).is_absolute() or not (plan.near / name).is_dir() else os.path.relpath(plan.near / name)


@contextmanager
def reading(path: Path, remedy: str = "copy the run's folder again, or carry out its recipe again") -> Iterator[None]:
    """Turns what a missing, damaged or foreign file raises into a ModelError that names the file."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(Problem(str(path), f"cannot be read: {reason}", remedy)) from error


def make_readable(folder: Path, like: str = MODEL_JSON) -> None:
    """Give a folder and all below it the permissions of its file `like`, since safetensors are written for their owner alone."""
    mode = stat.S_IMODE((folder / like).stat().st_mode)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)


def save_model(folder: Path, facts: ModelFacts, model: Any, rows: Rows, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write adapter, embedding rows, tokenizer and facts."""
    folder.mkdir(parents=True, exist_ok=True)
    TECHNIQUES[facts.method].save(model, folder / ADAPTER, facts.base)
    tokenizer.save_pretrained(str(folder / TOKENIZER))
    if rows.places is not None:
        save_rows(folder / ROWS, rows.places, new_rows(model, rows.added))
    (folder / MODEL_JSON).write_text(
        json.dumps(facts.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_facts(folder: Path, kind: type[Found]) -> Found:
    """The facts of a saved model. Raises ModelError where there are none."""
    with reading(folder / MODEL_JSON, "is this the folder of a finished run?"):
        return kind.model_validate_json((folder / MODEL_JSON).read_bytes())


def find_saved_base(folder: Path, facts: ModelFacts, options: Options) -> Checkpoint:
    """The base that a saved model stands on. Raises ModelError where it is another than the one it was trained over."""
    checkpoint = find_base(
        facts.base,
        facts.revision,
        options.places(folder),
        STARTERS,
        layers=facts.encoder_layers,
        decoder=facts.decoder_layers,
    )
    if checkpoint.sha256() != facts.base_sha256:
        raise ModelError(
            Problem(
                str(folder),
                f"was trained over another {facts.base} than the one found here",
                "fetch the pinned base again",
            )
        )
    return checkpoint


def restore_model(
    folder: Path, facts: ModelFacts, checkpoint: Checkpoint, base: Any, accelerator: Accelerator, form: Form
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The saved tokenizer, and the base with its embedding rows, quantized as in training, with its adapter."""
    with reading(folder / TOKENIZER):
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder / TOKENIZER), trust_remote_code=False, local_files_only=True
        )
    if (folder / ROWS).exists():
        with reading(folder / ROWS):
            place_rows(base, *load_rows(folder / ROWS))
    base.to(accelerator.device)
    technique, architecture = TECHNIQUES[facts.method], checkpoint.architecture
    if METHOD_FACTS[facts.method].quantizable:
        quantize_base(base, architecture, facts.quantize, PRECISIONS[accelerator.mixed_precision])
    if form == "merged":
        dequantize(base, architecture)  # to the rounded weights: the adapter was trained over just these
    with reading(folder / ADAPTER):
        model = technique.restore(base, folder / ADAPTER)
    return tokenizer, technique.merge(model) if form == "merged" else model


@dataclass(frozen=True)
class Restored(Generic[Found]):
    """A saved model put together again on its device: facts, base, tokenizer, and the model of transformers."""

    facts: Found
    checkpoint: Checkpoint
    tokenizer: PreTrainedTokenizerBase
    model: Any
    accelerator: Accelerator


def restored(
    folder: Path, kind: type[Found], load: Callable[[Checkpoint], tuple[Any, Any]], options: Options, form: Form
) -> Restored[Found]:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    facts = read_facts(folder, kind)
    machine = Machine.detect(options.device, options.threads)
    torch.set_num_threads(machine.cores)
    accelerator = make_accelerator(machine, "bf16" if machine.bf16 and form == "trained" else "fp32")
    checkpoint = find_saved_base(folder, facts, options)
    _, base = load(checkpoint)
    tokenizer, model = restore_model(folder, facts, checkpoint, base, accelerator, form)
    return Restored(facts, checkpoint, tokenizer, model, accelerator)
