"""A score and its interval, as it stands in the record."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """A part of the record: immutable, without unknown fields. JSON has “Infinity” for a bound that cannot be estimated."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


Better = Literal["higher", "lower"]
Split = Literal["train", "dev", "test"]
Unit = Literal["points", "bits"]
DIGITS: Mapping[Unit, int] = {"points": 1, "bits": 3}  # after the decimal point, where a value is shown


class Score(Fact):
    """One quality score with its interval: 0–100 in points, 0 or more in bits.

    `better` says whether higher or lower values are better. `language` is a language tag or a direction, or None for the
    mean over all of them. `label` is set for the scores of a single class. `clusters` is the number of independent clusters of
    rows (texts that translate one another are one cluster). A bound that cannot be estimated is infinite.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    split: Split
    signature: str
    clusters: int | None = None
    language: str | None = None
    label: str | None = None
    better: Better = "higher"
    unit: Unit = "points"

    @property
    def digits(self) -> int:
        """How many digits to show after the decimal point."""
        return DIGITS[self.unit]


def overall(scores: Sequence[Score], name: str) -> Score | None:
    """The score of that name over all test rows and labels, or None."""
    found = (s for s in scores if (s.name, s.language, s.label, s.split) == (name, None, None, "test"))
    return next(found, None)


def merit(score: Score | None) -> float:
    """A number that grows with quality, whichever way the score improves; without a score the smallest."""
    return -math.inf if score is None else score.value if score.better == "higher" else -score.value
