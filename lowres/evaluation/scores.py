"""A score never travels without its interval and its signature."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """A frozen value of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Better = Literal["higher", "lower"]
Unit = Literal["points", "bits"]
DIGITS: Mapping[Unit, int] = {"points": 1, "bits": 3}  # behind the point, where a value is shown


class Score(Fact):
    """One quality score with its bootstrap interval: 0–100 in points, 0 and more in bits.

    `better` says which way a score improves. `language` is a tag, or None for the average over all
    languages. `label` is set for per-class scores.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    split: Literal["train", "dev", "test"]
    signature: str
    language: str | None = None
    label: str | None = None
    better: Better = "higher"
    unit: Unit = "points"

    @property
    def digits(self) -> int:
        """Digits behind the point that mean something."""
        return DIGITS[self.unit]
