"""The head of a masked language model: the layers between the encoder's states and the embedding table, to which it is tied."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

SMOOTHING = 0.1  # added to the count of every token
WIDENING = ("embeddings_project.weight", "embedding_hidden_mapping_in.weight")


def transform(model: Any) -> dict[str, nn.Parameter]:
    """The weights of the layers between the encoder and the embedding table, dense and norm, by their names beside that table."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    table = whole.get_output_embeddings()
    place = next(name for name, module in whole.named_modules() if module is table).rpartition(".")[0]
    beside = {
        name.removeprefix(f"{place}."): weight
        for name, weight in whole.named_parameters()
        if not name.startswith(f"{whole.base_model_prefix}.")
    }
    own = {id(weight) for weight in table.parameters()}
    return {name: weight for name, weight in beside.items() if "." in name and id(weight) not in own}


def biases(model: Any) -> list[nn.Parameter]:
    """The biases of all tokens: one tensor, or two where new tokens have a parameter of their own."""
    head = model.get_output_embeddings()
    found = (head.old_bias, head.new_bias) if hasattr(head, "old_bias") else (head.bias,)
    return [bias for bias in found if bias is not None]


def is_untrained(model: Any) -> bool:
    """Whether the checkpoint brought no head: its norms are all ones and its biases all zeros."""
    flat = {name: weight for name, weight in transform(model).items() if weight.ndim == 1}
    return all(bool((weight == name.endswith("weight")).all()) for name, weight in flat.items())


def initialise_head(model: Any, counts: Tensor) -> None:
    """Initialise a new head so that it predicts every token as often as it occurs in the training texts: `counts`, of shape (tokens,).

    The dense layer starts as the identity, so that the encoder's states reach the embedding table from the first update on: from
    random weights training often never gets beyond the token frequencies. Where embeddings are narrower than states (ELECTRA), it
    starts as the inverse of the layer that widens them. The norm starts small, since the states were not trained to be compared with
    embeddings.
    """
    shares = (counts.float() + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts))
    table = model.get_input_embeddings().weight.detach().float()
    level = 1.0 / float(table[counts > 0].norm(dim=-1).mean())
    with torch.no_grad():
        start = 0
        for bias in biases(model):
            bias.copy_(shares[start : start + len(bias)].log())
            start += len(bias)
        for name, weight in transform(model).items():
            if weight.ndim == 2:
                weight.copy_(torch.eye(len(weight)) if len(weight) == weight.shape[1] else _narrowing(model, weight))
            elif name.endswith("weight"):
                weight.fill_(level)


def _narrowing(model: Any, like: Tensor) -> Tensor:
    """The pseudo-inverse of the layer that widens embeddings to states; `like` has its shape transposed."""
    widens = (weight for name, weight in model.named_parameters() if name.endswith(WIDENING))
    found = next((weight for weight in widens if weight.shape == like.T.shape), None)
    return like if found is None else torch.linalg.pinv(found.detach().float())


def save_head(model: Any, path: Path) -> None:
    """Save the dense layer, the norm and the biases of all tokens."""
    bias = torch.cat([part.detach().float() for part in biases(model)])
    weights = {name: weight.detach().float().cpu().contiguous() for name, weight in transform(model).items()}
    save_file({"bias": bias.cpu(), **weights}, str(path))


def load_head(model: Any, path: Path) -> None:
    """Load a head that save_head wrote into the model."""
    saved = load_file(str(path))
    (bias,) = biases(model)
    with torch.no_grad():
        bias.copy_(saved.pop("bias"))
        own = transform(model)
        for name, weight in saved.items():
            own[name].copy_(weight)
