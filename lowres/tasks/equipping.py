"""From an untouched base to the model of a recipe: its embedding rows, its quantization, and its method."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from lowres.errors import Finding, ModelError, Problem
from lowres.methods import TECHNIQUES
from lowres.methods.combining import combine
from lowres.methods.stacking import stack
from lowres.models.quantization import PRECISIONS, precise_layers, quantize_base
from lowres.planning import Plan
from lowres.planning.recipe_rules import finished_run
from lowres.recipe.methods import METHOD_FACTS, Bottleneck, Lora
from lowres.tasks.saved import ADAPTER, ModelFacts, read_facts
from lowres.training.state import Callbacks
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import split_rows


def equip(base: Any, adapted: Adapted, plan: Plan, device: torch.device) -> Any:
    """The base with the vocabulary's embedding rows, quantized as the recipe says, with only the method's parameters trainable.

    The base may come on the CPU: it reaches `device` only when it is quantized.
    """
    method = plan.recipe.method
    technique = TECHNIQUES[method.kind]
    adapted.install(base)
    fresh = split_rows(base, adapted.added) if technique.new_rows == "apart" and adapted.added else []
    quantize_frozen(base, plan, device)
    base.to(device)
    model = technique.apply(base, method, plan.checkpoint.architecture)
    if isinstance(method, Bottleneck) and method.language_adapters:
        stack(
            model,
            {
                tag: adapter_of(run, "method.language_adapters", plan, adapted)
                for tag, run in method.language_adapters.items()
            },
        )
    if isinstance(method, Lora) and method.combine:
        named = [adapter_of(run, "method.combine", plan, adapted) for run in method.combine.runs]
        combine(model, method.combine, named)
    for rows in fresh:  # methods freeze all that is not their own
        rows.requires_grad_(True)
    return model


def quantize_frozen(base: Any, plan: Plan, device: torch.device) -> None:
    """Quantize the weights that do not train, as the recipe and the machine's precision say."""
    method = plan.recipe.method
    if METHOD_FACTS[method.kind].quantizable:
        keep_original = isinstance(method, Lora) and method.init == "loftq"
        quantize, dtype = plan.recipe.base.quantize, PRECISIONS[plan.precision]
        quantize_base(base, plan.checkpoint.architecture, quantize, dtype, keep_original=keep_original, device=device)


def quantization_findings(model: Any, plan: Plan) -> tuple[Finding, ...]:
    """What to say of layers that could not be quantized."""
    names = precise_layers(model)
    if not names:
        return ()
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    what = f"bitsandbytes quantizes some layers wrongly here, so they keep their weights: {listed}"
    return (Finding("warning", what, "base.quantize"),)


def callbacks_of(model: Any, plan: Plan) -> Callbacks:
    """What the method adds to training: its learning rates, its work after updates, its penalty, and its state."""
    method = plan.recipe.method
    technique = TECHNIQUES[method.kind]
    return Callbacks(
        rate=partial(technique.rate, method),
        decays=technique.decays,
        on_update=partial(technique.on_update, model, method, plan.checkpoint.architecture),
        penalty=partial(technique.penalty, model) if technique.penalty else None,
        state_dict=partial(technique.state_dict, model),
        load_state_dict=partial(technique.load_state_dict, model),
    )


def adapter_of(run: str, where: str, plan: Plan, adapted: Adapted) -> Path:
    """The adapter folder of a finished run. Raises ModelError where it does not fit this recipe's method and base."""
    kind = plan.recipe.method.kind
    folder = finished_run(run, plan.near)
    if folder is None:
        raise ModelError(
            Problem(where, f"{run} is not the folder of a run", f"name the folder of a finished run with {kind}")
        )
    facts = read_facts(folder / "model", ModelFacts)
    why = ""
    if facts.method != kind:
        why = f"trained {facts.method}, not {kind}"
    elif facts.base_sha256 != plan.checkpoint.sha256():
        why = f"was trained over {facts.base}, another base than {plan.checkpoint.name}"
    elif facts.added or adapted.added:
        why = "and this recipe do not have the same tokens; both need vocabulary: {extend: off}"
    if why:
        raise ModelError(Problem(where, f"{run} {why}", "train it again over this base"))
    return folder / "model" / ADAPTER
