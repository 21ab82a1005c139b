"""Scores of a translator, each with its interval and its signature.

The primary metric is chrF++. It gives credit for parts of words, so that a right stem with a wrong ending counts for
something; BLEU counts such a word as wrong, which leaves few matches in languages with rich morphology.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lowres.evaluation.resampling import Resampling, bootstrap, settings_of
from lowres.evaluation.sufficient_statistics import Floats, with_mean
from lowres.evaluation.translation_statistics import BLEU, CHRF, SPBLEU, TER, match, sentence_values, tokenizer_at_hand
from lowres.record import Score

PRIMARY_METRIC = CHRF.name


def translation_scores(
    references: Sequence[str],
    hypotheses: Sequence[str],
    directions: Sequence[str],
    clusters: Sequence[str] | None = None,
    *,
    split: Literal["train", "dev", "test"],
    resampling: Resampling,
    edits: bool = True,
) -> list[Score]:
    """Score translations against one reference each with chrF++ (first), BLEU, TER and, where available, spBLEU.

    Scores are those of sacrebleu's command line with its defaults, texts in NFC; TER is an error rate, the lower the
    better, and may exceed 100. Overall scores (`language=None`) are means over directions; with several directions,
    scores of each follow, their `language` the direction. spBLEU needs the FLORES-200 tokenizer in sacrebleu's cache
    (`~/.sacrebleu/models`, or the folder that the variable SACREBLEU names); it is never downloaded.

    Each sentence is counted once; resamples only add the counts up. A sentence of 20 words takes about 0.5 ms for chrF++ and
    BLEU together, and 0.5 ms (close to its reference) to 6 ms (far from it) for TER.

    Args:
        references, hypotheses, directions: one entry per row; directions such as “ind-Latn→min-Latn”.
        clusters: equal for rows that translate one another; they are resampled together.
        resampling: how intervals are computed.
        edits: whether TER is wanted, which takes most of the time.

    Raises:
        DataError: there are no rows. ValueError: the sequences differ in length.
    """
    measures = (CHRF, BLEU, *([TER] if edits else []), *([SPBLEU] if tokenizer_at_hand() else []))
    matches = match(references, hypotheses, directions, clusters, measures)

    def values(weights: Floats) -> Floats:
        """Weights (samples, clusters) → scores (samples, parts * measures): overall, then by direction."""
        sums = matches.weighted(weights)
        table = with_mean(matches.scores(sums), matches.primary_metric.rows(sums)[..., None, :])
        return np.moveaxis(table, -1, -2).reshape(len(weights), -1)

    found = bootstrap(
        values,
        matches.clusters,
        resampling=resampling,
        width=matches.width,
    )
    average = f"average:{'directions' if len(matches.languages) > 1 else 'rows'}"
    settings = "|".join([average, *settings_of(matches.clusters, resampling)])
    parts = [None, *(matches.languages if len(matches.languages) > 1 else ())]
    keys = [(number, part) for part in parts for number in range(len(measures))]
    scores = []
    for (number, part), value, low, high in zip(keys, found.value, found.low, found.high, strict=True):
        # The error rate of a single cluster has no upper bound; 100 stands for it.
        ceiling = 100.0 if measures[number].best or not np.isfinite(high) else float(high)
        scores.append(
            Score(
                name=measures[number].name,
                value=float(value),
                low=max(float(low), 0.0),
                high=max(min(float(high), ceiling), float(value)),
                confidence=resampling.confidence,
                split=split,
                signature=f"{matches.signatures[number]}|{settings}",
                language=part,
                better="higher" if measures[number].best else "lower",
            )
        )
    return scores


def primary_metric(references: Sequence[str], hypotheses: Sequence[str], directions: Sequence[str]) -> float:
    """chrF++ (0–100), mean over directions: the value of the first score of `translation_scores`. Same errors."""
    matches = match(references, hypotheses, directions, None, (CHRF,))
    return float(matches.primary_values(matches.total)[0])


def sentence_scores(references: Sequence[str], hypotheses: Sequence[str]) -> list[float]:
    """chrF++ of each translation by itself, 0–100. Raises ValueError when the lists differ in length."""
    return [float(value) for value in sentence_values(CHRF, references, hypotheses)]
