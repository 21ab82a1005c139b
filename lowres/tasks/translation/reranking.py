"""Reranking: the neural model chooses among the phrase table's best translations of a text.

A candidate's score is log-linear (Och and Ney 2002, doi 10.3115/1073083.1073133): what the phrase table gives it, plus a weight times
the natural logarithm of the probability that the model gives it. One weight serves all directions and is chosen on dev.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from lowres.data.pairs import Direction, Pair
from lowres.evaluation.translation_scores import score_of
from lowres.languages import normalise
from lowres.models.frames import TokenIds
from lowres.statistical.phrases import PhraseTable
from lowres.tasks.translation.likelihood import Likelihood

WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)
Asked = tuple[str, str, str]  # text in NFC, source language, target language


@dataclass(frozen=True)
class Candidate:
    """A translation by the phrase table, with the table's score and the model's log-probability."""

    text: str
    table: float
    model: float


Proposals = Mapping[Asked, Sequence[Candidate]]
NOTHING_PROPOSED: Proposals = MappingProxyType({})


class Scorer(Protocol):
    """What a translator knows that its candidates are chosen by."""

    @property
    def phrase_tables(self) -> Mapping[Direction, PhraseTable]:
        """The phrase table of each direction."""

    def source_ids(self, text: str, source: str, target: str) -> TokenIds:
        """The token ids of a text that fits."""

    def answer_ids(self, answer: str, text: str, target: str) -> TokenIds:
        """The token ids of an answer."""

    def score(
        self, sources: Sequence[TokenIds], written: Sequence[TokenIds], targets: Sequence[str]
    ) -> list[Likelihood]:
        """How probable each answer to a source is."""


def candidates(scorer: Scorer, asked: Sequence[Asked], most: int) -> list[list[Candidate]]:
    """At most `most` translations of each text by the phrase table of its direction, the table's best first."""
    sources, written, targets, found = [], [], [], []
    for text, source, target in asked:
        proposed = scorer.phrase_tables[source, target].translations(normalise(text), most)
        ids = scorer.source_ids(text, source, target)
        found.append(list(proposed.items()))
        sources += [ids] * len(proposed)
        written += [scorer.answer_ids(one, text, target) for one in proposed]
        targets += [target] * len(proposed)
    likely = iter(scorer.score(sources, written, targets))
    return [[Candidate(text, score, next(likely).log_probability) for text, score in some] for some in found]


def proposals(scorer: Scorer, judged: Sequence[Pair], most: int) -> dict[Asked, list[Candidate]]:
    """The candidates for the source of each pair."""
    asked = list(dict.fromkeys(map(asked_of, judged)))
    return dict(zip(asked, candidates(scorer, asked, most), strict=True))


def asked_of(pair: Pair) -> Asked:
    """What is asked of a translator for a pair."""
    return (normalise(pair.source.fields["text"]), *pair.direction)


def ranked(found: Sequence[Candidate], weight: float) -> list[str]:
    """The candidates with the highest weighted score first; of equal ones the phrase table's first."""
    return [one.text for one in sorted(found, key=lambda one: -(one.table + weight * one.model))]


def best(found: Sequence[Candidate], weight: float) -> str:
    """The first of the ranked candidates."""
    return ranked(found, weight)[0]


def best_weight(judged: Sequence[Pair], proposed: Proposals) -> float:
    """The weight with which the chosen translations of these pairs score best; the smallest of equally good ones."""
    found = [proposed[asked_of(pair)] for pair in judged]
    scores = {weight: score_of(judged, [best(one, weight) for one in found]) for weight in WEIGHTS}
    return max(WEIGHTS, key=scores.__getitem__)
