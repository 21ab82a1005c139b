"""Hidden states of texts and of their words, with the old or the new vocabulary."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from lowres.training.batches import sorted_batches
from lowres.vocabulary.tokenizer_json import TokenizerJson

TOKENS = 2048
LONGEST = 256

Line = Sequence[Sequence[int]]  # rows of each word of a text


@dataclass(frozen=True)
class EncoderStates:
    """Tokenises texts with `vocab`; `places[i]` is the row of token i. Every text stands between the rows `before` and `after`."""

    vocab: TokenizerJson
    places: Sequence[int]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, base: TokenizerJson, prefix: str) -> "EncoderStates":
        """The inputs of the base itself: its special tokens, and the prefix it was trained with."""
        whole = list(tokenizer("a")["input_ids"])
        inner = list(tokenizer("a", add_special_tokens=False)["input_ids"])
        at = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
        prefix_ids = [i for ids in base.encode_words(base.split(prefix)) for i in ids] if prefix else []
        return cls(base, range(len(base)), (*whole[:at], *prefix_ids), tuple(whole[at + len(inner) :]))

    def lines(self, texts: Sequence[str]) -> list[Line]:
        """The row numbers of each word of each text."""
        split = [self.vocab.split(text) for text in texts]
        distinct = sorted({word for words in split for word in words})
        rows = dict(zip(distinct, self.vocab.encode_words(distinct), strict=True))
        placed = {word: [self.places[i] for i in ids] for word, ids in rows.items()}
        return [[placed[word] for word in words] for words in split]

    def batch(self, lines: Sequence[Line], encoder: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Row numbers, attention mask and the word that each position belongs to (−1 for none), int64 of shape (lines, longest).

        What is longer than the encoder reads is cut.
        """
        device, most = encoder.device, positions_of(encoder) - len(self.before) - len(self.after)
        rows, words = [], []
        for line in lines:
            inner = [(row, number) for number, word in enumerate(line) for row in word][:most]
            rows.append([*self.before, *(row for row, _ in inner), *self.after])
            words.append([*[-1] * len(self.before), *(number for _, number in inner), *[-1] * len(self.after)])
        longest = max(map(len, rows))
        pad = self.vocab.ids.get("<pad>", self.vocab.ids.get("[PAD]", 0))
        return (
            torch.tensor([[*row, *[self.places[pad]] * (longest - len(row))] for row in rows], device=device),
            torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device),
            torch.tensor([[*word, *[-1] * (longest - len(word))] for word in words], device=device),
        )


def positions_of(encoder: Any) -> int:
    """How many tokens of a text are read, special ones included: at most LONGEST, and no more than the encoder has positions for."""
    rows = getattr(encoder.config, "max_position_embeddings", None) or LONGEST
    tables = (module for name, module in encoder.named_modules() if name.endswith("position_embeddings"))
    padding = getattr(next(tables, None), "padding_idx", None)  # RoBERTa counts from behind it
    return min(LONGEST, rows if padding is None else rows - padding - 1)


def sentence_vectors(encoder: Any, reader: EncoderStates, texts: Sequence[str], pooling: str) -> Tensor:
    """Normalised sentence vectors, float32 of shape (texts, width)."""
    lines = reader.lines(texts)
    lengths = [sum(map(len, line)) + len(reader.before) + len(reader.after) for line in lines]
    result: Tensor | None = None
    with torch.inference_mode():
        for numbers in sorted_batches(lengths, TOKENS):
            rows, mask, _ = reader.batch([lines[number] for number in numbers], encoder)
            states = encoder(input_ids=rows, attention_mask=mask).last_hidden_state.float()
            weights = mask.unsqueeze(-1).float()
            vectors = states[:, 0] if pooling == "first" else (states * weights).sum(1) / weights.sum(1)
            result = torch.zeros(len(texts), vectors.shape[1]) if result is None else result
            result[numbers] = torch.nn.functional.normalize(vectors, dim=-1).cpu()
    return torch.zeros(0, 0) if result is None else result


def word_states(encoder: Any, reader: EncoderStates, lines: Sequence[Line]) -> tuple[Tensor, Tensor]:
    """The mean state of every word, shape (words, width), and a key for its line and word, shape (words,), ascending."""
    rows, mask, words = reader.batch(lines, encoder)
    states = encoder(input_ids=rows, attention_mask=mask).last_hidden_state
    inside = words >= 0
    keys = (torch.arange(len(lines), device=words.device)[:, None] * LONGEST + words)[inside]
    distinct, number = torch.unique(keys, return_inverse=True)
    sums = torch.zeros(len(distinct), states.shape[-1], device=states.device).index_add(
        0, number, states[inside].float()
    )
    counts = torch.bincount(number, minlength=len(distinct)).unsqueeze(-1)
    return sums / counts, distinct


@contextmanager
def first_layers(encoder: nn.Module, path: str, share: float) -> Iterator[None]:
    """Inside the context, the encoder has only the first `share` of its layers."""
    parent, _, name = path.rpartition(".")
    holder: Any = encoder.get_submodule(parent)
    layers = getattr(holder, name)
    setattr(holder, name, layers[: max(1, round(share * len(layers)))])
    try:
        yield
    finally:
        setattr(holder, name, layers)
