"""Simple methods trained on the same rows: what a model must beat to be worth its cost.

With several languages, one classifier is fitted for each of them, except where the label is the language.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lowres.data.corpus import Row
from lowres.data.pairs import Pair
from lowres.evaluation.classification_statistics import one_label_per_language
from lowres.statistical.dictionary import dictionary_of, substitute
from lowres.statistical.ngrams import NgramClassifier

Outputs = TypeVar("Outputs", covariant=True)


@dataclass(frozen=True)
class BaselineRun(Generic[Outputs]):
    """The predictions of a baseline for the test rows, in their order. `seconds` covers fitting and predicting."""

    name: str
    description: str
    seconds: float
    predictions: Outputs


def majority(train: Sequence[Row], test: Sequence[Row]) -> BaselineRun[tuple[str, ...]]:
    """Predict the most frequent label of train for every row.

    Labels are counted in the language of the row, except where the label is the language. Of equally frequent labels the
    alphabetically first is taken.
    """
    started = time.perf_counter()
    pools = _pools(train, test)
    frequent = {}
    for tag, rows in pools.items():
        frequency = Counter(row.fields["label"] for row in rows)
        frequent[tag] = min(frequency, key=lambda name: (-frequency[name], name))
    return BaselineRun(
        "majority class",
        "always the most frequent label of the training rows" + _scope(pools),
        time.perf_counter() - started,
        tuple(frequent[row.language] for row in test),
    )


def tfidf(
    train: Sequence[Row], dev: Sequence[Row], test: Sequence[Row], labels: Sequence[str], seed: int,
    fitted: NgramClassifier | None = None,
) -> BaselineRun[tuple[str, ...]]:  # fmt: skip
    """Predict with the n-gram classifier by itself: logistic regression over TF-IDF of words and characters.

    One that was `fitted` on the same rows with the same seed is used as it is.
    """
    started = time.perf_counter()
    classifier = fitted or NgramClassifier.fit(train, dev, labels, seed)
    found = classifier.log_probabilities([row.fields["text"] for row in test], [row.language for row in test])
    scope = (
        f", separately for each of {len(classifier.classifiers)} languages" if len(classifier.classifiers) > 1 else ""
    )
    return BaselineRun(
        "TF-IDF + logistic regression",
        "words 1–2 and characters 2–5, balanced labels, penalty chosen on dev" + scope,
        time.perf_counter() - started,
        tuple(classifier.labels[best] for best in found.argmax(1)),
    )


def copied(pairs: Sequence[Pair]) -> BaselineRun[tuple[str, ...]]:
    """Copy the source text. This is a strong baseline between closely related languages."""
    return BaselineRun("copy", "the source text, unchanged", 0.0, tuple(pair.source.fields["text"] for pair in pairs))


def dictionary(train: Sequence[Pair], pairs: Sequence[Pair]) -> BaselineRun[tuple[str, ...]]:
    """Replace each word by the one most associated with it in the training pairs of the direction: see `companions`.

    Words that are associated with none are copied, and so are all words of a direction that has no training pairs.
    """
    started = time.perf_counter()
    texts: dict[str, list[tuple[str, str]]] = {}
    for pair in train:
        texts.setdefault(pair.direction_name, []).append((pair.source.fields["text"], pair.target.fields["text"]))
    wanted = dict.fromkeys(pair.direction_name for pair in pairs)
    learned = {direction: dictionary_of(texts.get(direction, [])) for direction in wanted}
    found = tuple(substitute(pair.source.fields["text"], learned[pair.direction_name]) for pair in pairs)
    return BaselineRun(
        "word dictionary",
        "each word by the one most associated with it in the training pairs (Dice), others copied",
        time.perf_counter() - started,
        found,
    )


def _by_language(rows: Sequence[Row]) -> dict[str, list[Row]]:
    pools: dict[str, list[Row]] = {}
    for row in rows:
        pools.setdefault(row.language, []).append(row)
    return pools


def _pools(train: Sequence[Row], test: Sequence[Row]) -> dict[str, list[Row]]:
    """The training rows for each language of test. Languages that share a pool share one list."""
    together = list(train)
    languages = dict.fromkeys(row.language for row in test)
    if one_label_per_language([row.fields["label"] for row in train], [row.language for row in train]):
        return dict.fromkeys(languages, together)
    pools = _by_language(train)
    return {tag: pools.get(tag, together) for tag in languages}


def _scope(pools: dict[str, list[Row]]) -> str:
    models = len({id(rows) for rows in pools.values()})
    return f", separately for each of {models} languages" if models > 1 else ""
