"""Embedding rows of a run on disk: which rows of the base it uses, and the new rows as trained."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from lowres.vocabulary.embeddings import NewRows


def save_rows(path: Path, places: Tensor, rows: NewRows) -> None:
    """Write `places`, int32 of shape (tokens,), and the new rows, float32 of shape (new, width), also of an untied head."""
    found = {"rows": rows.inputs, "head": rows.head, "bias": rows.bias}
    tensors = {name: tensor.contiguous() for name, tensor in found.items() if tensor is not None}
    save_file({"places": places.int().contiguous(), **tensors}, path)


def load_rows(path: Path) -> tuple[Tensor, NewRows]:
    """Read what save_rows wrote, as place_rows takes it."""
    found = load_file(path)
    return found["places"].long(), NewRows(found["rows"], found.get("head"), found.get("bias"))
