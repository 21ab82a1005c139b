"""Plain texts as tokens that know their words, so that whole words are masked and scored whatever the tokenizer."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from lowres.languages import normalise
from lowres.languages.words import words

TokenIds = list[int]


@dataclass(frozen=True)
class Segment:
    """A text, or a part of one that fits into the model.

    `text` is the text's number; `words` gives the number, within the whole text, of each token's word; `unknown` how many
    characters an unknown token stands for, 0 for all other tokens.
    """

    text: int
    language: str
    ids: TokenIds
    words: list[int]
    unknown: list[int]


@dataclass(frozen=True)
class SegmentInputs:
    """Splits texts into segments of at most `room` tokens; `before`, by language, and `after` are the special tokens around them."""

    tokenizer: PreTrainedTokenizerBase
    before: Mapping[str, TokenIds]
    after: TokenIds
    max_length: int

    @property
    def room(self) -> int:
        """How many tokens of text fit beside the special tokens."""
        return self.max_length - max(map(len, self.before.values()), default=0) - len(self.after)

    def segments(self, texts: Sequence[str], languages: Sequence[str]) -> list[Segment]:
        """The segments of all texts; a long text gives several, split between words where possible."""
        return [
            Segment(number, language, *map(list, zip(*part, strict=True)))
            for number, (text, language) in enumerate(zip(texts, languages, strict=True))
            for part in _fitting(self._tokens(normalise(text)), self.room)
        ]

    def _tokens(self, text: str) -> list[tuple[int, int, int]]:
        """Id, word and unknown characters of each token."""
        spans = words(text)
        if not spans:
            return []
        unknown = self.tokenizer.unk_token_id
        if not self.tokenizer.is_fast:  # no offsets: every word is tokenized by itself
            return [
                (one, number, (end - start) * (one == unknown))
                for number, (start, end) in enumerate(spans)
                for one in self.tokenizer(text[start:end], add_special_tokens=False)["input_ids"]
            ]
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        starts, found, last = [start for start, _ in spans], [], 0
        for one, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            while (
                start < len(text) and text[start].isspace()
            ):  # the space that some tokenizers put before a word belongs to it
                start += 1
            last = max(last, bisect_right(starts, start) - 1) if start < len(text) else last
            found.append((one, last, max(1, end - start) * (one == unknown)))
        return found


def surroundings(tokenizer: PreTrainedTokenizerBase, prefix: str) -> tuple[TokenIds, TokenIds]:
    """The tokens that a tokenizer puts before and after a text; the base's prefix is among the former."""
    whole, inner = (list(tokenizer("a", add_special_tokens=special)["input_ids"]) for special in (True, False))
    at = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
    prompt = tokenizer(prefix.strip(), add_special_tokens=False)["input_ids"] if prefix else []
    return [*whole[:at], *prompt], whole[at + len(inner) :]


def _fitting(tokens: list[tuple[int, int, int]], room: int) -> Iterator[list[tuple[int, int, int]]]:
    """The tokens in parts of at most `room`; a part ends with a word unless a single word is longer than that."""
    start = 0
    while start < len(tokens):
        end = min(len(tokens), start + room)
        if end < len(tokens):
            inside = [cut for cut in range(start + 1, end + 1) if tokens[cut - 1][1] != tokens[cut][1]]
            end = inside[-1] if inside else end
        yield tokens[start:end]
        start = end
