"""How texts become the token ids that a classifier reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.languages import normalise
from lowres.training.batches import padded


@dataclass(frozen=True)
class TextInputs:
    """Turns texts into token ids, in the same way in training, evaluation and use."""

    tokenizer: PreTrainedTokenizerBase
    prefix: str
    max_length: int

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with the special tokens, truncated to `max_length`."""
        inputs = [self.prefix + normalise(text) for text in texts]
        if not inputs:
            return []
        encoded = self.tokenizer(inputs, truncation=True, max_length=self.max_length, return_attention_mask=False)
        return [list(ids) for ids in encoded["input_ids"]]

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text has more than `max_length` tokens, so that its end is not read."""
        inputs = [self.prefix + normalise(text) for text in texts]
        encoded = self.tokenizer(inputs, return_attention_mask=False, verbose=False)["input_ids"] if inputs else []
        return [len(ids) > self.max_length for ids in encoded]

    def batch(self, token_ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
        """Ids and mask, both int64 of shape (batch, longest)."""
        return padded(token_ids, int(str(self.tokenizer.pad_token_id)), device)
