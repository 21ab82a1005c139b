"""A classifier over word and character n-grams: the strongest cheap method, and a partner for an encoder.

It knows nothing but the training rows, so its mistakes differ from those of a pre-trained encoder: where the base has
hardly seen a language, the two together beat either (docs/nusax-sentiment.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import regex
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import FeatureUnion, make_union

from lowres.data.corpus import Row

Floats = NDArray[np.float64]
STRENGTHS = (1.0, 4.0, 16.0)  # inverse of the penalty on the weights
EVERY = "*"  # the pool of all languages together
TINY = 1e-6
# regex's \w, unlike re's, holds the vowel signs of Indic and other scripts.
_WORD = regex.compile(r"\w+")


@dataclass(frozen=True)
class Pool:
    """The classifier of one language: features, and weights of shape (labels, features)."""

    features: FeatureUnion
    weights: Floats
    bias: Floats

    def log_probabilities(self, texts: Sequence[str]) -> Floats:
        """Natural logarithms, shape (texts, labels)."""
        logits = np.asarray(self.features.transform(list(texts)) @ self.weights.T) + self.bias
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


@dataclass(frozen=True)
class NgramClassifier:
    """Logistic regression over TF-IDF of words (1–2) and characters (2–5 within words), one per language.

    Where the label is the language itself, one classifier serves all.
    """

    labels: tuple[str, ...]
    pools: Mapping[str, Pool]

    @classmethod
    def fit(cls, train: Sequence[Row], dev: Sequence[Row], labels: Sequence[str], seed: int) -> "NgramClassifier":
        """Fit on train; the penalty is the one of STRENGTHS with the best macro-F1 on dev. Labels weigh evenly."""
        pools = {
            language: _fit(
                [row for row in train if language in (EVERY, row.language)],
                [row for row in dev if language in (EVERY, row.language)],
                tuple(labels),
                seed,
            )
            for language in _scopes(train)
        }
        return cls(tuple(labels), pools)

    def log_probabilities(self, texts: Sequence[str], languages: Sequence[str | None]) -> Floats:
        """Natural logarithms, shape (texts, labels). A text of unknown language is asked of every classifier."""
        result = np.zeros((len(texts), len(self.labels)))
        for language in set(languages):
            rows = [row for row, other in enumerate(languages) if other == language]
            known = self.pools.get(language) if language else None
            asked = [known] if known else list(self.pools.values())
            result[rows] = np.mean([pool.log_probabilities([texts[row] for row in rows]) for pool in asked], axis=0)
        return result

    def save(self, folder: Path) -> None:
        """Write vocabulary (JSON) and weights (safetensors); nothing that could run."""
        folder.mkdir(parents=True, exist_ok=True)
        words: dict[str, list[list[str]]] = {}
        arrays: dict[str, NDArray[np.float32]] = {}
        for language, pool in self.pools.items():
            parts = [vectorizer for _, vectorizer in pool.features.transformer_list]
            words[language] = [list(map(str, part.get_feature_names_out())) for part in parts]
            arrays[f"{language}.idf"] = np.concatenate([part.idf_ for part in parts]).astype(np.float32)
            arrays[f"{language}.weights"] = pool.weights.astype(np.float32)
            arrays[f"{language}.bias"] = pool.bias.astype(np.float32)
        save_file(arrays, folder / "ngrams.safetensors")
        facts = {"labels": self.labels, "ngrams": words}
        (folder / "ngrams.json").write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "NgramClassifier":
        """The classifier that `save` wrote."""
        facts = json.loads((folder / "ngrams.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "ngrams.safetensors")
        pools = {
            language: Pool(
                _features(parts, arrays[f"{language}.idf"]),
                arrays[f"{language}.weights"].astype(np.float64),
                arrays[f"{language}.bias"].astype(np.float64),
            )
            for language, parts in facts["ngrams"].items()
        }
        return cls(tuple(facts["labels"]), pools)


def combine(encoder: Floats, ngrams: Floats, weights: tuple[float, float]) -> Floats:
    """Logarithmic opinion pool (Heskes 1998): log-probabilities of both, weighted, added and normalised."""
    pooled = weights[0] * encoder + weights[1] * ngrams
    return np.asarray(pooled - np.logaddexp.reduce(pooled, axis=1, keepdims=True))


def pooling_weights(encoder: Floats, ngrams: Floats, answers: Sequence[int]) -> tuple[float, float]:
    """The weights (encoder, n-grams), not negative, under which the answers of dev are likeliest.

    A penalty towards (½, ½), worth about ten rows, keeps a small dev split from trusting one partner alone.
    """
    rows = np.arange(len(answers))

    def loss(weights: Floats) -> float:
        likelihood = combine(encoder, ngrams, (weights[0], weights[1]))[rows, answers].sum()
        return float(-likelihood + 10 * ((weights - 0.5) ** 2).sum())

    found = minimize(loss, np.array([0.5, 0.5]), bounds=[(0.0, 3.0), (0.0, 3.0)], method="L-BFGS-B").x
    return float(found[0]), float(found[1])


def _scopes(train: Sequence[Row]) -> tuple[str, ...]:
    labels: dict[str, set[str]] = {}
    for row in train:
        labels.setdefault(row.language, set()).add(row.fields["label"])
    together = all(len(seen) == 1 for seen in labels.values())
    return (EVERY,) if together else tuple(labels)


def _features(words: Sequence[Sequence[str]] | None = None, idf: NDArray[np.float32] | None = None) -> FeatureUnion:
    """New vectorizers, or those with the given vocabulary and inverse document frequencies."""
    known = words or (None, None)
    parts = [
        TfidfVectorizer(
            tokenizer=_WORD.findall, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True, vocabulary=known[0]
        ),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, vocabulary=known[1]),
    ]
    if words is not None and idf is not None:
        parts[0].idf_, parts[1].idf_ = idf[: len(words[0])], idf[len(words[0]) :]
    return make_union(*parts)


def _fit(train: Sequence[Row], dev: Sequence[Row], labels: tuple[str, ...], seed: int) -> Pool:
    features = _features()
    vectors = features.fit_transform([row.fields["text"] for row in train])
    answers = [row.fields["label"] for row in train]
    if len(set(answers)) == 1:
        only = np.array([0.0 if label == answers[0] else np.log(TINY) for label in labels])
        return Pool(features, np.zeros((len(labels), vectors.shape[1])), only)
    fitted = [
        LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, random_state=seed).fit(vectors, answers)
        for strength in (STRENGTHS if dev else STRENGTHS[1:2])
    ]
    if len(fitted) == 1:
        return _pool(features, fitted[0], labels)
    dev_vectors = features.transform([row.fields["text"] for row in dev])
    dev_answers = [row.fields["label"] for row in dev]

    def on_dev(model: LogisticRegression) -> float:
        said = model.predict(dev_vectors)
        return float(f1_score(dev_answers, said, labels=list(labels), average="macro", zero_division=0))

    return _pool(features, max(fitted, key=on_dev), labels)


def _pool(features: FeatureUnion, model: LogisticRegression, labels: tuple[str, ...]) -> Pool:
    """One row of weights per label, also for two labels, and for labels that train does not show."""
    seen = list(model.classes_)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn keeps one row: the logit of the second against the first
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.array([0.0, intercepts[0]])
    weights = np.zeros((len(labels), coefficients.shape[1]))
    bias = np.full(len(labels), np.log(TINY))
    for row, label in enumerate(seen):
        weights[labels.index(label)], bias[labels.index(label)] = coefficients[row], intercepts[row]
    return Pool(features, weights, bias)
