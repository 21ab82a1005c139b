"""New tokens of a Unigram model: chosen by the tokens that they save, with scores on the scale of the base.

The base's tokens and scores are unchanged, so its languages are tokenised as before wherever no new token is better. New
tokens are scored by hard EM (Kudo 2018, arXiv 1804.10959, with the best path in place of all paths) and pruned by
saved tokens per row instead of likelihood.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenizers import models

from lowres.vocabulary.expansion.candidates import candidates, missing_characters
from lowres.vocabulary.expansion.substrings import members
from lowres.vocabulary.tokenizer_json import TokenizerJson

UNKNOWN_PENALTY = 10.0  # tokenizers scores a character without a token so far below the lowest token
# A new token's score before the first count, below its log share: the base's scores are spread over 100 languages.
FIRST_OFFSET = 5.0
CHARACTER_SCORE = -14.0
SHRINK = 0.8  # share of the tokens that a round leaves; half while there are many more than wanted
MOST_CANDIDATES = 30_000


@dataclass(frozen=True)
class Lattice:
    """The tokens of the base that can occur in some words, with what is needed to tokenise these words exactly as the base does."""

    scores: Mapping[str, float]
    lowest: float

    @classmethod
    def over(cls, words: Mapping[str, int], base: TokenizerJson) -> "Lattice":
        """The lattice of the base's tokens that are substrings of the words."""
        inside = {token: base.ordinary[token] for token in members(base.ordinary, words)}
        return cls(inside, min(base.ordinary.values()))

    def tokens(self, words: Mapping[str, int], new: Mapping[str, float]) -> Counter[str]:
        """How often each token is on the best path of the words; what has no token is counted as it is written."""
        vocabulary = [("<unk>", 0.0), ("\0lowest", self.lowest), *self.scores.items(), *new.items()]
        model = models.Unigram(vocabulary, 0, False)  # a Tokenizer around it takes half as long again
        found: Counter[str] = Counter()
        for word, count in words.items():
            for token in model.tokenize(word):
                found[token.value] += count
        return found

    def saved(self, token: str, new: Mapping[str, float]) -> int:
        """The number of tokens that one use of a token saves: those its string takes without it, minus one."""
        best, steps = [0.0], [0]
        unknown = self.lowest - UNKNOWN_PENALTY
        for end in range(1, len(token) + 1):
            score, count = best[-1] + unknown, steps[-1] + 1
            for start in range(end):
                part = token[start:end]
                found = None if part == token else new.get(part, self.scores.get(part))
                if found is not None and best[start] + found > score:
                    score, count = best[start] + found, steps[start] + 1
            best.append(score)
            steps.append(count)
        return steps[-1] - 1


def learn_tokens(
    words: Mapping[str, int], base: TokenizerJson, most: int, least: int, smallest: int
) -> Iterator[dict[str, float]]:
    """Ever smaller sets of new tokens with their scores, from at most `most` down to about `smallest`.

    Every token is used at least `least` times on the words, except single characters that the base lacks: they come first
    and stay. Sizes count the other tokens only.
    """
    lattice = Lattice.over(words, base)
    characters = missing_characters(words, base.ids)
    counts = {token: count for token, count in candidates(words, least).items() if token not in base.ids}
    room = max(MOST_CANDIDATES, 4 * most)
    longest = sorted(counts, key=lambda token: (-counts[token] * (len(token) - 1), token))[: 4 * room]
    total = sum(lattice.tokens(words, {}).values())
    gains = {token: counts[token] * lattice.saved(token, {}) for token in longest}
    best = sorted(gains, key=lambda token: (-gains[token], token))[:room]
    new = {token: math.log(counts[token] / total) - FIRST_OFFSET for token in best if gains[token] > 0}
    new |= dict.fromkeys(characters, CHARACTER_SCORE)
    while True:
        for _ in range(2):  # what is hardly used while all its rivals are there only blurs the scores of the others
            uses = lattice.tokens(words, new)
            often = {token: score for token, score in new.items() if uses[token] >= least / 2 or token in characters}
            new = _rescored(often, lattice, uses)
        uses = lattice.tokens(words, new)
        size = len(new) - len(characters)
        if size <= most:
            seldom = {token for token in new if uses[token] < least and token not in characters}
            if seldom:
                new = {token: score for token, score in new.items() if token not in seldom}
                continue
            yield new
        if size <= smallest:
            return
        worth = {token: uses[token] * lattice.saved(token, new) for token in new if token not in characters}
        share = 0.5 if size > 4 * most else SHRINK
        aim = max(int(share * size), most if size > most else smallest)
        pruned = sorted(worth, key=lambda token: (-worth[token], token))[: min(aim, size - 1)]
        new = {token: new[token] for token in (*pruned, *characters)}


def _rescored(new: Mapping[str, float], lattice: Lattice, uses: Mapping[str, int]) -> dict[str, float]:
    """Log shares brought to the base's scale by how far, on average, the base's own tokens are off it here."""
    total = sum(uses.values())
    old = [
        (count, math.log(count / total) - lattice.scores[token])
        for token, count in uses.items()
        if token in lattice.scores
    ]
    offset = sum(count * gap for count, gap in old) / max(1, sum(count for count, _ in old))
    return {token: math.log(max(uses.get(token, 0), 0.5) / total) - offset for token in new}
