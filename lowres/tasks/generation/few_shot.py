"""The base as it is, asked with a few examples: what a run with a decoder must beat to be worth its training."""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lowres.evaluation.baselines import BaselineRun
from lowres.models.frames import Frame, Shot
from lowres.models.loading import load_decoder
from lowres.models.quantization import PRECISIONS, quantize_base
from lowres.planning import Plan
from lowres.statistical.nearest_examples import NearestExamples
from lowres.tasks.generation.continuation import continue_prompts
from lowres.tasks.generation.inputs import PromptInputs
from lowres.tasks.job import make_accelerator

NAME = "untuned base, few-shot"


@dataclass(frozen=True)
class Asked:
    """A text, the question about it with its answer, and the key of the examples that are of its kind (a direction, a language)."""

    key: Hashable
    text: str
    question: str
    answer: str


def chosen_shots(
    examples: Mapping[Hashable, Sequence[Asked]], asked: Sequence[Asked], count: int, *, apart: bool = False
) -> list[list[Shot]]:
    """For each question the `count` examples of its kind that are most like its text; `apart`: not one with the same text."""
    near = {key: NearestExamples([one.text for one in found]) for key, found in examples.items()}
    places = {key: {one.text: number for number, one in enumerate(found)} for key, found in examples.items()}
    shots: list[list[Shot]] = []
    for one in asked:
        known = examples.get(one.key, ())
        own = places[one.key].get(one.text) if apart and known else None
        chosen = near[one.key].nearest(one.text, count, own) if known else []
        shots.append([(known[number].question, known[number].answer) for number in chosen])
    return shots


def untuned_base(plan: Plan) -> tuple[Any, Any, Any]:
    """Tokenizer, model and accelerator of the base before any training, quantized as the recipe says."""
    accelerator = make_accelerator(plan.machine, plan.precision)
    tokenizer, base = load_decoder(plan.checkpoint)
    quantize_base(
        base,
        plan.checkpoint.architecture,
        plan.recipe.base.quantize,
        PRECISIONS[plan.precision],
        device=accelerator.device,
    )
    return tokenizer, base.to(accelerator.device).eval(), accelerator


def few_shot(
    plan: Plan,
    examples: Mapping[Hashable, Sequence[Asked]],
    asked: Sequence[Asked],
    *,
    ratio: float | None = None,
    system: str = "",
) -> list[BaselineRun[tuple[str, ...]]]:
    """What the untuned base answers after `evaluation.few_shot` examples that are like the text; none where the recipe wants none.

    `examples` are those of train, by key. An answer may have `ratio` tokens for each token of its text, by default as many as the
    recipe's greatest length.
    """
    count = plan.recipe.evaluation.few_shot
    if not count:
        return []
    started = time.perf_counter()
    tokenizer, base, accelerator = untuned_base(plan)
    frame = Frame(tokenizer, system)
    inputs = PromptInputs(frame, plan.recipe.training.max_length)
    most = [inputs.max_length if ratio is None else int(ratio * len(frame.plain(one.text))) + 10 for one in asked]
    shots = chosen_shots(examples, asked, count)
    rooms = [plan.checkpoint.positions - room for room in most]
    prompts = [inputs.with_shots(*parts) for parts in zip((one.question for one in asked), shots, rooms, strict=True)]
    found = continue_prompts(base, frame, prompts, plan.recipe.decoding, most, accelerator)
    del base
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    what = f"{plan.checkpoint.name} before any training, shown {count} training examples like the text"
    return [BaselineRun(NAME, what, time.perf_counter() - started, tuple(answer.text for answer in found))]
