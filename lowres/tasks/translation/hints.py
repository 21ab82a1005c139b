"""What a translator is shown with each source: its translation by the lexicon."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowres.data.pairs import Pair
from lowres.statistical.phrases import PhraseTable

WITHHELD = 20


@dataclass(frozen=True)
class Hints:
    """Word-by-word translations that are shown to a model with each source; none where a direction has no lexicon."""

    phrase_tables: Mapping[tuple[str, str], PhraseTable]

    def of(self, pairs: Sequence[Pair]) -> list[str]:
        """A hint for each pair's source."""
        return [self.hint(pair.source.fields["text"], *pair.direction) for pair in pairs]

    def hint(self, text: str, source: str, target: str) -> str:
        """What the lexicon makes of a text, or nothing."""
        found = self.phrase_tables.get((source, target))
        return found.translate(text) if found else ""

    def of_train(self, pairs: Sequence[Pair], shown: Sequence[int]) -> list[str]:
        """Hints for those of the lexicons' own pairs that are shown, each without what it taught itself; one in twenty has none,
        so that the model also learns to do without. Synthetic pairs, which come behind the lexicons' own, have none: their sources
        were written with hints, so that a hint would give their texts away.
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
