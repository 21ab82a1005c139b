"""What a recipe's source gives before its rows are taken: tables, and what is known of their origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lowres.data.rows import Part
from lowres.errors import Finding


@dataclass(frozen=True)
class Store:
    """Where files may be found: the cache, the user's mirrors, and whether the net may be asked."""

    cache: Path
    mirrors: Sequence[Path]
    offline: bool


@dataclass(frozen=True)
class Material:
    """The tables of a corpus and what is known of their origin. `labels` are those that a card declares."""

    name: str
    parts: tuple[Part, ...]
    licence: str
    labels: tuple[str, ...] | None = None
    citation: str = ""
    homepage: str = ""
    findings: tuple[Finding, ...] = ()
