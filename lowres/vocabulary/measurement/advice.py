"""Advice on the vocabulary of a base, with reasons."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lowres.vocabulary.expansion.expanding import LEAST_USES, UNREADABLE, NewTokens, extend
from lowres.vocabulary.measurement.characters import list_characters
from lowres.vocabulary.measurement.measures import PER_WORD, InspectedTokenizer, Measures

MUCH_TEXT = 1_000_000  # running words; below it a tokenizer of its own costs more than it gives (Downey et al. 2023)
MOST_WORDS, MOST_SINGLE_CHARACTERS = 0.5, 0.9
ENOUGH_WORDS = 200_000  # words by which the number of tokens is judged
SEED = 13
FEW = 0.01  # share of words: in a short text even a letter that is met once matters

What = Literal["leave", "characters", "extend", "replace", "wrong orthography"]
NOTHING = {
    "bytes": "the base reads bytes: there is no vocabulary to extend, and no character is unknown to it",
    "characters": "the base reads characters: there is no vocabulary to extend",
    "other": "lowres cannot change this kind of tokenizer; it can only be audited",
}


@dataclass(frozen=True)
class Advice:
    """What to do, with reasons. Adding `add` tokens saves the share `gain` of the tokens of held-out text (0–1).

    `recipe` is the line of a recipe that does it; empty where there is nothing to do or no recipe can do it.
    """

    what: What
    reasons: tuple[str, ...]
    add: int = 0
    gain: float = 0.0
    recipe: str = ""


def advise(inspected: InspectedTokenizer, found: Measures, texts: Sequence[str], differences: Sequence[str]) -> Advice:
    """Advice for a text; `differences` are what is wrong with its orthography."""
    if differences:
        return Advice("wrong orthography", tuple(differences))
    if inspected.base is None:
        return Advice("leave", (NOTHING[inspected.kind],))
    if inspected.base.kind == "wordpiece":
        return _refused(inspected, found)
    hopeless = found.unknown_words > MOST_WORDS or found.single_characters > MOST_SINGLE_CHARACTERS
    if hopeless and found.words >= MUCH_TEXT:
        why = f"and {found.words:,} words are enough to train a tokenizer"
        return Advice("replace", (_state(found), why), recipe="vocabulary: {replace: 16000}")
    sample = _sample(texts, found.words)
    grown = extend(inspected.base, sample, draft=True)
    reasons = [_state(found), grown.why]
    if len(sample) < len(texts):
        reasons.append(f"judged by {len(sample):,} of {len(texts):,} lines: more tokens may pay with all of them")
    if hopeless:
        reasons.append(f"a new tokenizer would need about {MUCH_TEXT:,} words; there are {found.words:,}")
    if not grown.only_characters:
        recipe = "vocabulary: {extend: auto}"
        if found.unknown_words < UNREADABLE:  # then a recipe extends only where it is told what the tokens mean
            recipe = "vocabulary: {extend: auto, lexicon: words.tsv}"
            reasons.append("worth it where a word list (lexicon) or translations (pivot) tell what the new tokens mean")
        return Advice("extend", tuple(reasons), len(grown.added), grown.gain, recipe)
    return _few(found, grown, reasons)


def _few(found: Measures, grown: NewTokens, reasons: Sequence[str]) -> Advice:
    """The advice where no longer tokens are worth their rows: add the missing characters, if they matter."""
    often = [one for one in found.unknown if one.count >= LEAST_USES or found.unknown_words >= FEW]
    if often:
        listed = list_characters([one.character for one in often])
        why = f"{found.unknown_words:.1%} of the words hold characters that the base cannot read: {listed}"
        itself = bool(grown.added) and found.unknown_words >= UNREADABLE  # else it asks for meanings first
        recipe = "vocabulary: {extend: auto}" if itself else "vocabulary: {extend: 1}"
        return Advice("characters", (why, grown.why), len(often), recipe=recipe)
    if found.unknown:
        return Advice("leave", (*reasons, "the characters that the base cannot read are rare"))
    return Advice("leave", tuple(reasons))


def _sample(texts: Sequence[str], words: int) -> Sequence[str]:
    """Lines of about ENOUGH_WORDS words, so that an audit takes a minute at most whatever the size of the text."""
    share = ENOUGH_WORDS / max(1, words)
    return texts if share >= 1 else random.Random(SEED).sample(texts, max(1, int(share * len(texts))))


def _refused(inspected: InspectedTokenizer, found: Measures) -> Advice:
    assert inspected.base is not None
    reasons = [_state(found), extend(inspected.base, ()).why]
    if found.unknown_words >= FEW:
        reasons.append(f"{found.unknown_words:.1%} of the words are unknown to it: take another base")
    return Advice("leave", tuple(reasons))


def _state(found: Measures) -> str:
    number = f"{found.fertility:.2f} {found.primary_metric}"
    return f"{number}, {found.whole_words:.0%} of the words whole" if found.primary_metric == PER_WORD else number
