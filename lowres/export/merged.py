"""One ordinary checkpoint of a run: base, embedding rows and adapter merged, for transformers alone or as the base of a next run."""

import json
from pathlib import Path
from typing import Any

import torch

from lowres.errors import ModelError, Problem
from lowres.export.drafts import draft_of, refuse_existing
from lowres.export.usage import mergeable, merged_usage
from lowres.models.checkpoint import MERGED
from lowres.models.digests import OWN_FACTS
from lowres.recipe.methods import METHOD_FACTS
from lowres.runs.layout import MODEL
from lowres.runs.reload_check import read_sample, same
from lowres.runs.run import Run, load_predictor
from lowres.tasks.job import Predictor
from lowres.tasks.saved import ModelFacts

DIFFERENT = "a fault of lowres; please report it with the run's folder"


def export_merged(run: Run, out: Path | None = None) -> Path:
    """Write the merged checkpoint of a run to `out`, by default the folder `merged` of the run, and return its path.

    Before anything is written, the merged model must predict as the adapted one; what was written is read back and compared bit
    for bit. Raises ModelError where a run cannot be merged exactly, or the folder is there already.
    """
    out = out or run.folder / MERGED
    refuse_existing(out)
    merged = merged_predictor(run)
    with draft_of(out) as draft:
        write(merged, merged.facts, draft)
        (draft / "README.md").write_text(merged_usage(merged, run.record), encoding="utf-8")
    return out


def merged_predictor(run: Run) -> Predictor:
    """The run's predictor with its adapter in the weights. Raises ModelError where it predicts otherwise than the adapted one."""
    run.verify()
    apart = load_predictor(run.folder / MODEL, run.options, "precise")
    refuse(run, apart.facts)
    merged: Predictor = load_predictor(run.folder / MODEL, run.options, "merged")
    sample = read_sample(run.folder)
    for text, expected, found in zip(
        sample.inputs,
        apart.raw_predictions(sample.inputs),
        merged.raw_predictions(sample.inputs),
        strict=True,
    ):
        if not same(expected, found):
            raise ModelError(
                Problem(str(run.folder), f"“{text[0]}”: {expected} before merging, {found} after", DIFFERENT)
            )
    return merged


def refuse(run: Run, facts: ModelFacts) -> None:
    """Raises ModelError where merged weights cannot give the same predictions."""
    if not METHOD_FACTS[facts.method].mergeable:
        what = f"a {facts.method} adapter cannot be merged into the base: it is not a linear map"
        raise ModelError(Problem(str(run.folder), what, "share the run's folder as it is"))
    if not mergeable(facts):
        what = "the base was quantized to 8 bits, where activations are rounded as well: merged weights would predict otherwise"
        raise ModelError(Problem(str(run.folder), what, "train over 4 bits, or with base.quantize: off"))


def write(predictor: Predictor, facts: ModelFacts, folder: Path) -> None:
    """Write weights, tokenizer, and the facts that a recipe needs whose base is this folder."""
    predictor.transformer.save_pretrained(str(folder))
    predictor.save_head(folder)
    save_tokenizer(predictor.tokenizer, folder)
    own = {"pooling": facts.pooling, "prefix": facts.prefix}
    (folder / OWN_FACTS).write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
    read_back(predictor.transformer, folder)


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save a tokenizer as others expect it: a chat template needs its special tokens, which lowres itself reads as text."""
    tokenizer.save_pretrained(str(folder))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    if tokenizer.chat_template and settings.pop("split_special_tokens", None):
        path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_back(model: Any, folder: Path) -> None:
    """Raises ModelError where the files hold other weights than the model."""
    written = type(model).from_pretrained(str(folder), local_files_only=True, use_safetensors=True).state_dict()
    lost = [name for name, weight in model.state_dict().items() if not torch.equal(weight.cpu(), written[name].cpu())]
    if lost:
        raise ModelError(Problem(str(folder), f"{lost[0]} differs when it is read back", DIFFERENT))
