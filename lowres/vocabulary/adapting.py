"""adapt(): from a base's tokenizer and encoder to those that fit the texts – the story of this room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.errors import Finding
from lowres.recipe.sections import Vocabulary
from lowres.statistical.lexical_translation import WordTranslations, word_translations
from lowres.vocabulary.embeddings import NewRows, place_rows
from lowres.vocabulary.expansion.expanding import UNREADABLE, NewTokens, extend
from lowres.vocabulary.expansion.replacing import replacement
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.initialisation.choosing import UNTOUCHED, Chosen, Trial, choose_rows
from lowres.vocabulary.initialisation.encoder_states import EncoderStates
from lowres.vocabulary.initialisation.strategies import Evidence
from lowres.vocabulary.protected_characters import with_letters
from lowres.vocabulary.pruning import kept_ids
from lowres.vocabulary.tokenizer_json import TokenizerJson, fixed, has_subwords

UNTOLD = "no pieces added: nothing tells what they would mean (name vocabulary.pivot or vocabulary.lexicon, or force a number)"
MARGIN = 2.0  # points on dev by which the base's own pieces must win before an extension is given up


@dataclass(frozen=True)
class Adapted:
    """A tokenizer and the rows that go with it: row i of its table is row `places[i]` of the base's with `rows` behind.

    `new` is None where the base stays as it is. `measured` says how each way to initialise did on dev by `measure`.
    """

    tokenizer: PreTrainedTokenizerBase
    places: Tensor
    rows: NewRows
    new: NewTokens | None
    initialised: str = ""
    measure: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def added(self) -> int:
        """How many rows are new; they stand last."""
        return len(self.rows.inputs)

    def install(self, model: Any) -> None:
        """Give an untouched model of the base its new table."""
        if len(self.places):
            place_rows(model, self.places, self.rows)


def adapt(
    tokenizer: PreTrainedTokenizerBase, encoder: Any, layers: str, section: Vocabulary, material: FittingData, *,
    prefix: str = "", pooling: str = "mean", seed: int = 13, whole: Any = None,
) -> Adapted:  # fmt: skip
    """Extend or replace, initialise, trim. The encoder, a part of the model `whole` if that is given, is read and left as it was.

    Raises ModelError where a recipe insists on changing a tokenizer that cannot be changed.
    """
    width = encoder.get_input_embeddings().weight.shape[1]
    if not has_subwords(tokenizer) and section.replace is None and isinstance(section.extend, str):
        said = Finding("note", f"the base {fixed(tokenizer)}")
        return Adapted(
            tokenizer, torch.zeros(0, dtype=torch.long), NewRows(torch.zeros(0, width)), None, findings=(said,)
        )
    base = with_letters(TokenizerJson.of(tokenizer), section.protected_characters)
    new = new_tokens(base, section, material, seed)
    rows = len(encoder.get_input_embeddings().weight)
    chosen = Chosen(UNTOUCHED, NewRows(torch.zeros(0, width)))
    if new.added:
        chosen = initialise(
            tokenizer, encoder, layers, section, material, base, new, prefix, pooling, seed,
            encoder if whole is None else whole,
        )  # fmt: skip
    findings = [] if new.added else [Finding("note", new.why)]
    if new.added and chosen.way == UNTOUCHED:
        findings.append(
            Finding("note", "given up: on dev the base's own pieces do better than the new ones at their start")
        )
        new = NewTokens(base, (), 0.0, 0.0, new.why)
    ids: Sequence[int] = range(len(new.pieces))
    if section.trim != "off" and section.replace is None:
        ids = kept_ids(new.pieces, [*material.read, prefix], section.trim)
    places = new.places(base, rows)
    return Adapted(
        tokenizer=new.pieces.kept(ids).tokenizer(tokenizer),
        places=torch.tensor([places[i] for i in ids]),
        rows=chosen.rows,
        new=new,
        initialised=chosen.way if new.added else "",
        measure=chosen.measure,
        measured=chosen.measured,
        findings=tuple(findings),
    )


def new_tokens(base: TokenizerJson, section: Vocabulary, material: FittingData, seed: int) -> NewTokens:
    """The pieces that a recipe asks for."""
    if section.replace is not None:
        return replacement(base, material.train, section.replace)
    if section.extend == "off":
        return NewTokens(base, (), 0.0, 0.0, "the recipe adds no pieces")
    count = section.extend if isinstance(section.extend, int) else None
    if (
        count is None
        and not material.bitexts
        and not material.lexicon
        and unknown_share(base, material.train) < UNREADABLE
    ):
        return NewTokens(base, (), 0.0, 0.0, UNTOLD)
    return extend(base, material.train, count=count, protect=material.protect, change=section.change, seed=seed)


def unknown_share(base: TokenizerJson, texts: Sequence[str]) -> float:
    """Share of running words (0–1) that hold a character without a piece."""
    words = base.words(texts)
    unknown = base.unknown_id
    found = sum(count for count, ids in zip(words.values(), base.cut_ids(list(words)), strict=True) if unknown in ids)
    return found / max(1, words.total()) if unknown is not None else 0.0


def initialise(
    tokenizer: PreTrainedTokenizerBase, encoder: Any, layers: str, section: Vocabulary, material: FittingData, base: TokenizerJson,
    new: NewTokens, prefix: str, pooling: str, seed: int, whole: Any,
) -> Chosen:  # fmt: skip
    """Rows for the new pieces."""
    table = encoder.get_input_embeddings().weight.detach().float().cpu()
    before = EncoderStates.of(tokenizer, base, prefix)
    after = EncoderStates(new.pieces, new.places(base, len(table)), before.before, before.after)
    evidence = Evidence(
        base=base,
        new=new.added,
        rows=table,
        lines=[[row for word in line for row in word] for line in after.lines(material.train)],
        meanings=known_meanings(base, material),
        seed=seed,
    )
    trial = Trial(material.dev, material.dev_pairs, before, after, pooling, seed)
    free = section.extend == "auto" and section.initialise == "auto" and section.replace is None
    margin = MARGIN if free else None
    return choose_rows(encoder, layers, evidence, trial, material.train, section.initialise, margin, whole)


def known_meanings(base: TokenizerJson, material: FittingData) -> WordTranslations:
    """What words mean, by every bitext and the lexicon; each source of evidence counts the same."""
    found: dict[str, dict[str, float]] = {}
    for pairs in material.bitexts.values():
        for word, others in word_translations([(base.split(text), base.split(other)) for text, other in pairs]).items():
            for other, weight in others:
                found.setdefault(word, {}).setdefault(other, 0.0)
                found[word][other] += weight
    for word, other in material.lexicon:
        key, value = "".join(base.split(word)), "".join(base.split(other))
        found.setdefault(key, {})[value] = found.get(key, {}).get(value, 0.0) + 1.0
    return {
        word: [(other, weight / sum(others.values())) for other, weight in others.items()]
        for word, others in found.items()
    }
