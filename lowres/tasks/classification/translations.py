"""Translate-test: what a classifier reads beside each text, its translation into one language that the base knows better.

The translations of Conneau et al. 2018 (XNLI, arXiv 1809.05053) come from a machine translator. Here phrase tables make them, which
need no more than rows of the data that are translations of each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lowres.data.corpus import Row
from lowres.data.pairs import Direction, pairs
from lowres.languages import normalise
from lowres.statistical.phrases import PhraseTable
from lowres.tasks.translation.phrase_tables import phrase_tables_of, restored_tables, save_tables


@dataclass(frozen=True)
class Translations:
    """Phrase tables into one language, by the language of a text; without any, nothing is read beside the texts.

    `places` gives the place of each training row among the pairs of its table, so that its own translation can be left out of it.
    """

    tables: Mapping[Direction, PhraseTable]
    places: Mapping[str, int] = field(default_factory=dict)
    _known: dict[tuple[str, str | None, int | None], str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def learn(cls, rows: Sequence[Row], language: str) -> "Translations":
        """Learned from the rows that are translations of each other, into `language` from every language with enough of them."""
        others = [tag for tag in dict.fromkeys(row.language for row in rows) if tag != language]
        known = pairs(rows, [(tag, language) for tag in others])
        seen, places = Counter[Direction](), {}
        for pair in known:
            places[pair.source.id] = seen[pair.direction]
            seen[pair.direction] += 1
        return cls(phrase_tables_of(known), places)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that are translated."""
        return tuple(source for source, _ in self.tables)

    def of_rows(self, rows: Sequence[Row]) -> list[str]:
        """The translation of each row; of a training row by a table that has not seen the row."""
        return self._of(
            [(row.fields["text"], row.language, self.places.get(row.id)) for row in rows] if self.tables else []
        )

    def of(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[str]:
        """The translation of each text; in a language without a table it is the text itself. Empty where there is no table at all.

        A text of unknown language is taken for one of the language that has most of its words.
        """
        return self._of(
            [(text, language, None) for text, language in zip(texts, languages, strict=True)] if self.tables else []
        )

    def save(self, folder: Path) -> None:
        """Write the tables into a model folder."""
        save_tables(folder, self.tables, ())

    def _of(self, asked: Sequence[tuple[str, str | None, int | None]]) -> list[str]:
        for one in asked:  # a text is read several times: by the encoder, by the n-grams, for each comparison
            if one not in self._known:
                self._known[one] = self._translated(*one)
        return [self._known[one] for one in asked]

    def _translated(self, text: str, language: str | None, leave: int | None) -> str:
        text = normalise(text)
        target = next(target for _, target in self.tables)
        found = self.tables.get((language or self._likeliest(text), target))
        return found.translate(text, leave=leave) if found else text

    def _likeliest(self, text: str) -> str:
        """The language whose table, or the language of the translations whose bigrams, have most words of a text."""
        words = [word.lower() for word in text.split()]
        target = next(target for _, target in self.tables)
        known = {source: sum(found.known_words(text)) for (source, _), found in self.tables.items()}
        known[target] = max(sum(word in found.bigrams for word in words) for found in self.tables.values())
        return max(known, key=lambda tag: known[tag])


NOTHING_BESIDE = Translations({})


def restored_translations(folder: Path, language: str | None) -> Translations:
    """Those of a run's model folder, into `language`. Raises ModelError where the tables are missing or damaged."""
    return Translations(restored_tables(folder, (), hints=True)) if language else NOTHING_BESIDE
