"""How texts become the token ids that a classifier reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.languages import normalise
from lowres.training.batches import padded


@dataclass(frozen=True)
class TextInputs:
    """Turns texts into token ids, in the same way in training, evaluation and use.

    A text is read together with its translation, as a pair of sentences, where there is one.
    """

    tokenizer: PreTrainedTokenizerBase
    prefix: str
    max_length: int

    def token_ids(self, texts: Sequence[str], translations: Sequence[str] = ()) -> list[list[int]]:
        """Token ids of each text with the special tokens, truncated to `max_length`; of a pair the longer text is cut first."""
        return self._encoded(texts, translations, truncation=True, max_length=self.max_length)

    def truncated(self, texts: Sequence[str], translations: Sequence[str] = ()) -> list[bool]:
        """Whether each text, with its translation, has more than `max_length` tokens, so that its end is not read."""
        return [len(ids) > self.max_length for ids in self._encoded(texts, translations, verbose=False)]

    def _encoded(self, texts: Sequence[str], translations: Sequence[str], **options: Any) -> list[list[int]]:
        texts = [normalise(text) for text in texts]
        beside = translations or texts
        found: list[list[int]] = [[]] * len(texts)
        for paired in (False, True):
            rows = [row for row, text in enumerate(texts) if (beside[row] != text) == paired]
            if rows:
                first, second = [self.prefix + texts[row] for row in rows], [beside[row] for row in rows]
                encoded = self.tokenizer(first, second if paired else None, return_attention_mask=False, **options)
                for row, ids in zip(rows, encoded["input_ids"], strict=True):
                    found[row] = list(ids)
        return found

    def batch(self, token_ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
        """Ids and mask, both int64 of shape (batch, longest)."""
        return padded(token_ids, int(str(self.tokenizer.pad_token_id)), device)
