"""Finds the parts of a model: its stacks of layers, and the linear modules in them by their names."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn

from lowres.models.architectures import Architecture

Kind = Literal["all", "attention", "feed-forward", "keys and values", "last"]  # last: of the feed-forward part


def stacks(model: nn.Module, architecture: Architecture) -> dict[str, nn.ModuleList]:
    """The lists of layers by their full names: one in an encoder, two in an encoder-decoder."""
    name = architecture.layers.rpartition(".")[2]
    return {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and path.rpartition(".")[2] == name
    }


def linear_pattern(model: nn.Module, architecture: Architecture, kind: Kind, upper: int | None = None) -> str:
    """A regular expression for the full names of linear modules in the `upper` last layers of each stack (all by default).

    It also matches where the model is part of a larger one, or stands without the one that contains it here.
    """
    places = []
    for path, layers in stacks(model, architecture).items():
        numbers = range(max(0, len(layers) - (upper or len(layers))), len(layers))
        stack = ".".join(path.split(".")[-2:])
        places.append(rf"{re.escape(stack)}\.{_either(map(str, numbers))}")
    return rf"(?:.*\.)?{_either(places)}\.(?:.*\.)?{_names(architecture, kind)}"


def linear_modules(model: nn.Module, architecture: Architecture) -> dict[str, nn.Module]:
    """The linear modules of all layers by their full names."""
    pattern = re.compile(linear_pattern(model, architecture, "all"))
    return {name: module for name, module in model.named_modules() if pattern.fullmatch(name)}


def _names(architecture: Architecture, kind: Kind) -> str:
    attention, forward = architecture.attention, architecture.feed_forward
    own = r"(?<!attention\.)"  # BERT's attention.output.dense ends as its output.dense does
    patterns = {
        "all": (*map(re.escape, attention), *map(re.escape, forward)),
        "attention": tuple(map(re.escape, attention)),
        "feed-forward": tuple(own + re.escape(name) for name in forward),
        "keys and values": tuple(map(re.escape, architecture.keys_and_values or attention[1:3])),
        "last": (own + re.escape(forward[-1]),),
    }
    return _either(patterns[kind])


def _either(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(patterns)})"


@contextmanager
def head_in(model: Any, dtype: torch.dtype) -> Iterator[None]:
    """For a while, the head's embeddings in this precision: autocast would cast a large table at every step of a search."""
    head = model.get_output_embeddings()
    own = {
        name: weight
        for name, weight in head.named_parameters(recurse=False)
        if weight.ndim == 2 and weight.dtype != dtype
    }
    for name, weight in own.items():
        setattr(head, name, nn.Parameter(weight.detach().to(dtype), requires_grad=False))
    try:
        yield
    finally:
        for name, weight in own.items():
            setattr(head, name, weight)


def keep_head_apart(model: Any) -> None:
    """Tell transformers that a head with weights of its own is not tied, so that neither it nor what is exported ties it.

    A T5-type checkpoint with a head of its own loads well, but its config still says tied (transformers 5), and the next
    resize_token_embeddings(), or transformers 4, would replace the head by the embedding. Does nothing where the head is tied.
    """
    head = model.get_output_embeddings()
    if head is None or head.weight is model.get_input_embeddings().weight:
        return
    heads = tuple(name for name, module in model.named_modules() if module is head)
    for attribute in ("_tied_weights_keys", "all_tied_weights_keys"):
        keys = getattr(model, attribute, None)
        if isinstance(keys, dict):
            setattr(model, attribute, {key: value for key, value in keys.items() if not key.startswith(heads)})
    if not getattr(model.config, "scale_decoder_outputs", False):  # of T5, which takes “not tied” for “not scaled”
        model.config.tie_word_embeddings = False
