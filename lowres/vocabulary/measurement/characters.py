"""Characters of a text that a base has no token for, that it replaces by others, or that several code points stand for."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from lowres.vocabulary.pruning import CONTINUES
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson

PLACES = 3
JOINERS = "\u200b\u200c\u200d"
MODIFIER_APOSTROPHES = "ʼʻʽꞌꞋ"  # letters: counted next to any other letter
QUOTES = "'’‘`´"  # counted between letters only: elsewhere they may be quotation marks

Change = Literal[
    "a raised letter", "a joiner", "a loose accent", "a shape of a letter", "another width", "a capital", "an accent", "left out",
    "a compatible form", "a sign",
]  # fmt: skip
SHAPES = ("<initial>", "<medial>", "<final>", "<isolated>")


@dataclass(frozen=True)
class Text:
    """A text as written, and where it is from, such as train.tsv:7."""

    where: str
    text: str


@dataclass(frozen=True)
class Unknown:
    """A character without a token: its count and first places. `other_case` is its upper or lower case, if that has a token."""

    character: str
    code: str
    name: str
    count: int
    places: tuple[str, ...]
    other_case: str = ""


@dataclass(frozen=True)
class Changed:
    """A character that the base's normalisation replaces by `becomes`, with the first word that has it, before and after."""

    character: str
    code: str
    name: str
    count: int
    places: tuple[str, ...]
    kind: Change
    becomes: str
    before: str
    after: str


@dataclass(frozen=True)
class Occurrences:
    """A character or string of a text, with its count and first places."""

    text: str
    count: int
    places: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A text in NFC, the same after the base's normalisation (`seen`), and where it is from."""

    where: str
    text: str
    seen: str


def unknown(base: TokenizerJson, lines: Sequence[Line]) -> tuple[Unknown, ...]:
    """Characters without a token, commonest first; empty where the tokenizer falls back to bytes."""
    if base.unknown_id is None or base.byte_tokens:
        return ()
    words = base.words(line.text for line in lines)
    counts: Counter[str] = Counter()
    for word, ids in zip(words, base.encode_words(list(words)), strict=True):
        if base.unknown_id in ids:
            for character in _uncovered(word, base):
                counts[character] += words[word]
    places = first_places(counts, ((line.where, line.seen) for line in lines))
    return tuple(
        Unknown(character, code(character), name(character), count, places[character], _other_case(character, base))
        for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def changed(base: TokenizerJson, lines: Sequence[Line]) -> tuple[Changed, ...]:
    """Characters that the base's normalisation replaces, commonest first. White space that becomes a space is not counted.

    Each is tested between two letters that do not compose with any mark.
    """
    counts = Counter(character for line in lines for character in line.text if not character.isspace())
    becomes = {character: after for character in counts if (after := _becomes(character, base)) != character}
    chosen = {character: counts[character] for character in becomes}
    places = first_places(chosen, ((line.where, line.text) for line in lines))
    words = _first_words(chosen, lines)
    return tuple(
        Changed(
            character, code(character), name(character), count, places[character], _kind(character, becomes[character]),
            becomes[character], words[character], base.normalised(words[character]).replace(WORD_START, " ").strip(),
        )
        for character, count in sorted(chosen.items(), key=lambda item: (-item[1], item[0]))
    )  # fmt: skip


def like_letters(found: Iterable[Changed]) -> list[Changed]:
    """Superscript letters and spacing accents next to other letters, which may be letters of the language."""
    return [
        one
        for one in found
        if (one.kind == "a loose accent" or (one.kind == "a raised letter" and one.character.isalpha()))
        and any(other.isalpha() for other in one.before.replace(one.character, ""))
    ]


def apostrophes(lines: Sequence[Line]) -> tuple[Occurrences, ...]:
    """The characters used for an apostrophe or a glottal stop inside words, commonest first."""
    counts: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for line in lines:
        for match in _APOSTROPHES.finditer(line.text):
            counts[match[0]] += 1
            seen = places.setdefault(match[0], [])
            if len(seen) < PLACES and line.where not in seen:
                seen.append(line.where)
    return tuple(Occurrences(text, count, tuple(places[text])) for text, count in counts.most_common())


def special_tokens_in_text(tokenizer: PreTrainedTokenizerBase, lines: Sequence[Line]) -> tuple[Occurrences, ...]:
    """Strings in the text, such as </s>, that are special tokens of the tokenizer."""
    special = sorted({*map(str, tokenizer.all_special_tokens), *tokenizer.get_added_vocab()}, key=len, reverse=True)
    if not special:
        return ()
    pattern = re.compile("|".join(map(re.escape, special)))
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(pattern.findall(line.text))
    places = first_places(counts, ((line.where, line.text) for line in lines))
    return tuple(Occurrences(text, count, places[text]) for text, count in counts.most_common())


def first_places(wanted: Iterable[str], texts: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The places of the first few texts that contain each string."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(wanted, ())
    left = set(found)
    for where, text in texts:
        for string in [string for string in left if string in text]:
            found[string] = (*found[string], where)
            if len(found[string]) == PLACES:
                left.discard(string)
        if not left:
            break
    return found


def code(character: str) -> str:
    """The code point of a character, such as U+0301."""
    return f"U+{ord(character):04X}"


def name(character: str) -> str:
    """The Unicode name of a character."""
    private = "private use, no name" if unicodedata.category(character) == "Co" else "no name"
    return unicodedata.name(character, private)


def _uncovered(word: str, base: TokenizerJson) -> list[str]:
    """The characters of a word without a token; WordPiece has other tokens inside a word than at its start."""
    if base.kind != "wordpiece":
        return [character for character in word if character not in base.ids]
    return [character for at, character in enumerate(word) if (CONTINUES if at else "") + character not in base.ids]


def _other_case(character: str, base: TokenizerJson) -> str:
    twins: tuple[Callable[[str], str], ...] = (str.lower, str.upper)
    return next((twin(character) for twin in twins if twin(character) != character and twin(character) in base.ids), "")


def _becomes(character: str, base: TokenizerJson) -> str:
    seen = base.normalised(f"q{character}q")
    becomes = seen[seen.find("q") + 1 : seen.rfind("q")]
    if becomes.strip() == character or unicodedata.normalize("NFC", becomes) == character:
        becomes = character
    if WORD_START in becomes and WORD_START in base.ids:  # the tokenizer's symbol for a space
        becomes = becomes.replace(WORD_START, " ")
    return becomes


def _kind(character: str, becomes: str) -> Change:
    decomposition, category = unicodedata.decomposition(character), unicodedata.category(character)
    plain = "".join(one for one in unicodedata.normalize("NFD", character) if not unicodedata.combining(one))
    if character in JOINERS:
        return "a joiner"
    if not becomes:
        return "left out"
    if decomposition.startswith("<super>") or (category == "Lm" and not decomposition.startswith(SHAPES)):
        return "a raised letter"
    if decomposition.startswith(SHAPES) or "LIGATURE" in unicodedata.name(character, ""):
        return "a shape of a letter"
    if decomposition.startswith(("<wide>", "<narrow>")):
        return "another width"
    if category == "Sk":
        return "a loose accent"
    if becomes == character.lower():
        return "a capital"
    if becomes.lower() == plain.lower():
        return "an accent"
    same = unicodedata.normalize("NFKC", character) == unicodedata.normalize("NFKC", becomes)
    return "a compatible form" if same else "a sign"


def _first_words(wanted: Iterable[str], lines: Sequence[Line]) -> dict[str, str]:
    found: dict[str, str] = {}
    left = set(wanted)
    for line in lines:
        here = left.intersection(line.text)
        if here:
            for word in line.text.split():
                for character in here.intersection(word) - found.keys():
                    found[character] = _around(word, character)
            left -= found.keys()
        if not left:
            break
    return found


def _around(word: str, character: str, width: int = 12) -> str:
    """A word, cut if it is long, with the character in it."""
    at = word.index(character)
    return word if len(word) <= 3 * width else word[max(0, at - width) : at + width + 1]


def _apostrophe_pattern() -> re.Pattern[str]:
    letter, free = r"[^\W\d_]", f"[{MODIFIER_APOSTROPHES}]"
    between = f"(?<={letter})[{QUOTES}](?={letter})"
    return re.compile(f"{between}|(?<={letter}){free}|{free}(?={letter})")


_APOSTROPHES = _apostrophe_pattern()


def list_characters(characters: Mapping[str, object] | Sequence[str], most: int = 10) -> str:
    """The first of some characters, separated by spaces and each made visible."""
    listed = [visible(character) for character in characters]
    return " ".join(listed[:most]) + (f" … ({len(listed) - most} more)" if len(listed) > most else "")


def visible(character: str) -> str:
    """A character as a reader can see it: a combining mark on a dotted circle, an invisible one as its code point."""
    if len(character) == 1:
        category = unicodedata.category(character)
        if category[0] == "M":
            return f"\u25cc{character}"
        if category[0] == "C" or category in ("Zs", "Zl", "Zp"):
            return code(character)
    return character
