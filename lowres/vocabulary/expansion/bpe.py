"""New tokens of a BPE model: merges are learned further from where the base stops.

Old merges come first and in their old order, so text is tokenised as before until a new merge applies. The idea of continued BPE
is also in Purason et al. 2025, arXiv 2512.03989.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from lowres.vocabulary.expansion.candidates import missing_characters
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson

LONGEST_MERGE = 16


@dataclass(frozen=True)
class Merges:
    """Merges in the order in which they were learned, and the characters that first had to get a token."""

    characters: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]

    def first(self, count: int) -> "Merges":
        """The first `count` merges."""
        return Merges(self.characters, self.pairs[:count])

    def names(self, base: TokenizerJson) -> list[str]:
        """The tokens that these merges add to a base, each once."""
        made = (*self.characters, *("".join(pair) for pair in self.pairs))
        return [name for name in dict.fromkeys(made) if name not in base.ids]


def learn_merges(words: Mapping[str, int], base: TokenizerJson, most: int, least: int) -> Merges:
    """At most `most` further merges, each of a pair that stands together at least `least` times when it is learned."""
    characters = {} if base.byte_level else missing_characters(words, base.ids)
    counts = list(words.values())
    rows = base.extended(tuple(characters)).tokenize_words(list(words))  # so that merges run across new characters too
    pairs: Counter[tuple[str, str]] = Counter()
    places: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for number, row in enumerate(rows):
        for pair in pairwise(row):
            pairs[pair] += counts[number]
            places[pair].add(number)
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(queue)
    learned: list[tuple[str, str]] = []
    while queue and len(learned) < most:
        count, pair = heapq.heappop(queue)
        present = pairs[pair]
        if -count != present:
            if present >= least:
                heapq.heappush(queue, (-present, pair))
            continue
        if present < least:
            break
        if not _may_join(pair, base):
            continue
        learned.append(pair)
        touched = set()
        for number in places.pop(pair):
            row = rows[number]
            for old in pairwise(row):
                pairs[old] -= counts[number]
            rows[number] = row = _joined(row, pair)
            for new in pairwise(row):
                pairs[new] += counts[number]
                places[new].add(number)
                touched.add(new)
        for new in touched:
            heapq.heappush(queue, (-pairs[new], new))
    return Merges(tuple(characters), tuple(learned))


def _may_join(pair: tuple[str, str], base: TokenizerJson) -> bool:
    joined = "".join(pair)
    return (
        len(joined) <= LONGEST_MERGE
        and WORD_START not in joined[1:]
        and joined not in base.special
        and not {*pair} & base.special
    )


def _joined(row: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    at = 0
    while at < len(row):
        if tuple(row[at : at + 2]) == pair:
            result.append("".join(pair))
            at += 2
        else:
            result.append(row[at])
            at += 1
    return result
