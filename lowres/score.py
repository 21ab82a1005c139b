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
# Small test sets cannot tell apart systems of similar quality (Card et al. 2020, doi 10.18653/v1/2020.emnlp-main.745).
FEW_CLUSTERS = 200
# Standard deviation over texts of the difference between two systems, in points, as comparisons of our own runs with baselines that
# learn had it: 30 to 46 in macro-F1 where the test is of one language, 13 to 16 (the middle half) in chrF++.
SPREAD: Mapping[str, float] = {"macro-F1": 40.0, "chrF++": 15.0}
SEEN = 2.8  # standard errors that a true difference needs to be seen 4 times in 5 by a test at 5 %: 1.96 + 0.84


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


def smallest_difference(metric: str, clusters: int) -> float | None:
    """The true difference between two systems that so many texts show 4 times in 5; None for a metric whose spread is not known."""
    spread = SPREAD.get(metric)
    return None if spread is None or clusters < 1 else SEEN * spread / math.sqrt(clusters)
