"""What all models of CTranslate2 have in common: how weights are rounded, and how rows of the table are called."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowres.tasks.engines import installed

QUANTIZATIONS: Mapping[int, str] = {8: "int8", 16: "float16", 32: "float32"}
ACCEPTED: Mapping[int, float] = {8: 0.1, 16: 0.01, 32: 0.001}  # mean difference of a token's log-probability


def loaders() -> Any:
    """The module of CTranslate2 with its loaders. Raises ModelError where it is not installed."""
    return installed("ctranslate2", "ctranslate2.converters.transformers", "--to ctranslate2")


def token_names(tokenizer: Any, rows: int) -> list[str]:
    """A name for every row of the output embeddings; rows without a token are called by their number."""
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    return [known.get(number, f"<row {number}>") for number in range(rows)]


def write_spec(spec: Any, bits: int, folder: Path) -> None:
    """Round the weights of a specification, and write it into a folder."""
    spec.validate()
    spec.optimize(quantization=QUANTIZATIONS[bits])
    spec.save(str(folder))
