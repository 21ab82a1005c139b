"""Which rows the new pieces start with: the ways that the data allow, measured on dev, the best one taken."""

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
from lowres.vocabulary.initialisation.strategies import WAYS, Evidence, with_meaning

UNTOUCHED = "untouched"
RETRIEVAL = "dev texts whose translation is found first, %"
AGREEMENT = "cosine to what the base makes of the dev texts, × 100"
LEAST_PAIRS = 20
MOST_TEXTS = 300


@dataclass(frozen=True)
class Trial:
    """How rows are tried: dev texts, and their translations if there are any, read by an encoder."""

    dev: Sequence[str]
    pairs: Sequence[tuple[str, str]]
    old: EncoderStates
    new: EncoderStates
    pooling: str
    seed: int

    @property
    def measure(self) -> str:
        """What is measured."""
        return RETRIEVAL if len(self.pairs) >= LEAST_PAIRS else AGREEMENT

    def value(self, encoder: Any, reader: EncoderStates) -> float:
        """0–100, higher is better, for the rows that the encoder has now."""
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
    """The rows taken, and how every way did on dev. `way` is `untouched` where no way came near the base itself."""

    way: str
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
    """Make rows by the way asked for, or by each that the data allow, and measure them. `whole` is the model with its head.

    With `margin`, the base's own pieces win where they are better by more points than that. The encoder is left as it was.
    """
    ways = [asked]
    if asked == "auto":
        ways = ["meaning", "distil", "meaning+distil"] if evidence.meanings else ["mean", "distil"]
    starts = {way: WAYS[start](evidence) for start, way in ((_start(way), way) for way in ways)}
    measured: dict[str, float] = {}
    rows: dict[str, Tensor] = {}
    with rows_beside(encoder, next(iter(starts.values()))) as table:
        measured[UNTOUCHED] = trial.value(encoder, trial.old)
        for way, start in starts.items():
            rows[way] = start
            if way.endswith("distil"):
                covered = (
                    with_meaning(evidence) if way.startswith("meaning") else torch.zeros(len(start), dtype=torch.bool)
                )
                rows[way] = distil(encoder, layers, trial.old, trial.new, texts, start, ~covered, evidence.seed)
            table.data.copy_(rows[way])
            measured[way] = trial.value(encoder, trial.new)
    best = max(rows, key=lambda way: (measured[way], -list(rows).index(way)))
    if margin is not None and trial.measure == RETRIEVAL and measured[UNTOUCHED] > measured[best] + margin:
        best = UNTOUCHED
    chosen = NewRows(rows.get(best, torch.zeros(0, evidence.rows.shape[1])))
    return Chosen(best, _with_head(whole, evidence, best, chosen), trial.measure, measured)


def _start(way: str) -> str:
    """The table's way that a way begins with."""
    return "meaning" if way == "meaning+distil" else "mean" if way == "distil" else way


def _with_head(whole: Any, evidence: Evidence, way: str, rows: NewRows) -> NewRows:
    """The same way over the rows of a head that is not tied; the bias of a piece is the mean of its parts'."""
    tables = Tables.of(whole)
    if tables.head is None or way == UNTOUCHED:
        return rows
    bias = None
    if tables.head.bias is not None:
        own = tables.head.bias.detach()
        parts = evidence.parts(evidence.new)
        bias = torch.stack([own[ids].mean() if ids else own.mean() for ids in parts])
    head = None if tables.tied else WAYS[_start(way)](replace(evidence, rows=tables.head.weight.detach()))
    return replace(rows, head=head, bias=bias)
