"""A model that fills in what is hidden: put together, asked, saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from transformers import GenerationConfig, PreTrainedTokenizerBase

from lowres.data.corpus import Corpus, Row
from lowres.errors import ModelError, Problem
from lowres.languages import normalise
from lowres.models.architectures import Architecture
from lowres.models.checkpoint import Checkpoint
from lowres.models.loading import load_masked, load_translator
from lowres.models.masked_head import load_head, save_head
from lowres.planning import Options, Plan
from lowres.recipe.sections import PreTraining
from lowres.tasks.job import Form
from lowres.tasks.pretraining.inputs import SegmentInputs, TokenIds, surroundings
from lowres.tasks.pretraining.masking import Corruption, Denoising, Masking, SpanCorruption
from lowres.tasks.pretraining.objective import choose_words, costs
from lowres.tasks.saved import ModelFacts, Rows, restored, save_model
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.language_tokens import Tagged, tag_languages
from lowres.vocabulary.tokenizer_json import has_subwords, sentinels

MASK = "<mask>"  # as users write it, whatever the base calls its own
HEAD = "head.safetensors"
TRIED = 40  # words that a saved model is tried on
LONGEST_FILL = 12  # pieces that a decoder may write for one mask
LOADERS = {"encoder": load_masked, "encoder-decoder": load_translator}


@dataclass(frozen=True)
class Cost:
    """What the scored words of one text cost: bits, and the characters they hold."""

    bits: float
    characters: int


class MaskedLMFacts(ModelFacts):
    """How to put base, adapter and head together again.

    `tags` gives the piece of each language, for families that have them; `fresh_head` says that the base brought no head that
    fills in masks, so that its own was begun and trained with the adapter.
    """

    tags: dict[str, str]
    hidden: float
    fresh_head: bool


@dataclass(frozen=True)
class Filled:
    """A text, and the same with every <mask> filled in. A base that mends texts writes the whole text anew."""

    text: str
    filled: str


@dataclass(frozen=True)
class MaskedLM:
    """A pre-trained model, on the device it was loaded to; `model` is the masked model or encoder-decoder of transformers."""

    model: Any
    way: Corruption
    facts: MaskedLMFacts
    accelerator: Accelerator
    rows: Rows

    @property
    def transformer(self) -> Any:
        """The masked model or encoder-decoder."""
        return self.model

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    def reload_answers(self, asked: Sequence[Sequence[str]]) -> list[list[float]]:
        """Bits per character of some words of each text in its language."""
        rows = [Row(str(number), str(number), tag, {"text": text}) for number, (text, tag) in enumerate(asked)]
        found = costs(self.model, self.way, rows, choose_words(self.way, rows, TRIED, 0), self.accelerator)
        return [[float(b) / max(1.0, float(c))] for b, c in zip(found.bits, found.characters, strict=True)]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer that goes with the model."""
        return self.way.reader.tokenizer

    def predict(self, texts: Sequence[str], *, language: str | None = None) -> list[Filled]:
        """Each text with its <mask> words filled in, by the likeliest piece (encoders) or the likeliest words (decoders).

        Raises ModelError for a text that is too long to be read at once, or a language that is not the run's.
        """
        known = self.facts.languages
        if language is not None and language not in known:
            what = f"“{language}” is not a language of this run"
            raise ModelError(Problem("language", what, f"one of {', '.join(known)}"))
        fill = self._found if isinstance(self.way, Masking) else self._written
        self.model.eval()
        with torch.inference_mode(), self.accelerator.autocast():
            return [
                Filled(text, fill(normalise(text), language or known[0]) if MASK in text else text) for text in texts
            ]

    def _ids(self, text: str, language: str, language_marking: Sequence[int]) -> TokenIds:
        """The pieces of a text, its n-th <mask> the n-th mark; the last mark stands for all that follow."""
        found = list(self.way.reader.before[language])
        for number, part in enumerate(text.split(MASK)):
            if number:
                found += language_marking[min(number, len(language_marking)) - 1 :][:1]
            found += self.tokenizer(part.rstrip(), add_special_tokens=False)["input_ids"] if part.strip() else []
        if len(found) + len(self.way.reader.after) > self.way.reader.max_length:
            what = f"has {len(found)} pieces; at most {self.way.reader.max_length} are read at once"
            raise ModelError(Problem(f"“{text[:40]}…”", what, "give a shorter text"))
        return [*found, *self.way.reader.after]

    def _found(self, text: str, language: str) -> str:
        assert isinstance(self.way, Masking)
        ids = self._ids(text, language, [self.way.mask])
        logits = self.model(input_ids=torch.tensor([ids], device=self.accelerator.device)).logits[0].float()
        logits[:, sorted({*range(logits.shape[1])} - {*self.way.ordinary})] = -torch.inf
        best = [int(logits[place].argmax()) for place, one in enumerate(ids) if one == self.way.mask]
        return _joined(text, [self._text([one]) for one in best])

    def _written(self, text: str, language: str) -> str:
        way = self.way
        assert isinstance(way, SpanCorruption | Denoising)
        language_marking = (
            list(way.sentinels) if isinstance(way, SpanCorruption) else [] if way.mask is None else [way.mask]
        )
        ids = self._ids(text, language, language_marking)
        opening = way.opening[language] if isinstance(way, Denoising) else []
        start = [self.model.config.decoder_start_token_id, *opening]
        holes = text.count(MASK)
        more = (len(ids) if isinstance(way, Denoising) else 0) + LONGEST_FILL * holes + 2
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            num_beams=1, do_sample=False, max_new_tokens=more, pad_token_id=self.tokenizer.pad_token_id, eos_token_id=way.end,
            decoder_start_token_id=start[0], bos_token_id=None,
        )  # fmt: skip
        device = self.accelerator.device
        written = self.model.generate(
            input_ids=torch.tensor([ids], device=device), decoder_input_ids=torch.tensor([start], device=device),
            generation_config=settings,
        )[0, len(start) :].tolist()  # fmt: skip
        if isinstance(way, Denoising):
            return self._text(written)
        parts: list[TokenIds] = [[] for _ in range(holes)]
        at = -1
        for one in written:
            at = list(way.sentinels).index(one) if one in way.sentinels else at
            if 0 <= at < holes and one not in way.sentinels:
                parts[at].append(one)
        return _joined(text, [self._text(part) for part in parts])

    def _text(self, ids: TokenIds) -> str:
        return normalise(str(self.tokenizer.decode(ids, skip_special_tokens=True)))

    def save(self, folder: Path) -> None:
        """Write adapter, rows, head, tokenizer and facts: all that must be kept beside the base."""
        save_model(folder, self.facts, self.model, self.rows, self.tokenizer)
        if not self.way.decodes:
            save_head(self.model, folder / HEAD)


def _joined(text: str, fills: Sequence[str]) -> str:
    parts = text.split(MASK)
    return "".join([parts[0], *(fill + part for fill, part in zip(fills, parts[1:], strict=True))])


def holes(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The pieces that mark holes, in their order; none for a tokenizer of bytes, whose base never saw those it names."""
    names = tokenizer.get_vocab()
    found = [int(names[name]) for name in sentinels(names)] if has_subwords(tokenizer) else []
    return found if len(found) > 1 else []


def way_of(
    tokenizer: PreTrainedTokenizerBase, architecture: Architecture, languages: Sequence[str], tags: Mapping[str, str], prefix: str,
    max_length: int, share: float,
) -> Corruption:  # fmt: skip
    """How words are hidden from this base: masks for encoders, sentinels where the tokenizer has them, else holes to mend."""
    before, after = surroundings(tokenizer, prefix)
    if architecture.language_marking is None:
        special = {*tokenizer.all_special_ids}
        ordinary = [one for one in range(len(tokenizer)) if one not in special]
        reader = SegmentInputs(tokenizer, dict.fromkeys(languages, before), after, max_length)
        mask = int(str(tokenizer.mask_token_id))
        return Masking(reader, mask, ordinary, share)
    ids = {tag: int(str(tokenizer.convert_tokens_to_ids(piece))) for tag, piece in tags.items()}
    alone = architecture.language_marking.source == "own tag"
    tagged = alone or architecture.language_marking.source == "target tag"
    stands = {tag: [ids[tag], *([] if alone else before)] if tagged and tag in ids else before for tag in languages}
    reader = SegmentInputs(tokenizer, stands, after, max_length)
    if found := holes(tokenizer):
        return SpanCorruption(reader, found, tokenizer.eos_token_id, share)
    opening = {tag: [ids[tag]] if architecture.language_marking.forced and tag in ids else [] for tag in languages}
    return Denoising(reader, tokenizer.mask_token_id, opening, tokenizer.eos_token_id, share)


def load(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, Any]:
    """Tokenizer and model with the head that is pre-trained."""
    return LOADERS[checkpoint.architecture.shape](checkpoint)


def tagged_for(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus) -> Tagged:
    """The vocabulary with a piece for every language, in families that have them."""
    language_marking = plan.checkpoint.architecture.language_marking
    if language_marking is None:
        return Tagged(adapted, {})
    return tag_languages(adapted, base, language_marking, corpus.languages, {})


def way_for(adapted: Adapted, facts: MaskedLMFacts, plan: Plan) -> Corruption:
    """How words are hidden from the model of a plan."""
    return way_of(
        adapted.tokenizer,
        plan.checkpoint.architecture,
        facts.languages,
        facts.tags,
        facts.prefix,
        facts.max_length,
        facts.hidden,
    )


def task_of(plan: Plan) -> PreTraining:
    assert isinstance(plan.recipe.task, PreTraining)
    return plan.recipe.task


def chosen_words(masked_lm: MaskedLM, plan: Plan, rows: Sequence[Row]) -> list[set[int]]:
    """The words of each text that are scored."""
    return choose_words(masked_lm.way, rows, task_of(plan).scored_words, plan.recipe.training.seed)


def answer(masked_lm: MaskedLM, plan: Plan, corpus: Corpus) -> list[Cost]:
    """What the scored words of each test text cost."""
    found = costs(
        masked_lm.model, masked_lm.way, corpus.test, chosen_words(masked_lm, plan, corpus.test), masked_lm.accelerator
    )
    return [Cost(float(bits), int(signs)) for bits, signs in zip(found.bits, found.characters, strict=True)]


def restore(folder: Path, options: Options, form: Form = "trained") -> MaskedLM:
    """Base + rows + adapter + head from a run's model folder. Raises ModelError where one is missing or another base."""
    found = restored(folder, MaskedLMFacts, load, options, form)
    facts, model = found.facts, found.model
    way = way_of(
        found.tokenizer,
        found.checkpoint.architecture,
        facts.languages,
        facts.tags,
        facts.prefix,
        facts.max_length,
        facts.hidden,
    )
    if not way.decodes:
        load_head(model, folder / HEAD)
    return MaskedLM(model.to(found.accelerator.device).eval(), way, facts, found.accelerator, Rows(None, 0))
