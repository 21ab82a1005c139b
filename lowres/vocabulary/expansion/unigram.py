"""New pieces inside a Unigram model: chosen by the tokens they save, scored on the base's own scale.

The base's pieces and scores stay as they are, so its languages are cut as before wherever no new piece is better. New
pieces are scored by hard EM (Kudo 2018, arXiv 1804.10959, with the best path in place of all paths) and pruned by
saved tokens per row instead of likelihood.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenizers import Tokenizer, models

from lowres.vocabulary.expansion.candidates import candidates, missing_characters
from lowres.vocabulary.expansion.substrings import members
from lowres.vocabulary.tokenizer_json import TokenizerJson

UNKNOWN_PENALTY = 10.0  # tokenizers scores a character without a piece so far below the lowest piece
# A new piece's score before the first count, below its log share: the base's scores are spread over 100 languages.
FIRST_OFFSET = 5.0
CHARACTER_SCORE = -14.0
SHRINK = 0.8  # share of the pieces that a round leaves; half while there are many more than wanted
MOST_CANDIDATES = 30_000


@dataclass(frozen=True)
class Lattice:
    """The base's pieces that can occur in some words, with what is needed to cut those words exactly as the base does."""

    scores: Mapping[str, float]
    lowest: float

    @classmethod
    def over(cls, words: Mapping[str, int], base: TokenizerJson) -> "Lattice":
        """Keep the base's pieces that are substrings of the words."""
        inside = {piece: base.ordinary[piece] for piece in members(base.ordinary, words)}
        return cls(inside, min(base.ordinary.values()))

    def tokens(self, words: Mapping[str, int], new: Mapping[str, float]) -> Counter[str]:
        """Counts of pieces on the best paths; what has no piece is counted as it is written."""
        vocabulary = [("<unk>", 0.0), ("\0lowest", self.lowest), *self.scores.items(), *new.items()]
        cutter = Tokenizer(models.Unigram(vocabulary, 0, False))
        found: Counter[str] = Counter()
        for count, encoding in zip(
            words.values(), cutter.encode_batch(list(words), add_special_tokens=False), strict=True
        ):
            for piece in encoding.tokens:
                found[piece] += count
        return found

    def saved(self, piece: str, new: Mapping[str, float]) -> int:
        """Tokens that one use of a piece saves: those that its string takes without it, less one."""
        best, steps = [0.0], [0]
        unknown = self.lowest - UNKNOWN_PENALTY
        for end in range(1, len(piece) + 1):
            score, count = best[-1] + unknown, steps[-1] + 1
            for start in range(end):
                part = piece[start:end]
                found = None if part == piece else new.get(part, self.scores.get(part))
                if found is not None and best[start] + found > score:
                    score, count = best[start] + found, steps[start] + 1
            best.append(score)
            steps.append(count)
        return steps[-1] - 1


def learn_tokens(
    words: Mapping[str, int], base: TokenizerJson, most: int, least: int, smallest: int
) -> Iterator[dict[str, float]]:
    """Ever smaller sets of new pieces with their scores, from at most `most` down to about `smallest`.

    Every piece is used at least `least` times on the words, except single characters that the base lacks: they come first
    and stay. Sizes count the other pieces only.
    """
    lattice = Lattice.over(words, base)
    characters = missing_characters(words, base.ids)
    counts = {piece: count for piece, count in candidates(words, least).items() if piece not in base.ids}
    room = max(MOST_CANDIDATES, 4 * most)
    longest = sorted(counts, key=lambda piece: (-counts[piece] * (len(piece) - 1), piece))[: 4 * room]
    total = sum(lattice.tokens(words, {}).values())
    gains = {piece: counts[piece] * lattice.saved(piece, {}) for piece in longest}
    best = sorted(gains, key=lambda piece: (-gains[piece], piece))[:room]
    new = {piece: math.log(counts[piece] / total) - FIRST_OFFSET for piece in best if gains[piece] > 0}
    new |= dict.fromkeys(characters, CHARACTER_SCORE)
    while True:
        for _ in range(2):  # what is hardly used while all its rivals are there only blurs the scores of the others
            uses = lattice.tokens(words, new)
            often = {piece: score for piece, score in new.items() if uses[piece] >= least / 2 or piece in characters}
            new = _rescored(often, lattice, uses)
        uses = lattice.tokens(words, new)
        size = len(new) - len(characters)
        if size <= most:
            seldom = {piece for piece in new if uses[piece] < least and piece not in characters}
            if seldom:
                new = {piece: score for piece, score in new.items() if piece not in seldom}
                continue
            yield new
        if size <= smallest:
            return
        worth = {piece: uses[piece] * lattice.saved(piece, new) for piece in new if piece not in characters}
        share = 0.5 if size > 4 * most else SHRINK
        aim = max(int(share * size), most if size > most else smallest)
        kept = sorted(worth, key=lambda piece: (-worth[piece], piece))[: min(aim, size - 1)]
        new = {piece: new[piece] for piece in (*kept, *characters)}


def _rescored(new: Mapping[str, float], lattice: Lattice, uses: Mapping[str, int]) -> dict[str, float]:
    """Log shares brought to the base's scale by how far, on average, the base's own pieces are off it here."""
    total = sum(uses.values())
    old = [
        (count, math.log(count / total) - lattice.scores[piece])
        for piece, count in uses.items()
        if piece in lattice.scores
    ]
    offset = sum(count * gap for count, gap in old) / max(1, sum(count for count, _ in old))
    return {piece: math.log(max(uses.get(piece, 0), 0.5) / total) - offset for piece in new}
