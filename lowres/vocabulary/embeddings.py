"""Embedding rows in a model: other rows for other pieces, new ones that train alone.

transformers' resize_token_embeddings is not used: it ties a head that was trained apart from its embedding (mT5), and
fills all new rows with one vector.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowres.models.modules import keep_head_apart


class SplitEmbedding(nn.Module):
    """A frozen table and new rows behind it, which train: gradients, moments and saved bytes are those of the new rows.

    `whole` is the module that it stands in for; one that scales its vectors (M2M100, BART) still has them scaled.
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
    """Logits over frozen and new rows; where the head is tied, the rows are the embedding's own."""

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
        """Logits of shape (…, pieces)."""
        known = functional.linear(states, self.old, self.old_bias)
        bias = None if self.new_bias is None else self.new_bias.to(states.dtype)
        return torch.cat([known, functional.linear(states, self.new.to(states.dtype), bias)], dim=-1)


@dataclass(frozen=True)
class Tables:
    """Where a model keeps its rows: every module that looks pieces up in the one table, and the head, if it has one."""

    inputs: tuple[nn.Embedding, ...]
    head: nn.Linear | None
    tied: bool

    @classmethod
    def of(cls, model: Any) -> "Tables":
        """Find them in a transformers model."""
        table = model.get_input_embeddings().weight
        inputs = tuple(
            module for module in model.modules() if isinstance(module, nn.Embedding) and module.weight is table
        )
        head = model.get_output_embeddings()
        return cls(inputs, head, head is not None and head.weight is table)


@dataclass(frozen=True)
class NewRows:
    """Rows for new pieces: `inputs` of shape (new, width); `head` and `bias` for a model whose head is its own."""

    inputs: Tensor
    head: Tensor | None = None
    bias: Tensor | None = None


def place_rows(model: Any, places: Sequence[int] | Tensor, new: NewRows) -> None:
    """Give a model the table whose row i is old row `places[i]`, or new row `places[i]` − old rows where that is ≥ 0.

    Head, biases, ids in the configurations and padding follow. Logits of kept pieces are equal bit for bit.
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
    if tables.head is not None:
        head = weight if tables.tied else _gathered(tables.head.weight, _or_zeros(new.head, new.inputs), order)
        bias = tables.head.bias
        tables.head.weight, tables.head.out_features = head, len(order)
        if bias is not None:
            fresh = _gathered(bias, _or_zeros(new.bias, new.inputs[:, 0]), order)
            for module in model.modules():
                for name, parameter in list(module.named_parameters(recurse=False)):
                    if parameter is bias:
                        setattr(module, name, fresh)
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if name == "final_logits_bias" and buffer.shape[-1] == old:
                padded = torch.cat([buffer, buffer.new_zeros(1, len(new.inputs))], dim=-1)
                setattr(module, name, padded[:, order.to(buffer.device)])
    for settings in (model.config, getattr(model, "generation_config", None)):
        _renumber(settings, moved, len(order))


def split_rows(model: Any, new: int) -> list[nn.Parameter]:
    """Make the last `new` rows train alone, under any method; returns what trains. Everything else is left as it is."""
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


def join_rows(model: Any) -> None:
    """Undo split_rows: ordinary modules again, with the rows as trained."""
    weights: dict[int, nn.Parameter] = {}
    replaced: dict[nn.Module, nn.Module] = {}
    for split in model.modules():
        if isinstance(split, SplitEmbedding | SplitHead):
            whole = replaced[split] = split.whole[0]
            whole.weight = weights.setdefault(id(split.new), nn.Parameter(split.weight.detach(), requires_grad=False))
            if isinstance(split, SplitHead) and split.old_bias is not None and split.new_bias is not None:
                bias = torch.cat([split.old_bias, split.new_bias.to(split.old_bias.dtype)])
                whole.bias = nn.Parameter(bias.detach(), requires_grad=False)
    _swap(model, replaced)


@contextmanager
def rows_beside(model: Any, start: Tensor) -> Iterator[Tensor]:
    """For a while, new rows, float32 of shape (new, width), behind a model's table, which is not copied; hands the rows out."""
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


def _or_zeros(rows: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if rows is None else rows


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


def new_rows(model: Any, added: int) -> NewRows:
    """The last `added` rows as they are now, whether they were split off or not; of a head that is not tied, too."""
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
