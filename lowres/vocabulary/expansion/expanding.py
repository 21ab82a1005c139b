"""Vocabulary expansion: how many tokens to add, which, and what that changes for the languages that the base knows."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lowres.vocabulary.expansion.bpe import Merges, learn_merges
from lowres.vocabulary.expansion.candidates import missing_characters
from lowres.vocabulary.expansion.unigram import learn_tokens
from lowres.vocabulary.pruning import kept_ids
from lowres.vocabulary.tokenizer_json import Kind, TokenizerJson

LEAST_USES = 5  # a row seen less often than this in training stays close to where it began
LEAST_WORDS = 2_000  # running words below which what is frequent is chance
LONG_WORD = 12  # characters; text without spaces is counted by them
LEAST_GAIN = 0.03  # share of the tokens of held-out text that must be saved
# Share of running words with an unknown character from which on `auto` adds tokens though nothing tells what they mean: rows
# that start as the mean of their old tokens did not improve NusaX classifiers (docs/results/vocabulary.md).
UNREADABLE = 0.01
SMALLEST = 50
HELD_OUT = 0.1
MOST = ((10_000, 2_000), (float("inf"), 8_000))  # lines of text → most tokens
ROUNDS = 20


@dataclass(frozen=True)
class NewTokens:
    """A vocabulary: the tokens of the base, followed by new ones, which are listed in `added`.

    `gain` is the share of tokens saved on held-out training text (0–1); `changed` is the share of running words of protected
    text (0–1) that are tokenised differently than before; `why` explains the choice in a sentence.
    """

    vocab: TokenizerJson
    added: tuple[str, ...]
    gain: float
    changed: float
    why: str

    @property
    def only_characters(self) -> bool:
        """Whether nothing longer than a single character is new."""
        return all(len(token) == 1 for token in self.added)

    def places(self, base: TokenizerJson, rows: int) -> list[int]:
        """The row of each token in a table of the `rows` rows of the base followed by the new rows."""
        new = {name: rows + number for number, name in enumerate(self.added)}
        return [new[name] if name in new else base.ids[name] for name in self.vocab.names]


Grown = Callable[[Mapping[str, int], TokenizerJson, int, int, int], list[TokenizerJson]]


def extend(
    base: TokenizerJson, texts: Sequence[str], *, count: int | None = None, protect: Sequence[str] = (), change: float = 0.003,
    least: int = LEAST_USES, seed: int = 13, draft: bool = False,
) -> NewTokens:  # fmt: skip
    """Add the tokens that text in a language needs.

    Without `count`, as many as pay, and where none do, the characters that have no token: one more row must save at least `least`
    tokens for every pass over text of the size of `texts`, judged on a tenth of it that was held out. With `count`, that many if
    so many occur `least` times. In either case at most the share `change` of the running words of `protect` may be tokenised
    differently.

    With `draft` the tokens are those that were learned from the other nine tenths, in half the time: about as many, for advice.
    """
    if base.kind == "wordpiece":
        return _unchanged(
            base, "WordPiece takes the longest token first, so new ones would change words of every language"
        )
    words = base.words(texts)
    amount = max(words.total(), sum(len(word) * times for word, times in words.items()) // LONG_WORD)
    if count is None and amount < LEAST_WORDS:
        why = f"{amount} running words are too few to tell what is frequent (at least {LEAST_WORDS})"
        return _characters(base, words, least, why)
    # the pruned base tokenises these texts as before, and much faster
    small = base.pruned(kept_ids(base, [*texts, *protect], "lattice"))
    most = next(limit for lines, limit in MOST if len(texts) <= lines)
    pruned, held = _split(texts, seed)
    here, there = small.words(pruned), small.words(held)
    grow, before = GROW[base.kind], count_tokens(small, there)
    sizes = [
        (vocab, before - count_tokens(vocab, there))
        for vocab in grow(here, small, count or most, least, count or SMALLEST)
    ]
    if not sizes:
        return _unchanged(base, f"nothing that has no token yet occurs {least} times")
    chosen, saved = sizes[0] if count else _enough(sizes, least * HELD_OUT)
    gain = saved / max(1, before)
    if count is None and gain < LEAST_GAIN:
        return _characters(base, words, least, f"new tokens save only {gain:.1%} of the tokens of held-out text")
    number = count or len(chosen) - len(small)
    full = [] if draft else grow(words, small, number, least, number)
    grown, changed = limit_changes(full[0] if full else chosen, small, words, small.words(protect), change)
    start = len(small)
    added = grown.names[start:]
    if not added:
        return _unchanged(base, f"every new token would change more than {change:.1%} of the protected words")
    vocab = base.extended(added, grown.scores[start:], grown.merges[len(small.merges) :])
    return NewTokens(
        vocab, added, gain, changed, f"{len(added)} new tokens save {gain:.1%} of the tokens of held-out text"
    )


def count_tokens(vocab: TokenizerJson, words: Mapping[str, int]) -> int:
    """The number of tokens of some words, given with their counts."""
    return sum(count * len(ids) for count, ids in zip(words.values(), vocab.encode_words(list(words)), strict=True))


def limit_changes(
    grown: TokenizerJson, base: TokenizerJson, words: Mapping[str, int], protected: Mapping[str, int], change: float
) -> tuple[TokenizerJson, float]:
    """Remove new tokens until at most the share `change` of the protected running words is tokenised differently.

    Tokens that change most protected words per use in the language itself are removed first. Returns the vocabulary and the share.
    """
    if not protected:
        return grown, 0.0
    listed, running = list(protected), sum(protected.values())
    before = base.tokenize_words(listed)
    for round_ in range(ROUNDS + 1):
        after = grown.tokenize_words(listed)
        moved = [i for i in range(len(listed)) if after[i] != before[i]]
        changed = sum(protected[listed[i]] for i in moved)
        excess = changed - change * running
        if excess <= 0 or len(grown) == len(base):
            break
        new = set(grown.names[len(base) :])
        harm: dict[str, int] = {}
        for i in moved:
            for token in new & {*after[i]}:
                harm[token] = harm.get(token, 0) + protected[listed[i]]
        uses = _uses(grown, words)
        worst = sorted(harm, key=lambda token: (-harm[token] / (1 + uses.get(token, 0)), token))
        away: set[str] = set()
        for token in worst:  # the last round removes every token that changes a protected word
            if excess <= 0 and round_ < ROUNDS - 1:
                break
            away.add(token)
            excess -= harm[token]
        grown = without(grown, away, len(base))
    return grown, changed / running


def without(grown: TokenizerJson, away: set[str], old: int) -> TokenizerJson:
    """Remove new tokens, and with them those that can only be built from them."""
    gone = set(away)
    if grown.kind == "bpe":
        for left, right in grown.merges:
            if {left, right} & gone and grown.ids[left + right] >= old:
                gone.add(left + right)
    return grown.pruned([i for i, name in enumerate(grown.names) if i < old or name not in gone])


def _uses(vocab: TokenizerJson, words: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for count, parts in zip(words.values(), vocab.tokenize_words(list(words)), strict=True):
        for part in parts:
            found[part] = found.get(part, 0) + count
    return found


def _enough(sizes: Sequence[tuple[TokenizerJson, int]], worth: float) -> tuple[TokenizerJson, int]:
    """The largest size, from the smallest upwards, whose step still saves `worth` tokens per row."""
    rising = sorted(sizes, key=lambda size: len(size[0]))
    chosen = rising[0]
    for smaller, larger in pairwise(rising):
        rows = len(larger[0]) - len(smaller[0])
        if larger[1] - smaller[1] < worth * rows:
            break
        chosen = larger
    return chosen


def _split(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    order = list(texts)
    random.Random(seed).shuffle(order)
    held = max(1, int(len(order) * HELD_OUT)) if len(order) > 1 else 0  # a single text is learned from
    return order[held:], order[:held]


def _unchanged(base: TokenizerJson, why: str) -> NewTokens:
    return NewTokens(base, (), 0.0, 0.0, why)


def _characters(base: TokenizerJson, words: Mapping[str, int], least: int, why: str) -> NewTokens:
    """Only the characters that the base has no token for: without them text is lost, however short it is."""
    missing = missing_characters(words, base.ids) if base.kind == "unigram" else {}
    if sum(missing.values()) < least:
        return _unchanged(base, why)
    (alone, *_) = _grow_unigram(words, base, 0, least, 0)
    added = alone.names[len(base) :]
    return NewTokens(alone, added, 0.0, 0.0, f"only {len(added)} characters that have no token: {why}")


def _grow_unigram(
    words: Mapping[str, int], base: TokenizerJson, most: int, least: int, smallest: int
) -> list[TokenizerJson]:
    found = []
    for new in learn_tokens(words, base, most, least, smallest):
        names = sorted(new, key=lambda token: (-new[token], token))
        if names:
            found.append(base.extended(names, [new[name] for name in names]))
    return found


def _grow_bpe(
    words: Mapping[str, int], base: TokenizerJson, most: int, least: int, smallest: int
) -> list[TokenizerJson]:
    learned = learn_merges(words, base, most, least)
    sizes, size = [], len(learned.pairs)
    while size > smallest:
        sizes.append(size)
        size = int(size * 0.7)
    sizes.append(min(size, len(learned.pairs)) if not sizes else max(size, 1))
    found = []
    for size in sizes:
        merges: Merges = learned.first(size)
        names = merges.names(base)
        if names:
            found.append(base.extended(names, (), merges.pairs))
    return found


GROW: Mapping[Kind, Grown] = {"unigram": _grow_unigram, "bpe": _grow_bpe}
