"""Intervals hold the true score as often as they say, also where a sample has no error or nothing right."""

import math

import numpy as np
import pytest

from lowres.evaluation.bits_per_character import bits_scores, bits_statistics, compare_bits
from lowres.evaluation.classification_scores import classification_scores
from lowres.evaluation.comparison import compare
from lowres.evaluation.resampling import Resampling, unseen_share
from lowres.evaluation.translation_scores import translation_scores
from lowres.record import Comparison
from lowres.score import Score

LABELS = ["negative", "neutral", "positive"]


def scores_of(references: list[str], predictions: list[str], clusters: list[str] | None = None) -> list[Score]:
    return classification_scores(
        references, predictions, ["min-Latn"] * len(references), LABELS, clusters=clusters, split="test",
        resampling=Resampling(0.95, 200, 7),
    )  # fmt: skip


def find(scores: list[Score], name: str, language: str | None = None) -> Score:
    return next(s for s in scores if (s.name, s.language, s.label) == (name, language, None))


@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("accuracy", [0.03, 0.5, 0.97])
def test_intervals_of_50_rows_hold_the_true_score(accuracy: float, rare: bool) -> None:
    """A classifier that is right with this probability, else predicts one of the other two labels, in 100 test sets."""
    rng = np.random.default_rng(int(1000 * accuracy))
    shares = [0.05, 0.35, 0.6] if rare else [1 / 3] * 3

    def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
        true = rng.choice(3, size=rows, p=shares)
        right = rng.random(rows) < accuracy
        return true, np.where(right, true, (true + rng.integers(1, 3, rows)) % 3)

    true, predicted = drawn(200_000)
    f1 = [2 * ((true == k) & (predicted == k)).sum() / ((true == k).sum() + (predicted == k).sum()) for k in range(3)]
    truth = {"accuracy": 100 * accuracy, "macro-F1": 100 * float(np.mean(f1))}
    held = dict.fromkeys(truth, 0)
    for _ in range(100):
        true, predicted = drawn(50)
        found = scores_of([LABELS[k] for k in true], [LABELS[k] for k in predicted])
        for name in held:
            score = find(found, name)
            held[name] += score.low <= truth[name] <= score.high
    # 95 % are meant, 92 % are wanted; in 100 test sets, 5 points less happen by chance.
    assert min(held.values()) >= 88, held


def test_nothing_but_right_rows_have_the_exact_lower_bound() -> None:
    score = find(scores_of(["negative"] * 10, ["negative"] * 10), "accuracy")
    assert (score.value, score.high) == (100, 100)
    assert score.low == pytest.approx(100 * 0.025**0.1)  # Clopper and Pearson: 69.2
    wrong = find(scores_of(["negative"] * 10, ["positive"] * 10), "accuracy")
    assert (wrong.low, wrong.value, wrong.high) == (0, 0, pytest.approx(100 - 100 * 0.025**0.1))
    assert unseen_share(np.array([3.0]), 0.95)[0] == pytest.approx(1 - 0.025 ** (1 / 3))


def test_parallel_rows_are_no_more_than_their_clusters() -> None:
    once = find(scores_of(["negative"] * 10, ["negative"] * 10), "accuracy")
    twelve = find(scores_of(["negative"] * 120, ["negative"] * 120, [str(row % 10) for row in range(120)]), "accuracy")
    assert twelve.low == once.low and twelve.clusters == once.clusters == 10


def test_a_rare_label_that_was_always_found_widens_macro_f1() -> None:
    """Three of 43 rows have the rare label: of four such texts in ten, three would be found by a recall of 70 % as well."""
    true = ["negative"] * 20 + ["neutral"] * 20 + ["positive"] * 3
    predicted = ["negative"] * 18 + ["neutral"] * 2 + ["neutral"] * 20 + ["positive"] * 3
    rare = find(scores_of(true, predicted), "macro-F1")
    even = find(scores_of(true + ["positive"] * 17, predicted + ["positive"] * 17), "macro-F1")
    assert rare.value - rare.low > 20 > 2 * (even.value - even.low)


def test_perfect_and_empty_translations_are_not_certain() -> None:
    texts = [f"ambo pai ka pasa {number}" for number in range(30)]
    for hypotheses in (texts, [""] * 30):
        for score in translation_scores(
            texts, hypotheses, ["ind-Latn→min-Latn"] * 30, split="test", resampling=Resampling(0.95, 100, 7)
        ):
            assert score.high - score.low == pytest.approx(100 * (1 - 0.025 ** (1 / 30)))


def test_identical_predictions_do_not_prove_that_two_systems_are_equal() -> None:
    labels = ["negative", "positive"] * 20

    def compared(ours: list[str], theirs: list[str]) -> Comparison:
        clusters = [str(row) for row in range(40)]
        settings = Resampling(0.95, 100, 7)
        return compare(labels, ours, theirs, ["min-Latn"] * 40, clusters, LABELS, against="x", resampling=settings)[0]

    same = compared(labels, labels)
    assert (same.difference, same.p, same.clear) == (0, 1, False)
    assert same.high == -same.low == pytest.approx(100 * (1 - 0.025 ** (1 / 40)))
    never = compared(labels, ["neutral"] * 40)
    assert never.difference == never.high == 100 and 80 < never.low < 100 and never.clear


def test_one_cluster_has_no_upper_bound_in_bits_and_says_so_in_json() -> None:
    settings = Resampling(0.95, 100, 7)
    one, other = (bits_statistics(np.array([bits]), np.array([10.0]), ["min-Latn"]) for bits in (20.0, 30.0))
    (score,) = bits_scores(one, "masked", split="test", resampling=settings)
    assert (score.low, score.value, score.high) == (0, 2, math.inf)
    assert Score.model_validate_json(score.model_dump_json()) == score
    assert '"high":"Infinity"' in score.model_dump_json()
    (found,) = compare_bits(one, other, against="base", resampling=settings)
    assert (found.low, found.difference, found.high, found.clear) == (-math.inf, -1, math.inf, False)


def test_bounds_of_bits_hold_the_value_between_them() -> None:
    rng = np.random.default_rng(3)
    languages = ["min-Latn"] * 40 + ["jav-Latn"] * 10 + ["ban-Latn"]
    sums = bits_statistics(rng.gamma(2, 10, 51), np.full(51, 10.0), languages)
    scores = bits_scores(sums, "masked", split="test", resampling=Resampling(0.95, 200, 7))
    assert [score.language for score in scores] == [None, "min-Latn", "jav-Latn", "ban-Latn"]
    assert [score.clusters for score in scores] == [51, 40, 10, 1]
    for score in scores[:3]:
        assert 0 <= score.low < score.value < score.high < 10
    assert (scores[3].low, scores[3].high) == (0, math.inf)


def test_a_score_on_dev_says_that_the_model_was_chosen_there() -> None:
    sums = bits_statistics(np.arange(1.0, 9.0), np.full(8, 4.0), ["min-Latn"] * 8)
    for split, told in (("dev", True), ("test", False)):
        (score,) = bits_scores(sums, "masked", split=split, resampling=Resampling(0.95, 50, 7))  # type: ignore[arg-type]
        assert ("|model-chosen-on:dev|" in score.signature) is told
