"""A phrase dictionary learned from sentence pairs, and translation with it.

Words are linked one to one, the strongest links first (competitive linking, Melamed 2000, Computational Linguistics
26:2), by how often they stand together at like places and how alike they are spelled. Runs of words that are linked
only among themselves become phrases (Och & Ney 2004, Computational Linguistics 30:4); a text is translated from left to
right by the phrases that are likely both ways (Koehn et al. 2003, NAACL) and follow each other well in the target
language. Words never seen are guessed from the spelling of linked words, letter by letter, and from their kin (a
translated word of the same stem; analogy, Langlais & Patry 2007, EMNLP). Between close languages this comes near to a
trained model; and a model that is shown its translation with each source learns sooner (Zhang et al. 2021 for such
hints).
"""

import json
import lzma
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from pathlib import Path

import regex

from lowres.languages.placeholders import PLACEHOLDER
from lowres.statistical.transliteration import Spelling
from lowres.statistical.word_alignment import MARK, SPAN, WORD, Linked, Words, linked

# The weights of the logarithms that make a score, and what is added to counts: chosen on held-out training rows of NusaX,
# the same for all directions.
BACKWARD = 0.5  # how likely the source is, given the target
FOLLOWING = 0.25  # how well a word follows the last one
PER_WORD = 0.5
PER_PHRASE = 0.3
FEW, FEW_BACK = 1.5, 2.0  # a count is believed the less, the nearer it is to these
DROPPED = -3.0  # for leaving a word out
COPIED = -2.0  # for a known word as it is
DISCOUNT = 0.75  # of a count of two words, for those never seen together
KEPT, NAME_KEPT = 0.3, 0.8  # share of unseen words that keep their spelling: of all, of those with a capital

OPTIONS = 6  # translations of a phrase that are tried
COMMON = 24  # translations that are scored to find those
BEAM = 4  # beginnings of a translation that are followed
START, END = "<s>", "</s>"
CLOSING = frozenset(",.;:!?)]}%”’…")
OPENING = frozenset("([{“‘")
STOPS = frozenset('.!?:"“')

Counts = dict[str, dict[str, int]]


class Following:
    """How likely a word follows another: absolute discounting, lower order by how many words it follows (Kneser & Ney 1995).

    With `own`, these counts are taken off.
    """

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        self.counts = counts
        self.totals = {word: sum(others.values()) for word, others in counts.items()}
        self.before = Counter(other for others in counts.values() for other in others)
        self.kinds = sum(self.before.values())
        self.known: dict[tuple[str, str], float] = {}

    def after(self, last: str, word: str) -> float:
        """The natural logarithm of the probability."""
        found = self.known.get((last, word))
        if found is None:
            found = self.known[last, word] = self._after(last, word, {}, {}, frozenset())
        return found

    def without(self, own: Mapping[tuple[str, str], int]) -> "Without":
        """The same, these counts taken off."""
        return Without(self, own)

    def _after(
        self,
        last: str,
        word: str,
        own: Mapping[tuple[str, str], int],
        own_totals: Mapping[str, int],
        gone: AbstractSet[tuple[str, str]],
    ) -> float:
        others = self.counts.get(last, {})
        total = self.totals.get(last, 0) - own_totals.get(last, 0)
        before = self.before[word] - sum(pair[1] == word for pair in gone)
        any_time = max(before, DISCOUNT) / (self.kinds - len(gone) + len(self.before) + 1)
        if not total:
            return math.log(any_time)
        kinds = len(others) - sum(pair[0] == last for pair in gone)
        count = others.get(word, 0) - own.get((last, word), 0)
        return math.log((max(count - DISCOUNT, 0) + DISCOUNT * kinds * any_time) / total)


class Without:
    """`Following` less the counts of one sentence."""

    def __init__(self, whole: Following, own: Mapping[tuple[str, str], int]) -> None:
        self.whole = whole
        self.own = own
        self.totals: Counter[str] = Counter()
        for (last, _), count in own.items():
            self.totals[last] += count
        self.gone = {pair for pair, count in own.items() if whole.counts[pair[0]][pair[1]] == count}
        self.rarer = {word for _, word in self.gone}
        self.known: dict[tuple[str, str], float] = {}

    def after(self, last: str, word: str) -> float:
        """The natural logarithm of the probability."""
        if last not in self.totals and word not in self.rarer:
            return self.whole.after(last, word)
        found = self.known.get((last, word))
        if found is None:
            found = self.whole._after(last, word, self.own, self.totals, self.gone)
            self.known[last, word] = found
        return found


@dataclass(frozen=True)
class PhraseTable:
    """How often each phrase was linked to which ("" where a word was left out), and each target word followed another.

    `pairs` are those that it was learned from, to leave them out; one that was read from a file has none.
    """

    counts: Counts
    following: Counts
    pairs: tuple[Linked, ...] = ()

    @classmethod
    def learn(cls, pairs: Sequence[tuple[str, str]]) -> "PhraseTable":
        """From (text, translation) pairs."""
        return cls._of(linked(pairs))

    @classmethod
    def _of(cls, pairs: tuple[Linked, ...]) -> "PhraseTable":
        phrases = _counted(two for pair in pairs for two in pair.phrases())
        return cls(phrases, _counted(two for pair in pairs for two in _neighbours(pair.right)), pairs)

    def reversed(self) -> "PhraseTable":
        """The other way round, of a lexicon that was just learned; ValueError of one from a file, which lacks the pairs."""
        if self.counts and not self.pairs:
            raise ValueError("a lexicon from a file cannot be reversed: learn it again")
        return self._of(tuple(pair.reversed() for pair in self.pairs))

    def translate(self, text: str, leave: int | None = None) -> str:
        """The likeliest translation, with the spaces, signs and capitals of the text, and what is fixed in it as it is.

        With `leave`, what was learned from that pair alone is not known.
        """
        found = list(WORD.finditer(text))
        words = [MARK if PLACEHOLDER.fullmatch(match.group()) else match.group().lower() for match in found]
        known = _Known(self) if leave is None else _Known(self, self.pairs[leave])
        names = [i > 0 and match.group()[0].isupper() and words[i - 1] not in STOPS for i, match in enumerate(found)]
        return _written(text, found, _best(words, names, known))

    @cached_property
    def _totals(self) -> dict[str, int]:
        return {phrase: sum(others.values()) for phrase, others in self.counts.items()}

    @cached_property
    def _common(self) -> dict[str, list[tuple[str, int]]]:
        """The translations of each phrase worth trying."""
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
    def _follow(self) -> Following:
        return Following(self.following)

    @cached_property
    def _spelling(self) -> Spelling:
        known = {}
        for word, others in self.counts.items():
            single = [(count, other) for other, count in others.items() if _plain(other)] if _plain(word) else []
            if single and 3 * max(single)[0] >= self._totals[word]:
                known[word] = max(single)[1]
        return Spelling(known)

    @cached_property
    def _options(self) -> dict[tuple[str, bool], list[tuple[Words, float]]]:
        return {}


class _Known:
    """What a lexicon knows, less what one pair taught it."""

    def __init__(self, lexicon: PhraseTable, own: Linked | None = None) -> None:
        self.lexicon = lexicon
        self.own = Counter(own.phrases() if own else ())
        self.own_left: Counter[str] = Counter()
        self.own_right: Counter[str] = Counter()
        for (phrase, other), count in self.own.items():
            self.own_left[phrase] += count
            self.own_right[other] += count
        follow = lexicon._follow
        self.after = follow.without(Counter(_neighbours(own.right))).after if own else follow.after
        best = lexicon._spelling.known
        self.gone = {
            word
            for (word, other), count in self.own.items()
            if best.get(word) == other and lexicon.counts[word][other] == count
        }

    def options(self, phrase: str, name: bool) -> list[tuple[Words, float]]:
        """Translations of a phrase, the best first, with their scores."""
        lexicon = self.lexicon
        kept = lexicon._options.get((phrase, name)) if not self.own else None
        if kept is not None:
            return kept
        total = lexicon._totals.get(phrase, 0) - self.own_left[phrase]
        found: dict[str, float] = {}
        for other, count in lexicon._common.get(phrase, []):
            count -= self.own[phrase, other]
            if count > 0:
                score = math.log(count / (total + FEW))
                back = count / (lexicon._back[other] - self.own_right[other] + FEW_BACK)
                score += BACKWARD * (math.log(back) if other else score + DROPPED)
                found[other] = score + PER_WORD * (other.count(" ") + 1 if other else 0) + PER_PHRASE
        if not total and " " not in phrase and phrase[0].isalpha():
            guesses = lexicon._spelling.guesses(phrase, NAME_KEPT if name else KEPT, not name, self.gone)
            found = {other: math.log(share) + PER_WORD + PER_PHRASE for other, share in guesses.items()}
        elif " " not in phrase:
            found.setdefault(phrase, COPIED)
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:OPTIONS]
        options = [(tuple(other.split()), score) for other, score in ranked]
        if not self.own:
            lexicon._options[phrase, name] = options
        return options


Node = tuple[
    float, "Node | None", int, int, Words
]  # score, the node before, its source words from and to, target words


def _best(words: Sequence[str], names: Sequence[bool], known: _Known) -> list[tuple[int, int, Words]]:
    """The best translation phrase by phrase: (first source word, the one after the last, target words)."""
    reached: list[dict[str, Node]] = [{} for _ in range(len(words) + 1)]
    reached[0][START] = (0.0, None, 0, 0, ())
    for i in range(len(words)):
        beam = sorted(reached[i].items(), key=lambda item: (-item[1][0], item[0]))[:BEAM]
        for end in range(i + 1, min(i + SPAN, len(words)) + 1):
            phrase = " ".join(words[i:end])
            if end > i + 1 and phrase not in known.lexicon.counts:
                continue
            for target, worth in known.options(phrase, names[i] and end == i + 1):
                for last, node in beam:
                    score = node[0] + worth
                    for word in target:
                        score += FOLLOWING * known.after(last, word)
                        last = word
                    if last not in reached[end] or score > reached[end][last][0]:
                        reached[end][last] = (score, node, i, end, target)
    at: Node | None = max(reached[-1].items(), key=lambda item: item[1][0] + FOLLOWING * known.after(item[0], END))[1]
    steps = []
    while at is not None and at[1] is not None:
        steps.append(at[2:])
        at = at[1]
    return steps[::-1]


def _written(text: str, found: Sequence["regex.Match[str]"], steps: Sequence[tuple[int, int, Words]]) -> str:
    """The target words with the spaces and capitals of their source words; what is fixed, in its order."""
    parts: list[str] = []
    dropped = ""  # a first word that was left out hands its capital on
    for i, end, target in steps:
        source = [match.group() for match in found[i:end]]
        fixed = [word for word in source if word == MARK or PLACEHOLDER.fullmatch(word)]
        gaps = [text[found[k - 1].end() if k else 0 : found[k].start()] for k in range(i, end)]
        if not target and not parts:
            dropped = dropped or source[0]
        for k, word in enumerate(target):
            like = source[k] if len(target) == len(source) else _model(word, k, source)
            if len(target) == len(source) or not k:
                space = gaps[k] if parts or not i else ""
            else:
                space = "" if word in CLOSING or target[k - 1] in OPENING else " "
            if not parts and dropped[:1].isupper() and not like[:1].isupper():
                like = dropped[0] + "x"
            parts.append(space + (fixed.pop(0) if word == MARK else _dressed(word, like)))
    return "".join(parts) + text[found[-1].end() if found else 0 :]


def _model(word: str, k: int, source: Sequence[str]) -> str:
    """The source word whose capitals a word takes, where they do not pair off."""
    same = [other for other in source if other.lower() == word]
    return (same or [source[0] if not k or all(other.isupper() for other in source) else ""])[0]


def save_phrase_tables(path: Path, phrase_tables: Mapping[tuple[str, str], PhraseTable]) -> None:
    """Write the counts of each direction as JSON, packed with xz."""
    whole = {f"{source}→{target}": [found.counts, found.following] for (source, target), found in phrase_tables.items()}
    path.write_bytes(lzma.compress(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()))


def load_phrase_tables(path: Path) -> dict[tuple[str, str], PhraseTable]:
    """Read them back."""
    whole = json.loads(lzma.decompress(path.read_bytes()))
    found = {}
    for way, (counts, following) in whole.items():
        source, target = way.split("→")
        found[source, target] = PhraseTable(counts, following)
    return found


def learn_phrase_tables(
    texts: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
) -> dict[tuple[str, str], PhraseTable]:
    """The lexicon of each direction from its pairs; where both directions hold the same pairs, they are linked once."""
    found: dict[tuple[str, str], PhraseTable] = {}
    for (source, target), pairs in texts.items():
        back = texts.get((target, source))
        if (target, source) in found and back is not None and [pair[::-1] for pair in back] == list(pairs):
            found[source, target] = found[target, source].reversed()
        else:
            found[source, target] = PhraseTable.learn(pairs)
    return found


def _plain(phrase: str) -> bool:
    """Whether it is one word of letters."""
    return phrase[:1].isalpha() and " " not in phrase


def _neighbours(words: Words) -> Iterable[tuple[str, str]]:
    return zip((START, *words), (*words, END), strict=True)


def _counted(twos: Iterable[tuple[str, str]]) -> Counts:
    counts: Counts = {}
    for one, other in twos:
        others = counts.setdefault(one, {})
        others[other] = others.get(other, 0) + 1
    return counts


def _dressed(word: str, like: str) -> str:
    """The word with the capitals of another: all, the first, or none."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
