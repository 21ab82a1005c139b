"""Simple methods trained on the same rows: what a model must beat to be worth its cost.

With several languages one classifier is fitted per language, except where the label is the language.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lowres.data.corpus import Row
from lowres.evaluation.counts import one_label_per_language
from lowres.models.ngrams import NgramClassifier


@dataclass(frozen=True)
class BaselineRun:
    """Predictions of a baseline, one per test row in order; seconds cover fitting and predicting."""

    name: str
    description: str
    seconds: float
    predictions: tuple[str, ...]


def majority(train: Sequence[Row], test: Sequence[Row]) -> BaselineRun:
    """Always the most frequent label of train (of the row's language, where labels are not languages).

    Of equally frequent labels the alphabetically first is taken.
    """
    started = time.perf_counter()
    pools = _pools(train, test)
    answers = {}
    for tag, rows in pools.items():
        frequency = Counter(row.fields["label"] for row in rows)
        answers[tag] = min(frequency, key=lambda name: (-frequency[name], name))
    return BaselineRun(
        "majority class",
        "always the most frequent label of the training rows" + _scope(pools),
        time.perf_counter() - started,
        tuple(answers[row.language] for row in test),
    )


def tfidf(
    train: Sequence[Row], dev: Sequence[Row], test: Sequence[Row], labels: Sequence[str], seed: int
) -> BaselineRun:
    """Logistic regression over TF-IDF of words and characters: the n-gram classifier by itself."""
    started = time.perf_counter()
    classifier = NgramClassifier.fit(train, dev, labels, seed)
    found = classifier.log_probabilities([row.fields["text"] for row in test], [row.language for row in test])
    scope = f", separately for each of {len(classifier.pools)} languages" if len(classifier.pools) > 1 else ""
    return BaselineRun(
        "TF-IDF + logistic regression",
        "words 1–2 and characters 2–5, balanced labels, penalty chosen on dev" + scope,
        time.perf_counter() - started,
        tuple(classifier.labels[best] for best in found.argmax(1)),
    )


def _by_language(rows: Sequence[Row]) -> dict[str, list[Row]]:
    pools: dict[str, list[Row]] = {}
    for row in rows:
        pools.setdefault(row.language, []).append(row)
    return pools


def _pools(train: Sequence[Row], test: Sequence[Row]) -> dict[str, list[Row]]:
    """The training rows that each language of test learns from; languages that share a pool share one list."""
    together = list(train)
    languages = dict.fromkeys(row.language for row in test)
    if one_label_per_language([row.fields["label"] for row in train], [row.language for row in train]):
        return dict.fromkeys(languages, together)
    pools = _by_language(train)
    return {tag: pools.get(tag, together) for tag in languages}


def _scope(pools: dict[str, list[Row]]) -> str:
    models = len({id(rows) for rows in pools.values()})
    return f", separately for each of {models} languages" if models > 1 else ""
