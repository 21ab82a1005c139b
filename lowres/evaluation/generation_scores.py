"""Scores of written answers: chrF++ and ROUGE-L, each with its interval and its signature."""

from collections.abc import Sequence

import numpy as np
import regex
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats
from lowres.evaluation.translation_scores import PRIMARY_METRIC, translation_scores
from lowres.languages import normalise
from lowres.score import Score, Split

ROUGE = "ROUGE-L"
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


class _Words(Tokenizer):  # type: ignore[misc]
    """Words of every script; the library's own tokenizer knows a to z alone."""

    def tokenize(self, text: str) -> list[str]:
        return list(_WORD.findall(normalise(text).lower()))


def rouge_l(references: Sequence[str], answers: Sequence[str]) -> list[float]:
    """ROUGE-L (Lin 2004, ACL W04-1013) of each answer, 0–100: F1 over the longest common subsequence of words."""
    scorer = RougeScorer(["rougeL"], tokenizer=_Words())
    pairs = zip(references, answers, strict=True)
    return [100 * float(scorer.score(reference, answer)["rougeL"].fmeasure) for reference, answer in pairs]


def generation_scores(
    references: Sequence[str], answers: Sequence[str], languages: Sequence[str], clusters: Sequence[str], *,
    split: Split, resampling: Resampling,
) -> list[Score]:  # fmt: skip
    """chrF++ as for translations, and ROUGE-L as the mean over answers; overall scores are means over languages."""
    ways = [f"{tag}→{tag}" for tag in languages]
    found = translation_scores(references, answers, ways, clusters, split=split, resampling=resampling, edits=False)
    kept = [score for score in found if score.name == PRIMARY_METRIC]
    chrf = [
        score.model_copy(update={"language": score.language.partition("→")[0]}) if score.language else score
        for score in kept
    ]
    return [*chrf, *_rouge_scores(references, answers, languages, clusters, split, resampling)]


def _rouge_scores(
    references: Sequence[str], answers: Sequence[str], languages: Sequence[str], clusters: Sequence[str], split: Split,
    resampling: Resampling,
) -> list[Score]:  # fmt: skip
    tags, names = list(dict.fromkeys(languages)), list(dict.fromkeys(clusters))
    sums = np.zeros(
        (len(names), 2 * len(tags))
    )  # of each cluster: per language the sum of its scores, and how many they are
    place = {name: number for number, name in enumerate(names)}
    for value, tag, cluster in zip(rouge_l(references, answers), languages, clusters, strict=True):
        sums[place[cluster], 2 * tags.index(tag) : 2 * tags.index(tag) + 2] += value, 1

    def values(weights: Floats) -> Floats:
        total = weights @ sums
        means: Floats = total[:, ::2] / np.maximum(total[:, 1::2], 1e-9)
        return np.concatenate([means.mean(1, keepdims=True), *([means] if len(tags) > 1 else [])], axis=1)

    behind = [int((sums[:, 2 * number + 1] > 0).sum()) for number in range(len(tags))]
    signature = "F1|words of every script|lowercase|rouge-score"
    keys = [Key(ROUGE, signature, len(names))]
    if len(tags) > 1:
        keys += [Key(ROUGE, signature, count, tag) for tag, count in zip(tags, behind, strict=True)]
    return estimate(values, keys, len(names), split=split, resampling=resampling, width=sums.shape[1])
