"""Classification results as counts that add up.

Every measure here is a function of three counts per language and label: rows rightly given the label (`hit`), rows
that bear it (`true`) and rows that were given it (`said`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lowres.errors import DataError, Problem, nearest
from lowres.evaluation.sufficient_statistics import Floats, Metric, SufficientStatistics, add_up, number_clusters, share

HIT, TRUE, SAID = range(3)


@dataclass(frozen=True)
class Counts(SufficientStatistics):
    """Counts of one system's predictions: `shape` is (3, labels)."""

    labels: tuple[str, ...]


def one_label_per_language(references: Sequence[str], languages: Sequence[str]) -> bool:
    """Whether the label is the language: several languages, and one label in each."""
    return len(set(languages)) > 1 and len(set(zip(languages, references, strict=True))) == len(set(languages))


def count(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str],
    labels: Sequence[str],
    clusters: Sequence[str] | None = None,
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
    cluster, number = number_clusters(clusters, len(references))
    hit = true == said
    rows = np.concatenate([cluster[hit], cluster, cluster])
    cells = np.concatenate(
        [(base + HIT * len(labels) + true)[hit], base + TRUE * len(labels) + true, base + SAID * len(labels) + said]
    )
    matrix = add_up(rows, cells, np.ones(len(rows)), (number, len(tags) * 3 * len(labels)))
    return Counts(tags, (3, len(labels)), number, matrix, MACRO_F1, tuple(labels))


def _require_known(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> None:
    problems = [] if references else [Problem("", "there are no rows to score")]
    for what, found in (("reference", references), ("prediction", predictions)):
        for label in sorted(set(found) - set(labels)):
            hint = nearest(label, labels) or f"the labels are {', '.join(labels)}"
            problems.append(Problem("", f"the {what} “{label}” is not one of the labels", hint))
    if problems:
        raise DataError(*problems)


def precision(counts: Floats) -> Floats:
    """Share of the rows given a label that bear it: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(counts[..., HIT, :], counts[..., SAID, :])


def recall(counts: Floats) -> Floats:
    """Share of the rows bearing a label that were given it: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(counts[..., HIT, :], counts[..., TRUE, :])


def f1(counts: Floats) -> Floats:
    """Harmonic mean of precision and recall: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(2 * counts[..., HIT, :], counts[..., TRUE, :] + counts[..., SAID, :])


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the fixed label set, labels that do not occur included: (..., 3, labels) → (...), 0–100."""
    mean: Floats = f1(counts).mean(axis=-1)
    return mean


def accuracy(counts: Floats) -> Floats:
    """Share of rows given the right label: (..., 3, labels) → (...), 0–100."""
    return 100 * share(counts[..., HIT, :].sum(axis=-1), counts[..., TRUE, :].sum(axis=-1))


def matthews(counts: Floats) -> Floats:
    """Correlation of true and predicted labels, -100–100; 0 for a constant predictor.

    Gorodkin 2004, doi 10.1016/j.compbiolchem.2004.09.006: (..., 3, labels) → (...).
    """
    hit, true, said = (counts[..., kind, :] for kind in (HIT, TRUE, SAID))
    rows = true.sum(axis=-1)
    covariance = hit.sum(axis=-1) * rows - (true * said).sum(axis=-1)
    spread = (rows**2 - (true**2).sum(axis=-1)) * (rows**2 - (said**2).sum(axis=-1))
    return 100 * share(covariance, np.sqrt(spread))


def weighted_f1(counts: Floats) -> Floats:
    """Mean F1 weighted by how often each label is true: (..., 3, labels) → (...), 0–100."""
    true = counts[..., TRUE, :]
    return share((f1(counts) * true).sum(axis=-1), true.sum(axis=-1))


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "macro-F1": macro_f1,
    "accuracy": accuracy,
    "MCC": matthews,
    "weighted-F1": weighted_f1,
}
CLASS_MEASURES: dict[str, Callable[[Floats], Floats]] = {"precision": precision, "recall": recall, "F1": f1}


def rows_of(counts: Floats) -> Floats:
    """Rows of each language: (..., languages, 3, labels) → (..., languages)."""
    rows: Floats = counts[..., TRUE, :].sum(axis=-1)
    return rows


MACRO_F1 = Metric("macro-F1", macro_f1, rows_of)
