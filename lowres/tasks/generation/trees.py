"""How probable a decoder finds several answers to one prompt: what they have in common is read once.

Prompt and answers are one tree of tokens, in which every token sees those on its way from the root. A sequence of all its nodes with
a mask that says so gives the same as reading each answer by itself (as the candidates of speculative decoding are verified: Miao et
al. 2024, doi 10.1145/3620666.3651335).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lowres.models.architectures import ARCHITECTURES
from lowres.models.frames import TokenIds
from lowres.models.quantization import PRECISIONS
from lowres.tasks.output_head import head_bits
from lowres.training.loss import states_at_head

MOST_NODES = 512  # of a tree, where its answers allow: a node may see all others


@dataclass(frozen=True)
class Tree:
    """A prompt and its answers as nodes in the order in which they are first met.

    `ids` are the nodes' tokens and `parents` the numbers of the nodes before them, −1 for the first; `answers` lists the nodes of each
    answer.
    """

    ids: list[int]
    parents: list[int]
    answers: list[list[int]]

    @classmethod
    def of(cls, prompt: TokenIds, answers: Sequence[TokenIds]) -> "Tree":
        """The tree of a prompt of at least one token, and of these answers to it."""
        ids, parents = list(prompt), list(range(-1, len(prompt) - 1))
        known: dict[tuple[int, int], int] = {}
        paths = []
        for answer in answers:
            path, node = [], len(prompt) - 1
            for token in answer:
                key = (node, token)
                if key not in known:
                    known[key] = len(ids)
                    ids.append(token)
                    parents.append(node)
                node = known[key]
                path.append(node)
            paths.append(path)
        return cls(ids, parents, paths)

    @property
    def predicted(self) -> list[int]:
        """The nodes of the answers, each once."""
        return sorted({node for path in self.answers for node in path})

    def sees(self) -> Tensor:
        """Which nodes each node sees: itself and those before it, bool of shape (nodes, nodes)."""
        seen = torch.eye(len(self.ids), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] |= seen[parent]
        return seen


def reads_trees(model: Any, longest: int) -> bool:
    """Whether a model reads prompts with answers of so many tokens as trees: its family does, and all layers see that far back."""
    window = getattr(model.config, "sliding_window", None)
    return ARCHITECTURES[model.config.model_type].trees and (window is None or longest <= window)


def trees_of(prompt: TokenIds, answers: Sequence[TokenIds]) -> Iterator[Tree]:
    """Trees of at most MOST_NODES nodes, or of one answer, that hold these answers in their order."""
    some: list[TokenIds] = []
    for answer in answers:
        if some and len(Tree.of(prompt, [*some, answer]).ids) > MOST_NODES:
            yield Tree.of(prompt, some)
            some = []
        some.append(answer)
    if some:
        yield Tree.of(prompt, some)


def log_probabilities(model: Any, trees: Sequence[Tree], pad: int, accelerator: Accelerator) -> list[list[float]]:
    """The natural logarithm of the probability of each answer of each tree; all of them are read in one step."""
    device, longest = accelerator.device, max(len(tree.ids) for tree in trees)
    ids = torch.full((len(trees), longest), pad)
    depths, hidden = torch.zeros_like(ids), ~torch.eye(longest, dtype=torch.bool).repeat(len(trees), 1, 1)
    for row, tree in enumerate(trees):
        size, seen = len(tree.ids), tree.sees()
        ids[row, :size], depths[row, :size], hidden[row, :size, :size] = torch.tensor(tree.ids), seen.sum(1) - 1, ~seen
    everywhere = torch.ones(ids.shape, dtype=torch.bool, device=device)
    mask = torch.zeros(hidden.shape).masked_fill(hidden, torch.finfo(torch.float32).min)[:, None]
    with accelerator.autocast(), states_at_head(model.get_output_embeddings(), everywhere) as states:
        model(input_ids=ids.to(device), attention_mask=mask.to(device), position_ids=depths.to(device), use_cache=False)
    found = states[0].view(len(trees), longest, -1)
    predicted = [tree.predicted for tree in trees]
    before = torch.cat([found[row, [tree.parents[node] for node in predicted[row]]] for row, tree in enumerate(trees)])
    targets = torch.tensor([tree.ids[node] for row, tree in enumerate(trees) for node in predicted[row]], device=device)
    bits = head_bits(model, before, targets, PRECISIONS[accelerator.mixed_precision])
    costs = iter((-math.log(2) * bits).tolist())
    logs = [{node: next(costs) for node in nodes} for nodes in predicted]
    return [
        [sum(known[node] for node in path) for path in tree.answers] for tree, known in zip(trees, logs, strict=True)
    ]
