"""Where files are looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Where files are looked for: relative paths in `near` (the folder of the recipe), downloads in `cache` and in the user's
    `mirrors`; with `offline` the network is never used.
    """

    near: Path
    cache: Path
    mirrors: Sequence[Path] = ()
    offline: bool = False
