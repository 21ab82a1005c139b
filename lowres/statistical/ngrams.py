"""A classifier over word and character n-grams: the strongest cheap method, and a member of an ensemble with an encoder.

It learns from the training rows alone, so its mistakes differ from those of a pre-trained encoder: where the base has
hardly seen a language, the two together are better than either (docs/results/nusax-sentiment.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import regex
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from lowres.data.corpus import Row

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion

Floats = NDArray[np.float64]
STRENGTHS = (1.0, 4.0, 16.0)  # inverse of the penalty on the weights
EVERY = "*"  # the classifier of all languages together
TINY = 1e-6
LEAST_WEIGHT = 0.01  # with none at all every label would be as probable
# The \w of regex, unlike that of re, matches the vowel signs of Indic and other scripts.
_WORD = regex.compile(r"\w+")


@dataclass(frozen=True)
class LanguageClassifier:
    """The classifier of one language: features, and weights of shape (labels, features)."""

    features: "FeatureUnion"
    weights: Floats
    bias: Floats

    def log_probabilities(self, texts: Sequence[str]) -> Floats:
        """Natural logarithms of the probabilities, float64 of shape (texts, labels)."""
        logits = np.asarray(self.features.transform(list(texts)) @ self.weights.T) + self.bias
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


@dataclass(frozen=True)
class NgramClassifier:
    """Logistic regression over TF-IDF of words (1–2) and characters (2–5 within words), one per language.

    Where the label is the language itself, one classifier serves all.
    """

    labels: tuple[str, ...]
    classifiers: Mapping[str, LanguageClassifier]

    @classmethod
    def fit(cls, train: Sequence[Row], dev: Sequence[Row], labels: Sequence[str], seed: int) -> "NgramClassifier":
        """Fit on train; the penalty is the one of STRENGTHS with the best macro-F1 on dev. Classes are balanced."""
        classifiers = {
            language: _fit(
                [row for row in train if language in (EVERY, row.language)],
                [row for row in dev if language in (EVERY, row.language)],
                tuple(labels),
                seed,
            )
            for language in _scopes(train)
        }
        return cls(tuple(labels), classifiers)

    def log_probabilities(self, texts: Sequence[str], languages: Sequence[str | None]) -> Floats:
        """Natural logarithms, float64 of shape (texts, labels); of a text of unknown language the mean over all classifiers."""
        result = np.zeros((len(texts), len(self.labels)))
        for language in set(languages):
            rows = [row for row, other in enumerate(languages) if other == language]
            known = self.classifiers.get(language) if language else None
            used = [known] if known else list(self.classifiers.values())
            result[rows] = np.mean(
                [classifier.log_probabilities([texts[row] for row in rows]) for classifier in used], axis=0
            )
        return result

    def save(self, folder: Path) -> None:
        """Write vocabulary (JSON) and weights (safetensors); nothing that could run."""
        folder.mkdir(parents=True, exist_ok=True)
        words: dict[str, list[list[str]]] = {}
        arrays: dict[str, NDArray[np.float32]] = {}
        for language, classifier in self.classifiers.items():
            parts = [vectorizer for _, vectorizer in classifier.features.transformer_list]
            words[language] = [list(map(str, part.get_feature_names_out())) for part in parts]
            arrays[f"{language}.idf"] = np.concatenate([part.idf_ for part in parts]).astype(np.float32)
            arrays[f"{language}.weights"] = classifier.weights.astype(np.float32)
            arrays[f"{language}.bias"] = classifier.bias.astype(np.float32)
        save_file(arrays, folder / "ngrams.safetensors")
        facts = {"labels": self.labels, "ngrams": words}
        (folder / "ngrams.json").write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "NgramClassifier":
        """The classifier that `save` wrote."""
        facts = json.loads((folder / "ngrams.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "ngrams.safetensors")
        classifiers = {
            language: LanguageClassifier(
                _features(parts, arrays[f"{language}.idf"]),
                arrays[f"{language}.weights"].astype(np.float64),
                arrays[f"{language}.bias"].astype(np.float64),
            )
            for language, parts in facts["ngrams"].items()
        }
        return cls(tuple(facts["labels"]), classifiers)


def combine(members: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Log-linear ensemble (logarithmic opinion pool, Heskes 1998): weighted sum of the members' log-probabilities, normalised."""
    total = sum((weight * member for weight, member in zip(weights, members, strict=True)), np.zeros(1))
    return np.asarray(total - np.logaddexp.reduce(total, axis=1, keepdims=True))


def ensemble_weights(members: Sequence[Floats], targets: Sequence[int]) -> tuple[float, ...]:
    """The positive weights, one for each member, that maximise the likelihood of the labels of dev.

    Their sum is free, so that probabilities are calibrated: 1 divided by it is a temperature (Guo et al. 2017, arXiv 1706.04599), and
    with a single member all there is to fit. A penalty towards equal weights that sum to 1, worth about ten rows, keeps a small dev
    split from giving all weight to one of them.
    """
    from scipy.optimize import minimize  # scikit-learn and scipy take seconds to load, and predicting may need neither

    rows = np.arange(len(targets))

    equal = np.full(len(members), 1 / len(members))

    def loss(weights: Floats) -> float:
        likelihood = combine(members, weights.tolist())[rows, targets].sum()
        return float(-likelihood + 10 * ((weights - equal) ** 2).sum())

    found = minimize(loss, equal, bounds=[(LEAST_WEIGHT, 3.0)] * len(members), method="L-BFGS-B").x
    return tuple(map(float, found))


def _scopes(train: Sequence[Row]) -> tuple[str, ...]:
    labels: dict[str, set[str]] = {}
    for row in train:
        labels.setdefault(row.language, set()).add(row.fields["label"])
    together = all(len(seen) == 1 for seen in labels.values())
    return (EVERY,) if together else tuple(labels)


def _features(words: Sequence[Sequence[str]] | None = None, idf: NDArray[np.float32] | None = None) -> "FeatureUnion":
    """New vectorizers, or those with the given vocabulary and inverse document frequencies."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

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


def _fit(train: Sequence[Row], dev: Sequence[Row], labels: tuple[str, ...], seed: int) -> LanguageClassifier:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    features = _features()
    vectors = features.fit_transform([row.fields["text"] for row in train])
    targets = [row.fields["label"] for row in train]
    if len(set(targets)) == 1:
        only = np.array([0.0 if label == targets[0] else np.log(TINY) for label in labels])
        return LanguageClassifier(features, np.zeros((len(labels), vectors.shape[1])), only)
    fitted = [
        LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, random_state=seed).fit(vectors, targets)
        for strength in (STRENGTHS if dev else STRENGTHS[1:2])
    ]
    if len(fitted) == 1:
        return _classifier(features, fitted[0], labels)
    dev_vectors = features.transform([row.fields["text"] for row in dev])
    dev_labels = [row.fields["label"] for row in dev]

    def on_dev(model: "LogisticRegression") -> float:
        predicted = model.predict(dev_vectors)
        return float(f1_score(dev_labels, predicted, labels=list(labels), average="macro", zero_division=0))

    return _classifier(features, max(fitted, key=on_dev), labels)


def _classifier(features: "FeatureUnion", model: "LogisticRegression", labels: tuple[str, ...]) -> LanguageClassifier:
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
    return LanguageClassifier(features, weights, bias)
