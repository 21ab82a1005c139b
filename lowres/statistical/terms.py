"""Terms of a glossary in texts: where they stand, and whether a translation has what they require."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lowres.statistical.word_alignment import WORD, Words

SENTENCE_ENDS = frozenset('.!?:"“')


@dataclass(frozen=True)
class Term:
    """A term that stands in a text, from word `start` to before word `end`, and what it must be translated as there."""

    start: int
    end: int
    translation: str

    @property
    def words(self) -> Words:
        """The words of the translation in lower case."""
        return tuple(word.lower() for word in words_of(self.translation))


@dataclass(frozen=True)
class Terms:
    """The terms of one direction: term → required translation.

    A term is found where just its words stand in a row. At the beginning of a sentence its first word may have a capital, which the
    translation then has as well.
    """

    translations: Mapping[str, str]

    @cached_property
    def _by_first(self) -> dict[str, list[tuple[Words, str]]]:
        """The terms by the lower case of their first word, the longest first."""
        found: dict[str, list[tuple[Words, str]]] = {}
        for term, translation in self.translations.items():
            if words := words_of(term):
                found.setdefault(words[0].lower(), []).append((words, translation))
        return {first: sorted(some, key=lambda one: -len(one[0])) for first, some in found.items()}

    def found_in(self, words: Sequence[str]) -> list[Term]:
        """The terms among the words of a text, from left to right, none inside another, the longest where several begin."""
        found: list[Term] = []
        for start, word in enumerate(words):
            if found and start < found[-1].end:
                continue
            begins = start == 0 or words[start - 1] in SENTENCE_ENDS
            for term, translation in self._by_first.get(word.lower(), ()):
                end = start + len(term)
                if tuple(words[start:end]) == term:
                    found.append(Term(start, end, translation))
                    break
                if begins and (_capital(term[0]), *term[1:]) == tuple(words[start:end]):
                    found.append(Term(start, end, _capital(translation)))
                    break
        return found

    def kept(self, text: str, translation: str) -> tuple[int, int]:
        """How many of the terms of a text stand in its translation as required, capitals or not, and how many it has."""
        left = [word.lower() for word in words_of(translation)]
        wanted = [term.words for term in self.found_in(words_of(text))]
        kept = 0
        for words in sorted(wanted, key=len, reverse=True):
            place = next((at for at in range(len(left)) if tuple(left[at : at + len(words)]) == words), None)
            if place is not None:
                kept += 1
                left[place : place + len(words)] = ["\0"]  # each counts once
        return kept, len(wanted)


def words_of(text: str) -> Words:
    """The words, placeholders and punctuation marks of a text."""
    return tuple(match.group() for match in WORD.finditer(text))


def within(terms: Iterable[Term], start: int, end: int) -> bool:
    """Whether words from `start` to before `end` reach into a term."""
    return any(start < term.end and term.start < end for term in terms)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
