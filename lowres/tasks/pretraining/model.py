"""The pre-trained model that predicts masked words: how it predicts, is saved and restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from transformers import GenerationConfig, PreTrainedTokenizerBase

from lowres.atomic import make_readable
from lowres.data.corpus import Corpus, Row
from lowres.errors import Finding, ModelError, Problem
from lowres.languages import normalise
from lowres.models.architectures import Architecture
from lowres.models.checkpoint import Checkpoint
from lowres.models.frames import Frame
from lowres.models.loading import load_decoder, load_masked, load_translator
from lowres.models.masked_head import load_head, save_head
from lowres.planning import Options, Plan
from lowres.recipe.sections import Decoding
from lowres.recipe.task_section import PreTraining
from lowres.tasks.generation.continuation import continuations
from lowres.tasks.job import Form
from lowres.tasks.pretraining.inputs import SegmentInputs, TokenIds, surroundings
from lowres.tasks.pretraining.masking import Causal, Corruption, Denoising, Masking, SpanCorruption
from lowres.tasks.pretraining.objective import choose_words, costs
from lowres.tasks.saved import MODEL_JSON, ModelFacts, Rows, reading, restored, save_model
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.language_tokens import Tagged, tag_languages
from lowres.vocabulary.tokenizer_json import has_subwords, sentinels

MASK = "<mask>"  # as users write it, whatever the base calls its mask token
HEAD = "head.safetensors"
RELOAD_WORDS = 40  # words that the reload check scores
MAX_SPAN = 12  # tokens that a decoder may write for one mask
LOADERS = {"encoder": load_masked, "encoder-decoder": load_translator, "decoder": load_decoder}
CONTINUED = 64  # tokens that a decoder adds to a text


@dataclass(frozen=True)
class Cost:
    """What the scored words of one text cost: bits, and the number of their characters."""

    bits: float
    characters: int


class MaskedLMFacts(ModelFacts):
    """What model.json of a pre-trained model holds.

    `tags` gives each language's token, in families that have them; `masked` is the share of tokens masked in training; `fresh_head`
    says that the base brought no head that predicts masked words, so that a new one was trained with the adapter.
    """

    tags: dict[str, str]
    masked: float
    fresh_head: bool


@dataclass(frozen=True)
class Filled:
    """A text, and the same with every <mask> filled in. A base pre-trained by denoising writes the whole text again."""

    text: str
    filled: str


@dataclass(frozen=True)
class MaskedLM:
    """A pre-trained model on its device; `model` is the masked language model or encoder-decoder of transformers."""

    model: Any
    corruption: Corruption
    facts: MaskedLMFacts
    accelerator: Accelerator
    rows: Rows
    findings: tuple[Finding, ...] = ()

    @property
    def transformer(self) -> Any:
        """The masked language model or encoder-decoder."""
        return self.model

    def save_head(self, folder: Path) -> None:
        """The head is the transformer's own."""

    def raw_predictions(self, inputs: Sequence[Sequence[str]]) -> list[list[float]]:
        """Bits per character of some words of each (text, language)."""
        rows = [Row(str(number), str(number), tag, {"text": text}) for number, (text, tag) in enumerate(inputs)]
        found = costs(
            self.model, self.corruption, rows, choose_words(self.corruption, rows, RELOAD_WORDS, 0), self.accelerator
        )
        return [[float(b) / max(1.0, float(c))] for b, c in zip(found.bits, found.characters, strict=True)]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer that goes with the model."""
        return self.corruption.inputs.tokenizer

    def predict(self, texts: Sequence[str], *, language: str | None = None) -> list[Filled]:
        """Each text with every <mask> filled in, by the likeliest token (encoders) or the likeliest words (decoders).

        Raises ModelError for a text longer than the model's maximum, or a language that is not the run's.
        """
        known = self.facts.languages
        if language is not None and language not in known:
            what = f"“{language}” is not a language of this run"
            raise ModelError(Problem("language", what, f"one of {', '.join(known)}"))
        if isinstance(self.corruption, Causal):
            return self._continued(texts, language or known[0])
        fill = self._fill_masks if isinstance(self.corruption, Masking) else self._generate
        self.model.eval()
        with torch.inference_mode(), self.accelerator.autocast():
            return [
                Filled(text, fill(normalise(text), language or known[0]) if MASK in text else text) for text in texts
            ]

    def _continued(self, texts: Sequence[str], language: str) -> list[Filled]:
        """Each text with what the decoder would write next."""
        frame = Frame(self.tokenizer)
        prompts = [[*self.corruption.inputs.before[language], *frame.plain(normalise(text))] for text in texts]
        most = [CONTINUED] * len(texts)
        found = continuations(self.model, frame, prompts, Decoding(beams=1), most, self.accelerator)
        before = len(self.corruption.inputs.before[language])
        whole = [[*prompt[before:], *more] for prompt, more in zip(prompts, found, strict=True)]
        return [Filled(text, self._text(ids)) for text, ids in zip(texts, whole, strict=True)]

    def _ids(self, text: str, language: str, mask_tokens: Sequence[int]) -> TokenIds:
        """Token ids of a text, its n-th <mask> replaced by the n-th mask token; the last of these is used for all that follow."""
        found = list(self.corruption.inputs.before[language])
        for number, part in enumerate(text.split(MASK)):
            if number:
                found += mask_tokens[min(number, len(mask_tokens)) - 1 :][:1]
            found += self.tokenizer(part.rstrip(), add_special_tokens=False)["input_ids"] if part.strip() else []
        if len(found) + len(self.corruption.inputs.after) > self.corruption.inputs.max_length:
            what = f"has {len(found)} tokens; at most {self.corruption.inputs.max_length} are read at once"
            raise ModelError(Problem(f"“{text[:40]}…”", what, "give a shorter text"))
        return [*found, *self.corruption.inputs.after]

    def _fill_masks(self, text: str, language: str) -> str:
        assert isinstance(self.corruption, Masking)
        ids = self._ids(text, language, [self.corruption.mask])
        logits = self.model(input_ids=torch.tensor([ids], device=self.accelerator.device)).logits[0].float()
        logits[:, sorted({*range(logits.shape[1])} - {*self.corruption.ordinary})] = -torch.inf
        best = [int(logits[place].argmax()) for place, one in enumerate(ids) if one == self.corruption.mask]
        return _joined(text, [self._text([one]) for one in best])

    def _generate(self, text: str, language: str) -> str:
        corruption = self.corruption
        assert isinstance(corruption, SpanCorruption | Denoising)
        mask_tokens = (
            list(corruption.sentinels)
            if isinstance(corruption, SpanCorruption)
            else []
            if corruption.mask is None
            else [corruption.mask]
        )
        ids = self._ids(text, language, mask_tokens)
        prefix = corruption.decoder_prefix[language] if isinstance(corruption, Denoising) else []
        start = [self.model.config.decoder_start_token_id, *prefix]
        spans = text.count(MASK)
        more = (len(ids) if isinstance(corruption, Denoising) else 0) + MAX_SPAN * spans + 2
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            num_beams=1, do_sample=False, max_new_tokens=more, pad_token_id=self.tokenizer.pad_token_id, eos_token_id=corruption.end,
            decoder_start_token_id=start[0], bos_token_id=None,
        )  # fmt: skip
        device = self.accelerator.device
        written = self.model.generate(
            input_ids=torch.tensor([ids], device=device), decoder_input_ids=torch.tensor([start], device=device),
            generation_config=settings,
        )[0, len(start) :].tolist()  # fmt: skip
        if isinstance(corruption, Denoising):
            return self._text(written)
        parts: list[TokenIds] = [[] for _ in range(spans)]
        at = -1
        for one in written:
            at = list(corruption.sentinels).index(one) if one in corruption.sentinels else at
            if 0 <= at < spans and one not in corruption.sentinels:
                parts[at].append(one)
        return _joined(text, [self._text(part) for part in parts])

    def _text(self, ids: TokenIds) -> str:
        return normalise(str(self.tokenizer.decode(ids, skip_special_tokens=True)))

    def save(self, folder: Path) -> None:
        """Write adapter, embedding rows, head, tokenizer and facts: everything beside the base that restores this model."""
        save_model(folder, self.facts, self.model, self.rows, self.tokenizer)
        if isinstance(self.corruption, Masking):
            save_head(self.model, folder / HEAD)
        make_readable(folder, MODEL_JSON)


def _joined(text: str, fills: Sequence[str]) -> str:
    parts = text.split(MASK)
    return "".join([parts[0], *(fill + part for fill, part in zip(fills, parts[1:], strict=True))])


def sentinel_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the sentinel tokens, in order; none for tokenizers of bytes, whose models were not trained with theirs."""
    names = tokenizer.get_vocab()
    found = [int(names[name]) for name in sentinels(names)] if has_subwords(tokenizer) else []
    return found if len(found) > 1 else []


def corruption_of(
    tokenizer: PreTrainedTokenizerBase, architecture: Architecture, languages: Sequence[str], tags: Mapping[str, str], prefix: str,
    max_length: int, share: float,
) -> Corruption:  # fmt: skip
    """The corruption this base was pre-trained with: masks for encoders, sentinels where the tokenizer has them, else denoising."""
    before, after = surroundings(tokenizer, prefix)
    if architecture.shape == "decoder":
        begin = before or Frame(tokenizer).begin
        end = tokenizer.eos_token_id if before else begin[0]
        return Causal(SegmentInputs(tokenizer, dict.fromkeys(languages, begin), after or [end], max_length), end)
    if architecture.language_marking is None:
        special = {*tokenizer.all_special_ids}
        ordinary = [one for one in range(len(tokenizer)) if one not in special]
        inputs = SegmentInputs(tokenizer, dict.fromkeys(languages, before), after, max_length)
        mask = int(str(tokenizer.mask_token_id))
        return Masking(inputs, mask, ordinary, share)
    ids = {tag: int(str(tokenizer.convert_tokens_to_ids(token))) for tag, token in tags.items()}
    source_tag = architecture.language_marking.source == "own tag"
    tagged = source_tag or architecture.language_marking.source == "target tag"
    before_text = {
        tag: [ids[tag], *([] if source_tag else before)] if tagged and tag in ids else before for tag in languages
    }
    inputs = SegmentInputs(tokenizer, before_text, after, max_length)
    if found := sentinel_ids(tokenizer):
        return SpanCorruption(inputs, found, tokenizer.eos_token_id, share)
    decoder_prefix = {
        tag: [ids[tag]] if architecture.language_marking.forced and tag in ids else [] for tag in languages
    }
    return Denoising(inputs, tokenizer.mask_token_id, decoder_prefix, tokenizer.eos_token_id, share)


def load(checkpoint: Checkpoint, dropout: float = 0.0) -> tuple[PreTrainedTokenizerBase, Any]:
    """Tokenizer and model with the head that is pre-trained, loaded from a checkpoint."""
    return LOADERS[checkpoint.architecture.shape](checkpoint, dropout)


def tagged_for(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus) -> Tagged:
    """The vocabulary with a token for every language, in families that have language tokens."""
    language_marking = plan.checkpoint.architecture.language_marking
    if language_marking is None:
        return Tagged(adapted, {})
    return tag_languages(adapted, base, language_marking, corpus.languages, {})


def corruption_for(adapted: Adapted, facts: MaskedLMFacts, plan: Plan) -> Corruption:
    """The corruption for the model of a plan."""
    return corruption_of(
        adapted.tokenizer,
        plan.checkpoint.architecture,
        facts.languages,
        facts.tags,
        facts.prefix,
        facts.max_length,
        facts.masked,
    )


def task_of(plan: Plan) -> PreTraining:
    assert isinstance(plan.recipe.task, PreTraining)
    return plan.recipe.task


def chosen_words(masked_lm: MaskedLM, plan: Plan, rows: Sequence[Row]) -> list[set[int]]:
    """The words of each text that are scored."""
    return choose_words(masked_lm.corruption, rows, task_of(plan).scored_words, plan.recipe.training.seed)


def predict_test(masked_lm: MaskedLM, plan: Plan, corpus: Corpus) -> list[Cost]:
    """What the scored words of each test text cost."""
    found = costs(
        masked_lm.model,
        masked_lm.corruption,
        corpus.test,
        chosen_words(masked_lm, plan, corpus.test),
        masked_lm.accelerator,
    )
    return [Cost(float(bits), int(characters)) for bits, characters in zip(found.bits, found.characters, strict=True)]


def restore(folder: Path, options: Options, form: Form = "trained") -> MaskedLM:
    """The model of a run's model folder, over its base. Raises ModelError where a part is missing or the base is another."""
    found = restored(folder, MaskedLMFacts, load, options, form)
    facts, model = found.facts, found.model
    corruption = corruption_of(
        found.tokenizer,
        found.checkpoint.architecture,
        facts.languages,
        facts.tags,
        facts.prefix,
        facts.max_length,
        facts.masked,
    )
    if isinstance(corruption, Masking):
        with reading(folder / HEAD):
            load_head(model, folder / HEAD)
    return MaskedLM(model.to(found.accelerator.device).eval(), corruption, facts, found.accelerator, Rows(None, 0))
