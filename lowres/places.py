"""Where files may be found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The recipe's folder `near`, from which relative paths count; the cache; the user's mirrors; whether the net may be asked."""

    near: Path
    cache: Path
    mirrors: Sequence[Path] = ()
    offline: bool = False
