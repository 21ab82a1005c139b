"""Corrupted texts to predict words from: masks for encoders, sentinels for T5's family, denoising for other encoder-decoders."""

import random
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from lowres.tasks.pretraining.denoising import noised
from lowres.tasks.pretraining.inputs import Segment, SegmentInputs, TokenIds

SPAN = 3  # mean tokens of a masked span (Raffel et al. 2020, arXiv 1910.10683, § 3.3.4)
WHOLE = (
    0.5  # of the masked words of an encoder are masked whole; the others keep their first tokens, any number of them
)
MASKED, REPLACED = 0.8, 0.1  # of the chosen words; the rest stay as they are (Devlin et al. 2019, arXiv 1810.04805)


@dataclass(frozen=True)
class CorruptedSegment:
    """A segment as the model reads it, and the token ids to predict: `target[place]` at each of the `scored` places.

    A masked model predicts a token at its own place, so both are of one length there; a decoder writes `target`.
    """

    read: TokenIds
    target: TokenIds
    scored: Sequence[int]


class Corruption(Protocol):
    """How words are masked for a kind of model.

    `training_example` masks words at random; `mask_together` masks all the given words at once; `scoring_examples` are those whose
    scored tokens, taken together, are the cost of the given words; `choose` draws which of a text's words are scored.
    """

    @property
    def inputs(self) -> SegmentInputs: ...
    @property
    def decodes(self) -> bool: ...
    @property
    def measure(self) -> str: ...

    def training_example(self, segment: Segment, rng: random.Random) -> CorruptedSegment: ...
    def mask_together(self, segment: Segment, masked: AbstractSet[int]) -> CorruptedSegment: ...
    def scoring_examples(self, segment: Segment, masked: AbstractSet[int]) -> list[CorruptedSegment]: ...
    def choose(self, words: int, most: int, rng: random.Random) -> set[int]: ...


@dataclass(frozen=True)
class Masking:
    """For encoders: masked tokens are replaced by the mask, either a whole word or a word from some token on to its end.

    The latter is how words are scored; a model trained on wholly masked words alone takes the visible start of a word for the
    whole of it, and gives its continuation too little probability.

    A word's cost is that of its tokens from left to right, each predicted without itself and the rest of its word, all else in
    view (PLL-word-l2r: Salazar et al. 2020, arXiv 1910.14659; Kauf and Ivanova 2023, arXiv 2305.10588).
    """

    inputs: SegmentInputs
    mask: int
    ordinary: Sequence[int]
    share: float
    measure: str = "PLL-word-l2r"
    decodes: bool = False

    def training_example(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        masked = _some_words(segment, self.share, rng)
        read, scored = list(segment.ids), list[int]()
        for word in sorted(masked):
            places = _places(segment, {word})
            start = 0 if rng.random() < WHOLE else rng.randrange(len(places))
            draw = rng.random()
            for place in places[start:]:
                scored.append(place)
                if draw < MASKED:
                    read[place] = self.mask
                elif draw < MASKED + REPLACED:
                    read[place] = rng.choice(self.ordinary)
        return self._example(segment, read, scored)

    def mask_together(self, segment: Segment, masked: AbstractSet[int]) -> CorruptedSegment:
        places = _places(segment, masked)
        return self._example(segment, self._masked_at(segment, places), places)

    def scoring_examples(self, segment: Segment, masked: AbstractSet[int]) -> list[CorruptedSegment]:
        found = []
        for word in sorted(masked & {*segment.words}):
            places = _places(segment, {word})
            found += [
                self._example(segment, self._masked_at(segment, places[number:]), places[number : number + 1])
                for number in range(len(places))
            ]
        return found

    def choose(self, words: int, most: int, rng: random.Random) -> set[int]:
        return {*rng.sample(range(words), min(words, most))}

    def _masked_at(self, segment: Segment, places: Iterable[int]) -> TokenIds:
        read = list(segment.ids)
        for place in places:
            read[place] = self.mask
        return read

    def _example(self, segment: Segment, read: TokenIds, places: Sequence[int]) -> CorruptedSegment:
        before, after = self.inputs.before[segment.language], self.inputs.after
        scored = [len(before) + place for place in places]
        return CorruptedSegment([*before, *read, *after], [*before, *segment.ids, *after], scored)


@dataclass(frozen=True)
class SpanCorruption:
    """For T5's family: a sentinel stands for each masked span, and the decoder writes the sentinels with their spans.

    A word costs its tokens and the sentinel that ends its span.
    """

    inputs: SegmentInputs
    sentinels: Sequence[int]
    end: int
    share: float
    measure: str = "span corruption"
    decodes: bool = True

    def training_example(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        found = self.mask_together(segment, _some_words(segment, self.share, rng, SPAN))
        return CorruptedSegment(found.read, found.target, range(len(found.target)))

    def mask_together(self, segment: Segment, masked: AbstractSet[int]) -> CorruptedSegment:
        read, target = list(self.inputs.before[segment.language]), list[int]()
        spans, inside = 0, False
        for token, word in zip(segment.ids, segment.words, strict=True):
            if (
                word in masked and not inside and spans < len(self.sentinels) - 1
            ):  # the last sentinel ends the last span
                read.append(self.sentinels[spans])
                target.append(self.sentinels[spans])
                spans, inside = spans + 1, True
            inside = inside and word in masked
            (target if inside else read).append(token)
        target += [self.sentinels[spans], self.end]
        return CorruptedSegment([*read, *self.inputs.after], target, range(1, len(target) - 1))

    def scoring_examples(self, segment: Segment, masked: AbstractSet[int]) -> list[CorruptedSegment]:
        return [self.mask_together(segment, masked)] if masked & {*segment.words} else []

    def choose(self, words: int, most: int, rng: random.Random) -> set[int]:
        return _some(words, min(most, len(self.sentinels) - 1), self.share, rng)


@dataclass(frozen=True)
class Denoising:
    """For other encoder-decoders: the whole text is written from a corrupted copy (Lewis et al. 2020, arXiv 1910.13461).

    A masked span is one mask token, or removed where the base has none. `decoder_prefix` is what the decoder is given first, by
    language.
    """

    inputs: SegmentInputs
    mask: int | None
    decoder_prefix: Mapping[str, TokenIds]
    end: int
    share: float
    measure: str = "denoising"
    decodes: bool = True

    def training_example(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        return self._example(segment, noised(segment.ids, self.mask, rng), None)

    def mask_together(self, segment: Segment, masked: AbstractSet[int]) -> CorruptedSegment:
        read: TokenIds = []
        for place, token in enumerate(segment.ids):
            if segment.words[place] not in masked:
                read.append(token)
            elif self.mask is not None and (not place or segment.words[place - 1] not in masked):
                read.append(self.mask)
        return self._example(segment, read, _places(segment, masked))

    def scoring_examples(self, segment: Segment, masked: AbstractSet[int]) -> list[CorruptedSegment]:
        return [self.mask_together(segment, masked)] if masked & {*segment.words} else []

    def choose(self, words: int, most: int, rng: random.Random) -> set[int]:
        return _some(words, most, self.share, rng)

    def _example(self, segment: Segment, read: TokenIds, places: Sequence[int] | None) -> CorruptedSegment:
        decoder_prefix = self.decoder_prefix[segment.language]
        target = [*decoder_prefix, *segment.ids, self.end]
        scored = range(len(target)) if places is None else [len(decoder_prefix) + place for place in places]
        return CorruptedSegment([*self.inputs.before[segment.language], *read, *self.inputs.after], target, scored)


@dataclass(frozen=True)
class Causal:
    """For decoders: every token is predicted from those before it.

    A word costs its tokens, each given the whole text before it, so that the costs of all words are that of the text (chain rule).
    """

    inputs: SegmentInputs
    end: int
    measure: str = "chain rule"
    decodes: bool = False

    def training_example(self, segment: Segment, rng: random.Random) -> CorruptedSegment:
        found = self._example(segment, range(len(segment.ids)))
        read = [*found.read, found.target[-1]]  # the last token predicts the end of the text
        return CorruptedSegment(read, [*found.target, self.end], range(len(read) - len(segment.ids) - 1, len(read)))

    def mask_together(self, segment: Segment, masked: AbstractSet[int]) -> CorruptedSegment:
        return self._example(segment, _places(segment, masked))

    def scoring_examples(self, segment: Segment, masked: AbstractSet[int]) -> list[CorruptedSegment]:
        return [self.mask_together(segment, masked)] if masked & {*segment.words} else []

    def choose(self, words: int, most: int, rng: random.Random) -> set[int]:
        return {*rng.sample(range(words), min(words, most))}

    def _example(self, segment: Segment, places: Iterable[int]) -> CorruptedSegment:
        """A token is predicted at the place before it; something always stands before the first."""
        before = self.inputs.before[segment.language]
        whole = [*before, *segment.ids]
        return CorruptedSegment(whole[:-1], whole[1:], [len(before) - 1 + place for place in places])


def _some(words: int, most: int, share: float, rng: random.Random) -> set[int]:
    """A share of the words, at least one; words masked together must leave context to predict them from."""
    return {*rng.sample(range(words), min(most, max(1, round(share * words))))}


def _places(segment: Segment, masked: AbstractSet[int]) -> list[int]:
    return [place for place, word in enumerate(segment.words) if word in masked]


def _some_words(segment: Segment, share: float, rng: random.Random, span: int = 1) -> set[int]:
    """Words drawn at random until they hold this share of the tokens; each brings its followers, up to `span` tokens in all."""
    wanted = max(1, round(share * len(segment.ids)))
    sizes: dict[int, int] = {}
    for word in segment.words:
        sizes[word] = sizes.get(word, 0) + 1
    order = sorted(sizes)
    masked: set[int] = set()
    for at in rng.sample(range(len(order)), len(order)):
        size = 0
        for word in order[at:]:
            if size >= span or sum(sizes[one] for one in masked) >= wanted:
                break
            masked.add(word)
            size += sizes[word]
    return masked
