"""The formats a run is exported to, and what each can hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lowres.errors import ModelError, Problem
from lowres.export.fidelity import Fidelity
from lowres.export.merged import export_merged
from lowres.export.to_ctranslate2 import export_ctranslate2
from lowres.runs.run import Run

FormatName = Literal["merged", "ctranslate2", "gguf"]
GGUF = (
    "GGUF is written by a script of llama.cpp, which is in no package: export to merged, then call convert_hf_to_gguf.py of llama.cpp "
    "on that folder"
)


@dataclass(frozen=True)
class Format:
    """A format: the bits of weights it can hold, the usual ones first, and the function that writes it."""

    bits: tuple[int, ...]
    write: Callable[[Run, Path, int], Fidelity | None]


def _merged(run: Run, out: Path, bits: int) -> None:
    export_merged(run, out)


def _gguf(run: Run, out: Path, bits: int) -> None:
    raise ModelError(Problem("--to gguf", "lowres does not write GGUF", GGUF))


FORMATS: Mapping[FormatName, Format] = {
    "merged": Format((32,), _merged),
    "ctranslate2": Format((8, 16, 32), export_ctranslate2),
    "gguf": Format((8, 16, 32), _gguf),
}


def export(
    run: Run, to: FormatName = "merged", bits: int | None = None, out: Path | None = None
) -> tuple[Path, Fidelity | None]:
    """Write a run in a format to `out`, by default a folder of the run that is called like the format.

    Returns the folder and, where the format changes what computes, how the exported model compares with the run. Raises ModelError
    for what a format cannot hold, and where the exported model predicts otherwise; then nothing is written.
    """
    made = FORMATS[to]
    if bits is not None and bits not in made.bits:
        possible = " or ".join(map(str, sorted(made.bits)))
        raise ModelError(Problem("--bits", f"{to} cannot be written in {bits} bits", f"it can in {possible}"))
    folder = out or run.folder / to
    return folder, made.write(run, folder, bits or made.bits[0])
