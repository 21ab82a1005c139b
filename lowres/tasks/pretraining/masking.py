"""Texts as exercises: some words are hidden, and the model is to find them again. One way for each kind of base."""

import random
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from lowres.tasks.pretraining.denoising import noised
from lowres.tasks.pretraining.inputs import Segment, SegmentInputs, TokenIds

SPAN = 3  # pieces of a hole, on average (Raffel et al. 2020, arXiv 1910.10683, § 3.3.4)
WHOLE = 0.5  # of the words hidden from an encoder; the others keep their first pieces, any number of them
MASKED, SWAPPED = 0.8, 0.1  # of the hidden words; the rest is left to be seen (Devlin et al. 2019, arXiv 1810.04805)


@dataclass(frozen=True)
class CorruptedSegment:
    """What the model reads and what it should have found: `written[place]` at each of the `asked` places.

    A masked model finds a piece at the place where it was hidden, so both are of one length; a decoder writes `written`.
    """

    read: TokenIds
    written: TokenIds
    asked: Sequence[int]


class Corruption(Protocol):
    """How words are hidden from a kind of model.

    `practise` makes a fresh exercise for training; `hide` one in which all these words are hidden together; `examine` those
    whose asked pieces, taken together, are the cost of these words; `chosen` which of so many words to examine.
    """

    @property
    def reader(self) -> SegmentInputs: ...
    @property
    def decodes(self) -> bool: ...
    @property
    def measure(self) -> str: ...

    def practise(self, segment: Segment, rng: random.Random) -> CorruptedSegment: ...
    def hide(self, segment: Segment, hidden: AbstractSet[int]) -> CorruptedSegment: ...
    def examine(self, segment: Segment, hidden: AbstractSet[int]) -> list[CorruptedSegment]: ...
    def chosen(self, words: int, most: int, rng: random.Random) -> set[int]: ...


@dataclass(frozen=True)
class Masking:
    """For encoders: hidden pieces are replaced by the mask, whole words at a time, or a word from some piece on to its end.

    The latter is how words are scored; a model that had only ever seen whole words hidden would take the visible start of one for
    the whole of it, and be surprised by what follows.

    A word's cost is that of its pieces from left to right, each seen without itself and the rest of its word, all else in view
    (PLL-word-l2r: Salazar et al. 2020, arXiv 1910.14659; Kauf and Ivanova 2023, arXiv 2305.10588).
    """

    reader: SegmentInputs
    mask: int
    ordinary: Sequence[int]
    share: float
    measure: str = "PLL-word-l2r"
    decodes: bool = False

    def practise(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        hidden = _some_words(segment, self.share, rng)
        read, asked = list(segment.ids), list[int]()
        for word in sorted(hidden):
            places = _places(segment, {word})
            start = 0 if rng.random() < WHOLE else rng.randrange(len(places))
            fate = rng.random()
            for place in places[start:]:
                asked.append(place)
                if fate < MASKED:
                    read[place] = self.mask
                elif fate < MASKED + SWAPPED:
                    read[place] = rng.choice(self.ordinary)
        return self._exercise(segment, read, asked)

    def hide(self, segment: Segment, hidden: AbstractSet[int]) -> CorruptedSegment:
        places = _places(segment, hidden)
        return self._exercise(segment, self._without(segment, places), places)

    def examine(self, segment: Segment, hidden: AbstractSet[int]) -> list[CorruptedSegment]:
        found = []
        for word in sorted(hidden & {*segment.words}):
            places = _places(segment, {word})
            found += [
                self._exercise(segment, self._without(segment, places[number:]), places[number : number + 1])
                for number in range(len(places))
            ]
        return found

    def chosen(self, words: int, most: int, rng: random.Random) -> set[int]:
        return {*rng.sample(range(words), min(words, most))}

    def _without(self, segment: Segment, places: Iterable[int]) -> TokenIds:
        read = list(segment.ids)
        for place in places:
            read[place] = self.mask
        return read

    def _exercise(self, segment: Segment, read: TokenIds, places: Sequence[int]) -> CorruptedSegment:
        before, after = self.reader.before[segment.language], self.reader.after
        asked = [len(before) + place for place in places]
        return CorruptedSegment([*before, *read, *after], [*before, *segment.ids, *after], asked)


@dataclass(frozen=True)
class SpanCorruption:
    """For T5's family: each hole is marked by a sentinel, and the decoder writes the sentinels with what they stand for.

    A word costs its pieces and the sentinel that ends the hole.
    """

    reader: SegmentInputs
    sentinels: Sequence[int]
    end: int
    share: float
    measure: str = "span corruption"
    decodes: bool = True

    def practise(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        found = self.hide(segment, _some_words(segment, self.share, rng, SPAN))
        return CorruptedSegment(found.read, found.written, range(len(found.written)))

    def hide(self, segment: Segment, hidden: AbstractSet[int]) -> CorruptedSegment:
        read, written = list(self.reader.before[segment.language]), list[int]()
        holes, inside = 0, False
        for piece, word in zip(segment.ids, segment.words, strict=True):
            if word in hidden and not inside and holes < len(self.sentinels) - 1:  # the last one ends the last hole
                read.append(self.sentinels[holes])
                written.append(self.sentinels[holes])
                holes, inside = holes + 1, True
            inside = inside and word in hidden
            (written if inside else read).append(piece)
        written += [self.sentinels[holes], self.end]
        return CorruptedSegment([*read, *self.reader.after], written, range(1, len(written) - 1))

    def examine(self, segment: Segment, hidden: AbstractSet[int]) -> list[CorruptedSegment]:
        return [self.hide(segment, hidden)] if hidden & {*segment.words} else []

    def chosen(self, words: int, most: int, rng: random.Random) -> set[int]:
        return _some(words, min(most, len(self.sentinels) - 1), self.share, rng)


@dataclass(frozen=True)
class Denoising:
    """For other encoder-decoders: the whole text is written from a copy with holes (Lewis et al. 2020, arXiv 1910.13461).

    A hole is one mask, or nothing where the base has none. `opening` is what the decoder writes first, by language.
    """

    reader: SegmentInputs
    mask: int | None
    opening: Mapping[str, TokenIds]
    end: int
    share: float
    measure: str = "denoising"
    decodes: bool = True

    def practise(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        return self._exercise(segment, noised(segment.ids, self.mask, rng), None)

    def hide(self, segment: Segment, hidden: AbstractSet[int]) -> CorruptedSegment:
        read: TokenIds = []
        for place, piece in enumerate(segment.ids):
            if segment.words[place] not in hidden:
                read.append(piece)
            elif self.mask is not None and (not place or segment.words[place - 1] not in hidden):
                read.append(self.mask)
        return self._exercise(segment, read, _places(segment, hidden))

    def examine(self, segment: Segment, hidden: AbstractSet[int]) -> list[CorruptedSegment]:
        return [self.hide(segment, hidden)] if hidden & {*segment.words} else []

    def chosen(self, words: int, most: int, rng: random.Random) -> set[int]:
        return _some(words, most, self.share, rng)

    def _exercise(self, segment: Segment, read: TokenIds, places: Sequence[int] | None) -> CorruptedSegment:
        opening = self.opening[segment.language]
        written = [*opening, *segment.ids, self.end]
        asked = range(len(written)) if places is None else [len(opening) + place for place in places]
        return CorruptedSegment([*self.reader.before[segment.language], *read, *self.reader.after], written, asked)


def _some(words: int, most: int, share: float, rng: random.Random) -> set[int]:
    """A share of the words, one at least: what is hidden together must leave something to find it by."""
    return {*rng.sample(range(words), min(most, max(1, round(share * words))))}


def _places(segment: Segment, hidden: AbstractSet[int]) -> list[int]:
    return [place for place, word in enumerate(segment.words) if word in hidden]


def _some_words(segment: Segment, share: float, rng: random.Random, span: int = 1) -> set[int]:
    """Words drawn at random until they hold the share of pieces; each brings its followers up to `span` pieces in all."""
    wanted = max(1, round(share * len(segment.ids)))
    sizes: dict[int, int] = {}
    for word in segment.words:
        sizes[word] = sizes.get(word, 0) + 1
    order = sorted(sizes)
    hidden: set[int] = set()
    for at in rng.sample(range(len(order)), len(order)):
        held = 0
        for word in order[at:]:
            if held >= span or sum(sizes[one] for one in hidden) >= wanted:
                break
            hidden.add(word)
            held += sizes[word]
    return hidden
