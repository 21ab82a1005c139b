"""Unicode normalisation: the one entry point of all text, whether from files, recipes or typed into predict."""

import re
import unicodedata
from functools import lru_cache

# Blocks of scripts that are written without spaces and may part words with U+200B: Thai and Lao, Tibetan, Burmese, Khmer, Tai,
# Buginese, Balinese, Sundanese, Batak, Vai, Javanese, Cham, Tai Viet, Ahom, Makasar, Kawi. Elsewhere U+200B comes from web pages.
_UNSPACED = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf\u1b00-\u1bff\ua500-\ua63f\ua980-\ua9ff\uaa00-\uaadf"
_UNSPACED += "\U00011700-\U0001174f\U00011ee0-\U00011eff\U00011f00-\U00011f5f"
_ZERO_WIDTH_SPACES = re.compile("\u200b+")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def normalise(text: str) -> str:
    """Return the text in NFC, without byte order marks, stray zero-width spaces and surrounding white space.

    Zero-width joiners stay, since Indic and Arabic spelling needs them. A zero-width space stays between two
    letters or digits of which at least one belongs to a script that parts words with it. White space inside the text is left as it
    is. A surrogate without its other half (half an emoji) is no character; it becomes U+FFFD.
    """
    if text.isascii():
        return text.strip()
    text = well_formed(text.replace("\ufeff", ""))
    if "\u200b" in text:
        text = _ZERO_WIDTH_SPACES.sub(_keep_beside_unspaced_script, text)
    return unicodedata.normalize("NFC", text).strip()


@lru_cache(maxsize=1024)  # a label stands in many rows
def normalise_label(label: str) -> str:
    """Return the label in NFC, without invisible characters (joiners too: no reader tells them apart), its white space as single
    spaces.
    """
    visible = "".join(character for character in normalise(label) if unicodedata.category(character) != "Cf")
    return " ".join(visible.split())


def well_formed(text: str) -> str:
    """The text with U+FFFD for every surrogate without its other half: no encoding can write such a thing."""
    return text if text.isascii() else _SURROGATES.sub(REPLACEMENT, text)


def _keep_beside_unspaced_script(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    inside = all(side.isalnum() or _UNSPACED_CHARACTER.match(side) for side in (before, after))
    return "\u200b" if inside and _UNSPACED_CHARACTER.search(before + after) else ""
