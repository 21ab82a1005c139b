"""Plain texts as pieces that know their words: what is hidden and scored is whole words, whatever the tokenizer."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from lowres.languages import normalise
from lowres.languages.words import words

TokenIds = list[int]


@dataclass(frozen=True)
class Segment:
    """A text, or as many of its words as the model reads at once.

    `text` is the text's number; `words` gives the word of each piece, counted in the whole text; `unknown` how many characters
    an unknown piece stands for, 0 for all others.
    """

    text: int
    language: str
    ids: TokenIds
    words: list[int]
    unknown: list[int]


@dataclass(frozen=True)
class SegmentInputs:
    """Cuts texts into stretches of at most `room` pieces; what stands around them, by language, is in `before` and `after`."""

    tokenizer: PreTrainedTokenizerBase
    before: Mapping[str, TokenIds]
    after: TokenIds
    max_length: int

    @property
    def room(self) -> int:
        """Pieces of text that fit."""
        return self.max_length - max(map(len, self.before.values()), default=0) - len(self.after)

    def segments(self, texts: Sequence[str], languages: Sequence[str]) -> list[Segment]:
        """All pieces of all texts: a long text is read in several stretches, cut between words where it can be."""
        return [
            Segment(number, language, *map(list, zip(*part, strict=True)))
            for number, (text, language) in enumerate(zip(texts, languages, strict=True))
            for part in _fitting(self._pieces(normalise(text)), self.room)
        ]

    def _pieces(self, text: str) -> list[tuple[int, int, int]]:
        """Id, word and unknown characters of each piece."""
        spans = words(text)
        if not spans:
            return []
        unknown = self.tokenizer.unk_token_id
        if not self.tokenizer.is_fast:  # no offsets: every word is cut by itself
            return [
                (one, number, (end - start) * (one == unknown))
                for number, (start, end) in enumerate(spans)
                for one in self.tokenizer(text[start:end], add_special_tokens=False)["input_ids"]
            ]
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        starts, found, last = [start for start, _ in spans], [], 0
        for one, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            while start < len(text) and text[start].isspace():  # a mark of a word's start belongs to that word
                start += 1
            last = max(last, bisect_right(starts, start) - 1) if start < len(text) else last
            found.append((one, last, max(1, end - start) * (one == unknown)))
        return found


def surroundings(tokenizer: PreTrainedTokenizerBase, prefix: str) -> tuple[TokenIds, TokenIds]:
    """The special pieces that a tokenizer puts before and behind a text, the base's prefix among the former."""
    whole, inner = (list(tokenizer("a", add_special_tokens=special)["input_ids"]) for special in (True, False))
    at = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
    asked = tokenizer(prefix.strip(), add_special_tokens=False)["input_ids"] if prefix else []
    return [*whole[:at], *asked], whole[at + len(inner) :]


def _fitting(pieces: list[tuple[int, int, int]], room: int) -> Iterator[list[tuple[int, int, int]]]:
    """The pieces in parts of at most `room`, which end with a word unless one word is longer than that."""
    start = 0
    while start < len(pieces):
        end = min(len(pieces), start + room)
        if end < len(pieces):
            inside = [cut for cut in range(start + 1, end + 1) if pieces[cut - 1][1] != pieces[cut][1]]
            end = inside[-1] if inside else end
        yield pieces[start:end]
        start = end
