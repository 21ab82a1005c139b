"""How sure is a translation? An estimate of its chrF++ without a reference, from what the run knows of it anyway.

The signals are the model's probability of the translation, its agreement with the phrase table's, the table's own score, the share of
words that the table never saw, and the length: such glass-box signals come close to trained estimators (Fomicheva et al. 2020,
doi 10.1162/tacl_a_00330). Whoever answers, the estimate is for the answer given: model and phrase table have an estimator each.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from lowres.bounded import read_bounded
from lowres.data.pairs import Direction, Pair
from lowres.evaluation.estimator import Estimate, Estimator, Signals, fit_estimator
from lowres.evaluation.translation_scores import sentence_scores
from lowres.languages import normalise
from lowres.statistical.phrases import PhraseTable
from lowres.tasks.translation.likelihood import Likelihood

CONFIDENCE = "confidence.json"
System = Literal["model", "phrase table", "phrase table and model"]
Estimators = Mapping[System, Estimator]
_FILE = TypeAdapter(dict[System, Estimator])


@dataclass(frozen=True)
class Evidence:
    """What is known of a translation, or of several parts of one, as sums: `agreement` is chrF++ against the phrase table's
    translation, times the words. Without a phrase table `words` is 0.
    """

    log_probability: float
    tokens: int
    characters: int
    words: int = 0
    unknown: int = 0
    table_score: float = 0.0
    agreement: float = 0.0

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(*(one + more for one, more in zip(vars(self).values(), vars(other).values(), strict=True)))

    def signals(self, system: System, direction: Direction) -> Signals:
        """The signals of an estimator. The direction is one of them, since some are easier than others."""
        found = {
            "probability": math.exp(self.log_probability / max(1, self.tokens)),
            "length": math.log1p(self.characters),
            "→".join(direction): 1.0,
        }
        if self.words:
            found |= {"phrase table": 1.0}  # since what is not known counts as 0
            found |= {"unknown": self.unknown / self.words, "table score": self.table_score / self.words}
            found |= {"agreement": self.agreement / self.words} if system != "phrase table" else {}
        return found


def evidence_of(
    texts: Sequence[str],
    answers: Sequence[str],
    likelihoods: Sequence[Likelihood],
    tables: Sequence[PhraseTable | None],
) -> list[Evidence]:
    """The evidence of each answer; `tables` has the phrase table of each direction, where there is one."""
    own = [found.best(normalise(text)) if found else ("", 0.0) for text, found in zip(texts, tables, strict=True)]
    agreement = sentence_scores([one for one, _ in own], answers)
    evidence = []
    for number, (text, answer, likely, found) in enumerate(zip(texts, answers, likelihoods, tables, strict=True)):
        words = found.known_words(normalise(text)) if found else []
        size = max(1, len(words)) if found else 0
        unknown = sum(not known for known in words)
        evidence.append(
            Evidence(
                likely.log_probability,
                likely.tokens,
                len(answer),
                size,
                unknown,
                own[number][1],
                size * agreement[number],
            )
        )
    return evidence


def fitted(
    judged: Sequence[Pair], answers: Sequence[str], evidence: Sequence[Evidence], systems: Sequence[System], seed: int
) -> Estimators:
    """An estimator for each system that answers enough of these pairs."""
    scores = sentence_scores([pair.target.fields["text"] for pair in judged], answers)
    found: dict[System, Estimator] = {}
    for system in dict.fromkeys(systems):
        rows = [number for number, one in enumerate(systems) if one == system]
        estimator = fit_estimator(
            [evidence[row].signals(system, judged[row].direction) for row in rows],
            [scores[row] for row in rows],
            [judged[row].source.cluster for row in rows],
            seed,
        )
        if estimator:
            found[system] = estimator
    return found


def estimated(estimators: Estimators, evidence: Evidence, system: System, direction: Direction) -> Estimate | None:
    """The estimate for a translation; None for a system without an estimator."""
    found = estimators.get(system)
    return found.estimate(evidence.signals(system, direction)) if found else None


def save_estimators(path: Path, estimators: Estimators) -> None:
    """Write the estimators as JSON; nothing where there are none."""
    path.unlink(missing_ok=True)
    if estimators:
        found = {system: estimator.model_dump() for system, estimator in estimators.items()}
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_estimators(path: Path) -> Estimators:
    """The estimators that were saved; none where there is no file. Raises ValueError for one of another form."""
    return _FILE.validate_json(read_bounded(path)) if path.exists() else {}
