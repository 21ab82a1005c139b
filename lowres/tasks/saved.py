"""The model folder of a run: what is saved beside the base, and how the model is put together again."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from lzma import LZMAError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import torch
from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict, Field, field_validator
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from lowres.bounded import read_bounded
from lowres.data.corpus import Corpus
from lowres.errors import ModelError, Problem
from lowres.methods import TECHNIQUES
from lowres.models.architectures import Pooling
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.hub_files import pinned
from lowres.models.quantization import PRECISIONS, dequantize, precise_layers, quantize_base
from lowres.models.tokenization import load_tokenizer
from lowres.planning import Machine, Options, Plan
from lowres.recipe.methods import METHOD_FACTS
from lowres.starters.starters import STARTERS
from lowres.tasks.job import Form, make_accelerator
from lowres.vocabulary.embeddings import new_rows, place_rows
from lowres.vocabulary.saving import load_rows, save_rows

if TYPE_CHECKING:  # fitting a vocabulary takes seconds to load, and predicting does not need it
    from lowres.vocabulary.adapting import Adapted

MODEL_JSON, ADAPTER, TOKENIZER, ROWS = "model.json", "adapter", "tokenizer", "rows.safetensors"
# No published tokenizer is larger. The longest string is a table of character replacements.
MAX_TOKENIZER_BYTES, MAX_TOKENS, MAX_STRING_BYTES = 128 << 20, 1_000_000, 4 << 20
# What libraries raise for files that are not there, cut, of another kind, or of another shape.
UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, SafetensorError, LZMAError,
)  # fmt: skip
Found = TypeVar("Found", bound="ModelFacts")


class ModelFacts(BaseModel):
    """What model/model.json says of every model: its base, its method, and how texts are encoded.

    `base` is what the recipe calls the base. If that is a folder, `base_folder` is its path from the model folder; before the model is
    saved, its absolute path. `over` is the model that an adapter in the base's place was trained over, `base_language` the language
    whose modules read the texts, of a base that has modules for each. `precise` names the linear layers that could not be quantized;
    it is found when the model is saved.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # each task adds fields of its own

    task: str
    shape: str = ""  # of the base
    base: str
    base_folder: str = ""
    over: str = ""
    base_language: str = ""
    revision: str | None
    encoder_layers: int | None
    decoder_layers: int | None
    base_sha256: str
    added: int = Field(ge=0, le=MAX_TOKENS)
    quantize: Literal["off", "8bit", "4bit"]
    precise: list[str] = []
    method: str
    languages: list[str]
    prefix: str
    pooling: Pooling
    max_length: int = Field(ge=1, le=100_000)

    @field_validator("method")
    @classmethod
    def _is_known(cls, method: str) -> str:
        if method not in TECHNIQUES:
            raise ValueError(f"the method {method!r:.80} is not one of {', '.join(TECHNIQUES)}")
        return method


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
        "shape": plan.checkpoint.architecture.shape,
        "base": plan.recipe.base.name,
        "base_folder": _base_folder(plan),
        "over": _shareable(plan.checkpoint.over),
        "base_language": plan.checkpoint.language,
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


def _shareable(name: str) -> str:
    """A name; of an absolute path its last part, since a run is passed on."""
    return Path(name).name if Path(name).is_absolute() else name


def _base_folder(plan: Plan) -> str:
    """The absolute path of a base that is a folder, beside the recipe or in the current folder; else empty."""
    name = plan.recipe.base.name
    if pinned(name, plan.checkpoint.revision):
        return ""
    return next((str(folder.resolve()) for folder in (plan.near / name, Path(name)) if folder.is_dir()), "")


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


def save_model(folder: Path, facts: ModelFacts, model: Any, rows: Rows, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write adapter, embedding rows, tokenizer and facts. Raises ModelError where a trained weight is not a finite number."""
    refuse_infinite(folder, model)
    folder.mkdir(parents=True, exist_ok=True)
    TECHNIQUES[facts.method].save(model, folder / ADAPTER, facts.base)
    tokenizer.save_pretrained(str(folder / TOKENIZER))
    if rows.places is not None:
        save_rows(folder / ROWS, rows.places, new_rows(model, rows.added))
    found = facts.model_dump()
    found["precise"] = list(precise_layers(model))
    if facts.base_folder:  # run and base may be moved together, and other machines have other folders
        with suppress(ValueError):  # on another drive of Windows
            found["base_folder"] = Path(os.path.relpath(facts.base_folder, folder.resolve())).as_posix()
    (folder / MODEL_JSON).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def refuse_large_tokenizer(folder: Path) -> None:
    """Raises ValueError for a tokenizer that would take minutes or all memory to load: such is made to harm."""
    for path in folder.iterdir():
        if path.stat().st_size > MAX_TOKENIZER_BYTES:
            raise ValueError(f"{path.name} has more than {MAX_TOKENIZER_BYTES >> 20} MiB")
    whole = folder / "tokenizer.json"
    data = whole.read_bytes() if whole.exists() else b""
    if data.count(b'",') > 2 * MAX_TOKENS or max(map(len, data.split(b'"')), default=0) > MAX_STRING_BYTES:
        raise ValueError(f"it has more than {MAX_TOKENS:,} tokens, or one of more than {MAX_STRING_BYTES:,} bytes")


def saved_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model folder. Raises ModelError where it cannot be read."""
    with reading(folder / TOKENIZER):
        refuse_large_tokenizer(folder / TOKENIZER)
        return load_tokenizer(folder / TOKENIZER)


def refuse_infinite(folder: Path, model: nn.Module) -> None:
    """Raises ModelError where a trained weight is not a finite number: such a model answers nothing."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not bool(torch.isfinite(weight.detach()).all()):
            what = f"the weight {name} is not finite, so nothing was saved"
            raise ModelError(Problem(str(folder), what, "halve training.learning_rate and run again"))


def read_facts(folder: Path, kind: type[Found]) -> Found:
    """The facts of a saved model. Raises ModelError where there are none."""
    with reading(folder / MODEL_JSON, "is this the folder of a finished run?"):
        return kind.model_validate_json(read_bounded(folder / MODEL_JSON))


def find_saved_base(folder: Path, facts: ModelFacts, options: Options) -> Checkpoint:
    """The base of a saved model. A folder is looked for where it was, seen from the model, and by its name in the current folder.

    Raises ModelError if it is not found, or is another than the one that the model was trained over.
    """
    beside = facts.base_folder if facts.base_folder and (folder / facts.base_folder).is_dir() else ""
    if facts.base_folder and not beside and not Path(facts.base).is_dir():
        what = f"its base “{facts.base}” was in the folder {facts.base_folder}, seen from here, and is not there"
        hint = f"put it there again, or start lowres in the folder that holds {facts.base}"
        raise ModelError(Problem(str(folder), what, hint))
    checkpoint = find_base(
        beside or facts.base,
        facts.revision,
        options.places(folder),
        STARTERS,
        layers=facts.encoder_layers,
        decoder=facts.decoder_layers,
    )
    if checkpoint.sha256() != facts.base_sha256:
        what = f"was trained over another {facts.base} than the one found here"
        hint = (
            "bring the files of the base back as they were, or train again" if facts.base_folder else "fetch it again"
        )
        raise ModelError(Problem(str(folder), what, hint))
    return replace(checkpoint, language=facts.base_language)


def restore_model(
    folder: Path, facts: ModelFacts, checkpoint: Checkpoint, base: Any, accelerator: Accelerator, form: Form
) -> Any:
    """The base with the saved embedding rows, quantized as in training, with its adapter."""
    if (folder / ROWS).exists():
        with reading(folder / ROWS):
            place_rows(base, *load_rows(folder / ROWS))
    technique, family = TECHNIQUES[facts.method], checkpoint.architecture
    if METHOD_FACTS[facts.method].quantizable:
        quantize_base(
            base, family, facts.quantize, PRECISIONS[accelerator.mixed_precision], device=accelerator.device,
            precise=facts.precise,
        )  # fmt: skip
    base.to(accelerator.device)  # quantized, since it may not fit the device before
    if form == "merged":
        dequantize(base, family)  # to the rounded weights: the adapter was trained over just these
    with reading(folder / ADAPTER):
        model = technique.restore(base, folder / ADAPTER)
    return technique.merge(model) if form == "merged" else model


@dataclass(frozen=True)
class Restored(Generic[Found]):
    """A saved model put together again on its device: facts, base, tokenizer, and the model of transformers."""

    facts: Found
    checkpoint: Checkpoint
    tokenizer: PreTrainedTokenizerBase
    model: Any
    accelerator: Accelerator


def restored(
    folder: Path, kind: type[Found], load: Callable[..., tuple[Any, Any]], options: Options, form: Form
) -> Restored[Found]:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    facts = read_facts(folder, kind)
    machine = Machine.detect(options.device, options.threads)
    torch.set_num_threads(machine.cores)
    accelerator = make_accelerator(machine, "bf16" if machine.bf16 and form == "trained" else "fp32")
    checkpoint = find_saved_base(folder, facts, options)
    tokenizer = saved_tokenizer(folder)
    _, base = load(checkpoint, tokenizer=tokenizer)
    model = restore_model(folder, facts, checkpoint, base, accelerator, form)
    return Restored(facts, checkpoint, tokenizer, model, accelerator)
