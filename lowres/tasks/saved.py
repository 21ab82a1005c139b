"""The model folder of a run: what is saved beside the base, and how the model is put together again."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import ModelError, Problem
from lowres.methods import TECHNIQUES
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.quantization import PRECISIONS, dequantize, quantize_base
from lowres.models.tokenization import load_tokenizer
from lowres.planning import Machine, Options, Plan
from lowres.recipe.methods import METHOD_FACTS
from lowres.starters.starters import STARTERS
from lowres.tasks.job import Form, make_accelerator
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import new_rows, place_rows
from lowres.vocabulary.saving import load_rows, save_rows

MODEL_JSON, ADAPTER, TOKENIZER, ROWS = "model.json", "adapter", "tokenizer", "rows.safetensors"
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


def common_facts(plan: Plan, corpus: Corpus, adapted: Adapted) -> dict[str, Any]:
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
    try:
        return kind.model_validate_json((folder / MODEL_JSON).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ModelError(
            Problem(str(folder / MODEL_JSON), f"cannot be read: {error}", "is this the folder of a finished run?")
        ) from error


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
    tokenizer = load_tokenizer(folder / TOKENIZER)
    if (folder / ROWS).exists():
        place_rows(base, *load_rows(folder / ROWS))
    base.to(accelerator.device)
    technique, architecture = TECHNIQUES[facts.method], checkpoint.architecture
    if METHOD_FACTS[facts.method].quantizable:
        quantize_base(base, architecture, facts.quantize, PRECISIONS[accelerator.mixed_precision])
    if form != "merged":
        return tokenizer, technique.restore(base, folder / ADAPTER)
    dequantize(base, architecture)  # to the rounded weights: the adapter was trained over just these
    return tokenizer, technique.merge(technique.restore(base, folder / ADAPTER))


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
    accelerator = make_accelerator(machine, "bf16" if machine.bf16 and form == "trained" else "fp32")
    checkpoint = find_saved_base(folder, facts, options)
    _, base = load(checkpoint)
    tokenizer, model = restore_model(folder, facts, checkpoint, base, accelerator, form)
    return Restored(facts, checkpoint, tokenizer, model, accelerator)
