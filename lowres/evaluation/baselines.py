"""Simple methods trained on the same rows: what a model must beat to be worth its cost.

With several languages one classifier is fitted per language, except where the label is the language.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import regex
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import FeatureUnion, make_union

from lowres.data.corpus import Row
from lowres.evaluation.counts import one_label_per_language

STRENGTHS = (1.0, 4.0, 16.0)  # inverse of the penalty on the weights
# regex's \w, unlike re's, holds the vowel signs of Indic and other scripts.
_WORD = regex.compile(r"\w+")


@dataclass(frozen=True)
class BaselineRun:
    """Predictions of a baseline, one per test row in order; seconds cover fitting and predicting."""

    name: str
    description: str
    seconds: float
    predictions: tuple[str, ...]


def majority(train: Sequence[Row], test: Sequence[Row], *, label: str = "label") -> BaselineRun:
    """Always the most frequent label of train (of the row's language, where labels are not languages).

    Of equally frequent labels the alphabetically first is taken.
    """
    started = time.perf_counter()
    pools = _pools(train, test, label)
    answers = {}
    for tag, rows in pools.items():
        frequency = Counter(row.fields[label] for row in rows)
        answers[tag] = min(frequency, key=lambda name: (-frequency[name], name))
    return BaselineRun(
        "majority class",
        "always the most frequent label of the training rows" + _scope(pools),
        time.perf_counter() - started,
        tuple(answers[row.language] for row in test),
    )


def tfidf(
    train: Sequence[Row],
    dev: Sequence[Row],
    test: Sequence[Row],
    labels: Sequence[str],
    seed: int,
    *,
    text: str = "text",
    label: str = "label",
) -> BaselineRun:
    """Logistic regression over TF-IDF of words and characters.

    Features are word 1–2-grams and character 2–5-grams within words, with sublinear counts; labels are weighted
    evenly. The strength of the penalty is the one of `STRENGTHS` with the best macro-F1 on dev (the first of equals;
    the middle one without dev rows). A language without training rows is answered by a model of all of them.
    """
    started = time.perf_counter()
    pools = _pools(train, test, label)
    dev_pools = _by_language(dev)
    models: dict[int, tuple[FeatureUnion, LogisticRegression] | str] = {}
    predictions: dict[int, str] = {}
    for tag, rows in pools.items():
        if id(rows) not in models:
            same = [other for other, pool in pools.items() if pool is rows]
            dev_rows = [row for other in same for row in dev_pools.get(other, [])]
            models[id(rows)] = _fit(rows, dev_rows, labels, seed, text, label)
        places = [place for place, row in enumerate(test) if row.language == tag]
        said = _predict(models[id(rows)], [test[place].fields[text] for place in places])
        predictions.update(zip(places, said, strict=True))
    return BaselineRun(
        "TF-IDF + logistic regression",
        "words 1–2 and characters 2–5, balanced labels, penalty chosen on dev" + _scope(pools),
        time.perf_counter() - started,
        tuple(predictions[place] for place in range(len(test))),
    )


def _fit(
    train: Sequence[Row], dev: Sequence[Row], labels: Sequence[str], seed: int, text: str, label: str
) -> tuple[FeatureUnion, LogisticRegression] | str:
    """Features and classifier, or the only label there is."""
    answers = [row.fields[label] for row in train]
    if len(set(answers)) == 1:
        return answers[0]
    features = make_union(
        TfidfVectorizer(tokenizer=_WORD.findall, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    vectors = features.fit_transform([row.fields[text] for row in train])
    candidates = [
        LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, random_state=seed).fit(vectors, answers)
        for strength in (STRENGTHS if dev else STRENGTHS[1:2])
    ]
    if not dev:
        return features, candidates[0]
    dev_vectors = features.transform([row.fields[text] for row in dev])
    dev_answers = [row.fields[label] for row in dev]

    def on_dev(model: LogisticRegression) -> float:
        said = model.predict(dev_vectors)
        return float(f1_score(dev_answers, said, labels=list(labels), average="macro", zero_division=0))

    return features, max(candidates, key=on_dev)


def _predict(model: tuple[FeatureUnion, LogisticRegression] | str, texts: Sequence[str]) -> list[str]:
    if isinstance(model, str):
        return [model] * len(texts)
    features, classifier = model
    return [str(answer) for answer in classifier.predict(features.transform(texts))]


def _by_language(rows: Sequence[Row]) -> dict[str, list[Row]]:
    pools: dict[str, list[Row]] = {}
    for row in rows:
        pools.setdefault(row.language, []).append(row)
    return pools


def _pools(train: Sequence[Row], test: Sequence[Row], label: str) -> dict[str, list[Row]]:
    """The training rows that each language of test learns from; languages that share a pool share one list."""
    together = list(train)
    languages = dict.fromkeys(row.language for row in test)
    if one_label_per_language([row.fields[label] for row in train], [row.language for row in train]):
        return dict.fromkeys(languages, together)
    pools = _by_language(train)
    return {tag: pools.get(tag, together) for tag in languages}


def _scope(pools: dict[str, list[Row]]) -> str:
    models = len({id(rows) for rows in pools.values()})
    return f", separately for each of {models} languages" if models > 1 else ""
