"""Lexicon hints: each source is read together with its translation by the phrase table."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowres.data.pairs import Pair
from lowres.languages import normalise
from lowres.statistical.phrases import PhraseTable

WITHHELD = 20  # one training pair in so many has no hint


@dataclass(frozen=True)
class Hints:
    """Translations by phrase tables that a model reads before each source; none in directions without a table."""

    phrase_tables: Mapping[tuple[str, str], PhraseTable]

    def of(self, pairs: Sequence[Pair]) -> list[str]:
        """A hint for each pair's source."""
        return [self.hint(pair.source.fields["text"], *pair.direction) for pair in pairs]

    def hint(self, text: str, source: str, target: str) -> str:
        """The phrase table's translation of a text; empty where the direction has no table."""
        found = self.phrase_tables.get((source, target))
        return found.translate(normalise(text)) if found else ""

    def of_train(self, pairs: Sequence[Pair], shown: Sequence[int]) -> list[str]:
        """Hints for those training pairs that are shown, each without what the table learned from the pair itself.

        One in twenty has none, so that the model also learns to translate without. Synthetic pairs, which come after the pairs of
        the tables, have none: their sources were written with hints, so that a hint would give the target away.
        """
        seen: dict[tuple[str, str], int] = {}
        places = []
        for pair in pairs:
            seen[pair.direction] = seen.get(pair.direction, -1) + 1
            places.append(seen[pair.direction])
        hints = []
        for number in shown:
            pair = pairs[number]
            found = self.phrase_tables.get(pair.direction)
            withheld = found is None or pair.synthetic or zlib.crc32(pair.id.encode()) % WITHHELD == 0
            text = pair.source.fields["text"]
            hints.append("" if withheld or found is None else found.translate(text, leave=places[number]))
        return hints
