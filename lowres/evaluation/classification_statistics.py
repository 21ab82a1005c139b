"""Sufficient statistics of classification.

Every measure here is a function of three counts for each language and label: true positives (`HIT`), rows whose reference
is the label (`TRUE`), and rows for which the label was predicted (`PREDICTED`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lowres.errors import DataError, Finding, Problem, nearest
from lowres.evaluation.sufficient_statistics import (
    Floats,
    Metric,
    SufficientStatistics,
    add_up,
    clusters_with,
    number_clusters,
    share,
)

HIT, TRUE, PREDICTED = range(3)


@dataclass(frozen=True)
class Counts(SufficientStatistics):
    """The counts of one system's predictions; `shape` is (3, labels).

    `label_support` is the number of clusters in which a label is true or predicted, shape (languages, labels).
    """

    labels: tuple[str, ...]
    label_support: Floats


def one_label_per_language(references: Sequence[str], languages: Sequence[str]) -> bool:
    """Whether the label is the language: there are several languages, and each has one label of its own."""
    return len(set(languages)) > 1 and len(set(zip(languages, references, strict=True))) == len(set(languages))


def count(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str],
    labels: Sequence[str],
    clusters: Sequence[str] | None = None,
) -> Counts:
    """Count the predictions of one system by cluster; without `clusters`, each row is a cluster of its own.

    Raises DataError for labels outside `labels` and when there are no rows, ValueError when the lists differ in length.
    """
    _require_known(references, predictions, labels)
    pooled = one_label_per_language(references, languages)
    tags: tuple[str | None, ...] = (None,) if pooled else tuple(dict.fromkeys(languages))
    place = {label: i for i, label in enumerate(labels)}
    true = np.array([place[label] for label in references])
    predicted = np.array([place[label] for label in predictions])
    tag_of = {tag: i for i, tag in enumerate(tags)}
    language = np.zeros(len(true), dtype=np.int64) if pooled else np.array([tag_of[tag] for tag in languages])
    base = language * 3 * len(labels)
    cluster, number = number_clusters(clusters, len(references))
    hit = true == predicted
    rows = np.concatenate([cluster[hit], cluster, cluster])
    cells = np.concatenate(
        [
            (base + HIT * len(labels) + true)[hit],
            base + TRUE * len(labels) + true,
            base + PREDICTED * len(labels) + predicted,
        ]
    )
    matrix = add_up(rows, cells, np.ones(len(rows)), (number, len(tags) * 3 * len(labels)))
    pairs = np.concatenate([language * len(labels) + true, language * len(labels) + predicted])
    label_support = clusters_with(np.concatenate([cluster, cluster]), pairs, len(tags) * len(labels))
    return Counts(
        tags, (3, len(labels)), number, matrix, MACRO_F1, clusters_with(cluster, language, len(tags)), tuple(labels),
        label_support.reshape(len(tags), len(labels)),
    )  # fmt: skip


def labels_without_rows(
    references: Sequence[str], languages: Sequence[str], labels: Sequence[str], split: str
) -> list[Finding]:
    """Warnings about labels that no row has, overall or in a language; macro-F1 leaves them out there."""
    if one_label_per_language(references, languages):
        languages = [""] * len(references)
    found = []
    for tag in dict.fromkeys(languages):
        present = {label for label, language in zip(references, languages, strict=True) if language == tag}
        if missing := [f"“{label}”" for label in labels if label not in present]:
            what = f"label {missing[0]} has" if len(missing) == 1 else f"labels {', '.join(missing)} have"
            where = f" in {tag}" if len(set(languages)) > 1 else ""
            found.append(
                Finding("warning", f"{what} no row in {split}{where}; macro-F1 is the mean over the other labels")
            )
    return found


def _require_known(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> None:
    problems = [] if references else [Problem("", "there are no rows to score")]
    for what, found in (("reference", references), ("prediction", predictions)):
        for label in sorted(set(found) - set(labels)):
            hint = nearest(label, labels) or f"the labels are {', '.join(labels)}"
            problems.append(Problem("", f"the {what} “{label}” is not one of the labels", hint))
    if problems:
        raise DataError(*problems)


def precision(counts: Floats) -> Floats:
    """True positives among the rows for which a label was predicted: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(counts[..., HIT, :], counts[..., PREDICTED, :])


def recall(counts: Floats) -> Floats:
    """True positives among the rows whose reference is the label: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(counts[..., HIT, :], counts[..., TRUE, :])


def f1(counts: Floats) -> Floats:
    """Harmonic mean of precision and recall: (..., 3, labels) → (..., labels), 0–100."""
    return 100 * share(2 * counts[..., HIT, :], counts[..., TRUE, :] + counts[..., PREDICTED, :])


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the labels that have rows: (..., 3, labels) → (...), 0–100.

    A label without a row cannot be predicted right; it is left out, so that a perfect classifier scores 100.
    """
    present = counts[..., TRUE, :] > 0
    return share((f1(counts) * present).sum(axis=-1), present.sum(axis=-1))


def accuracy(counts: Floats) -> Floats:
    """Share of rows with the right label: (..., 3, labels) → (...), 0–100."""
    return 100 * share(counts[..., HIT, :].sum(axis=-1), counts[..., TRUE, :].sum(axis=-1))


def matthews(counts: Floats) -> Floats:
    """Correlation of true and predicted labels, -100–100; 0 for a constant predictor.

    Gorodkin 2004, doi 10.1016/j.compbiolchem.2004.09.006: (..., 3, labels) → (...).
    """
    hit, true, predicted = (counts[..., kind, :] for kind in (HIT, TRUE, PREDICTED))
    rows = true.sum(axis=-1)
    covariance = hit.sum(axis=-1) * rows - (true * predicted).sum(axis=-1)
    spread = (rows**2 - (true**2).sum(axis=-1)) * (rows**2 - (predicted**2).sum(axis=-1))
    return 100 * share(covariance, np.sqrt(spread))


def weighted_f1(counts: Floats) -> Floats:
    """Mean F1, each label weighted by its number of rows: (..., 3, labels) → (...), 0–100."""
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
