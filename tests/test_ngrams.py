"""The n-gram partner: learns, is saved without loss, and is weighed by what dev shows."""

from pathlib import Path

import numpy as np
import pytest
from conftest import rows

from lowres.data.corpus import Row
from lowres.statistical.ngrams import EVERY, NgramClassifier, combine, ensemble_weights

LABELS = ("negative", "positive")


def as_rows(table: list[tuple[str, str]], language: str = "eng-Latn") -> list[Row]:
    return [
        Row(f"{language}/{n}", str(n), language, {"text": text, "label": label})
        for n, (text, label) in enumerate(table)
    ]


@pytest.fixture(scope="module")
def classifier() -> NgramClassifier:
    return NgramClassifier.fit(as_rows(rows(0, 24)), as_rows(rows(24, 32)), LABELS, 13)


def test_it_learns_words(classifier: NgramClassifier) -> None:
    found = classifier.log_probabilities(["a warm and good soup", "a cold and bad soup"], [None, None])
    assert found.shape == (2, 2)
    assert found.argmax(1).tolist() == [1, 0]
    assert np.allclose(np.exp(found).sum(1), 1)


def test_it_comes_back_as_it_was(classifier: NgramClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    texts = [text for text, _ in rows(32, 44)]
    languages = ["eng-Latn"] * len(texts)
    again = NgramClassifier.load(tmp_path)
    assert np.allclose(
        again.log_probabilities(texts, languages), classifier.log_probabilities(texts, languages), atol=1e-6
    )
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_one_classifier_per_language_and_one_for_all_when_labels_are_languages() -> None:
    both = as_rows(rows(0, 12), "eng-Latn") + as_rows(rows(12, 24), "sco-Latn")
    assert set(NgramClassifier.fit(both, [], LABELS, 13).classifiers) == {"eng-Latn", "sco-Latn"}
    named = [Row(row.id, row.cluster, row.language, {**row.fields, "label": row.language}) for row in both]
    assert set(NgramClassifier.fit(named, [], ("eng-Latn", "sco-Latn"), 13).classifiers) == {EVERY}


def test_three_labels_of_which_train_shows_two() -> None:
    found = NgramClassifier.fit(as_rows(rows(0, 12)), [], (*LABELS, "neutral"), 13).log_probabilities(
        ["good soup"], [None]
    )
    assert found.shape == (1, 3)
    assert found.argmin() == 2


def test_the_better_partner_gets_the_greater_weight() -> None:
    answers = [0, 1] * 50
    sure = np.log(np.array([[0.9, 0.1], [0.1, 0.9]] * 50))
    noise = np.log(np.random.default_rng(0).dirichlet([1, 1], size=100))
    encoder, ngrams = ensemble_weights([sure, noise], answers)
    assert encoder > 5 * ngrams
    assert (combine([sure, noise], (encoder, ngrams)).argmax(1) == answers).all()
    assert ensemble_weights([noise, sure], answers) == pytest.approx((ngrams, encoder), abs=1e-3)
