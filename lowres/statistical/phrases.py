"""Phrase-based translation with a phrase table learned from sentence pairs.

Words are aligned one to one (lowres/statistical/word_alignment.py), and phrase pairs consistent with the alignment are
counted. A text is translated from left to right, without reordering, by the phrases that are likely in both directions (Koehn
et al. 2003, NAACL) and likely in sequence under a bigram model of the target language. Unseen words are transliterated or
guessed by analogy (lowres/statistical/transliteration.py). Between close languages this comes near to a trained model; and a
model that reads this translation as a hint with each source learns faster (Zhang et al. 2021 for such hints).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest

import regex

from lowres.languages.placeholders import PLACEHOLDER
from lowres.statistical.terms import SENTENCE_ENDS, Term, Terms, within
from lowres.statistical.transliteration import Transliterator
from lowres.statistical.word_alignment import MAX_PHRASE, PLACEHOLDER_WORD, WORD, AlignedPair, Words, align_pairs

# Weights of the log-linear score and discounts of counts, chosen on held-out training rows of NusaX, the same for all
# directions.
BACKWARD = 0.5  # probability of the source, given the target
BIGRAM = 0.25  # bigram probability of a target word
PER_WORD = 0.5
PER_PHRASE = 0.3
DISCOUNT_FORWARD, DISCOUNT_BACKWARD = 1.5, 2.0  # added to the total of a count, so that small counts weigh less
DROPPED = -3.0  # for a word without a translation
COPIED = -2.0  # for copying a known word
DISCOUNT = 0.75  # absolute discount of bigram counts
KEPT, NAME_KEPT = 0.3, 0.8  # prior that an unseen word is copied: of all words, of those with a capital

OPTIONS = 6  # translations of a phrase that are tried
COMMON = 24  # translations that are scored to choose those
BEAM = 4  # partial translations that are kept at each place
LEAST_PAIRS = 50  # of a direction, before a phrase table is learned from them
START, END = "<s>", "</s>"
CLOSING = frozenset(",.;:!?)]}%”’…")
OPENING = frozenset("([{“‘")

Counts = dict[str, dict[str, int]]


class BigramModel:
    """Bigram probabilities by absolute discounting; the lower order counts distinct histories (Kneser & Ney 1995, ICASSP)."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self.counts = counts
        self.totals = {word: sum(others.values()) for word, others in counts.items()}
        self.before = Counter(other for others in counts.values() for other in others)
        self.kinds = sum(self.before.values())
        self.known: dict[tuple[str, str], float] = {}

    def after(self, last: str, word: str) -> float:
        """Natural logarithm of the probability of `word` after `last`."""
        found = self.known.get((last, word))
        if found is None:
            found = self.known[last, word] = self._after(last, word, {}, {}, frozenset())
        return found

    def without(self, own: Mapping[tuple[str, str], int]) -> "ReducedBigramModel":
        """The same model without these counts."""
        return ReducedBigramModel(self, own)

    def _after(
        self,
        last: str,
        word: str,
        own: Mapping[tuple[str, str], int],
        own_totals: Mapping[str, int],
        left_out: AbstractSet[tuple[str, str]],
    ) -> float:
        others = self.counts.get(last, {})
        total = self.totals.get(last, 0) - own_totals.get(last, 0)
        before = self.before[word] - sum(pair[1] == word for pair in left_out)
        any_time = max(before, DISCOUNT) / (self.kinds - len(left_out) + len(self.before) + 1)
        if not total:
            return math.log(any_time)
        kinds = len(others) - sum(pair[0] == last for pair in left_out)
        count = others.get(word, 0) - own.get((last, word), 0)
        return math.log((max(count - DISCOUNT, 0) + DISCOUNT * kinds * any_time) / total)


class ReducedBigramModel:
    """A BigramModel without the counts of one sentence."""

    def __init__(self, whole: BigramModel, own: Mapping[tuple[str, str], int]) -> None:
        self.whole = whole
        self.own = own
        self.totals: Counter[str] = Counter()
        for (last, _), count in own.items():
            self.totals[last] += count
        self.left_out = {pair for pair, count in own.items() if whole.counts[pair[0]][pair[1]] == count}
        self.rarer = {word for _, word in self.left_out}
        self.known: dict[tuple[str, str], float] = {}

    def after(self, last: str, word: str) -> float:
        """Natural logarithm of the probability of `word` after `last`."""
        if last not in self.totals and word not in self.rarer:
            return self.whole.after(last, word)
        found = self.known.get((last, word))
        if found is None:
            found = self.whole._after(last, word, self.own, self.totals, self.left_out)
            self.known[last, word] = found
        return found


@dataclass(frozen=True)
class PhraseTable:
    """Counts of phrase pairs ("" where a word has no translation) and of bigrams of the target language.

    `pairs` are the aligned pairs it was learned from, needed to leave one out; a table read from a file has none. What `terms` require
    wins over what was learned.
    """

    counts: Counts
    bigrams: Counts
    pairs: tuple[AlignedPair, ...] = ()
    terms: Terms = field(default_factory=lambda: Terms({}))

    @classmethod
    def learn(cls, pairs: Sequence[tuple[str, str]]) -> "PhraseTable":
        """A phrase table learned from (text, translation) pairs."""
        return cls._of(align_pairs(pairs))

    @classmethod
    def _of(cls, pairs: tuple[AlignedPair, ...]) -> "PhraseTable":
        phrases = _counted(two for pair in pairs for two in pair.phrases())
        return cls(phrases, _counted(two for pair in pairs for two in _neighbours(pair.right)), pairs)

    def reversed(self) -> "PhraseTable":
        """The table of the opposite direction. Raises ValueError for a table read from a file, which lacks the pairs."""
        if self.counts and not self.pairs:
            raise ValueError("a phrase table read from a file cannot be reversed: learn it again")
        return self._of(tuple(pair.reversed() for pair in self.pairs))

    def translate(self, text: str, leave: int | None = None) -> str:
        """The best translation, with the spaces, punctuation and capitals of the text; placeholders are copied.

        With `leave`, the number of a training pair, the counts of that pair are left out.
        """
        return self.best(text, leave)[0]

    def best(self, text: str, leave: int | None = None) -> tuple[str, float]:
        """The best translation, and its score."""
        return next(iter(self.translations(text, 1, leave).items()))

    def known_words(self, text: str) -> list[bool]:
        """For each word of a text, whether the table has a translation of it; punctuation and placeholders are no words."""
        words = (match.group() for match in WORD.finditer(text))
        return [word.lower() in self.counts for word in words if word[0].isalpha()]

    def translations(self, text: str, n: int, leave: int | None = None) -> dict[str, float]:
        """At most `n` different translations with their scores (natural logarithms, not normalised), the best first."""
        found = list(WORD.finditer(text))
        words = [PLACEHOLDER_WORD if PLACEHOLDER.fullmatch(match.group()) else match.group().lower() for match in found]
        known = _Options(self) if leave is None else _Options(self, self.pairs[leave])
        names = [
            i > 0 and match.group()[0].isupper() and words[i - 1] not in SENTENCE_ENDS for i, match in enumerate(found)
        ]
        terms = {term.start: term for term in self.terms.found_in([match.group() for match in found])}
        best: dict[str, float] = {}
        for score, end in _best(words, names, known, n, terms):
            best.setdefault(_detokenized(text, found, _steps(end), terms), score)
        return best

    @cached_property
    def _totals(self) -> dict[str, int]:
        return {phrase: sum(others.values()) for phrase, others in self.counts.items()}

    @cached_property
    def _common(self) -> dict[str, list[tuple[str, int]]]:
        """The most frequent translations of each phrase."""
        return {
            phrase: nlargest(COMMON, others.items(), key=lambda item: item[1]) for phrase, others in self.counts.items()
        }

    @cached_property
    def _back(self) -> Counter[str]:
        back: Counter[str] = Counter()
        for others in self.counts.values():
            back.update(others)
        return back

    @cached_property
    def _bigram_model(self) -> BigramModel:
        return BigramModel(self.bigrams)

    @cached_property
    def _transliterator(self) -> Transliterator:
        known = {}
        for word, others in self.counts.items():
            single = [(count, other) for other, count in others.items() if _plain(other)] if _plain(word) else []
            if single and 3 * max(single)[0] >= self._totals[word]:
                known[word] = max(single)[1]
        return Transliterator(known)

    @cached_property
    def _options(self) -> dict[tuple[str, bool], list[tuple[Words, float]]]:
        return {}


class _Options:
    """Translation options of a phrase table, without the counts of one pair if it is given."""

    def __init__(self, table: PhraseTable, own: AlignedPair | None = None) -> None:
        self.table = table
        self.own = Counter(own.phrases() if own else ())
        self.own_left: Counter[str] = Counter()
        self.own_right: Counter[str] = Counter()
        for (phrase, other), count in self.own.items():
            self.own_left[phrase] += count
            self.own_right[other] += count
        follow = table._bigram_model
        self.after = follow.without(Counter(_neighbours(own.right))).after if own else follow.after
        best = table._transliterator.known
        self.left_out = {
            word
            for (word, other), count in self.own.items()
            if best.get(word) == other and table.counts[word][other] == count
        }

    def options(self, phrase: str, name: bool) -> list[tuple[Words, float]]:
        """Translations of a phrase with their scores, the best first."""
        table = self.table
        kept = table._options.get((phrase, name)) if not self.own else None
        if kept is not None:
            return kept
        total = table._totals.get(phrase, 0) - self.own_left[phrase]
        found: dict[str, float] = {}
        for other, count in table._common.get(phrase, []):
            count -= self.own[phrase, other]
            if count > 0:
                score = math.log(count / (total + DISCOUNT_FORWARD))
                back = count / (table._back[other] - self.own_right[other] + DISCOUNT_BACKWARD)
                score += BACKWARD * (math.log(back) if other else score + DROPPED)
                found[other] = score + PER_WORD * (other.count(" ") + 1 if other else 0) + PER_PHRASE
        if not total and " " not in phrase and phrase[0].isalpha():
            guesses = table._transliterator.guesses(phrase, NAME_KEPT if name else KEPT, not name, self.left_out)
            found = {other: math.log(share) + PER_WORD + PER_PHRASE for other, share in guesses.items()}
        elif " " not in phrase:
            found.setdefault(phrase, COPIED)
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:OPTIONS]
        options = [(tuple(other.split()), score) for other, score in ranked]
        if not self.own:
            table._options[phrase, name] = options
        return options


Node = tuple[
    float, "Node | None", int, int, Words
]  # score, the node before, its source words from and to, target words


def _best(
    words: Sequence[str], names: Sequence[bool], known: _Options, n: int, terms: Mapping[int, Term]
) -> list[tuple[float, Node]]:
    """The ends of the best translations of these words, phrase by phrase, with their scores, the best first.

    `terms` go by the number of their first word; no phrase reaches into one.
    At each place the best BEAM target words are kept, and for each of them the best `n` ways that lead there.
    """
    reached: list[dict[str, list[Node]]] = [{} for _ in range(len(words) + 1)]
    reached[0][START] = [(0.0, None, 0, 0, ())]
    for i in range(len(words)):
        beam = sorted(reached[i].items(), key=lambda item: (-item[1][0][0], item[0]))[:BEAM]
        for end in [terms[i].end] if i in terms else range(i + 1, min(i + MAX_PHRASE, len(words)) + 1):
            phrase = " ".join(words[i:end])
            if i not in terms and (
                (end > i + 1 and phrase not in known.table.counts) or within(terms.values(), i, end)
            ):
                continue
            required = [(terms[i].words, 0.0)] if i in terms else None
            for target, worth in required or known.options(phrase, names[i] and end == i + 1):
                for last, nodes in beam:
                    more = worth
                    for word in target:
                        more += BIGRAM * known.after(last, word)
                        last = word
                    kept = reached[end].setdefault(last, [])
                    for node in nodes:
                        if len(kept) == n and node[0] + more <= kept[-1][0]:
                            break
                        kept.append((node[0] + more, node, i, end, target))
                        kept.sort(key=lambda one: -one[0])
                        del kept[n:]
    ends = [(node[0] + BIGRAM * known.after(last, END), node) for last, nodes in reached[-1].items() for node in nodes]
    return sorted(ends, key=lambda end: -end[0])[:n]


def _steps(end: Node) -> list[tuple[int, int, Words]]:
    """The phrases that lead to a node: (first source word, the word after the last, target words)."""
    at: Node | None = end
    steps = []
    while at is not None and at[1] is not None:
        steps.append(at[2:])
        at = at[1]
    return steps[::-1]


def _detokenized(
    text: str, found: Sequence["regex.Match[str]"], steps: Sequence[tuple[int, int, Words]], terms: Mapping[int, Term]
) -> str:
    """The target words with the spaces and capitals of their source words; placeholders in their order; terms as they are required."""
    parts: list[str] = []
    dropped = ""  # the capital of a first word without translation goes to the next word
    for i, end, target in steps:
        source = [match.group() for match in found[i:end]]
        fixed = [word for word in source if word == PLACEHOLDER_WORD or PLACEHOLDER.fullmatch(word)]
        gaps = [text[found[k - 1].end() if k else 0 : found[k].start()] for k in range(i, end)]
        if not target and not parts:
            dropped = dropped or source[0]
        if i in terms:
            parts.append((gaps[0] if parts or not i else "") + terms[i].translation)
            continue
        for k, word in enumerate(target):
            like = source[k] if len(target) == len(source) else _capitals_source(word, k, source)
            if len(target) == len(source) or not k:
                space = gaps[k] if parts or not i else ""
            else:
                space = "" if word in CLOSING or target[k - 1] in OPENING else " "
            if not parts and dropped[:1].isupper() and not like[:1].isupper():
                like = dropped[0] + "x"
            parts.append(space + (fixed.pop(0) if word == PLACEHOLDER_WORD else _capitalised(word, like)))
    return "".join(parts) + text[found[-1].end() if found else 0 :]


def _capitals_source(word: str, k: int, source: Sequence[str]) -> str:
    """The source word whose capitals a target word takes, where the numbers of words differ."""
    same = [other for other in source if other.lower() == word]
    return (same or [source[0] if not k or all(other.isupper() for other in source) else ""])[0]


def learn_phrase_tables(
    texts: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
) -> dict[tuple[str, str], PhraseTable]:
    """The phrase table of each direction; where both directions have the same pairs, these are aligned once."""
    found: dict[tuple[str, str], PhraseTable] = {}
    for (source, target), pairs in texts.items():
        back = texts.get((target, source))
        if (target, source) in found and back is not None and [pair[::-1] for pair in back] == list(pairs):
            found[source, target] = found[target, source].reversed()
        else:
            found[source, target] = PhraseTable.learn(pairs)
    return found


def _plain(phrase: str) -> bool:
    """Whether a phrase is a single word that begins with a letter."""
    return phrase[:1].isalpha() and " " not in phrase


def _neighbours(words: Words) -> Iterable[tuple[str, str]]:
    return zip((START, *words), (*words, END), strict=True)


def _counted(twos: Iterable[tuple[str, str]]) -> Counts:
    counts: Counts = {}
    for one, other in twos:
        others = counts.setdefault(one, {})
        others[other] = others.get(other, 0) + 1
    return counts


def _capitalised(word: str, like: str) -> str:
    """The word with the capitals of another: all, the first, or none."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
