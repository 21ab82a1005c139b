"""How texts become the token ids that a translator reads and writes."""

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
    """Texts as a model of one family reads and writes them.

    `tags` gives the piece of each language, for families that have them; `start` is the first piece of the decoder, `end` the
    last of both sides.
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
        """Piece ids of texts to be translated, cut at `max_pieces`; a hint stands before its text, the end piece between them.

        The mark of synthetic texts stands before them, where the family has one.
        """
        if not texts:
            return []
        plain = self._marked(texts, source, target)
        if synthetic and (mark := self.mark) is not None:
            lead, room = self.lead, self.max_length - 1
            plain = [[*ids[:lead], mark, *ids[lead:-1]][:room] + ids[-1:] for ids in plain]
        if hints is None:
            return plain
        room = self.max_length // 2
        return [
            [*ids[: self.lead], *hint[:room], self.end, *ids[self.lead :]][: self.max_length] if hint else ids
            for ids, hint in zip(plain, self.plain(hints), strict=True)
        ]

    @property
    def mark(self) -> int | None:
        """What stands before a text that a model wrote (Caswell et al. 2019): a piece that no other source has, as it exists in most
        families. That is a sentinel of T5's, the beginning of a text where sources do not open with it, or the mask. Marian has none.
        """
        tokenizer = self.tokenizer
        known = tokenizer.get_vocab()
        sentinel = next((known[name] for name in sentinels(known)), None)
        opening = tokenizer.bos_token_id if self.language_marking.source == "own tag" else None
        found = next((piece for piece in (sentinel, opening, tokenizer.mask_token_id) if piece is not None), None)
        return None if found in (self.end, self.pad, self.start) else found

    @property
    def lead(self) -> int:
        """Pieces that stand before every source."""
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

    def _marked(self, texts: Sequence[str], source: str, target: str) -> list[TokenIds]:
        if self.language_marking.source == "own tag":
            room = self.max_length - 2
            return [[self.tags[source], *ids[:room], self.end] for ids in self.plain(texts)]
        words = instruction(source, target) if self.language_marking.source == "words" else ""
        inputs = [self.prefix + words + normalise(text) for text in texts]
        room = self.max_length - (self.language_marking.source == "target tag" and target in self.tags)
        encoded = self.tokenizer(inputs, truncation=True, max_length=room, return_attention_mask=False)["input_ids"]
        if self.language_marking.source == "target tag" and target in self.tags:
            return [[self.tags[target], *ids] for ids in encoded]
        return [list(ids) for ids in encoded]

    def targets(self, texts: Sequence[str], target: str) -> list[TokenIds]:
        """Piece ids that are to be written, the end among them, cut at `max_pieces`."""
        opening = self.opening(target)[1:]
        room = self.max_length - len(opening) - 1
        return [[*opening, *ids[:room], self.end] for ids in self.plain(texts, written=True)] if texts else []

    def opening(self, target: str) -> TokenIds:
        """What the decoder is given before it writes."""
        return [self.start, self.tags[target]] if self.language_marking.forced else [self.start]

    def length(self, text: str) -> int:
        """Pieces of a text."""
        return len(self.plain([text])[0])

    def text(self, ids: Sequence[int]) -> str:
        """What was written, in NFC."""
        side = {"use_source_tokenizer": False} if self._two_sided else {}
        written = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False, **side)
        return normalise(str(written))

    def plain(self, texts: Sequence[str], *, written: bool = False) -> list[TokenIds]:
        """Token ids of texts without anything around them; `written` by the target side of a tokenizer that has two (Marian)."""
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
    """Pieces of every source, behind its hint if there are hints, and of every target."""
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
