"""Runs that a benchmark is made of: each once, and each in a process of its own, so that its memory is its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lowres.runs.layout import RECORD
from lowres.runs.run import read_record


def done(folder: Path) -> bool:
    """Whether a run was finished there."""
    return (folder / RECORD).exists() and read_record(folder / RECORD).status == "done"


def carry_out(recipe: str, folder: Path, mirrors: Sequence[Path], threads: int | None = 1) -> bool:
    """Carry out a recipe, kept beside the folder, unless it was; go on where it was cut off. Returns whether it ended well."""
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
