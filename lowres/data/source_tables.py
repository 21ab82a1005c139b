"""The tables of one data source, as they are before rows are taken from them."""

from dataclasses import dataclass

from lowres.data.rows import Part
from lowres.errors import Finding


@dataclass(frozen=True)
class SourceTables:
    """The tables of a corpus and what is known of their origin. `labels` are those that a card declares."""

    name: str
    parts: tuple[Part, ...]
    licence: str
    labels: tuple[str, ...] | None = None
    citation: str = ""
    homepage: str = ""
    findings: tuple[Finding, ...] = ()
