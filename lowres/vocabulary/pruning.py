"""Which rows of a base the recipe's languages need.

A text that is cut into kept pieces only is cut just as before. Unigram: the best path is still there, its rivals are
fewer, and the lowest-scored piece stays because the score of an unknown character hangs on it. BPE: every way to build a
kept piece stays, so no merge that fired is lost. WordPiece: the longest match at each place is still there.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from lowres.recipe.vocabulary_section import TrimPolicy
from lowres.vocabulary.expansion.substrings import members
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson, sentinels

CONTINUES = "##"  # WordPiece's mark of a piece inside a word
SCRIPT_SHARE = 0.001  # of all letters: a script met less often is a stray quotation


def kept_ids(pieces: TokenizerJson, texts: Sequence[str], policy: TrimPolicy) -> list[int]:
    """Ids to keep, ascending: special pieces, marks of holes, what the texts use, the characters of their scripts, and by policy

    `used` no more, `lattice` all substrings of the texts' words, `charset` all pieces over the texts' characters.
    """
    words = pieces.words(texts)
    names = {name for parts in pieces.cut(list(words)) for name in parts if name in pieces.ids}
    names |= pieces.special | {*sentinels(pieces.ids)} | ({pieces.unknown} if pieces.unknown else set())
    names |= _characters(pieces, words)
    names.update(POLICIES[policy](pieces, words))
    if pieces.scores:
        names.add(min(pieces.ordinary, key=lambda name: (pieces.ordinary[name], name)))
    if pieces.kind == "bpe":
        names = _with_parts(names, pieces)
    return sorted(pieces.ids[name] for name in names)


def script(character: str) -> str:
    """The script of a letter, by the first word of its Unicode name; empty for what all scripts share."""
    if unicodedata.category(character)[0] != "L" or unicodedata.category(character) == "Lm":
        return ""
    return unicodedata.name(character, "").partition(" ")[0]


def _characters(pieces: TokenizerJson, words: Mapping[str, int]) -> set[str]:
    """Single characters: of the scripts at hand, and digits, punctuation, symbols and marks, which have none."""
    if pieces.byte_level:
        return {name for name in pieces.ordinary if len(name) == 1}
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            letters[script(character)] += count
    del letters[""]
    least = SCRIPT_SHARE * letters.total()
    scripts = {"", *(name for name, count in letters.items() if count >= least)}
    return {
        name
        for name in pieces.ordinary
        if len(_plain(name)) <= 1 and all(script(sign) in scripts for sign in _plain(name))
    }


def _plain(name: str) -> str:
    """A piece without the marks of its place in a word."""
    return name.removeprefix(CONTINUES) if name.startswith(CONTINUES) else name.removeprefix(WORD_START)


def _used(pieces: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    return ()


def _lattice(pieces: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    shapes: dict[str, list[str]] = {}
    for name in pieces.ordinary:
        shapes.setdefault(name.removeprefix(CONTINUES), []).append(name)
    return {name for shape in members(shapes, words) for name in shapes[shape]}


def _charset(pieces: TokenizerJson, words: Mapping[str, int]) -> Iterable[str]:
    seen = {character for word in words for character in word}
    both = seen | {twin for character in seen for twin in (character.lower(), character.upper())} | {WORD_START}
    return {name for name in pieces.ordinary if set(name.removeprefix(CONTINUES)) <= both}


POLICIES: Mapping[TrimPolicy, Callable[[TokenizerJson, Mapping[str, int]], Iterable[str]]] = {
    "used": _used,
    "lattice": _lattice,
    "charset": _charset,
}


def _with_parts(names: set[str], pieces: TokenizerJson) -> set[str]:
    """The pieces and all that they can be built from."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for pair in pieces.merges:
        parts.setdefault("".join(pair), []).append(pair)
    closed, queue = set(names), list(names)
    while queue:
        for pair in parts.get(queue.pop(), ()):
            queue += [part for part in pair if part not in closed]
            closed.update(pair)
    return closed
