"""What decoders are asked while an export is checked: the prompts of a trial with the run's own answers; how probable these are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from lowres.evaluation.comparison import compare_translations
from lowres.export.fidelity import Trial
from lowres.export.usage import frame_of
from lowres.models.frames import TokenIds
from lowres.record import Comparison
from lowres.tasks.generation.inputs import PromptInputs

Asked = tuple[TokenIds, TokenIds]  # a prompt and its answer


def trial_keys(task: str) -> tuple[str, ...]:
    """What names text and languages in the test rows of a decoder's run."""
    return ("source", "source_language", "target_language") if task == "translation" else ("text", "language")


def questions(predictor: Any, trial: Trial, own: Sequence[str]) -> Iterator[Asked]:
    """The prompts of a trial and the run's own answers, as token ids."""
    inputs = PromptInputs(frame_of(predictor), predictor.facts.max_length)
    for (text, *languages), answer in zip(trial.inputs, own, strict=True):
        if predictor.facts.task != "translation":
            yield predictor.prompt(text), inputs.answer(answer)
        elif len(predictor.segments(text, languages)) == 1:
            yield predictor.source_ids(text, *languages), inputs.answer(answer)


def log_probabilities(model: Any, asked: Sequence[Asked]) -> list[float]:
    """The natural logarithm of the probability of every token of the answers, one after the other."""
    found: list[float] = []
    with torch.inference_mode():
        for prompt, answer in asked:
            logits = model(input_ids=torch.tensor([[*prompt, *answer[:-1]]])).logits[0, len(prompt) - 1 :].float()
            found += logits.log_softmax(-1)[torch.arange(len(answer)), torch.tensor(answer)].tolist()
    return found


def compared(trial: Trial, found: Sequence[str], own: Sequence[str]) -> Comparison | None:
    """The chrF++ of the answers less that of the run's own; an answer has its text's language."""
    inputs = [(text, *languages, *languages)[:3] for text, *languages in trial.inputs]
    return replace(trial, inputs=inputs).comparison(compare_translations, found, own)
