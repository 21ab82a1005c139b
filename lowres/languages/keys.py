"""Keys for comparing texts: which texts a reader would take for the same.

Two keys serve two purposes. Equal `strict_key`s say that two texts are the same for certain, so that one may be left out.
Equal `matching_key`s say that they look the same to a reader, which is worth a warning.
"""

import re
import unicodedata

import regex

# Characters that people type for the same apostrophe or glottal stop, for a hyphen, or for a quotation mark.
_APOSTROPHES = "’‘ʼʻʽʾʿˈ‛′´`ʹꞌꞋ＇"
_HYPHENS = "‐‑‒–—―−﹣－"
_QUOTATION_MARKS = "“”„‟″«»＂"
_VARIATION_SELECTORS = "\ufe0e\ufe0f"  # text or emoji style of the character before
_FOLDED = {
    **dict.fromkeys(map(ord, _APOSTROPHES), "'"),
    **dict.fromkeys(map(ord, _HYPHENS), "-"),
    **dict.fromkeys(map(ord, _QUOTATION_MARKS), '"'),
    **dict.fromkeys(map(ord, _VARIATION_SELECTORS), None),
}

# At a text's end these tell nothing apart; a colon may be a letter (vowel length) and stays.
_FINAL = regex.compile(r"(?<=\S)[\s\p{Sentence_Terminal}…،、,;؛]+$")
# Words between two quotation marks: both stand there, so neither can be a tone mark.
_QUOTED = regex.compile(r"(?<![^\s(\[])\"(?=\S)([^\"]*[^\s\"])\"(?!\w)")
# What orthographies write before, behind or inside a word for tones, clicks, length and glottal stops stays; so do symbols and
# faces of punctuation.
_IGNORED = regex.compile(
    r"""(?: (?<!\S)[:;=8]-?['*]?[()\[\]|/\\]+(?!\w)
        | (?<![^\s(\[])[!"/\-=\#|*']+(?=[\w\p{Sk}]) | (?<=\w)-(?![\w-]) | (?<=\w):(?=\w) )(*SKIP)(*FAIL)
    | [[\p{P}\p{Cc}\p{Cf}]--[\#%&*@§†‡·'/\\]]
    """,
    regex.VERBOSE | regex.VERSION1,
)
_NO_MODIFIERS = regex.compile(r"\P{Lm}+")

# Plain text in ASCII, which is most text, takes a tenth of the time: what `_IGNORED` removes, unless `_BESIDE_WORDS` is found in it.
_ASCII_IGNORED = dict.fromkeys((*range(33), 127, *map(ord, "!(),-.:;?[]_{}")), " ")
_BESIDE_WORDS = re.compile(
    r"""\"|[:;=8]-?['*]?[()\[\]|/\\]|(?:^|[\s(\[])[!/\-=\#|*'`]+[\w^`]|\w-(?![\w-])|\w:\w""", re.ASCII
)
_ASCII_FINAL = " !,.;?"


def matching_key(text: str) -> str:
    """A key that is equal for texts that look the same: for warnings.

    Compatibility forms, capitals, spacing and the punctuation of sentences are ignored; the many apostrophes are one.
    What tells short texts apart is kept: symbols and emoji, letters of private use, modifier letters (ʰ ʷ), tone letters,
    tone marks and clicks beside a word (“-a”, “!xa”). A text of punctuation alone is compared as it stands.
    """
    if text.isascii() and not _BESIDE_WORDS.search(text):
        return " ".join(text.lower().replace("`", "'").translate(_ASCII_IGNORED).split()) or text
    return _any_matching_key(text)


def _any_matching_key(text: str) -> str:
    folded = _QUOTED.sub(r"\1", text.translate(_FOLDED))
    if not folded.isascii():
        folded = _NO_MODIFIERS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), folded)
    return " ".join(_IGNORED.sub(" ", folded.casefold()).split()) or text


def strict_key(text: str) -> str:
    """A key that is equal only for texts that are surely the same: for leaving rows out.

    Only capitals, spacing, the forms of apostrophes, hyphens and quotation marks, and the punctuation at the very end are
    ignored. Equal strict keys imply equal matching keys.
    """
    if text.isascii() and (plain := " ".join(text.lower().split()).rstrip(_ASCII_FINAL)):
        return plain.replace("`", "'")
    return _any_strict_key(text)


def _any_strict_key(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFC", text.translate(_FOLDED)).casefold().split())
    return _FINAL.sub("", folded) or text
