"""Estimates of scores without a reference: their intervals hold as often as they say, whatever the signals are worth."""

import json
import random

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.linear_model import Ridge

from lowres.evaluation.estimate_calibration import confidence_facts
from lowres.evaluation.estimator import (
    LEAST,
    PENALTY,
    Estimate,
    Estimator,
    _bounds,
    _first_half,
    fit_estimator,
    flagged_rows,
)
from lowres.evaluation.resampling import Resampling


def sentences(number: int, seed: int, noise: float = 12.0) -> tuple[list[dict[str, float]], list[float]]:
    """Signals of sentences and their scores, which lie between 0 and 100 and depend on two of three signals."""
    rng = random.Random(seed)
    signals = [
        {"probability": rng.random(), "length": rng.gauss(3, 1), "unknown": rng.random() ** 2} for _ in range(number)
    ]
    scores = [60 * one["probability"] - 30 * one["unknown"] + 40 + rng.gauss(0, noise) for one in signals]
    return signals, [min(100.0, max(0.0, score)) for score in scores]


def names(number: int) -> list[str]:
    return [str(i) for i in range(number)]


@pytest.mark.parametrize("number", [50, 240])
@pytest.mark.parametrize("useless", [False, True])
def test_intervals_hold_as_often_as_they_say(number: int, useless: bool) -> None:
    shares, widths = [], []
    for seed in range(60):
        signals, scores = sentences(number, seed)
        fresh, truth = sentences(400, 1000 + seed)
        if useless:
            signals, fresh = (
                [{"length": one["length"]} for one in signals],
                [{"length": one["length"]} for one in fresh],
            )
        estimator = fit_estimator(signals, scores, names(number), seed)
        assert estimator and estimator.sentences == number
        found = [estimator.estimate(one) for one in fresh]
        shares.append(np.mean([one.low <= score <= one.high for one, score in zip(found, truth, strict=True)]))
        widths.append(np.mean([one.high - one.low for one in found]))
    assert 0.79 < np.mean(shares) < 0.88, np.mean(shares)
    assert (np.mean(widths) > 45) == useless, "signals that say something make narrow bounds"


def test_bounds_are_the_quantiles_of_split_conformal_prediction() -> None:
    assert _bounds([float(i) for i in range(-9, 10)], 0.8) == (-8.0, 8.0), "the 2nd and the 18th of 19"
    assert _bounds([1.0, 2.0], 0.8) == (-100.0, 100.0), "too few errors for any bound"


def test_weights_are_those_of_ridge_regression() -> None:
    signals, scores = sentences(120, 5)
    estimator = fit_estimator(signals, scores, names(120), 7)
    assert estimator
    first = _first_half(names(120), 7)
    table = np.array([[one[name] for name in estimator.signals] for one in signals])
    scaled = (table - np.array(estimator.centre)) / np.array(estimator.scale)
    ridge = Ridge(alpha=PENALTY).fit(scaled[first], np.array(scores)[first])
    assert estimator.weights == pytest.approx(ridge.coef_) and estimator.intercept == pytest.approx(ridge.intercept_)


def test_translations_of_one_text_are_never_on_both_sides() -> None:
    clusters = [str(i // 3) for i in range(180)]
    first = _first_half(clusters, 13)
    sides = {
        name: {bool(side) for side, other in zip(first, clusters, strict=True) if other == name} for name in clusters
    }
    assert all(len(side) == 1 for side in sides.values()) and 0 < first.sum() < len(first)
    signals, scores = sentences(180, 1)
    assert fit_estimator(signals, scores, [str(i // 4) for i in range(180)], 13) is None, "only 45 independent texts"
    assert fit_estimator(signals, scores, [str(i % LEAST) for i in range(180)], 13) is not None


def test_a_direction_that_is_easier_than_another_is_known_to_be() -> None:
    signals, scores = sentences(200, 2)
    signals = [{**one, ("a→b", "a→c")[i % 2]: 1.0} for i, one in enumerate(signals)]
    estimator = fit_estimator(signals, [0.5 * score + 40 * (i % 2) for i, score in enumerate(scores)], names(200), 1)
    assert estimator
    usual = {"probability": 0.5, "length": 3.0, "unknown": 0.3}
    gap = estimator.estimate({**usual, "a→c": 1.0}).value - estimator.estimate({**usual, "a→b": 1.0}).value
    assert 33 < gap < 43


def test_an_estimator_is_plain_numbers_and_a_damaged_one_is_refused() -> None:
    signals, scores = sentences(80, 3)
    estimator = fit_estimator(signals, scores, names(80), 1)
    assert estimator
    text = estimator.model_dump_json()
    assert Estimator.model_validate_json(text) == estimator
    for key, value in (("weights", [1.0]), ("scale", [0.0, 1.0, 1.0]), ("below", float("nan")), ("more", 1)):
        with pytest.raises(ValidationError):
            Estimator.model_validate({**json.loads(text), key: value})


def test_flagged_are_the_least_sure_and_never_what_is_not_known() -> None:
    assert flagged_rows([30.0, None, 10.0, 20.0, 10.0], 0.5).tolist() == [False, False, True, False, True]
    assert flagged_rows([5.0, 6.0], 0.01).tolist() == [True, False], "at least one line is marked"
    assert flagged_rows([None, None], 1.0).tolist() == [False, False]


def test_the_facts_of_calibration_are_what_a_reader_would_count() -> None:
    estimates = [Estimate(v, v - 10, v + 10) for v in (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0)]
    scores = [10.0, 31.0, 30.0, 40.0, 50.0, 49.0, 70.0, 80.0, 90.0, 95.0]
    facts = confidence_facts(
        estimates,
        scores,
        names(10),
        level=0.8,
        fitted_on={"model": 60},
        split="test",
        resampling=Resampling(0.95, 200, 1),
    )
    found = {score.name: score.value for score in facts.scores}
    assert found["coverage"] == pytest.approx(80.0), "8 of 10"
    assert found["mean absolute error"] == pytest.approx(2.2) == pytest.approx(found["calibration error"])
    assert found["chrF++ of flagged"] == pytest.approx(20.5) and found["chrF++ of the rest"] == pytest.approx(63.0)
    assert found["rest above flagged"] == pytest.approx(42.5)
    assert [one.sentences for one in facts.bins] == [1] * 10 and facts.bins[1].true == pytest.approx(31.0)
    coverage = next(score for score in facts.scores if score.name == "coverage")
    assert (
        coverage.low < 80 < coverage.high and "level:80" in coverage.signature and "bootstrap:200" in coverage.signature
    )
