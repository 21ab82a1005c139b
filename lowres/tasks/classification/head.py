"""A sentence encoder with one or more linear heads: token ids in, one logit per label out."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn


class ClassificationModel(nn.Module):
    """Encoder, pooling over the tokens of a text, dropout, and a linear head for each set of labels; the heads share one matrix.

    `first` pooling takes the vector of the first token, `last` that of the last one, which alone has seen the whole text in a
    decoder, `mean` the average over all tokens that are not padding. `centres` are vectors that are subtracted from those of the
    texts of each language, where there are any.
    """

    def __init__(
        self, encoder: nn.Module, hidden: int, labels: int | Sequence[int], pooling: str, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        sizes = [labels] if isinstance(labels, int) else list(labels)
        ends = list(accumulate(sizes))
        self.blocks = tuple(slice(end - size, end) for size, end in zip(sizes, ends, strict=True))
        self.centres: dict[str, Tensor] = {}
        self.frozen_vectors: dict[
            tuple[int, ...], Tensor
        ] = {}  # of texts that were read already, while nothing of the encoder trains
        self.head = nn.Linear(hidden, ends[-1])
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of all heads, float32 of shape (batch, labels in all), from ids and mask of shape (batch, length)."""
        pooled = self.dropout(self.pooled(input_ids, attention_mask))
        with torch.autocast(pooled.device.type, enabled=False):  # else the head would compute in bfloat16
            return self.head(pooled)  # type: ignore[no-any-return]

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """One float32 vector per text, shape (batch, hidden size)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        if self.pooling == "first":
            return states[:, 0]  # type: ignore[no-any-return]
        if self.pooling == "last":  # padding stands behind the text
            return states[torch.arange(len(states)), attention_mask.sum(1) - 1]  # type: ignore[no-any-return]
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)  # type: ignore[no-any-return]

    @property
    def is_frozen(self) -> bool:
        """Whether nothing of the encoder trains, so that a text has the same vector at all times."""
        return not any(weight.requires_grad for weight in self.encoder.parameters())

    def centred(self, vectors: Tensor, languages: Sequence[str | None]) -> Tensor:
        """Pooled vectors of texts without the mean of their language, shape (texts, hidden size).

        For a language without a mean of its own it is the mean of all languages.
        """
        if not self.centres:
            return vectors
        every = torch.stack(list(self.centres.values())).mean(0)
        means = torch.stack([self.centres.get(language or "", every) for language in languages])
        return vectors - means.to(vectors.device)
