"""How texts become the token ids that an encoder-decoder reads and writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from lowres.data.pairs import Pair
from lowres.languages import normalise
from lowres.languages.codes import instruction
from lowres.models.architectures import LanguageMarking
from lowres.models.tokenization import tokenizer_facts
from lowres.vocabulary.tokenizer_json import sentinels

TokenIds = list[int]


@dataclass(frozen=True)
class TranslationInputs:
    """Turns texts into the token ids of one family of models, and token ids into text.

    `tags` gives the id of each language's token, in families that have them; `start` is the first token of the decoder, `end` the
    last token of both sides.
    """

    tokenizer: PreTrainedTokenizerBase
    language_marking: LanguageMarking
    tags: Mapping[str, int]
    start: int
    end: int
    pad: int
    prefix: str
    max_length: int

    def sources(
        self, texts: Sequence[str], source: str, target: str, hints: Sequence[str] | None = None, *, synthetic: bool = False
    ) -> list[TokenIds]:  # fmt: skip
        """Token ids of texts to be translated, truncated to `max_length`; a hint and the end token stand before its text.

        The synthetic tag stands before synthetic texts, where the family has one.
        """
        if not texts:
            return []
        found = self._with_language(texts, source, target)
        if synthetic and (tag := self.synthetic_tag) is not None:
            lead, room = self.lead_length, self.max_length - 1
            found = [[*ids[:lead], tag, *ids[lead:-1]][:room] + ids[-1:] for ids in found]
        if hints is None:
            return found
        room = self.max_length // 2
        return [
            [*ids[: self.lead_length], *hint[:room], self.end, *ids[self.lead_length :]][: self.max_length]
            if hint
            else ids
            for ids, hint in zip(found, self.subwords(hints), strict=True)
        ]

    @property
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

    @property
    def lead_length(self) -> int:
        """How many special tokens stand before every source."""
        return (
            int(
                self.language_marking.source == "own tag"
                or bool(self.tags and self.language_marking.source == "target tag")
            )
            or self._opens
        )

    @property
    def _opens(self) -> int:
        ids = self.tokenizer("a", return_attention_mask=False)["input_ids"]
        return int(ids[0] in (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id))

    def _with_language(self, texts: Sequence[str], source: str, target: str) -> list[TokenIds]:
        if self.language_marking.source == "own tag":
            room = self.max_length - 2
            return [[self.tags[source], *ids[:room], self.end] for ids in self.subwords(texts)]
        words = instruction(source, target) if self.language_marking.source == "words" else ""
        inputs = [self.prefix + words + normalise(text) for text in texts]
        room = self.max_length - (self.language_marking.source == "target tag" and target in self.tags)
        encoded = self.tokenizer(inputs, truncation=True, max_length=room, return_attention_mask=False)["input_ids"]
        if self.language_marking.source == "target tag" and target in self.tags:
            return [[self.tags[target], *ids] for ids in encoded]
        return [list(ids) for ids in encoded]

    def targets(self, texts: Sequence[str], target: str) -> list[TokenIds]:
        """Token ids to be written, with the end token, truncated to `max_length`."""
        first = self.decoder_prefix(target)[1:]
        room = self.max_length - len(first) - 1
        return [[*first, *ids[:room], self.end] for ids in self.subwords(texts, written=True)] if texts else []

    def decoder_prefix(self, target: str) -> TokenIds:
        """Token ids that the decoder is given before it generates."""
        return [self.start, self.tags[target]] if self.language_marking.forced else [self.start]

    def length(self, text: str) -> int:
        """Number of tokens of a text, without special tokens."""
        return len(self.subwords([text])[0])

    def text(self, ids: Sequence[int]) -> str:
        """The text of generated token ids, in NFC."""
        side = {"use_source_tokenizer": False} if self._two_sided else {}
        written = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False, **side)
        return normalise(str(written))

    def subwords(self, texts: Sequence[str], *, written: bool = False) -> list[TokenIds]:
        """Token ids of texts, without special tokens; `written` by the target side of a tokenizer that has two (Marian)."""
        inputs = [normalise(text) for text in texts]
        side = {"text_target": inputs} if written and self._two_sided else {"text": inputs}
        encoded = self.tokenizer(**side, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return [list(ids) for ids in encoded]

    @property
    def _two_sided(self) -> bool:
        return tokenizer_facts(self.tokenizer).separate_target


def encode_pairs(
    inputs: TranslationInputs, pairs: Sequence[Pair], hints: Sequence[str] | None = None
) -> tuple[list[TokenIds], list[TokenIds]]:
    """Token ids of every source, after its hint if there are hints, and of every target."""
    sources: list[TokenIds] = [[] for _ in pairs]
    targets: list[TokenIds] = [[] for _ in pairs]
    kinds: dict[tuple[str, str, bool], list[int]] = {}
    for number, pair in enumerate(pairs):
        kinds.setdefault((*pair.direction, pair.synthetic), []).append(number)
    for (source, target, synthetic), numbers in kinds.items():
        before = None if hints is None else [hints[number] for number in numbers]
        texts = [pairs[number].source.fields["text"] for number in numbers]
        read = inputs.sources(texts, source, target, before, synthetic=synthetic)
        written = inputs.targets([pairs[number].target.fields["text"] for number in numbers], target)
        for number, left, right in zip(numbers, read, written, strict=True):
            sources[number], targets[number] = left, right
    return sources, targets
