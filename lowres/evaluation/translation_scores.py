"""Scores of a translator, each with its interval and its signature.

The primary metric is chrF++. It gives credit for parts of words, so that a right stem with a wrong ending counts for
something; BLEU counts such a word as wrong, which leaves few matches in languages with rich morphology.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lowres.data.pairs import Pair
from lowres.evaluation.resampling import Resampling, unseen_share
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats, with_mean
from lowres.evaluation.translation_statistics import (
    BLEU,
    CHRF,
    SPBLEU,
    TER,
    Matches,
    match,
    sentence_values,
    tokenizer_at_hand,
)
from lowres.score import Better, Score, Split

PRIMARY_METRIC = CHRF.name


def translation_scores(
    references: Sequence[str],
    hypotheses: Sequence[str],
    directions: Sequence[str],
    clusters: Sequence[str] | None = None,
    *,
    split: Split,
    resampling: Resampling,
    edits: bool = True,
) -> list[Score]:
    """Score translations against one reference each with chrF++ (first), BLEU, TER and, where available, spBLEU.

    Scores are those of sacrebleu's command line with its defaults, texts in NFC; TER is an error rate, the lower the
    better, and may exceed 100. Overall scores (`language=None`) are means over directions; with several directions,
    scores of each follow, their `language` the direction. spBLEU needs the FLORES-200 tokenizer in sacrebleu's cache
    (`~/.sacrebleu/models`, or the folder that the variable SACREBLEU names); it is never downloaded.

    BLEU splits words by the target language: see `tokenizer_of`. TER, which counts words, is left out where a script puts no spaces
    between words. Each sentence is counted once, in about 0.5 ms for 20 words; resamples only add the counts up.

    Args:
        references, hypotheses, directions: one entry per row; directions such as “ind-Latn→min-Latn”.
        clusters: equal for rows that translate one another; they are resampled together.
        resampling: how intervals are computed.
        edits: whether to compute TER.

    Raises:
        DataError: there are no rows. ValueError: the sequences differ in length.
    """
    measures = (CHRF, BLEU, *([TER] if edits else []), *([SPBLEU] if tokenizer_at_hand() else []))
    matches = match(references, hypotheses, directions, clusters, measures)
    keys, known = _keys(matches)

    def values(sums: Floats) -> Floats:
        """Sums (samples, directions, cells) → scores (samples, parts * measures): overall, then by direction."""
        table = with_mean(matches.scores(sums), matches.rows(sums))
        return np.moveaxis(table, -1, -2).reshape(len(sums), -1)

    total = matches.total[None]
    constant = (matches.scores(total) < 1e-9) | (np.abs(matches.scores(total) - 100) < 1e-9)
    missing = with_mean(unseen_share(matches.support, resampling.confidence) * constant, matches.rows(total))
    return estimate(
        lambda weights: values(matches.weighted(weights))[:, known],
        keys,
        matches.clusters,
        split=split,
        resampling=resampling,
        width=matches.width,
        unseen=np.moveaxis(missing, -1, -2).reshape(-1)[known],
    )


def _keys(matches: Matches) -> tuple[list[Key], NDArray[np.bool_]]:
    """What each value is, by part and measure, and which values there are: a measure may not apply to a direction."""
    several = len(matches.languages) > 1
    average = f"average:{'directions' if several else 'rows'}"
    parts: list[tuple[str | None, int, tuple[tuple[str | None, ...], ...]]] = [
        (None, matches.clusters, matches.signatures)
    ]
    if several:
        by_direction = zip(*matches.signatures, strict=True)
        parts += [
            (tag, int(clusters), tuple((signature,) for signature in signatures))
            for tag, clusters, signatures in zip(matches.languages, matches.support, by_direction, strict=True)
        ]
    keys, known = [], []
    for tag, clusters, signatures in parts:
        for measure, signed in zip(matches.measures, signatures, strict=True):
            found = [signature for signature in signed if signature]
            known.append(bool(found))
            if found:
                better: Better = "higher" if measure.best else "lower"
                limit = 100.0 if measure.best else math.inf
                keys.append(Key(measure.name, f"{_joined(found)}|{average}", clusters, tag, better=better, limit=limit))
    return keys, np.array(known)


def _joined(signatures: Sequence[str]) -> str:
    """One signature for a mean over directions whose settings differ, such as tok:13a+zh."""
    fields = zip(*(signature.split("|") for signature in signatures), strict=True)
    return "|".join(_either(list(dict.fromkeys(each))) for each in fields)


def _either(settings: Sequence[str]) -> str:
    name = settings[0].partition(":")[0]
    return settings[0] if len(settings) == 1 else f"{name}:{'+'.join(each.partition(':')[2] for each in settings)}"


def primary_metric(references: Sequence[str], hypotheses: Sequence[str], directions: Sequence[str]) -> float:
    """chrF++ (0–100), mean over directions: the value of the first score of `translation_scores`. Same errors."""
    matches = match(references, hypotheses, directions, None, (CHRF,))
    return float(matches.primary_values(matches.total)[0])


def score_of(judged: Sequence[Pair], translations: Sequence[str]) -> float:
    """The primary metric of translations of these pairs' sources, 0–100. Same errors."""
    references, directions = [pair.target.fields["text"] for pair in judged], [pair.direction_name for pair in judged]
    return primary_metric(references, translations, directions)


def sentence_scores(references: Sequence[str], hypotheses: Sequence[str]) -> list[float]:
    """chrF++ of each translation by itself, 0–100. Raises ValueError when the lists differ in length."""
    return [float(value) for value in sentence_values(CHRF, references, hypotheses)]
