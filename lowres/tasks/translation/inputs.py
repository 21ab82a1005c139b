"""How texts become the token ids that an encoder-decoder reads and writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from lowres.data.pairs import Direction, Pair
from lowres.languages import normalise
from lowres.languages.codes import instruction
from lowres.languages.placeholders import SYMBOLS, hide_placeholders, reveal_placeholders, symbols_of
from lowres.models.architectures import LanguageMarking
from lowres.models.tokenization import tokenizer_facts
from lowres.vocabulary.tokenizer_json import sentinels

TokenIds = list[int]


@dataclass(frozen=True)
class TranslationInputs:
    """Turns texts into the token ids of one family of models, and token ids into text.

    `tags` gives the id of each language's token, in families that have them; `start` is the first token of the decoder, `end` the
    last token of both sides; `rows` is the number of output embeddings, of which the last may belong to no token. `symbols` stand for
    placeholders in what the model reads and writes, so that it copies one token where it would spell out markup or an address.
    """

    tokenizer: PreTrainedTokenizerBase
    language_marking: LanguageMarking
    tags: Mapping[str, int]
    start: int
    end: int
    pad: int
    prefix: str
    max_length: int
    rows: int = 0
    symbols: str = ""

    def sources(
        self, texts: Sequence[str], source: str, target: str, hints: Sequence[str] | None = None, *, synthetic: bool = False
    ) -> list[TokenIds]:  # fmt: skip
        """Token ids of texts to be translated, at most `max_length`; a hint and the end token stand before its text.

        Where both do not fit, the hint is shortened, and only then the text, which keeps its end token. The synthetic tag stands
        before synthetic texts, where the family has one.
        """
        tag = self.synthetic_tag if synthetic else None
        before = self.beside(hints, texts) if hints else [[]] * len(texts)
        return [
            self.fitted(ids, hint, tag) for ids, hint in zip(self.encoded(texts, source, target), before, strict=True)
        ]

    def encoded(self, texts: Sequence[str], source: str, target: str) -> list[TokenIds]:
        """Token ids of whole texts with what the family adds: language tokens, instruction, prefix, end token."""
        if not texts:
            return []
        texts = [self.hidden(text, text) for text in texts]
        marking = self.language_marking.source
        if marking == "own tag":
            return [[self.tags[source], *ids, self.end] for ids in self.subwords(texts)]
        words = instruction(source, target) if marking == "words" else ""
        first = [self.tags[target]] if marking == "target tag" and target in self.tags else []
        inputs = [self.prefix + words + self._plain(text) for text in texts]
        return [[*first, *ids] for ids in self.tokenizer(inputs, return_attention_mask=False)["input_ids"]]

    def fitted(self, ids: TokenIds, hint: TokenIds, tag: int | None = None) -> TokenIds:
        """A source of at most `max_length` tokens, made of an encoded text, its hint (empty for none) and its synthetic tag."""
        before = [*ids[: self.lead_length], *([] if tag is None else [tag])]
        text = _truncated(ids[self.lead_length :], self.max_length - len(before), self.end)
        hint = hint[: self.hint_room(len(before) + len(text))]
        return [*before, *hint, self.end, *text] if hint else [*before, *text]

    def hint_room(self, length: int) -> int:
        """How many tokens a hint may have beside a source of `length` tokens: half of all, but never in the text's place."""
        return max(0, min(self.max_length // 2, self.max_length - length - 1))

    @cached_property
    def synthetic_tag(self) -> int | None:
        """The token before machine-translated sources (Caswell et al. 2019): one that no other source has, as most families have.

        It is a sentinel of T5's family, the beginning-of-text token where sources do not begin with it, or the mask token. Marian
        has none.
        """
        tokenizer = self.tokenizer
        known = tokenizer.get_vocab()
        sentinel = next((known[name] for name in sentinels(known)), None)
        beginning = tokenizer.bos_token_id if self.language_marking.source == "own tag" else None
        found = next((token for token in (sentinel, beginning, tokenizer.mask_token_id) if token is not None), None)
        return None if found in (self.end, self.pad, self.start) else found

    @cached_property
    def lead_length(self) -> int:
        """How many special tokens stand before every source."""
        marking = self.language_marking.source
        if marking == "own tag" or (self.tags and marking == "target tag"):
            return 1
        ids = self.tokenizer("a", return_attention_mask=False)["input_ids"]
        return int(ids[0] in (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id))

    @cached_property
    def suppressed(self) -> tuple[int, ...]:
        """Token ids that no translation holds: padding, language tokens, sentinels of T5's family, and rows without a token."""
        known = self.tokenizer.get_vocab()
        unused = range(len(self.tokenizer), self.rows)
        return tuple(sorted({self.pad, *self.tags.values(), *(known[name] for name in sentinels(known)), *unused}))

    def targets(self, texts: Sequence[str], target: str) -> list[TokenIds]:
        """Token ids to be written where a text is to be written as it is, with the end token, truncated to `max_length`."""
        return [self.fitted_target(ids, target) for ids in self.beside(texts, texts)]

    def fitted_target(self, ids: TokenIds, target: str) -> TokenIds:
        """A target of at most `max_length` tokens, made of the token ids of its text."""
        first = self.decoder_prefix(target)[1:]
        return [*first, *_truncated([*ids, self.end], self.max_length - len(first), self.end)]

    def decoder_prefix(self, target: str) -> TokenIds:
        """Token ids that the decoder is given before it generates."""
        return [self.start, self.tags[target]] if self.language_marking.forced else [self.start]

    def lengths(self, texts: Sequence[str], source: str, target: str) -> list[int]:
        """Number of tokens of each text as a source, with what the family adds."""
        return [len(ids) for ids in self.encoded(texts, source, target)]

    def text(self, ids: Sequence[int]) -> str:
        """The text of generated token ids, in NFC."""
        side = {"use_source_tokenizer": False} if two_sided(self.tokenizer) else {}
        written = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False, **side)
        return normalise(str(written))

    def beside(self, texts: Sequence[str], sources: Sequence[str]) -> list[TokenIds]:
        """Token ids of hints or translations without special tokens, with the symbols that their sources have for placeholders."""
        hidden = [self.hidden(text, source) for text, source in zip(texts, sources, strict=True)]
        return self.subwords(hidden, target_side=True)

    def hidden(self, text: str, source: str) -> str:
        """A source, its hint or its translation with symbols for placeholders."""
        return hide_placeholders(normalise(text), symbols_of(normalise(source), self.symbols))

    def revealed(self, written: str, source: str) -> str:
        """What was written for a source, with the source's placeholders again."""
        return reveal_placeholders(written, symbols_of(normalise(source), self.symbols))

    def subwords(self, texts: Sequence[str], *, target_side: bool = False) -> list[TokenIds]:
        """Token ids of texts without special tokens, by the tokenizer of the source, or of the target where they differ."""
        if not texts:
            return []
        inputs = [self._plain(text) for text in texts]
        side = "text_target" if target_side and two_sided(self.tokenizer) else "text"
        encoded = self.tokenizer(**{side: inputs}, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [list(ids) for ids in encoded]

    def _plain(self, text: str) -> str:
        """The normalised text. Marian takes >>ind<< at its start for a command; behind a space, which is dropped, it is text."""
        text = normalise(text)
        return f" {text}" if text.startswith(">>") and two_sided(self.tokenizer) else text


def writable_symbols(tokenizer: PreTrainedTokenizerBase) -> str:
    """Those symbols for placeholders that a tokenizer reads and writes unchanged."""
    if two_sided(tokenizer):  # the models of the two sides need not know the same symbols
        return ""
    kept = ""
    for symbol in SYMBOLS:
        text = f"a {symbol} b{symbol}"
        ids = tokenizer(text, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        written = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        kept += symbol if str(written).strip() == text else ""
    return kept


def two_sided(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether source and target texts are tokenized by different SentencePiece models, as in Marian."""
    return tokenizer_facts(tokenizer).separate_target


@dataclass(frozen=True)
class EncodedPairs:
    """Sources and targets of pairs, and how many sources, targets and hints did not fit and were shortened."""

    sources: list[TokenIds]
    targets: list[TokenIds]
    truncated_sources: int = 0
    truncated_targets: int = 0
    shortened_hints: int = 0


def encode_pairs(inputs: TranslationInputs, pairs: Sequence[Pair], hints: Sequence[str] | None = None) -> EncodedPairs:
    """Token ids of every source, after its hint if there are hints, and of every target."""
    sources: list[TokenIds] = [[] for _ in pairs]
    targets: list[TokenIds] = [[] for _ in pairs]
    truncated, cut_targets, cut_hints = 0, 0, 0
    kinds: dict[tuple[Direction, bool], list[int]] = {}
    for number, pair in enumerate(pairs):
        kinds.setdefault((pair.direction, pair.synthetic), []).append(number)
    for ((source, target), synthetic), numbers in kinds.items():
        texts = [pairs[number].source.fields["text"] for number in numbers]
        whole = inputs.encoded(texts, source, target)
        before = inputs.beside([hints[number] for number in numbers], texts) if hints else [[]] * len(numbers)
        written = inputs.beside([pairs[number].target.fields["text"] for number in numbers], texts)
        tag = inputs.synthetic_tag if synthetic else None
        for number, ids, hint, target_ids in zip(numbers, whole, before, written, strict=True):
            sources[number], targets[number] = inputs.fitted(ids, hint, tag), inputs.fitted_target(target_ids, target)
            length = len(ids) + (tag is not None)
            truncated += length > inputs.max_length
            cut_hints += len(hint) > inputs.hint_room(min(length, inputs.max_length))
            cut_targets += len(inputs.decoder_prefix(target)) + len(target_ids) > inputs.max_length
    return EncodedPairs(sources, targets, truncated, cut_targets, cut_hints)


def _truncated(ids: TokenIds, room: int, end: int) -> TokenIds:
    """The first `room` token ids; the end token, if it was the last, stays the last."""
    if len(ids) <= room:
        return ids
    return [*ids[: room - 1], end] if ids[-1] == end else ids[:room]
