"""adapt() fits the tokenizer and embedding rows of a base to the training texts. Start reading this package here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lowres.errors import Finding, ModelError, Problem
from lowres.models.frames import Frame
from lowres.recipe.vocabulary_section import TrimPolicy, Vocabulary
from lowres.statistical.lexical_translation import Meanings, meanings
from lowres.vocabulary.embeddings import NewRows, place_rows
from lowres.vocabulary.expansion.expanding import UNREADABLE, NewTokens, extend
from lowres.vocabulary.expansion.replacing import replacement
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.initialisation.choosing import UNTOUCHED, Chosen, Trial, choose_rows
from lowres.vocabulary.initialisation.encoder_states import EncoderStates
from lowres.vocabulary.initialisation.strategies import Evidence
from lowres.vocabulary.protected_characters import protect_characters
from lowres.vocabulary.pruning import kept_ids, pruning_loss
from lowres.vocabulary.tokenizer_json import TokenizerJson, has_subwords, why_unchangeable

UNTOLD = "no tokens added: no translations say what they would mean (name vocabulary.pivot or vocabulary.lexicon, or set a number)"
MARGIN = 2.0  # points on dev by which the base's own tokens must win before an extension is given up


@dataclass(frozen=True)
class Adapted:
    """A tokenizer and its embedding rows: row i of its table is row `places[i]` of the base's table followed by `rows`.

    `new` is None where the vocabulary of the base is unchanged. `measured` holds the score of each initialisation strategy on
    dev, in the unit that `measure` names.
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
        """The number of new rows, which stand last."""
        return len(self.rows.inputs)

    def install(self, model: Any) -> None:
        """Replace the embedding table of an unmodified base model by the adapted one."""
        if len(self.places):
            place_rows(model, self.places, self.rows)


def adapt(
    tokenizer: PreTrainedTokenizerBase, encoder: Any, layers: str, section: Vocabulary, fitting_data: FittingData, *,
    prefix: str = "", pooling: str = "mean", seed: int = 13, whole: Any = None,
) -> Adapted:  # fmt: skip
    """Expand or replace the vocabulary, initialise the new rows, prune. The encoder (a part of `whole`, if given) is not modified.

    Raises ModelError where the recipe demands a change to a tokenizer that cannot be changed.
    """
    table = encoder.get_input_embeddings().weight
    width = table.shape[1]
    if not has_subwords(tokenizer):
        names = tokenizer.convert_ids_to_tokens(list(range(len(table), len(tokenizer))))
        _refuse_without_row(tokenizer, [str(name) for name in names])
    if not has_subwords(tokenizer) and section.replace is None and isinstance(section.extend, str):
        said = Finding("note", f"the base {why_unchangeable(tokenizer)}")
        return Adapted(
            tokenizer, torch.zeros(0, dtype=torch.long), NewRows(torch.zeros(0, width)), None, findings=(said,)
        )
    rows = len(table)
    read, without_rows = _with_rows(tokenizer, TokenizerJson.of(tokenizer), rows)
    base = protect_characters(read, section.protected_characters)
    new = new_tokens(base, section, fitting_data, seed)
    chosen = Chosen(UNTOUCHED, NewRows(torch.zeros(0, width)))
    if new.added:
        chosen = initialise(
            tokenizer, encoder, layers, section, fitting_data, base, new, prefix, pooling, seed,
            encoder if whole is None else whole,
        )  # fmt: skip
    findings = [*without_rows, *([] if new.added else [Finding("note", new.why)])]
    if new.added and chosen.strategy == UNTOUCHED:
        findings.append(
            Finding(
                "note", "no tokens added: on dev the base's own tokens score higher than the new ones before training"
            )
        )
        new = NewTokens(base, (), 0.0, 0.0, new.why)
    ids: Sequence[int] = range(len(new.vocab))
    if section.trim != "off" and section.replace is None:
        framing = Frame(tokenizer).words() if whole is not None and _is_decoder(whole) else []
        around = [prefix, *framing]
        ids, told = _pruned(new.vocab, section.trim, fitting_data, around, writes=whole is not None and _writes(whole))
        findings.append(told)
    places = new.places(base, rows)
    return Adapted(
        tokenizer=new.vocab.pruned(ids).tokenizer(tokenizer),
        places=torch.tensor([places[i] for i in ids]),
        rows=chosen.rows,
        new=new,
        initialised=chosen.strategy if new.added else "",
        measure=chosen.measure,
        measured=chosen.measured,
        findings=tuple(findings),
    )


def _with_rows(tokenizer: Any, vocab: TokenizerJson, rows: int) -> tuple[TokenizerJson, list[Finding]]:
    """The vocabulary without tokens that the model has no row for: no weight was ever trained for them.

    Raises ModelError where such a token has a role (padding, mask), so that it cannot be left out.
    """
    beyond = vocab.names[rows:]
    if not beyond:
        return vocab, []
    _refuse_without_row(
        tokenizer, {*beyond} & {str(name) for name in tokenizer.special_tokens_map.values() if isinstance(name, str)}
    )
    what = f"{len(beyond)} tokens of the tokenizer have no row in the model's table of {rows} and are left out: {list(beyond[:3])}"
    return vocab.pruned(range(rows)), [Finding("warning", what)]


def _refuse_without_row(tokenizer: Any, names: Collection[str]) -> None:
    if names:
        what = f"has tokens that the model has no row for: {', '.join(sorted(names)[:3])}"
        hint = "model.resize_token_embeddings(len(tokenizer)), train them, and save both"
        raise ModelError(Problem(type(tokenizer).__name__, what, hint))


def _writes(model: Any) -> bool:
    return bool(model.can_generate())


def _is_decoder(model: Any) -> bool:
    return _writes(model) and not model.config.is_encoder_decoder


def _pruned(
    vocab: TokenizerJson,
    policy: Literal["auto"] | TrimPolicy,
    fitting_data: FittingData,
    around: Sequence[str],
    *,
    writes: bool,
) -> tuple[list[int], Finding]:
    """The ids to keep, and what that does to text that was not looked at: dev is measured before its own tokens are added.

    A model that writes computes all rows for every token, so that `auto` is stricter there (docs/vocabulary.md).
    """
    chosen: TrimPolicy = policy if policy != "auto" else "lattice" if writes else "charset"
    seen = [*fitting_data.read, *around]
    ids = kept_ids(vocab, seen, chosen)
    told = f"{len(ids):,} of {len(vocab):,} tokens are kept (vocabulary.trim: {chosen})"
    if fitting_data.dev and len(ids) < len(vocab):
        otherwise, unknown = pruning_loss(vocab, ids, fitting_data.dev)
        told += f"; in text like that of dev {otherwise:.1%} of the words will be tokenised otherwise, {unknown:.2%} become unknown"
        ids = kept_ids(vocab, [*seen, *fitting_data.dev], chosen)
    return ids, Finding("note", told)


def new_tokens(base: TokenizerJson, section: Vocabulary, fitting_data: FittingData, seed: int) -> NewTokens:
    """The vocabulary with the new tokens that the recipe asks for."""
    if section.replace is not None:
        return replacement(base, fitting_data.train, section.replace)
    if section.extend == "off":
        return NewTokens(base, (), 0.0, 0.0, "the recipe adds no tokens")
    count = section.extend if isinstance(section.extend, int) else None
    if (
        count is None
        and not fitting_data.bitexts
        and not fitting_data.lexicon
        and unknown_share(base, fitting_data.train) < UNREADABLE
    ):
        return NewTokens(base, (), 0.0, 0.0, UNTOLD)
    return extend(base, fitting_data.train, count=count, protect=fitting_data.protect, change=section.change, seed=seed)


def unknown_share(base: TokenizerJson, texts: Sequence[str]) -> float:
    """The share of running words (0–1) that contain a character without a token."""
    words = base.words(texts)
    unknown = base.unknown_id
    found = sum(
        count for count, ids in zip(words.values(), base.encode_words(list(words)), strict=True) if unknown in ids
    )
    return found / max(1, words.total()) if unknown is not None else 0.0


def initialise(
    tokenizer: PreTrainedTokenizerBase, encoder: Any, layers: str, section: Vocabulary, fitting_data: FittingData, base: TokenizerJson,
    new: NewTokens, prefix: str, pooling: str, seed: int, whole: Any,
) -> Chosen:  # fmt: skip
    """Embedding rows for the new tokens, by the strategy of the recipe or the best one on dev."""
    table = encoder.get_input_embeddings().weight.detach().float().cpu()
    before = EncoderStates.of(tokenizer, base, prefix)
    after = EncoderStates(new.vocab, new.places(base, len(table)), before.before, before.after)
    evidence = Evidence(
        base=base,
        new=new.added,
        rows=table,
        lines=[[row for word in line for row in word] for line in after.lines(fitting_data.train)],
        meanings=known_meanings(base, fitting_data),
        seed=seed,
    )
    trial = Trial(fitting_data.dev, fitting_data.dev_pairs, before, after, pooling, seed)
    free = section.extend == "auto" and section.initialise == "auto" and section.replace is None
    margin = MARGIN if free else None
    return choose_rows(encoder, layers, evidence, trial, fitting_data.train, section.initialise, margin, whole)


def known_meanings(base: TokenizerJson, fitting_data: FittingData) -> Meanings:
    """Weighted translations of words, from all bitexts and the word list; every source counts the same."""
    found: dict[str, dict[str, float]] = {}
    for pairs in fitting_data.bitexts.values():
        for word, others in meanings([(base.split(text), base.split(other)) for text, other in pairs]).items():
            for other, weight in others:
                found.setdefault(word, {}).setdefault(other, 0.0)
                found[word][other] += weight
    for word, other in fitting_data.lexicon:
        key, value = "".join(base.split(word)), "".join(base.split(other))
        found.setdefault(key, {})[value] = found.get(key, {}).get(value, 0.0) + 1.0
    return {
        word: [(other, weight / sum(others.values())) for other, weight in others.items()]
        for word, others in found.items()
    }
