"""A decoder learns to answer: cross-entropy of the answers' tokens alone, and a score of its own answers on dev."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lowres.errors import Finding
from lowres.models.frames import TokenIds
from lowres.models.quantization import PRECISIONS
from lowres.tasks.generation.beginnings import common_beginning, read_once
from lowres.tasks.generation.inputs import Answered
from lowres.tasks.generation.trees import reads_trees
from lowres.tasks.output_head import head_loss
from lowres.training.batches import padded
from lowres.training.loss import states_at_head

A_PASS = 100  # tokens that a processor reads in the time that a pass over few takes (docs/results/speed.md)


class AnswerObjective:
    """Cross-entropy of the answers on train; `score` is the task's own on dev. `epoch_rows` are the examples of an epoch."""

    def __init__(
        self, model: Any, pad: int, examples: Sequence[Answered], accelerator: Accelerator, *, label_smoothing: float,
        epoch_rows: Callable[[int], Sequence[int]], score: Callable[[], float], findings: Sequence[Finding] = (),
    ) -> None:  # fmt: skip
        self.model, self.pad, self.examples, self.accelerator = model, pad, examples, accelerator
        self.label_smoothing, self.rows, self.dev_score = label_smoothing, epoch_rows, score
        self.lengths = [example.length for example in examples]
        self.findings = tuple(findings)

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of the tokens of these examples' answers, and how many there are."""
        batch = [self.examples[row] for row in rows]
        states, targets = answer_states(self.model, batch, self.pad, self.accelerator)
        compute = PRECISIONS[self.accelerator.mixed_precision]
        return head_loss(self.model, states, targets, self.label_smoothing, compute), len(targets)

    def score(self) -> float:
        """The task's score on dev, 0–100."""
        return self.dev_score()


def answer_states(model: Any, batch: Sequence[Answered], pad: int, accelerator: Accelerator) -> tuple[Tensor, Tensor]:
    """The states from which the tokens of the answers are predicted, shape (tokens, width), and these tokens, example by example.

    What all prompts begin with is read once, where that is faster.
    """
    device = accelerator.device
    begin = _begins_with(model, batch, accelerator)
    ids, mask = padded([[*example.prompt, *example.answer][len(begin) :] for example in batch], pad, device)
    before = torch.zeros_like(mask, dtype=torch.bool)  # a token is predicted at the place before it
    for row, example in enumerate(batch):
        before[row, len(example.prompt) - 1 - len(begin) : example.length - 1 - len(begin)] = True
    with accelerator.autocast():
        past = None
        if begin:
            past, mask = read_once(model, begin, mask)
        with states_at_head(model.get_output_embeddings(), before) as states:
            model(input_ids=ids, attention_mask=mask, past_key_values=past, use_cache=past is not None)
    targets = torch.tensor([one for example in batch for one in example.answer], device=device)
    return states[0], targets


def _begins_with(model: Any, batch: Sequence[Answered], accelerator: Accelerator) -> TokenIds:
    """Token ids that all prompts begin with, to be read once; none where a second pass costs more than it saves.

    An accelerator is as busy with few tokens as with many; a processor works for each.
    """
    if accelerator.device.type != "cpu" or not reads_trees(model, max(example.length for example in batch)):
        return []
    shared = common_beginning([example.prompt[:-1] for example in batch])  # its last token predicts the answer's first
    return shared if len(shared) * (len(batch) - 1) >= A_PASS else []
