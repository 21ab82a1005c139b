"""What several texts begin with is read once: its keys and values are shared by all of them, and so is their gradient."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from lowres.models.frames import TokenIds


def common_beginning(texts: Sequence[TokenIds]) -> TokenIds:
    """The token ids that all of these texts begin with."""
    pairs = zip(min(texts), max(texts), strict=False)  # what these two share, all do
    return [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]


def read_once(model: Any, begin: TokenIds, mask: Tensor) -> tuple[Any, Tensor]:
    """Keys and values of a beginning for each of the texts that go on from it, and their mask with it.

    `mask`, of shape (texts, longest), is that of what follows; the one that is returned has shape (texts, beginning + longest).
    """
    once = torch.tensor([begin], device=mask.device)
    past = model(input_ids=once, use_cache=True, logits_to_keep=1).past_key_values
    past.batch_repeat_interleave(len(mask))
    return past, torch.cat([mask.new_ones(len(mask), len(begin)), mask], dim=1)
