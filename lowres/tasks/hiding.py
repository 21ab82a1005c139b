"""Texts as exercises: some words are hidden, and the model is to find them again. One way for each kind of base."""

import random
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from lowres.tasks.denoising import noised
from lowres.tasks.reading import Pieces, Reader, Stretch

SPAN = 3  # pieces of a hole, on average (Raffel et al. 2020, arXiv 1910.10683, § 3.3.4)
WHOLE = 0.5  # of the words hidden from an encoder; the others keep their first pieces, any number of them
MASKED, SWAPPED = 0.8, 0.1  # of the hidden words; the rest is left to be seen (Devlin et al. 2019, arXiv 1810.04805)


@dataclass(frozen=True)
class Exercise:
    """What the model reads and what it should have found: `written[place]` at each of the `asked` places.

    A masked model finds a piece at the place where it was hidden, so both are of one length; a decoder writes `written`.
    """

    read: Pieces
    written: Pieces
    asked: Sequence[int]


class Way(Protocol):
    """How words are hidden from a kind of model.

    `practise` makes a fresh exercise for training; `hide` one in which all these words are hidden together; `examine` those
    whose asked pieces, taken together, are the cost of these words; `chosen` which of so many words to examine.
    """

    @property
    def reader(self) -> Reader: ...
    @property
    def decodes(self) -> bool: ...
    @property
    def measure(self) -> str: ...

    def practise(self, stretch: Stretch, dice: random.Random) -> Exercise: ...
    def hide(self, stretch: Stretch, hidden: AbstractSet[int]) -> Exercise: ...
    def examine(self, stretch: Stretch, hidden: AbstractSet[int]) -> list[Exercise]: ...
    def chosen(self, words: int, most: int, dice: random.Random) -> set[int]: ...


@dataclass(frozen=True)
class Masking:
    """For encoders: hidden pieces are replaced by the mask, whole words at a time, or a word from some piece on to its end.

    The latter is how words are scored; a model that had only ever seen whole words hidden would take the visible start of one for
    the whole of it, and be surprised by what follows.

    A word's cost is that of its pieces from left to right, each seen without itself and the rest of its word, all else in view
    (PLL-word-l2r: Salazar et al. 2020, arXiv 1910.14659; Kauf and Ivanova 2023, arXiv 2305.10588).
    """

    reader: Reader
    mask: int
    ordinary: Sequence[int]
    share: float
    measure: str = "PLL-word-l2r"
    decodes: bool = False

    def practise(self, stretch: Stretch, dice: random.Random) -> Exercise:
        hidden = _some_words(stretch, self.share, dice)
        read, asked = list(stretch.ids), list[int]()
        for word in sorted(hidden):
            places = _places(stretch, {word})
            start = 0 if dice.random() < WHOLE else dice.randrange(len(places))
            fate = dice.random()
            for place in places[start:]:
                asked.append(place)
                if fate < MASKED:
                    read[place] = self.mask
                elif fate < MASKED + SWAPPED:
                    read[place] = dice.choice(self.ordinary)
        return self._exercise(stretch, read, asked)

    def hide(self, stretch: Stretch, hidden: AbstractSet[int]) -> Exercise:
        places = _places(stretch, hidden)
        return self._exercise(stretch, self._without(stretch, places), places)

    def examine(self, stretch: Stretch, hidden: AbstractSet[int]) -> list[Exercise]:
        found = []
        for word in sorted(hidden & {*stretch.words}):
            places = _places(stretch, {word})
            found += [
                self._exercise(stretch, self._without(stretch, places[number:]), places[number : number + 1])
                for number in range(len(places))
            ]
        return found

    def chosen(self, words: int, most: int, dice: random.Random) -> set[int]:
        return {*dice.sample(range(words), min(words, most))}

    def _without(self, stretch: Stretch, places: Iterable[int]) -> Pieces:
        read = list(stretch.ids)
        for place in places:
            read[place] = self.mask
        return read

    def _exercise(self, stretch: Stretch, read: Pieces, places: Sequence[int]) -> Exercise:
        before, after = self.reader.before[stretch.language], self.reader.after
        asked = [len(before) + place for place in places]
        return Exercise([*before, *read, *after], [*before, *stretch.ids, *after], asked)


@dataclass(frozen=True)
class Spans:
    """For T5's family: each hole is marked by a sentinel, and the decoder writes the sentinels with what they stand for.

    A word costs its pieces and the sentinel that ends the hole.
    """

    reader: Reader
    sentinels: Sequence[int]
    end: int
    share: float
    measure: str = "span corruption"
    decodes: bool = True

    def practise(self, stretch: Stretch, dice: random.Random) -> Exercise:
        found = self.hide(stretch, _some_words(stretch, self.share, dice, SPAN))
        return Exercise(found.read, found.written, range(len(found.written)))

    def hide(self, stretch: Stretch, hidden: AbstractSet[int]) -> Exercise:
        read, written = list(self.reader.before[stretch.language]), list[int]()
        holes, inside = 0, False
        for piece, word in zip(stretch.ids, stretch.words, strict=True):
            if word in hidden and not inside and holes < len(self.sentinels) - 1:  # the last one ends the last hole
                read.append(self.sentinels[holes])
                written.append(self.sentinels[holes])
                holes, inside = holes + 1, True
            inside = inside and word in hidden
            (written if inside else read).append(piece)
        written += [self.sentinels[holes], self.end]
        return Exercise([*read, *self.reader.after], written, range(1, len(written) - 1))

    def examine(self, stretch: Stretch, hidden: AbstractSet[int]) -> list[Exercise]:
        return [self.hide(stretch, hidden)] if hidden & {*stretch.words} else []

    def chosen(self, words: int, most: int, dice: random.Random) -> set[int]:
        return _some(words, min(most, len(self.sentinels) - 1), self.share, dice)


@dataclass(frozen=True)
class Mending:
    """For other encoder-decoders: the whole text is written from a copy with holes (Lewis et al. 2020, arXiv 1910.13461).

    A hole is one mask, or nothing where the base has none. `opening` is what the decoder writes first, by language.
    """

    reader: Reader
    mask: int | None
    opening: Mapping[str, Pieces]
    end: int
    share: float
    measure: str = "denoising"
    decodes: bool = True

    def practise(self, stretch: Stretch, dice: random.Random) -> Exercise:
        return self._exercise(stretch, noised(stretch.ids, self.mask, dice), None)

    def hide(self, stretch: Stretch, hidden: AbstractSet[int]) -> Exercise:
        read: Pieces = []
        for place, piece in enumerate(stretch.ids):
            if stretch.words[place] not in hidden:
                read.append(piece)
            elif self.mask is not None and (not place or stretch.words[place - 1] not in hidden):
                read.append(self.mask)
        return self._exercise(stretch, read, _places(stretch, hidden))

    def examine(self, stretch: Stretch, hidden: AbstractSet[int]) -> list[Exercise]:
        return [self.hide(stretch, hidden)] if hidden & {*stretch.words} else []

    def chosen(self, words: int, most: int, dice: random.Random) -> set[int]:
        return _some(words, most, self.share, dice)

    def _exercise(self, stretch: Stretch, read: Pieces, places: Sequence[int] | None) -> Exercise:
        opening = self.opening[stretch.language]
        written = [*opening, *stretch.ids, self.end]
        asked = range(len(written)) if places is None else [len(opening) + place for place in places]
        return Exercise([*self.reader.before[stretch.language], *read, *self.reader.after], written, asked)


def _some(words: int, most: int, share: float, dice: random.Random) -> set[int]:
    """A share of the words, one at least: what is hidden together must leave something to find it by."""
    return {*dice.sample(range(words), min(most, max(1, round(share * words))))}


def _places(stretch: Stretch, hidden: AbstractSet[int]) -> list[int]:
    return [place for place, word in enumerate(stretch.words) if word in hidden]


def _some_words(stretch: Stretch, share: float, dice: random.Random, span: int = 1) -> set[int]:
    """Words drawn at random until they hold the share of pieces; each brings its followers up to `span` pieces in all."""
    wanted = max(1, round(share * len(stretch.ids)))
    sizes: dict[int, int] = {}
    for word in stretch.words:
        sizes[word] = sizes.get(word, 0) + 1
    order = sorted(sizes)
    hidden: set[int] = set()
    for at in dice.sample(range(len(order)), len(order)):
        held = 0
        for word in order[at:]:
            if held >= span or sum(sizes[one] for one in hidden) >= wanted:
                break
            hidden.add(word)
            held += sizes[word]
    return hidden
