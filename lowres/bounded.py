"""Files that others may have made, read within bounds: ordinary files alone, of limited size, and JSON of limited depth."""

import json
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 256 << 20  # no record and no table of corrections is near it


def read_bounded(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises OSError where it cannot be read, and ValueError where it is too large or no ordinary file.

    A pipe would be waited for, and a device never ends.
    """
    status = path.stat()
    if not (
        stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    ):  # that something is a folder is said on opening it
        raise ValueError("is no ordinary file (a pipe or a device)")
    if status.st_size > most:
        raise ValueError(f"has more than {most >> 20:,} MiB")
    return path.read_bytes()


def read_bounded_json(path: Path, most: int = MAX_BYTES) -> Any:
    """What a file of JSON in UTF-8 holds. Raises OSError and ValueError, also for what is nested too deeply."""
    try:
        return json.loads(read_bounded(path, most).decode())
    except RecursionError:
        raise ValueError("is nested too deeply") from None
