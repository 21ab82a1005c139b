"""Scores of a classifier, each with its interval and its signature."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sklearn.metrics import confusion_matrix

from lowres.data.corpus import Row
from lowres.evaluation.classification_statistics import CLASS_MEASURES, MEASURES, Counts, count, rows_of
from lowres.evaluation.resampling import Resampling, bootstrap, settings_of
from lowres.evaluation.sufficient_statistics import Floats, mean_over_languages
from lowres.record import Confusion, Score

# name, language or None for the overall score, label or None
_Key = tuple[str, str | None, str | None]


def classification_scores(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str],
    labels: Sequence[str],
    *,
    split: Literal["train", "dev", "test"],
    resampling: Resampling,
    clusters: Sequence[str] | None = None,
) -> list[Score]:
    """Score predictions against references over the fixed label set.

    The first score is the primary metric, overall macro-F1. Overall scores (`language=None`) are means over languages, the
    published convention of NusaX; with several languages, scores of each follow. Where every language has but one
    label (language identification) all rows are scored together, and there are no scores by language.

    Args:
        references, predictions, languages: one entry per row; languages are tags.
        labels: every possible label, in order; one that never occurs counts as F1 = 0.
        clusters: equal for rows that translate one another; they are resampled together.
        resampling: how intervals are computed.

    Raises:
        DataError: there are no rows, or a label is not in `labels`. ValueError: the sequences differ in length.
    """
    counts = count(references, predictions, languages, labels, clusters)
    keys = _keys(counts)
    found = bootstrap(
        lambda weights: _values(counts.weighted(weights)),
        counts.clusters,
        resampling=resampling,
        width=counts.width,
    )
    average = f"average:{'languages' if len(counts.languages) > 1 else 'rows'}"
    settings = [f"labels:{len(labels)}", average, *settings_of(counts.clusters, resampling)]
    scores = []
    for (name, language, label), value, low, high in zip(keys, found.value, found.low, found.high, strict=True):
        signature = "|".join([name, *settings])
        floor = -100.0 if name == "MCC" else 0.0
        scores.append(
            Score(
                name=name,
                value=float(value),
                low=max(float(low), floor),
                high=min(float(high), 100.0),
                confidence=resampling.confidence,
                split=split,
                signature=signature,
                language=language,
                label=label,
            )
        )
    return scores


def primary_metric(
    rows: Sequence[Row], predictions: Sequence[str], labels: Sequence[str], *, label: str = "label"
) -> float:
    """Overall macro-F1 (0–100) of one prediction per row: the value of the first score of `classification_scores`."""
    references = [row.fields[label] for row in rows]
    counts = count(references, predictions, [row.language for row in rows], labels)
    return float(counts.primary_values(counts.total)[0])


def confusion(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> Confusion:
    """Count rows by true and predicted label, both in the order of `labels`."""
    table = confusion_matrix(list(references), list(predictions), labels=list(labels))
    return Confusion(labels=list(labels), counts=[[int(cell) for cell in row] for row in table])


def _keys(counts: Counts) -> list[_Key]:
    """What each of `_values` is, in the same order."""
    tags = counts.languages if len(counts.languages) > 1 else ()
    overall: list[_Key] = [(name, None, None) for name in MEASURES]
    overall += [(name, None, label) for label in counts.labels for name in CLASS_MEASURES]
    by_language: list[_Key] = []
    for tag in tags:
        by_language += [(name, tag, None) for name in MEASURES]
        by_language += [(name, tag, label) for label in counts.labels for name in CLASS_MEASURES]
    return overall + by_language


def _values(totals: Floats) -> Floats:
    """Counts (samples, languages, 3, labels) → scores (samples, scores): overall first, then by language."""
    plain = [measure(totals) for measure in MEASURES.values()]
    by_label = np.stack([measure(totals) for measure in CLASS_MEASURES.values()], axis=-1)
    samples, languages = totals.shape[:2]
    # (samples, languages, scores): the measures, then the three class measures label after label
    table = np.concatenate([np.stack(plain, axis=-1), by_label.reshape(samples, languages, -1)], axis=-1)
    overall = mean_over_languages(np.moveaxis(table, -1, 0), rows_of(totals)).T
    return overall if languages == 1 else np.concatenate([overall, table.reshape(samples, -1)], axis=-1)
