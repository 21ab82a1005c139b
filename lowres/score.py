"""A score and its interval, and how far estimates and probabilities can be trusted, as they stand in the record."""

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


class CalibrationBin(Fact):
    """Test sentences with similar estimates: their number, the mean estimate, and the true mean with its interval (0–100).

    Of a classifier, estimates are the probabilities of the predicted labels, and the true mean is the share of right ones.
    """

    sentences: int
    estimated: float
    true: float
    low: float
    high: float


class ConfidenceFacts(Fact):
    """How well estimates of sentence chrF++ agree with the truth on test.

    `level` is the share of sentences (0–1) whose chrF++ the intervals promise to hold; of `scores`, “coverage” is the share that they
    do hold (0–100). The other scores are of the share `flagged` of the sentences with the lowest estimates, and of the rest.
    `fitted_on` counts dev sentences, by the system that answers.
    """

    level: float
    flagged: float
    fitted_on: dict[str, int]
    sentences: int
    scores: list[Score]
    bins: list[CalibrationBin]


class CalibrationFacts(Fact):
    """How well the probabilities of labels agree with the truth on test.

    `temperature` divides the logarithms of the probabilities (Guo et al. 2017, arXiv 1706.04599); it was fitted on dev and changes no
    label. `scores` are those of the probabilities that are given, `untempered` those of the same at temperature 1.
    """

    temperature: float
    scores: list[Score]
    untempered: list[Score]
    bins: list[CalibrationBin]


def overall(scores: Sequence[Score], name: str) -> Score | None:
    """The score of that name over all test rows and labels, or None."""
    found = (s for s in scores if (s.name, s.language, s.label, s.split) == (name, None, None, "test"))
    return next(found, None)


def merit(score: Score | None) -> float:
    """A number that grows with quality, whichever way the score improves; without a score the smallest."""
    return -math.inf if score is None else score.value if score.better == "higher" else -score.value
