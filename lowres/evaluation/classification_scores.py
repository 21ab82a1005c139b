"""Scores of a classifier, each with its interval and its signature."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from lowres.data.corpus import Row
from lowres.evaluation.classification_statistics import CLASS_MEASURES, MEASURES, TRUE, Counts, count
from lowres.evaluation.resampling import Resampling, unseen_share
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats, mean_over_languages, share
from lowres.record import Confusion
from lowres.score import Score, Split


def classification_scores(
    references: Sequence[str],
    predictions: Sequence[str],
    languages: Sequence[str],
    labels: Sequence[str],
    *,
    split: Split,
    resampling: Resampling,
    clusters: Sequence[str] | None = None,
) -> list[Score]:
    """Score predictions against references over a fixed set of labels.

    The first score is the primary metric, overall macro-F1. Overall scores (`language=None`) are means over languages, the
    published convention of NusaX; with several languages, scores of each follow. Where every language has but one
    label (language identification) all rows are scored together, and there are no scores by language.

    Args:
        references, predictions, languages: one entry per row; languages are tags.
        labels: every possible label, in order. A label without a row is left out of macro-F1 and has no scores of its own.
        clusters: equal for rows that translate one another; they are resampled together.
        resampling: how intervals are computed.

    Raises:
        DataError: there are no rows, or a label is not in `labels`. ValueError: the sequences differ in length.
    """
    counts = count(references, predictions, languages, labels, clusters)
    keys, known = _keys(counts)
    return estimate(
        lambda weights: _values(counts.weighted(weights))[:, known],
        keys,
        counts.clusters,
        split=split,
        resampling=resampling,
        width=counts.width,
        unseen=_unseen(counts, resampling.confidence)[known],
    )


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


def _keys(counts: Counts) -> tuple[list[Key], NDArray[np.bool_]]:
    """What each of `_values` is, in the same order, and which of them are known: scores of a label without rows are not."""
    rows = counts.total[:, TRUE, :]
    parts: list[tuple[str | None, Floats, float, Floats]] = [
        (None, rows.sum(axis=0), counts.clusters, counts.label_support.max(axis=0))
    ]
    if len(counts.languages) > 1:
        parts += list(zip(counts.languages, rows, counts.support, counts.label_support, strict=True))
    average = f"average:{'languages' if len(counts.languages) > 1 else 'rows'}"
    keys, known = [], []
    for language, of_label, clusters, by_label in parts:
        present = int((of_label > 0).sum())
        settings = f"labels:{present if present == len(of_label) else f'{present}/{len(of_label)}'}|{average}"
        for name in MEASURES:
            lowest = -100.0 if name == "MCC" else 0.0
            keys.append(Key(name, f"{name}|{settings}", int(clusters), language, lowest=lowest))
            known.append(True)
        for place, label in enumerate(counts.labels):
            for name in CLASS_MEASURES:
                keys.append(Key(name, f"{name}|{settings}", int(by_label[place]), language, label))
                known.append(bool(of_label[place]))
    return [key for key, is_known in zip(keys, known, strict=True) if is_known], np.array(known)


def _values(totals: Floats) -> Floats:
    """Counts (samples, languages, 3, labels) → scores (samples, scores): overall first, then by language."""
    return _with_overall(
        np.stack([measure(totals) for measure in MEASURES.values()], axis=-1),
        np.stack([measure(totals) for measure in CLASS_MEASURES.values()], axis=-1),
        totals[..., TRUE, :],
    )


def _with_overall(plain: Floats, by_label: Floats, rows: Floats) -> Floats:
    """Means over languages, then all by language, (samples, scores): the measures, then the class measures label after label.

    Shapes are (samples, languages, measures), (samples, languages, labels, class measures) and, for the rows of each label,
    (samples, languages, labels). The mean for a label is over the languages that have rows of it.
    """
    samples, languages = plain.shape[:2]
    means = mean_over_languages(np.moveaxis(plain, -1, 0), rows.sum(axis=-1)).T
    of_labels = mean_over_languages(np.moveaxis(by_label, 1, -1), np.moveaxis(rows, 1, -1)[:, :, None, :])
    overall = np.concatenate([means, of_labels.reshape(samples, -1)], axis=-1)
    if languages == 1:
        return overall
    table = np.concatenate([plain, by_label.reshape(samples, languages, -1)], axis=-1)
    return np.concatenate([overall, table.reshape(samples, -1)], axis=-1)


def _unseen(counts: Counts, confidence: float) -> Floats:
    """For each of `_values`, the share of the population that may be missing, because a part of it is 0 or 100 everywhere."""
    total = counts.total[None]
    rows = total[..., TRUE, :]
    whole = unseen_share(counts.support, confidence)[None]
    each = unseen_share(counts.label_support, confidence)[None]
    constant = {name: _at_an_end(measure(total)) for name, measure in {**MEASURES, **CLASS_MEASURES}.items()}
    shares = {name: whole * constant[name] for name in MEASURES}
    # Labels are independent of one another: the errors of their F1 add up as squares.
    squares = np.where((rows > 0) & constant["F1"], each, 0.0) ** 2
    shares["macro-F1"] = share(np.sqrt(squares.sum(axis=-1)), (rows > 0).sum(axis=-1))
    plain = np.stack([shares[name] for name in MEASURES], axis=-1)
    by_label = np.stack([each * constant[name] for name in CLASS_MEASURES], axis=-1)
    found: Floats = _with_overall(plain, by_label, rows)[0]
    return found


def _at_an_end(values: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (values < 1e-9) | (values > 100 - 1e-9)
    return found
