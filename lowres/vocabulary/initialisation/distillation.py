"""New rows are trained to give the hidden states that the base gives with its own tokens.

Token distillation (Dobler et al. 2025, arXiv 2505.20133): the frozen encoder reads the training texts with the old and
with the new tokens, and only the new rows are trained, to bring the states of each word together.
"""

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lowres.training.batches import plan_batches
from lowres.vocabulary.embeddings import SplitEmbedding
from lowres.vocabulary.initialisation.encoder_states import EncoderStates, first_layers, word_states

DEPTH = 2 / 3  # of the encoder: deeper states give no better rows and cost more
RATE = 5e-3
SENTENCES = 1500
PASSES = 2
TOKENS = 1024


def distil(
    encoder: Any, layers: str, old: EncoderStates, new: EncoderStates, texts: Sequence[str], start: Tensor, free: Tensor, seed: int,
    sentences: int = SENTENCES, passes: int = PASSES,
) -> Tensor:  # fmt: skip
    """Trained rows, float32 of shape (new, width) on the CPU, from `start`; only rows where `free`, bool of shape (new,), train.

    The encoder's embedding must be a SplitEmbedding; its new rows are overwritten.
    """
    embedding: SplitEmbedding = encoder.get_input_embeddings()
    first = len(embedding.old)
    embedding.new.data.copy_(start)
    free = free.to(embedding.new.device)
    moving = {first + int(number) for number in free.nonzero()}
    chosen = list(dict.fromkeys(texts))
    random.Random(seed).shuffle(chosen)
    lines = [
        (before, after)
        for before, after in zip(old.lines(chosen), new.lines(chosen), strict=True)
        if any(row in moving for word in after for row in word)
    ][:sentences]
    if not lines:
        return start.clone().cpu()
    lengths = [sum(map(len, before)) + len(old.before) + len(old.after) for before, _ in lines]
    batches = [batch for epoch in range(passes) for batch in plan_batches(lengths, TOKENS, seed, epoch)]
    wanted = [weight.requires_grad for weight in encoder.parameters()]
    encoder.requires_grad_(False)
    embedding.new.requires_grad_(True)
    optimizer = torch.optim.Adam([embedding.new], lr=RATE)
    with first_layers(encoder, layers, DEPTH):
        for done, batch in enumerate(batches):
            with torch.no_grad():
                aim, aimed = word_states(encoder, old, [lines[i][0] for i in batch])
            states, reached = word_states(encoder, new, [lines[i][1] for i in batch])
            both = (
                torch.isin(aimed, reached),
                torch.isin(reached, aimed),
            )  # a long text may be truncated at different words
            loss = functional.mse_loss(states[both[1]], aim[both[0]], reduction="sum") / len(aim)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            assert embedding.new.grad is not None
            embedding.new.grad[~free] = 0
            optimizer.param_groups[0]["lr"] = RATE * (1 - done / len(batches))
            optimizer.step()
    for weight, was in zip(encoder.parameters(), wanted, strict=True):
        weight.requires_grad_(was)
    return embedding.new.detach().clone().cpu()
