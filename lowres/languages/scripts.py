"""Scripts of text: which one its letters belong to, and whether it puts spaces between words."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

import regex

# Thai, Lao, Khmer, Burmese, Tibetan, Chinese and Japanese, and the scripts of their neighbours that are written alike.
UNSPACED = frozenset(("Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Hani", "Hira", "Kana", "Bopo", "Yiii", "Tale", "Talu",
                      "Lana", "Tavt", "Java", "Bali", "Batk", "Bugi", "Kthi", "Nshu", "Tang"))  # fmt: skip
LONG_WORD = 10  # mean letters between spaces from which on a text in such a script is not divided into words
# Tags that mean several scripts of Unicode, or one that Unicode does not tell apart.
MEANT = {
    "Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang", "Hani"), "Hans": ("Hani",), "Hant": ("Hani",), "Aran": ("Arab",),
    "Hrkt": ("Hira", "Kana"), "Latf": ("Latn",), "Latg": ("Latn",), "Cyrs": ("Cyrl",), "Syre": ("Syrc",), "Syrj": ("Syrc",),
    "Syrn": ("Syrc",), "Geok": ("Geor",),
}  # fmt: skip


def scripts(characters: Mapping[str, int]) -> dict[str, int]:
    """ISO 15924 code → how many letters are in it, commonest first; marks and signs that all scripts share are left out."""
    found: Counter[str] = Counter()
    for character, count in characters.items():
        script = script_of(character)
        if script:
            found[script] += count
    return dict(found.most_common())


def share_in(script: str, characters: Mapping[str, int]) -> float:
    """Share of the letters that belong to the script of a language tag (0–1); 1 where there are no letters."""
    found = scripts(characters)
    total = sum(found.values())
    return sum(found.get(one, 0) for one in MEANT.get(script, (script,))) / total if total else 1.0


def without_spaces(characters: Mapping[str, int], words: int) -> bool:
    """Whether a text of these characters, in so many stretches between spaces, is not divided into words."""
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
    """ISO 15924 code of a letter's script; empty for what is no letter or belongs to all of them."""
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
            except regex.error:  # a script of ISO 15924 that Unicode does not tell apart
                continue
    return patterns
