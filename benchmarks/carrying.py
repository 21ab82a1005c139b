"""Carries out the runs of a benchmark: each once, and each in a process of its own, so that its peak memory can be measured."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lowres.runs.layout import RECORD
from lowres.runs.run import read_record


def done(folder: Path) -> bool:
    """Whether the folder holds a finished run."""
    return (folder / RECORD).exists() and read_record(folder / RECORD).status == "done"


def carry_out(recipe: str, folder: Path, mirrors: Sequence[Path], threads: int | None = 1) -> bool:
    """Carry out a recipe unless its run is finished; an interrupted run is resumed. Returns whether it succeeded.

    The recipe is written beside `folder`, as <folder>.yaml.
    """
    if done(folder):
        return True
    file = folder.parent / f"{folder.name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(recipe, encoding="utf-8")
    places = [option for mirror in mirrors for option in ("--mirror", str(mirror))]
    cores = ["--threads", str(threads)] if threads else []
    command = [sys.executable, "-m", "lowres", "run", str(file), "--out", str(folder), *places, *cores]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    print(folder.name, "done" if not ended.returncode else ended.stderr.strip(), file=sys.stderr, flush=True)
    return not ended.returncode
