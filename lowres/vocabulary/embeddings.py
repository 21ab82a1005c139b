"""Changes to the embedding table of a model: rows selected, added, and trained while all others are frozen.

transformers' resize_token_embeddings is not used: it ties a head that was trained untied (mT5) and fills all new rows with
one vector.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig

from lowres.models.modules import keep_head_apart

NO_TOKEN = -1  # of a token that is not kept, where a config takes nothing but a number


class SplitEmbedding(nn.Module):
    """An embedding of frozen rows followed by trainable new rows, so that gradients and optimizer state cover the new rows only.

    `whole` is the module that it replaces; its scaling of the vectors (M2M100, BART) is kept.
    """

    def __init__(self, old: nn.Parameter, new: nn.Parameter, whole: nn.Embedding) -> None:
        super().__init__()
        self.old, self.new = old, new
        self.whole = (whole,)  # in a tuple: not a part of this module
        self.scale = getattr(whole, "embed_scale", None)
        self.num_embeddings, self.embedding_dim, self.padding_idx = *whole.weight.shape, whole.padding_idx

    @property
    def weight(self) -> Tensor:
        """All rows in one tensor (a copy)."""
        return torch.cat([self.old, self.new.to(self.old.dtype)])

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of shape (*ids.shape, width)."""
        start = len(self.old)
        is_new = ids >= start
        vectors = functional.embedding(ids.masked_fill(is_new, 0), self.old)
        fresh = functional.embedding((ids - start).clamp(min=0), self.new).to(vectors.dtype)
        vectors = torch.where(is_new.unsqueeze(-1), fresh, vectors)
        return vectors if self.scale is None else vectors * self.scale


class SplitHead(nn.Module):
    """An output layer over frozen and new rows; if the head is tied, these are the rows of the embedding."""

    def __init__(self, old: nn.Parameter, new: nn.Parameter, whole: nn.Linear) -> None:
        super().__init__()
        self.old, self.new = old, new
        self.whole = (whole,)
        bias = whole.bias
        self.old_bias = None if bias is None else nn.Parameter(bias[: len(old)].detach().clone(), requires_grad=False)
        self.new_bias = None if bias is None else nn.Parameter(bias[len(old) :].detach().clone())

    @property
    def weight(self) -> Tensor:
        """All rows in one tensor (a copy)."""
        return torch.cat([self.old, self.new.to(self.old.dtype)])

    def forward(self, states: Tensor) -> Tensor:
        """Logits of shape (…, vocabulary size)."""
        known = functional.linear(states, self.old, self.old_bias)
        bias = None if self.new_bias is None else self.new_bias.to(states.dtype)
        return torch.cat([known, functional.linear(states, self.new.to(states.dtype), bias)], dim=-1)


@dataclass(frozen=True)
class Tables:
    """Where a model stores its rows: all modules that share the input embedding table, and the output head, if there is one."""

    inputs: tuple[nn.Embedding, ...]
    head: nn.Linear | None
    tied: bool

    @classmethod
    def of(cls, model: Any) -> "Tables":
        """The tables of a transformers model."""
        table = model.get_input_embeddings().weight
        inputs = tuple(
            module for module in model.modules() if isinstance(module, nn.Embedding) and module.weight is table
        )
        head = model.get_output_embeddings()
        return cls(inputs, head, head is not None and head.weight is table)


@dataclass(frozen=True)
class NewRows:
    """Rows for new tokens: `inputs` of shape (new, width); `head` (same shape) and `bias` (new,) for a model with an untied head."""

    inputs: Tensor
    head: Tensor | None = None
    bias: Tensor | None = None


def place_rows(model: Any, places: Sequence[int] | Tensor, new: NewRows) -> None:
    """Replace the table of a model: row i becomes old row `places[i]`, or new row `places[i]` − (number of old rows).

    Head, biases, token ids in the configurations and the padding index are changed accordingly. Hidden states of kept tokens
    stay equal bit for bit, and their logits up to the rounding of a matrix product of another width.
    """
    keep_head_apart(model)
    tables = Tables.of(model)
    order = torch.as_tensor(places)
    embedding = tables.inputs[0]
    old = len(embedding.weight)
    weight = _gathered(embedding.weight, new.inputs, order)
    moved = {int(place): number for number, place in enumerate(order.tolist())}
    for module in tables.inputs:
        module.weight = weight
        module.num_embeddings = len(order)
        module.padding_idx = None if module.padding_idx is None else moved.get(module.padding_idx)
        scaled: Any = module
        if hasattr(scaled, "eoi_token_index"):  # of T5Gemma 2
            scaled.eoi_token_index = moved.get(scaled.eoi_token_index, NO_TOKEN)
    if tables.head is not None:
        own, bias = tables.head.weight, tables.head.bias
        head = weight if tables.tied else _gathered(own, _or_zeros(new.head, len(new.inputs), own), order)
        tables.head.weight, tables.head.out_features = head, len(order)
        if bias is not None:
            fresh = _gathered(bias, _or_zeros(new.bias, len(new.inputs), bias), order)
            for module in model.modules():
                for name, parameter in list(module.named_parameters(recurse=False)):
                    if parameter is bias:
                        setattr(module, name, fresh)
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if name == "final_logits_bias" and buffer.shape[-1] == old:
                padded = torch.cat([buffer, buffer.new_zeros(1, len(new.inputs))], dim=-1)
                setattr(module, name, padded[:, order.to(buffer.device)])
    _move_padding(model, moved)
    for settings in (model.config, getattr(model, "generation_config", None)):
        _renumber(settings, moved, len(order))


def _move_padding(model: Any, moved: dict[int, int]) -> None:
    """Let positions follow the id of the padding token in families that count them from it (RoBERTa)."""
    for module in model.modules():
        positions, old = getattr(module, "position_embeddings", None), getattr(module, "padding_idx", None)
        if not isinstance(positions, nn.Embedding) or not isinstance(old, int) or positions.padding_idx is None:
            continue
        new = moved.get(old, old)
        if new == old:
            continue
        rows = positions.weight.detach()[old:]  # the first is that of padding
        unused = positions.weight.detach()[:1].expand(new, -1)
        positions.weight = nn.Parameter(torch.cat([unused, rows]), requires_grad=positions.weight.requires_grad)
        positions.num_embeddings, positions.padding_idx, module.padding_idx = len(positions.weight), new, new
        model.config.max_position_embeddings = len(positions.weight)
        for name in ("position_ids", "token_type_ids"):
            buffer = getattr(module, name, None)
            if isinstance(buffer, Tensor) and buffer.shape[-1] != len(positions.weight):
                fresh = (
                    torch.arange(len(positions.weight))
                    if name == "position_ids"
                    else torch.zeros(len(positions.weight))
                )
                module.register_buffer(name, fresh.long().expand(1, -1).to(buffer), persistent=False)


def split_rows(model: Any, new: int) -> list[nn.Parameter]:
    """Split off the last `new` rows as parameters of their own, for any method, and return these parameters; all else is unchanged."""
    tables = Tables.of(model)
    whole = tables.inputs[0].weight
    start = len(whole) - new
    old, fresh = nn.Parameter(whole[:start].detach(), requires_grad=False), nn.Parameter(whole[start:].detach().clone())
    trained = [fresh]
    replaced: dict[nn.Module, nn.Module] = {module: SplitEmbedding(old, fresh, module) for module in tables.inputs}
    if tables.head is not None:
        rows = (old, fresh)
        if not tables.tied:
            own = tables.head.weight
            rows = nn.Parameter(own[:start].detach(), requires_grad=False), nn.Parameter(own[start:].detach().clone())
            trained.append(rows[1])
        head = replaced[tables.head] = SplitHead(*rows, tables.head)
        trained += [head.new_bias] if isinstance(head, SplitHead) and head.new_bias is not None else []
    _swap(model, replaced)
    return trained


@contextmanager
def rows_beside(model: Any, start: Tensor) -> Iterator[Tensor]:
    """Inside the context, the table of a model is followed by new rows `start`, float32 of shape (new, width); yields these rows."""
    inputs = Tables.of(model).inputs
    fresh = nn.Parameter(start.to(inputs[0].weight.device, copy=True))
    splits: dict[nn.Module, nn.Module] = {
        module: SplitEmbedding(cast("nn.Parameter", module.weight), fresh, module) for module in inputs
    }
    _swap(model, splits)
    try:
        yield fresh
    finally:
        _swap(model, {split: module for module, split in splits.items()})


def _swap(model: nn.Module, replaced: dict[nn.Module, nn.Module]) -> None:
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child in replaced:
                setattr(module, name, replaced[child])


def _gathered(old: Tensor, new: Tensor, order: Tensor) -> nn.Parameter:
    order = order.to(old.device)
    fresh = order >= len(old)
    whole = old.detach()[order.masked_fill(fresh, 0)]  # one copy: a table may be most of a model
    whole[fresh] = new.to(old)[order[fresh] - len(old)]
    return nn.Parameter(whole, requires_grad=old.requires_grad)


def _or_zeros(rows: Tensor | None, count: int, like: Tensor) -> Tensor:
    return torch.zeros(count, *like.shape[1:]) if rows is None else rows


def _renumber(settings: Any, moved: dict[int, int], count: int) -> None:
    if settings is None:
        return
    for name, value in list(vars(settings).items()):
        if name in ("vocab_size", "decoder_vocab_size"):
            setattr(settings, name, count)
        elif name.endswith("_token_id") and isinstance(value, int):
            setattr(settings, name, moved.get(value))
        elif name.endswith("_token_id") and isinstance(value, list):
            setattr(settings, name, [moved[one] for one in value if one in moved])
        elif name.endswith("_token_index") and isinstance(value, int):  # of images, which no text has
            setattr(settings, name, moved.get(value, NO_TOKEN))
        elif isinstance(value, PreTrainedConfig) and "vision" not in name:
            _renumber(value, moved, count)


def new_rows(model: Any, added: int) -> NewRows:
    """The current values of the last `added` rows, split off or not, and those of an untied head."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    inputs = _last(embedding.new if isinstance(embedding, SplitEmbedding) else embedding.weight, added)
    if head is None:
        return NewRows(inputs)
    split = isinstance(head, SplitHead)
    table, bias = (head.new, head.new_bias) if split else (head.weight, head.bias)
    tied = table is (embedding.new if split else embedding.weight)
    return NewRows(inputs, None if tied else _last(table, added), None if bias is None else _last(bias, added))


def _last(rows: Tensor, count: int) -> Tensor:
    return rows[len(rows) - count :].detach().float().cpu().contiguous()
