"""Which rows of a base the recipe's languages need.

A text whose tokens are all kept is tokenised as before. Unigram: the best path is still there and has fewer rivals; the
token with the lowest score stays because the score of an unknown character depends on it. BPE: every merge that can build a
kept token stays. WordPiece: the longest match at each position is still there.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from lowres.recipe.vocabulary_section import TrimPolicy
from lowres.vocabulary.expansion.substrings import members
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson, sentinels

CONTINUES = "##"  # WordPiece's prefix of a token inside a word
SCRIPT_SHARE = 0.001  # of all letters: a rarer script comes from a stray quotation


def kept_ids(vocab: TokenizerJson, texts: Sequence[str], policy: TrimPolicy) -> list[int]:
    """Ids to keep, ascending: special and added tokens, sentinels, what the texts use, the characters of their scripts, and by policy

    `used` no more, `lattice` all substrings of the texts' words, `charset` all tokens over the texts' characters.
    """
    words = vocab.words(texts)
    names = {name for parts in vocab.tokenize_words(list(words)) for name in parts if name in vocab.ids}
    names |= vocab.special | vocab.added | {*sentinels(vocab.ids)} | ({vocab.unknown} if vocab.unknown else set())
    names |= _characters(vocab, words)
    names.update(POLICIES[policy](vocab, words))
    names.update(vocab.byte_tokens)
    if vocab.scores:
        lowest = min(vocab.ordinary.values())
        names.add(min(name for name, score in vocab.ordinary.items() if score == lowest))
    if vocab.kind == "bpe":
        names = _with_parts(names, vocab)
    return sorted(vocab.ids[name] for name in names)


def pruning_loss(vocab: TokenizerJson, ids: Sequence[int], texts: Sequence[str]) -> tuple[float, float]:
    """The shares of the running words of texts (0–1) that only these ids would tokenise otherwise, and leave unknown."""
    words, small = vocab.words(texts), vocab.pruned(ids)
    listed, running = list(words), max(1, words.total())
    before, after = vocab.tokenize_words(listed), small.tokenize_words(listed)
    otherwise = sum(words[word] for word, old, new in zip(listed, before, after, strict=True) if old != new)
    lost = sum(
        words[word]
        for word, old, new in zip(listed, vocab.encode_words(listed), small.encode_words(listed), strict=True)
        if small.unknown_id in new and vocab.unknown_id not in old
    )
    return otherwise / running, lost / running


@cache
def script(character: str) -> str:
    """The script of a letter, as the first word of its Unicode name; empty for characters that scripts share."""
    if unicodedata.category(character)[0] != "L" or unicodedata.category(character) == "Lm":
        return ""
    return unicodedata.name(character, "").partition(" ")[0]


def _characters(vocab: TokenizerJson, words: Mapping[str, int]) -> set[str]:
    """Single characters: those of the scripts of the texts, and digits, punctuation, symbols and marks, which have no script."""
    if vocab.byte_level:
        return {name for name in vocab.ordinary if len(name) == 1}
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            letters[script(character)] += count
    del letters[""]
    least = SCRIPT_SHARE * letters.total()
    scripts = {"", *(name for name, count in letters.items() if count >= least)}
    short = (name for name in vocab.ordinary if len(name) <= 1 + len(CONTINUES))
    return {name for name in short if len(_plain(name)) <= 1 and all(script(sign) in scripts for sign in _plain(name))}


def _plain(name: str) -> str:
    """A token without the prefix that tells its position in a word."""
    return name.removeprefix(CONTINUES) if name.startswith(CONTINUES) else name.removeprefix(WORD_START)


def _used(vocab: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    return ()


def _lattice(vocab: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    inside = {name.removeprefix(CONTINUES): name for name in vocab.ordinary if name.startswith(CONTINUES)}
    return members(vocab.ordinary, words) | {inside[shape] for shape in members(inside, words)}


def _charset(vocab: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    seen = {character for word in words for character in word}
    both = seen | {twin for character in seen for twin in (character.lower(), character.upper())} | {WORD_START}
    return {name for name in vocab.ordinary if set(name.removeprefix(CONTINUES)) <= both}


POLICIES: Mapping[TrimPolicy, Callable[[TokenizerJson, Mapping[str, int]], Iterable[str]]] = {
    "used": _used,
    "lattice": _lattice,
    "charset": _charset,
}


def _with_parts(names: set[str], vocab: TokenizerJson) -> set[str]:
    """These tokens and all tokens that merges build them from."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for pair in vocab.merges:
        parts.setdefault("".join(pair), []).append(pair)
    closed, queue = set(names), list(names)
    while queue:
        for pair in parts.get(queue.pop(), ()):
            queue += [part for part in pair if part not in closed]
            closed.update(pair)
    return closed
