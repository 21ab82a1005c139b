"""The model folder of a run: what stands beside the base, and how it is found again."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import ModelError, Problem
from lowres.jobs.job import Form, make_accelerator
from lowres.methods import TECHNIQUES
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.holding import PRECISIONS, hold, release
from lowres.planning import Machine, Options, Plan
from lowres.recipe.methods import FACTS as METHODS
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.rows import new_rows, place_rows
from lowres.vocabulary.saving import load_rows, save_rows

FACTS, ADAPTER, TOKENIZER, ROWS = "model.json", "adapter", "tokenizer", "rows.safetensors"
Found = TypeVar("Found", bound="ModelFacts")


class ModelFacts(BaseModel):
    """What model/model.json says of every model: base, method, and how texts are read."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # each task adds its own

    task: str
    base: str
    revision: str | None
    layers: int | None
    decoder: int | None
    base_sha256: str
    added: int
    quantize: str
    method: str
    languages: list[str]
    prefix: str
    pooling: str
    max_pieces: int


@dataclass(frozen=True)
class Rows:
    """Which rows of the base make the model's table, the last `added` of them new; no places where the table is the base's."""

    places: Tensor | None
    added: int


def common_facts(plan: Plan, corpus: Corpus, adapted: Adapted) -> dict[str, Any]:
    """The facts that every task writes."""
    return {
        "task": plan.recipe.task.kind,
        "base": _found_again(plan),
        "revision": plan.checkpoint.revision,
        "layers": plan.recipe.base.layers,
        "decoder": plan.recipe.base.decoder,
        "base_sha256": plan.checkpoint.sha256(),
        "added": adapted.added,
        "quantize": plan.recipe.base.quantize,
        "method": plan.recipe.method.kind,
        "languages": list(corpus.languages),
        "prefix": plan.checkpoint.prefix,
        "pooling": plan.pooling,
        "max_pieces": plan.recipe.training.max_pieces,
    }


def _found_again(plan: Plan) -> str:
    """The base's name; of a folder beside the recipe, which a model folder is not, its path from the current folder."""
    name = plan.recipe.base.name
    return name if Path(name).is_absolute() or not (plan.near / name).is_dir() else os.path.relpath(plan.near / name)


def save_model(folder: Path, facts: ModelFacts, model: Any, rows: Rows, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write adapter, rows, tokenizer and facts."""
    folder.mkdir(parents=True, exist_ok=True)
    TECHNIQUES[facts.method].save(model, folder / ADAPTER, facts.base)
    tokenizer.save_pretrained(str(folder / TOKENIZER))
    if rows.places is not None:
        save_rows(folder / ROWS, rows.places, new_rows(model, rows.added))
    (folder / FACTS).write_text(json.dumps(facts.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_facts(folder: Path, kind: type[Found]) -> Found:
    """The facts of a saved model. Raises ModelError where there are none."""
    try:
        return kind.model_validate_json((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ModelError(
            Problem(str(folder / FACTS), f"cannot be read: {error}", "is this the folder of a finished run?")
        ) from error


def find_saved_base(folder: Path, facts: ModelFacts, options: Options) -> Checkpoint:
    """The base that a saved model stands on. Raises ModelError where it is another than the one it was trained over."""
    checkpoint = find_base(
        facts.base,
        facts.revision,
        cache=options.cache,
        near=folder,
        offline=options.offline,
        layers=facts.layers,
        decoder=facts.decoder,
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
    """The saved tokenizer, and the base with its rows, held as it was in training, with its adapter."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder / TOKENIZER), trust_remote_code=False, local_files_only=True)
    if (folder / ROWS).exists():
        place_rows(base, *load_rows(folder / ROWS))
    base.to(accelerator.device)
    technique, architecture = TECHNIQUES[facts.method], checkpoint.architecture
    if METHODS[facts.method].quantised:
        hold(base, architecture, facts.quantize, PRECISIONS[accelerator.mixed_precision])
    if form != "merged":
        return tokenizer, technique.restore(base, folder / ADAPTER)
    release(
        base, architecture
    )  # what was lost in few bits stays lost: the adapter was trained beside just these weights
    return tokenizer, technique.merge(technique.restore(base, folder / ADAPTER))


def restoring_accelerator(options: Options, form: Form) -> Accelerator:
    """The device that this machine answers on, and the precision."""
    machine = Machine.detect(options.device, options.threads)
    return make_accelerator(machine, "bf16" if machine.bf16 and form == "trained" else "fp32")
