"""The rows of a run on disk: which of the base's to take, and the new ones as they were trained."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from lowres.vocabulary.rows import NewRows


def save_rows(path: Path, places: Tensor, rows: Tensor) -> None:
    """Write `places`, int32 of shape (pieces,), and `rows`, float32 of shape (new, width)."""
    save_file({"places": places.int().contiguous(), "rows": rows.contiguous()}, path)


def load_rows(path: Path) -> tuple[Tensor, NewRows]:
    """Read them back, as place_rows takes them."""
    found = load_file(path)
    return found["places"].long(), NewRows(found["rows"])
