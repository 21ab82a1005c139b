"""The pip of the Python that runs lowres: what a message says to install must come to that one."""

import os
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def with_own_pip(text: str) -> str:
    """The text with each `pip install` as it has to be typed in this shell."""
    return text.replace("pip install ", f"{own_pip()} install ")


def own_pip() -> str:
    """`pip` where the shell finds the right one; else how pipx reaches it, or the path of its Python."""
    environment, python = Path(sys.prefix), Path(sys.executable)
    if (environment / "pipx_metadata.json").exists():
        return f"pipx runpip {shlex.quote(environment.name)}"
    found = shutil.which("pip")
    if (found and Path(found).parent == python.parent) or find_spec("pip") is None:
        return "pip"
    near = python.is_relative_to(Path.cwd())
    return f"{shlex.quote(os.path.relpath(python) if near else str(python))} -m pip"
