"""Initialisation strategies: rows for new tokens, from the rows of the base and from translations of words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import Tensor

from lowres.statistical.lexical_translation import Meanings
from lowres.vocabulary.protected_characters import as_the_base_writes
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson

WINDOW = 5
DIMENSIONS = 100
LEAST_USES = 5


@dataclass(frozen=True)
class Evidence:
    """What rows are made from: the base, the new tokens, the training texts, and translations of words.

    `rows` is the table of the base on the CPU, shape (rows, width); `lines` are the training texts as row numbers, new rows
    after those of the base.
    """

    base: TokenizerJson
    new: tuple[str, ...]
    rows: Tensor
    lines: Sequence[Sequence[int]]
    meanings: Meanings
    seed: int

    def parts(self, names: Sequence[str]) -> list[list[int]]:
        """The ids of the base's tokens for each string; empty where all of it is unknown, unless its other case has a token."""
        unknown = self.base.unknown_id
        written = [as_the_base_writes(name, self.base) for name in names]
        found = [[i for i in ids if i != unknown] for ids in self.base.encode_words(written)]
        for number, name in enumerate(names):
            if not found[number]:
                twins = (name.lower(), name.upper())
                found[number] = next(([self.base.ids[twin]] for twin in twins if twin in self.base.ids), [])
        return found

    def mean(self, names: Sequence[str]) -> Tensor:
        """The mean of the rows of each string's tokens, scaled to their mean norm; noise around the mean row where all is unknown.

        Without the noise all unknown characters of a script would start, and stay, identical.
        """
        rng = torch.Generator().manual_seed(self.seed)
        result = torch.empty(len(names), self.rows.shape[1])
        centre, spread = self.rows.mean(0), self.rows.std(0)
        for number, ids in enumerate(self.parts(names)):
            if ids:
                parts = self.rows[ids]
                vector = parts.mean(0)
                result[number] = vector * (parts.norm(dim=1).mean() / vector.norm().clamp(min=1e-9))
            else:
                result[number] = centre + spread * torch.randn(len(centre), generator=rng)
        return result


def mean(evidence: Evidence) -> Tensor:
    """The mean of the rows of the base's tokens for each new token."""
    return evidence.mean(evidence.new)


def random(evidence: Evidence) -> Tensor:
    """Normally distributed rows with the mean and deviation of the base's rows in each dimension: the control."""
    rng = torch.Generator().manual_seed(evidence.seed)
    rows = evidence.rows
    return rows.mean(0) + rows.std(0) * torch.randn(len(evidence.new), rows.shape[1], generator=rng)


def meaning(evidence: Evidence) -> Tensor:
    """The mean of the rows of a word's translations, weighted by their probability; `mean` for tokens without translations."""
    rows = mean(evidence)
    known = [(number, word) for number, name in enumerate(evidence.new) if (word := _word(name, evidence))]
    translations = sorted({other for _, word in known for other, _ in evidence.meanings[word]})
    place = {other: number for number, other in enumerate(translations)}
    vectors = evidence.mean(translations)
    for number, word in known:
        weights = torch.tensor([weight for _, weight in evidence.meanings[word]])
        rows[number] = weights @ vectors[[place[other] for other, _ in evidence.meanings[word]]]
    return rows


def with_meaning(evidence: Evidence) -> Tensor:
    """Which new tokens have translations, bool of shape (new,)."""
    return torch.tensor([_word(name, evidence) is not None for name in evidence.new])


def similarity(evidence: Evidence) -> Tensor:
    """The mean of the rows of old tokens in similar contexts (after FOCUS: Dobler and de Melo 2023, arXiv 2305.14481).

    Contexts are measured on the training texts: positive pointwise mutual information within five tokens, reduced to at most
    100 dimensions; weights are the sparsemax of the cosines.
    """
    rows = mean(evidence)
    contexts, seen = _contexts(evidence)
    start = len(evidence.rows)
    old = [
        token
        for token in seen
        if token < len(evidence.base) and evidence.base.names[token] not in evidence.base.special
    ]
    if not old:
        return rows
    anchors = contexts[[seen[token] for token in old]]
    for token, number in seen.items():
        if token >= start:
            weights = torch.from_numpy(_sparsemax(anchors @ contexts[number])).float()
            rows[token - start] = weights @ evidence.rows[old]
    return rows


Strategy = Callable[[Evidence], Tensor]
STRATEGIES: Mapping[str, Strategy] = {"mean": mean, "random": random, "meaning": meaning, "similarity": similarity}


def _word(name: str, evidence: Evidence) -> str | None:
    return name if name in evidence.meanings and name.startswith((WORD_START, "Ġ")) else None


def _contexts(evidence: Evidence) -> tuple[NDArray[np.float64], dict[int, int]]:
    """A normalised context vector for every row that the texts use often enough, and its index by row."""
    uses = np.bincount([row for line in evidence.lines for row in line], minlength=1)
    seen = {int(token): number for number, token in enumerate(np.flatnonzero(uses >= LEAST_USES))}
    left, right = [], []
    for line in evidence.lines:
        known = [seen.get(token, -1) for token in line]
        for distance in range(1, WINDOW + 1):
            for one, other in zip(known, known[distance:], strict=False):
                if one >= 0 and other >= 0:
                    left += [one, other]
                    right += [other, one]
    size = len(seen)
    if size < 3 or not left:
        return np.zeros((size, 1)), {}
    table = csr_matrix((np.ones(len(left)), (left, right)), shape=(size, size)).tocoo()
    totals = np.asarray(table.sum(1)).ravel() + 1e-9
    smoothed = totals**0.75 / (totals**0.75).sum()
    information = np.log(table.data / (totals[table.row] * smoothed[table.col]))
    positive = csr_matrix((np.maximum(information, 0), (table.row, table.col)), shape=(size, size))
    vectors, strengths, _ = svds(positive, k=min(DIMENSIONS, size - 2), random_state=evidence.seed)
    found = vectors * np.sqrt(strengths)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9), seen


def _sparsemax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The projection onto the simplex (Martins and Astudillo 2016, arXiv 1602.02068)."""
    falling = np.sort(scores)[::-1]
    sums = np.cumsum(falling) - 1
    ranks = np.arange(1, len(scores) + 1)
    support = ranks[falling - sums / ranks > 0][-1]
    result: NDArray[np.float64] = np.maximum(scores - sums[support - 1] / support, 0)
    return result
