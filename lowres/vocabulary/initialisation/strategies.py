"""Where the rows of new pieces start: a table of ways, from the base's rows and what the recipe's data say of meanings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import Tensor

from lowres.statistical.lexical_translation import WordTranslations
from lowres.vocabulary.protected_characters import folded
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson

WINDOW = 5
DIMENSIONS = 100
LEAST_USES = 5


@dataclass(frozen=True)
class Evidence:
    """What is known when rows are made: the base, the new pieces, the training texts, and translations of words.

    `rows` is the base's table, shape (rows, width); `lines` are the training texts as rows, the new ones numbered behind
    the old.
    """

    base: TokenizerJson
    new: tuple[str, ...]
    rows: Tensor
    lines: Sequence[Sequence[int]]
    meanings: WordTranslations
    seed: int

    def parts(self, names: Sequence[str]) -> list[list[int]]:
        """The base's ids for each of some strings; empty where it knows no part. A lone letter passes for its other case."""
        unknown = self.base.unknown_id
        written = [folded(name, self.base) for name in names]
        found = [[i for i in ids if i != unknown] for ids in self.base.cut_ids(written)]
        for number, name in enumerate(names):
            if not found[number]:
                twins = (name.lower(), name.upper())
                found[number] = next(([self.base.ids[twin]] for twin in twins if twin in self.base.ids), [])
        return found

    def mean(self, names: Sequence[str]) -> Tensor:
        """Mean of the rows of a string's parts, brought to their mean length; noise around the mean row where none is known.

        Without the noise all unknown characters of a script would start, and stay, the same.
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
    """Mean of the old parts of each piece."""
    return evidence.mean(evidence.new)


def random(evidence: Evidence) -> Tensor:
    """Drawn like the base's rows, one dimension at a time: the control."""
    rng = torch.Generator().manual_seed(evidence.seed)
    rows = evidence.rows
    return rows.mean(0) + rows.std(0) * torch.randn(len(evidence.new), rows.shape[1], generator=rng)


def meaning(evidence: Evidence) -> Tensor:
    """Mean of the rows of a word's translations, weighted by how sure they are; `mean` for pieces without any."""
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
    """Which new pieces have translations, bool of shape (new,)."""
    return torch.tensor([_word(name, evidence) is not None for name in evidence.new])


def similarity(evidence: Evidence) -> Tensor:
    """Mean of the rows of old pieces that stand in like company (after FOCUS: Dobler and de Melo 2023, arXiv 2305.14481).

    Company is measured on the training texts themselves: positive pointwise mutual information within five pieces,
    reduced to at most 100 dimensions; weights are the sparsemax of the cosines.
    """
    rows = mean(evidence)
    companies, seen = _companies(evidence)
    start = len(evidence.rows)
    old = [
        piece
        for piece in seen
        if piece < len(evidence.base) and evidence.base.names[piece] not in evidence.base.special
    ]
    if not old:
        return rows
    anchors = companies[[seen[piece] for piece in old]]
    for piece, number in seen.items():
        if piece >= start:
            weights = torch.from_numpy(_sparsemax(anchors @ companies[number])).float()
            rows[piece - start] = weights @ evidence.rows[old]
    return rows


Corruption = Callable[[Evidence], Tensor]
WAYS: Mapping[str, Corruption] = {"mean": mean, "random": random, "meaning": meaning, "similarity": similarity}


def _word(name: str, evidence: Evidence) -> str | None:
    return name if name in evidence.meanings and name.startswith((WORD_START, "Ġ")) else None


def _companies(evidence: Evidence) -> tuple[NDArray[np.float64], dict[int, int]]:
    """A unit vector for every row that the texts use often enough, and its number by row."""
    uses = np.bincount([row for line in evidence.lines for row in line], minlength=1)
    seen = {int(piece): number for number, piece in enumerate(np.flatnonzero(uses >= LEAST_USES))}
    left, right = [], []
    for line in evidence.lines:
        known = [seen.get(piece, -1) for piece in line]
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
    """The nearest point of the simplex (Martins and Astudillo 2016, arXiv 1602.02068)."""
    falling = np.sort(scores)[::-1]
    sums = np.cumsum(falling) - 1
    ranks = np.arange(1, len(scores) + 1)
    support = ranks[falling - sums / ranks > 0][-1]
    result: NDArray[np.float64] = np.maximum(scores - sums[support - 1] / support, 0)
    return result
