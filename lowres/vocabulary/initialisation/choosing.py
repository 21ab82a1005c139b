"""The initial rows of new tokens: every strategy that the data allow is scored on dev, and the best one is taken."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lowres.recipe.vocabulary_section import Initialiser
from lowres.vocabulary.embeddings import NewRows, Tables, rows_beside
from lowres.vocabulary.initialisation.distillation import distil
from lowres.vocabulary.initialisation.encoder_states import EncoderStates, sentence_vectors
from lowres.vocabulary.initialisation.strategies import STRATEGIES, Evidence, with_meaning

UNTOUCHED = "untouched"
RETRIEVAL = "dev texts whose translation is found first, %"
AGREEMENT = "cosine to what the base makes of the dev texts, × 100"
LEAST_PAIRS = 20
MOST_TEXTS = 300


@dataclass(frozen=True)
class Trial:
    """How initial rows are scored: by what an encoder makes of dev texts, and of their translations if there are any."""

    dev: Sequence[str]
    pairs: Sequence[tuple[str, str]]
    old: EncoderStates
    new: EncoderStates
    pooling: str
    seed: int

    @property
    def measure(self) -> str:
        """The name of the score."""
        return RETRIEVAL if len(self.pairs) >= LEAST_PAIRS else AGREEMENT

    def value(self, encoder: Any, reader: EncoderStates) -> float:
        """The score of the encoder's current rows, 0–100, higher is better."""
        rng = random.Random(self.seed)
        if self.measure == RETRIEVAL:
            translations: dict[str, set[str]] = {}
            for text, translation in self.pairs:
                translations.setdefault(text, set()).add(translation)
            asked = rng.sample(sorted(translations), min(MOST_TEXTS, len(translations)))
            pool = sorted({translation for text in asked for translation in translations[text]})
            questions = sentence_vectors(encoder, reader, asked, self.pooling)
            answers = sentence_vectors(encoder, self.old, pool, self.pooling)
            found = (questions @ answers.T).argmax(1).tolist()
            return 100 * sum(pool[i] in translations[text] for i, text in zip(found, asked, strict=True)) / len(asked)
        if not self.dev:
            return 0.0
        texts_of_dev = rng.sample(list(self.dev), min(MOST_TEXTS, len(self.dev)))
        mine = sentence_vectors(encoder, reader, texts_of_dev, self.pooling)
        base = sentence_vectors(encoder, self.old, texts_of_dev, self.pooling)
        return 100 * float((mine * base).sum(1).mean())


@dataclass(frozen=True)
class Chosen:
    """The chosen rows and the score of every strategy on dev; `strategy` is `untouched` where the base's own tokens score higher."""

    strategy: str
    rows: NewRows
    measure: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


def choose_rows(
    encoder: Any,
    layers: str,
    evidence: Evidence,
    trial: Trial,
    texts: Sequence[str],
    asked: Initialiser,
    margin: float | None,
    whole: Any,
) -> Chosen:
    """Make rows by the requested strategy, or by each that the data allow, and score them on dev. `whole` is the model with its head.

    With `margin`, the base's own tokens are kept where they score higher by more points than that. The encoder is not modified.
    """
    strategies = [asked]
    if asked == "auto":
        strategies = ["meaning", "distil", "meaning+distil"] if evidence.meanings else ["mean", "distil"]
    starts = {
        strategy: STRATEGIES[start](evidence)
        for start, strategy in ((_start(strategy), strategy) for strategy in strategies)
    }
    measured: dict[str, float] = {}
    rows: dict[str, Tensor] = {}
    with rows_beside(encoder, next(iter(starts.values()))) as table:
        measured[UNTOUCHED] = trial.value(encoder, trial.old)
        for strategy, start in starts.items():
            rows[strategy] = start
            if strategy.endswith("distil"):
                covered = (
                    with_meaning(evidence)
                    if strategy.startswith("meaning")
                    else torch.zeros(len(start), dtype=torch.bool)
                )
                rows[strategy] = distil(encoder, layers, trial.old, trial.new, texts, start, ~covered, evidence.seed)
            table.data.copy_(rows[strategy])
            measured[strategy] = trial.value(encoder, trial.new)
    best = max(rows, key=lambda strategy: (measured[strategy], -list(rows).index(strategy)))
    if margin is not None and trial.measure == RETRIEVAL and measured[UNTOUCHED] > measured[best] + margin:
        best = UNTOUCHED
    chosen = NewRows(rows.get(best, torch.zeros(0, evidence.rows.shape[1])))
    return Chosen(best, _with_head(whole, evidence, best, chosen), trial.measure, measured)


def _start(strategy: str) -> str:
    """The strategy of the table that this strategy begins with."""
    return "meaning" if strategy == "meaning+distil" else "mean" if strategy == "distil" else strategy


def _with_head(whole: Any, evidence: Evidence, strategy: str, rows: NewRows) -> NewRows:
    """Add the rows of an untied head, by the same strategy; the bias of a new token is the mean of those of its old tokens."""
    tables = Tables.of(whole)
    if tables.head is None or strategy == UNTOUCHED:
        return rows
    bias = None
    if tables.head.bias is not None:
        own = tables.head.bias.detach().float().cpu()
        parts = evidence.parts(evidence.new)
        bias = torch.stack([own[ids].mean() if ids else own.mean() for ids in parts])
    head = (
        None
        if tables.tied
        else STRATEGIES[_start(strategy)](replace(evidence, rows=tables.head.weight.detach().float().cpu()))
    )
    return replace(rows, head=head, bias=bias)
