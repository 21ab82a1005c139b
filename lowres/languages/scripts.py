"""Scripts of text: which script its letters belong to, and whether words are separated by spaces."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

import regex

# ISO 15924 codes of scripts that are commonly written without spaces between words.
UNSPACED = frozenset(("Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Hani", "Hira", "Kana", "Bopo", "Yiii", "Tale", "Talu",
                      "Lana", "Tavt", "Java", "Bali", "Batk", "Bugi", "Kthi", "Nshu", "Tang"))  # fmt: skip
LONG_WORD = 10  # mean characters between spaces above which a text in such a script counts as written without spaces
# ISO 15924 codes that cover several Unicode scripts, or are variants that Unicode does not distinguish.
SCRIPTS_OF_TAG = {
    "Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang", "Hani"), "Hans": ("Hani",), "Hant": ("Hani",), "Aran": ("Arab",),
    "Hrkt": ("Hira", "Kana"), "Latf": ("Latn",), "Latg": ("Latn",), "Cyrs": ("Cyrl",), "Syre": ("Syrc",), "Syrj": ("Syrc",),
    "Syrn": ("Syrc",), "Geok": ("Geor",),
}  # fmt: skip


def scripts(characters: Mapping[str, int]) -> dict[str, int]:
    """ISO 15924 code → number of letters in that script, most frequent first; marks, digits and punctuation are not counted."""
    found: Counter[str] = Counter()
    for character, count in characters.items():
        script = script_of(character)
        if script:
            found[script] += count
    return dict(found.most_common())


def share_in(script: str, characters: Mapping[str, int]) -> float:
    """Share (0–1) of the letters that belong to the script of a language tag; 1 if there are no letters.

    `characters` gives each character's count.
    """
    found = scripts(characters)
    total = sum(found.values())
    return sum(found.get(one, 0) for one in SCRIPTS_OF_TAG.get(script, (script,))) / total if total else 1.0


def without_spaces(characters: Mapping[str, int], words: int) -> bool:
    """Whether a text is written without spaces between words, from its character counts and its number of words by white space."""
    found = scripts(characters)
    total = sum(found.values())
    inside = sum(count for script, count in found.items() if script in UNSPACED)
    return 2 * inside > total and sum(characters.values()) > LONG_WORD * max(1, words)


def script_name(script: str) -> str:
    """English name of a script."""
    from langcodes import Language

    return str(Language.make(script=script).script_name())


@cache
def script_of(character: str) -> str:
    """ISO 15924 code of a letter's script; empty for a character that is not a letter, or is shared by all scripts."""
    if unicodedata.category(character)[0] != "L":
        return ""
    return next((script for script, pattern in _patterns().items() if pattern.match(character)), "")


@cache
def _patterns() -> dict[str, "regex.Pattern[str]"]:
    from langcodes.data_dicts import ALL_SCRIPTS

    patterns = {}
    for script in ("Latn", "Cyrl", "Arab", *sorted(ALL_SCRIPTS)):
        if script not in ("Zyyy", "Zinh", "Zzzz"):
            try:
                patterns[script] = regex.compile(rf"\p{{Script={script}}}")
            except regex.error:  # an ISO 15924 code that is not a Unicode script
                continue
    return patterns
