"""Scores against hand-worked numbers and reference tools; intervals, comparisons and baselines by what they promise."""

import csv
import math
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, precision_recall_fscore_support

from lowres.data.corpus import Row
from lowres.errors import DataError
from lowres.evaluation.baselines import majority, tfidf
from lowres.evaluation.classification_scores import classification_scores, confusion, primary_metric
from lowres.evaluation.classification_statistics import count
from lowres.evaluation.comparison import compare, randomisation_p, transfer_verdict
from lowres.evaluation.resampling import Resampling, bootstrap
from lowres.record import Comparison
from lowres.score import Score

LABELS = ["negative", "neutral", "positive"]


def scores_of(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str] | None = None,
    labels: Sequence[str] = LABELS,
    **options: Any,
) -> list[Score]:
    given = {"resamples": 200} | {
        name: options.pop(name) for name in ("confidence", "resamples", "seed") if name in options
    }
    chosen: Any = {"split": "test", "resampling": Resampling(**given)} | options
    return classification_scores(references, predictions, languages or ["min-Latn"] * len(references), labels, **chosen)


def find(scores: list[Score], name: str, language: str | None = None, label: str | None = None) -> Score:
    return next(s for s in scores if (s.name, s.language, s.label) == (name, language, label))


def noisy(references: list[str], right: float, seed: int) -> list[str]:
    """Predictions that are right about so often."""
    rng = random.Random(seed)
    return [label if rng.random() < right else rng.choice(LABELS) for label in references]


def parallel(clusters: int, languages: list[str], seed: int = 1) -> tuple[list[str], list[str], list[str]]:
    """References, languages and clusters of texts that are translated into every language."""
    rng = random.Random(seed)
    labels = [rng.choice(LABELS) for _ in range(clusters)]
    return (
        labels * len(languages),
        [tag for tag in languages for _ in range(clusters)],
        [str(cluster) for _ in languages for cluster in range(clusters)],
    )


# Worked by hand. True a a a b b c, predicted a a b b c c:
#     a: 2 found of 3, 2 right of 2 → F1 = 4/5        b: 1 of 2, 1 of 2 → 1/2        c: 1 of 1, 1 of 2 → 2/3
TRUE = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "c", "c"]


def test_scores_worked_by_hand() -> None:
    scores = scores_of(TRUE, PREDICTED, labels=["a", "b", "c"])
    assert find(scores, "macro-F1").value == pytest.approx(100 * (4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert find(scores, "accuracy").value == pytest.approx(100 * 4 / 6)
    assert find(scores, "MCC").value == pytest.approx(100 * 12 / math.sqrt(24 * 22))
    assert find(scores, "weighted-F1").value == pytest.approx(100 * (3 * 4 / 5 + 2 * 1 / 2 + 2 / 3) / 6)
    assert find(scores, "precision", label="a").value == 100
    assert find(scores, "recall", label="a").value == pytest.approx(200 / 3)
    assert find(scores, "F1", label="c").value == pytest.approx(200 / 3)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=2, max_size=60))
def test_scores_agree_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    references, predictions = [true for true, _ in pairs], [said for _, said in pairs]
    scores = scores_of(references, predictions, resamples=20)
    present = [label for label in LABELS if label in references]
    options = {"labels": present, "zero_division": 0}
    assert find(scores, "macro-F1").value == pytest.approx(
        100 * f1_score(references, predictions, average="macro", **options)
    )
    assert find(scores, "weighted-F1").value == pytest.approx(
        100 * f1_score(references, predictions, average="weighted", **options)
    )
    assert find(scores, "accuracy").value == pytest.approx(100 * accuracy_score(references, predictions))
    if len(set(references)) > 1:  # scikit-learn warns of a single label
        assert find(scores, "MCC").value == pytest.approx(100 * matthews_corrcoef(references, predictions))
    table = precision_recall_fscore_support(references, predictions, **options)[:3]
    for name, row in zip(("precision", "recall", "F1"), table, strict=True):
        for label, value in zip(present, row, strict=True):
            assert find(scores, name, label=label).value == pytest.approx(100 * value)
    for score in scores:
        assert score.low <= score.value <= score.high
        assert all(math.isfinite(number) for number in (score.low, score.value, score.high))


def test_overall_is_the_mean_over_languages_however_many_rows_each_has() -> None:
    references = ["negative", "positive"] * 2 + ["negative", "positive"] * 10
    predictions = ["negative", "positive"] * 2 + ["negative", "negative"] * 10
    languages = ["min-Latn"] * 4 + ["ind-Latn"] * 20
    scores = scores_of(references, predictions, languages, ["negative", "positive"])
    each = [find(scores, "macro-F1", tag).value for tag in ("min-Latn", "ind-Latn")]
    assert each == pytest.approx([100, 100 / 3])
    assert scores[0] == find(scores, "macro-F1")
    assert scores[0].value == pytest.approx(sum(each) / 2)
    by_label = [find(scores, "F1", label=label).value for label in ("negative", "positive")]
    assert sum(by_label) / 2 == pytest.approx(scores[0].value)
    assert find(scores, "F1", "ind-Latn", "negative").value == pytest.approx(200 / 3)
    rows = [
        Row(str(i), str(i), tag, {"text": "", "label": true})
        for i, (tag, true) in enumerate(zip(languages, references, strict=True))
    ]
    assert primary_metric(rows, predictions, ["negative", "positive"]) == scores[0].value


def test_one_language_has_no_scores_by_language() -> None:
    assert {score.language for score in scores_of(TRUE, PREDICTED, labels=["a", "b", "c"])} == {None}


def test_language_identification_is_scored_over_all_rows_together() -> None:
    tags = ["min-Latn", "ind-Latn", "jav-Latn"]
    references = [tag for tag in tags for _ in range(10)]
    predictions = ["ind-Latn", *references[1:]]
    scores = scores_of(references, predictions, references, tags)
    assert scores[0].value == pytest.approx(100 * f1_score(references, predictions, average="macro"))
    assert {score.language for score in scores} == {None}
    assert "|average:rows|" in scores[0].signature


def test_signature_names_every_setting() -> None:
    references, languages, clusters = parallel(30, ["min-Latn", "ind-Latn"])
    score = scores_of(references, noisy(references, 0.7, 2), languages, clusters=clusters, resamples=1000)[0]
    settings, _, version = score.signature.partition("|lowres:")
    assert settings == "macro-F1|labels:3|average:languages|bootstrap:1000|interval:bca+exact|clusters:30|ci:95|seed:13"
    assert version
    assert (score.split, score.confidence) == ("test", 0.95)


def test_same_seed_same_interval_other_seed_other_interval() -> None:
    references = parallel(80, ["min-Latn"])[0]
    predictions = noisy(references, 0.7, 2)
    first = scores_of(references, predictions)
    assert scores_of(references, predictions) == first
    assert scores_of(references, predictions, seed=14)[0].low != first[0].low


def test_interval_narrows_with_rows_and_widens_with_confidence() -> None:
    def width(rows: int, confidence: float) -> float:
        references = parallel(rows, ["min-Latn"])[0]
        score = scores_of(references, noisy(references, 0.7, 2), confidence=confidence, resamples=1000)[0]
        return score.high - score.low

    assert width(800, 0.95) < 0.6 * width(100, 0.95)
    assert width(100, 0.8) < width(100, 0.95)


def test_interval_holds_the_true_score_about_as_often_as_it_says() -> None:
    """Accuracy of a system that is right with probability 0.8, in 200 samples of 60 rows, at 90 %."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        right = rng.random(60) < 0.8
        said = ["positive" if is_right else "negative" for is_right in right]
        score = find(scores_of(["positive"] * 60, said, confidence=0.9), "accuracy")
        held += score.low <= 80 <= score.high
    assert 165 <= held <= 195


def test_bootstrap_agrees_with_scipy_on_a_mean() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=50)
    ours = bootstrap(lambda w: w @ values[:, None] / 50, 50, resampling=Resampling(0.95, 20_000, 1))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(2)).confidence_interval
    assert ours.low[0] == pytest.approx(theirs.low, abs=0.03)
    assert ours.high[0] == pytest.approx(theirs.high, abs=0.03)


def test_parallel_rows_are_resampled_together_and_so_give_wider_intervals() -> None:
    tags = ["min-Latn", "ind-Latn", "jav-Latn", "sun-Latn", "ban-Latn", "bug-Latn"]
    references, languages, clusters = parallel(60, tags)
    predictions = noisy(references[:60], 0.6, 3) * len(tags)  # the same mistakes in every language
    together = scores_of(references, predictions, languages, clusters=clusters, resamples=1000)[0]
    apart = scores_of(references, predictions, languages, resamples=1000)[0]
    assert together.value == apart.value
    assert together.high - together.low > 2 * (apart.high - apart.low)


@pytest.mark.parametrize("predicted", ["negative", "positive"])
def test_a_constant_predictor_is_scored_without_nan(predicted: str) -> None:
    references = ["negative"] * 30 + ["neutral"] * 10
    scores = scores_of(references, [predicted] * 40)
    assert find(scores, "MCC").value == 0 and find(scores, "MCC").high == -find(scores, "MCC").low
    for score in scores:
        assert math.isfinite(score.low) and score.low <= score.value <= score.high and math.isfinite(score.high)


def test_a_single_cluster_says_nothing_of_the_spread() -> None:
    score = scores_of(["negative"], ["negative"])[0]
    assert (score.low, score.high) == (0, 100)


def test_unknown_labels_are_named_all_at_once() -> None:
    with pytest.raises(DataError) as states_at_head:
        scores_of(["negativ", "positive"], ["positive", "spam"])
    assert str(states_at_head.value) == (
        "the reference “negativ” is not one of the labels (did you mean “negative”?)\n"
        "the prediction “spam” is not one of the labels (the labels are negative, neutral, positive)"
    )


def test_no_rows_and_unlike_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="there are no rows to score"):
        scores_of([], [])
    with pytest.raises(ValueError):
        scores_of(["negative"] * 3, ["negative"] * 3, ["min-Latn"] * 2)
    with pytest.raises(ValueError):
        scores_of(["negative"] * 3, ["negative"] * 2)
    with pytest.raises(ValueError):
        scores_of(["negative"] * 3, ["negative"] * 3, clusters=["1", "2"])


def test_confusion_counts_true_by_predicted() -> None:
    table = confusion(TRUE, PREDICTED, ["c", "a", "b"])
    assert (table.labels, table.counts) == (["c", "a", "b"], [[1, 0, 0], [0, 2, 1], [1, 0, 1]])


def compared(
    references: list[str], ours: list[str], theirs: list[str], languages: list[str], clusters: list[str], **options: Any
) -> list[Comparison]:
    chosen: Any = {"against": "the other", "resampling": Resampling(resamples=500)} | options
    return compare(references, ours, theirs, languages, clusters, LABELS, **chosen)


def test_a_system_does_not_differ_from_itself() -> None:
    references, languages, clusters = parallel(50, ["min-Latn", "ind-Latn"])
    predictions = noisy(references, 0.6, 2)
    for comparison in compared(references, predictions, predictions, languages, clusters):
        assert (comparison.difference, comparison.p, comparison.clear) == (0, 1, False)


def test_a_clearly_better_system_has_a_small_p_and_an_interval_above_zero() -> None:
    references, languages, clusters = parallel(150, ["min-Latn"])
    ours, theirs = noisy(references, 0.9, 2), noisy(references, 0.3, 3)
    (forth,) = compared(references, ours, theirs, languages, clusters)
    (back,) = compared(references, theirs, ours, languages, clusters)
    assert forth.p == pytest.approx(1 / 10_001)
    assert 0 < forth.low < forth.difference < forth.high
    assert back.difference == pytest.approx(-forth.difference)
    assert (forth.against, forth.score, forth.language) == ("the other", "macro-F1", None)
    assert forth.test == "paired approximate randomisation over 150 clusters, 10000 permutations"


def test_p_agrees_with_scipys_permutation_test() -> None:
    references, languages, _ = parallel(60, ["min-Latn"])
    ours, theirs = noisy(references, 0.7, 2), noisy(references, 0.6, 3)
    place = {label: i for i, label in enumerate(LABELS)}
    table = np.array([[place[x] for x in row] for row in (references, ours, theirs)])

    def difference(first: Any, second: Any) -> float:
        return float(f1_score(table[0], first, average="macro") - f1_score(table[0], second, average="macro"))

    reference = stats.permutation_test(
        (table[1], table[2]), difference, permutation_type="samples", vectorized=False, n_resamples=1000, rng=1
    )
    p = randomisation_p(
        count(references, ours, languages, LABELS), count(references, theirs, languages, LABELS), seed=1
    )
    assert 0.05 < p[0] < 0.95
    assert p[0] == pytest.approx(reference.pvalue, abs=0.05)


def test_p_values_by_language_are_corrected_after_holm() -> None:
    tags = ["min-Latn", "ind-Latn", "jav-Latn"]
    references, languages, clusters = parallel(60, tags)
    ours = noisy(references[:60], 0.8, 6) + noisy(references[60:120], 0.65, 7) + noisy(references[120:], 0.5, 8)
    theirs = noisy(references, 0.5, 5)
    found = compared(references, ours, theirs, languages, clusters)
    assert [comparison.language for comparison in found] == [None, *tags]
    plain = randomisation_p(
        count(references, ours, languages, LABELS, clusters),
        count(references, theirs, languages, LABELS, clusters),
        seed=13,
    )
    assert found[0].p == plain[0]
    # Holm by hand: the smallest p times 3, the next times 2, the largest as it is; never falling.
    order = np.argsort(plain[1:])
    stepped = np.maximum.accumulate(np.minimum(plain[1:][order] * np.array([3, 2, 1]), 1))
    assert stepped[1] < 3 * plain[1:][order][1] < 1  # where Holm and Bonferroni part
    assert [found[1 + place].p for place in order] == pytest.approx(list(stepped))
    assert found[1].test.endswith("10000 permutations, Holm correction over 3 languages")


def test_p_of_equally_good_systems_is_spread_evenly() -> None:
    small = 0
    for seed in range(60):
        references, languages, _ = parallel(60, ["min-Latn"], seed)
        ours, theirs = noisy(references, 0.6, 2 * seed), noisy(references, 0.6, 2 * seed + 1)
        counts = [count(references, said, languages, LABELS) for said in (ours, theirs)]
        small += randomisation_p(*counts, seed=1)[0] < 0.1
    assert small <= 14  # 6 expected; more than 14 would happen once in a thousand times


def comparison(
    against: str, difference: float, low: float, high: float, p: float, language: str | None = None
) -> Comparison:
    return Comparison(
        against=against, score="macro-F1", difference=difference, low=low, high=high, confidence=0.95, p=p,
        test="", language=language,
    )  # fmt: skip


def test_transfer_is_judged_against_the_best_baseline() -> None:
    floor = comparison("majority class", 60, 55, 65, 0.0001)
    helps = transfer_verdict([floor, comparison("TF-IDF", 3, 0.5, 5.5, 0.01)])
    assert helps.verdict == "helps"
    assert helps.why == (
        "macro-F1 is 3.0 higher than that of the best baseline, TF-IDF "
        "(95 % interval of the difference +0.5 to +5.5, p = 0.01)"
    )
    assert transfer_verdict([floor, comparison("TF-IDF", -3, -5, -1, 0.0001)]).verdict == "hurts"
    assert transfer_verdict([floor, comparison("TF-IDF", 3, 0.5, 5.5, 0.06)]).verdict == "no clear difference"
    assert transfer_verdict([floor, comparison("TF-IDF", 3, -0.5, 5.5, 0.04)]).verdict == "no clear difference"
    assert transfer_verdict([comparison("TF-IDF", 3, 1, 5, 0.01, "min-Latn")]).verdict == "not tested"
    assert transfer_verdict([]).verdict == "not tested"


GOOD, BAD, PLAIN = ["lamak", "rancak", "elok"], ["buruak", "busuak", "lambek"], ["meja", "kursi", "pintu"]
WORDS = {"positive": GOOD, "negative": BAD, "neutral": PLAIN}


def corpus(rows: int, language: str = "min-Latn", seed: int = 1, words: dict[str, list[str]] = WORDS) -> list[Row]:
    """Sentences in which one word of three tells the label."""
    rng = random.Random(seed)
    made = []
    for number in range(rows):
        label = LABELS[number % 3]
        text = " ".join([*rng.sample(["rumah", "jalan", "pasar", "urang", "hari"], 3), rng.choice(words[label])])
        made.append(Row(f"{language}-{number}", str(number), language, {"text": text, "label": label}))
    return made


def test_tfidf_learns_what_is_there_to_learn_and_is_the_same_each_time() -> None:
    train, dev, test = corpus(60, seed=1), corpus(15, seed=2), corpus(30, seed=3)
    run = tfidf(train, dev, test, LABELS, 13)
    assert list(run.predictions) == [row.fields["label"] for row in test]
    assert tfidf(train, dev, test, LABELS, 13).predictions == run.predictions
    assert run.name == "TF-IDF + logistic regression" and run.seconds > 0


def test_tfidf_is_fitted_by_language() -> None:
    """The same words mean the opposite in the other language: one model for both could not be right."""
    turned = {"positive": BAD, "negative": GOOD, "neutral": PLAIN}

    def both(rows: int, seed: int) -> list[Row]:
        return corpus(rows, seed=seed) + corpus(rows, "ind-Latn", seed, turned)

    test = both(30, 3)
    run = tfidf(both(60, 1), both(15, 2), test, LABELS, 13)
    assert list(run.predictions) == [row.fields["label"] for row in test]
    assert run.description.endswith("separately for each of 2 languages")


def test_tfidf_answers_a_language_it_has_no_training_rows_for() -> None:
    train = corpus(60) + corpus(60, "ind-Latn")
    test = corpus(9, "jav-Latn", seed=3)
    assert list(tfidf(train, [], test, LABELS, 13).predictions) == [row.fields["label"] for row in test]
    assert set(majority(train, test).predictions) == {"negative"}


def test_labels_that_are_languages_are_told_apart_by_one_model() -> None:
    def lines(language: str, words: str, seed: int) -> list[Row]:
        rng = random.Random(seed)
        return [
            Row(str(i), str(i), language, {"text": " ".join(rng.sample(words.split(), 3)), "label": language})
            for i in range(20)
        ]

    def both(seed: int) -> list[Row]:
        return lines("min-Latn", "ambo indak pai ka pasar", seed) + lines(
            "jav-Latn", "aku ora lunga menyang pasar", seed
        )

    test = both(3)
    run = tfidf(both(1), both(2), test, ["min-Latn", "jav-Latn"], 13)
    assert list(run.predictions) == [row.language for row in test]
    assert "languages" not in run.description
    assert len(set(majority(both(1), test).predictions)) == 1


def test_majority_takes_the_most_frequent_label_of_each_language() -> None:
    def rows(language: str, labels: list[str]) -> list[Row]:
        return [Row(str(i), str(i), language, {"text": "", "label": label}) for i, label in enumerate(labels)]

    train = rows("min-Latn", ["positive", "positive", "negative"]) + rows(
        "ind-Latn", ["positive", "neutral", "neutral"]
    )
    test = rows("ind-Latn", ["positive"]) + rows("min-Latn", ["negative"])
    assert majority(train, test).predictions == ("neutral", "positive")
    tie = rows("min-Latn", ["positive", "negative"])
    assert majority(tie, tie).predictions == ("negative", "negative")


def published(split: str) -> list[Row]:
    """NusaX sentiment in twelve languages (Winata et al. 2023), from the mirror of its repository."""
    mirror = os.environ.get("LOWRES_MIRROR")
    if not mirror:
        pytest.skip("LOWRES_MIRROR is not set: NusaX is not at hand")
    folders = sorted(folder for folder in Path(mirror).rglob("nusax/*/datasets/sentiment/*") if folder.is_dir())
    if not folders:
        pytest.skip("the folder named by LOWRES_MIRROR holds no IndoNLP/nusax")
    rows = []
    for folder in folders:
        with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                rows.append(Row(f"{folder.name}-{line['id']}", line["id"], folder.name, line))
    return rows


def test_tfidf_reaches_what_is_known_of_it_on_nusax() -> None:
    """75.4 in the paper with word features (Winata et al. 2023, table 4); characters add about two points."""
    test = published("test")
    run = tfidf(published("train"), published("valid"), test, LABELS, 13)
    references, languages, clusters = zip(
        *((row.fields["label"], row.language, row.cluster) for row in test), strict=True
    )
    started = time.perf_counter()
    score = scores_of(references, run.predictions, languages, clusters=clusters, resamples=1000)[0]
    assert time.perf_counter() - started < 10
    assert 77.1 <= score.value < 78.5
    assert "|average:languages|bootstrap:1000|interval:bca+exact|clusters:400|" in score.signature
    assert 2 < score.value - score.low < 5  # twelve times 400 rows, but only 400 different texts
