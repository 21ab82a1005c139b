"""Classification results as sums over groups, so that a resample of the test set is one matrix product.

Every measure here is a function of three counts per language and label: rows rightly given the label (`hit`), rows
that bear it (`true`) and rows that were given it (`said`). Counts add up, so they are taken once per group of rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lowres.errors import DataError, Problem, nearest

Floats = NDArray[np.float64]
HIT, TRUE, SAID = range(3)


@dataclass(frozen=True)
class Counts:
    """Counts of one system's predictions, shape (groups, languages * 3 * labels), sparse.

    With pooled rows there is one language, None.
    """

    languages: tuple[str | None, ...]
    labels: tuple[str, ...]
    groups: int
    matrix: Any  # scipy.sparse.csr_array, which has no types

    def weighted(self, weights: Floats) -> Floats:
        """Counts of resamples: weights (..., groups) → (..., languages, 3, labels)."""
        flat = np.asarray((self.matrix.T @ weights.reshape(-1, self.groups).T).T)
        return flat.reshape(*weights.shape[:-1], len(self.languages), 3, len(self.labels))

    @property
    def total(self) -> Floats:
        """Counts over all rows, (languages, 3, labels)."""
        return self.weighted(np.ones(self.groups))


def one_label_per_language(references: Sequence[str], languages: Sequence[str]) -> bool:
    """Whether the label is the language: several languages, and one label in each."""
    return len(set(languages)) > 1 and len(set(zip(languages, references, strict=True))) == len(set(languages))


def count(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
) -> Counts:
    """Count the rows of one system, by group; without groups each row stands alone.

    Raises DataError for labels outside `labels` or no rows at all, ValueError for lists of unlike length.
    """
    _require_known(references, predictions, labels)
    pooled = one_label_per_language(references, languages)
    tags: tuple[str | None, ...] = (None,) if pooled else tuple(dict.fromkeys(languages))
    place = {label: i for i, label in enumerate(labels)}
    true = np.array([place[label] for label in references])
    said = np.array([place[label] for label in predictions])
    tag_of = {tag: i for i, tag in enumerate(tags)}
    base = 0 if pooled else np.array([tag_of[tag] for tag in languages]) * 3 * len(labels)
    names = list(groups) if groups is not None else list(map(str, range(len(references))))
    number_of = {name: i for i, name in enumerate(dict.fromkeys(names))}
    group = np.array([number_of[name] for name, _ in zip(names, references, strict=True)])
    hit = true == said
    rows = np.concatenate([group[hit], group, group])
    cells = np.concatenate(
        [(base + HIT * len(labels) + true)[hit], base + TRUE * len(labels) + true, base + SAID * len(labels) + said]
    )
    shape = (len(number_of), len(tags) * 3 * len(labels))
    return Counts(tags, tuple(labels), len(number_of), csr_array((np.ones(len(rows)), (rows, cells)), shape=shape))


def _require_known(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> None:
    problems = [] if references else [Problem("", "there are no rows to score")]
    for what, found in (("reference", references), ("prediction", predictions)):
        for label in sorted(set(found) - set(labels)):
            hint = nearest(label, labels) or f"the labels are {', '.join(labels)}"
            problems.append(Problem("", f"the {what} “{label}” is not one of the labels", hint))
    if problems:
        raise DataError(*problems)


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where the whole is 0 (scikit-learn's zero_division=0)."""
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def precision(counts: Floats) -> Floats:
    """Share of the rows given a label that bear it: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * _share(counts[..., HIT, :], counts[..., SAID, :])


def recall(counts: Floats) -> Floats:
    """Share of the rows bearing a label that were given it: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * _share(counts[..., HIT, :], counts[..., TRUE, :])


def f1(counts: Floats) -> Floats:
    """Harmonic mean of precision and recall: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * _share(2 * counts[..., HIT, :], counts[..., TRUE, :] + counts[..., SAID, :])


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the fixed label set, labels that do not occur included: (..., 3, labels) → (...), 0–100."""
    mean: Floats = f1(counts).mean(axis=-1)
    return mean


def accuracy(counts: Floats) -> Floats:
    """Share of rows given the right label: (..., 3, labels) → (...), 0–100."""
    return 100 * _share(counts[..., HIT, :].sum(axis=-1), counts[..., TRUE, :].sum(axis=-1))


def matthews(counts: Floats) -> Floats:
    """Correlation of true and predicted labels, -100–100; 0 for a constant predictor.

    Gorodkin 2004, doi 10.1016/j.compbiolchem.2004.09.006: (..., 3, labels) → (...).
    """
    hit, true, said = (counts[..., kind, :] for kind in (HIT, TRUE, SAID))
    rows = true.sum(axis=-1)
    covariance = hit.sum(axis=-1) * rows - (true * said).sum(axis=-1)
    spread = (rows**2 - (true**2).sum(axis=-1)) * (rows**2 - (said**2).sum(axis=-1))
    return 100 * _share(covariance, np.sqrt(spread))


def weighted_f1(counts: Floats) -> Floats:
    """Mean F1 weighted by how often each label is true: (..., 3, labels) → (...), 0–100."""
    true = counts[..., TRUE, :]
    return _share((f1(counts) * true).sum(axis=-1), true.sum(axis=-1))


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "macro-F1": macro_f1,
    "accuracy": accuracy,
    "MCC": matthews,
    "weighted-F1": weighted_f1,
}
CLASS_MEASURES: dict[str, Callable[[Floats], Floats]] = {"precision": precision, "recall": recall, "F1": f1}
HEADLINE = "macro-F1"


def mean_over_languages(values: Floats, counts: Floats) -> Floats:
    """Mean over the languages that have rows: values (..., languages), counts (..., languages, 3, labels) → (...)."""
    present = counts[..., TRUE, :].sum(axis=-1) > 0
    return _share((values * present).sum(axis=-1), present.sum(axis=-1))
