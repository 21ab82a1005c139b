"""Numbers as text, and text from data and users made safe to show: invisible characters are made visible."""

import math
import unicodedata

from lowres.errors import LowresError
from lowres.languages import Language, language
from lowres.languages.tags import RIGHT_TO_LEFT

# Joiners are part of words (Persian, Indic scripts, emoji); the zero-width space and the soft hyphen only allow line
# breaks. All other format characters (bidi controls, tags, byte order marks) are shown by their code point.
_KEPT = frozenset("\n\t\u200b\u200c\u200d\u00ad")
_SPECIAL = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def visible(text: str) -> str:
    """`text` with control, bidi and other invisible characters replaced by visible ones.

    Line feeds, tabs, joiners (U+200C, U+200D) and break opportunities stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _made_visible(character) if unicodedata.category(character) in _SPECIAL else character for character in text
    )


def _made_visible(character: str) -> str:
    code = ord(character)
    if character in _KEPT or _is_drawn(code):
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def _is_drawn(code: int) -> bool:
    """Arabic, Syriac and Kaithi number signs and Egyptian joiners are format characters, but are drawn."""
    return code in (0x6DD, 0x70F, 0x110BD, 0x110CD, 0x8E2) or 0x600 <= code <= 0x605 or 0x13430 <= code <= 0x1343F


def number(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """A number with a true minus sign; there is no minus zero. With `sign`, a plus sign before positive numbers."""
    rounded = round(value, digits) + 0.0
    return f"{rounded:{'+' if sign and rounded else ''}.{digits}f}".replace("-", "−")


def whole(value: int) -> str:
    """A whole number with a thin space between thousands: 4 800."""
    return f"{value:,}".replace(",", "\u202f").replace("-", "−")


def percent(share: float) -> str:
    """A share of 0–1 as a whole percentage; a share that only rounds to 0 or 100 is written < 1 % or > 99 %."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "< 1\u202f%"
    if rounded == 100 and share < 1:
        return "> 99\u202f%"
    return f"{rounded}\u202f%"


def interval(low: float, high: float, digits: int = 1, *, sign: bool = False) -> str:
    """The bounds of an interval: 76.0–84.2, or −0.4 to +5.7 with signs; infinite bounds are not estimable."""
    if math.isinf(low) or math.isinf(high):
        return "not estimable"
    if sign:
        return f"{number(low, digits, sign=True)} to {number(high, digits, sign=True)}"
    return f"{number(low, digits)}{'–' if low >= 0 else ' to '}{number(high, digits)}"


def p_number(p: float) -> str:
    """A p value for a table: 0.012, or < 0.001."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p_value(p: float) -> str:
    """A p value for a sentence: p = 0.012, or p < 0.001."""
    found = p_number(p)
    return f"p {found}" if found.startswith("<") else f"p = {found}"


def duration(seconds: float) -> str:
    """A time: 0.4 s, 12 s, 4 min 12 s, 2 h 5 min."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{whole(hours)} h {minutes} min" if minutes else f"{whole(hours)} h"


def listing(words: list[str], most: int = 3) -> str:
    """A list in words: a, b and c; if longer than `most`, the first ones and the number of the others."""
    if len(words) < 2:
        return "".join(words)
    shown = words if len(words) <= most else [*words[: most - 1], f"{len(words) - most + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def language_of(tag: str) -> Language:
    """The language of a tag. An unknown tag is its own name; its script still gives the writing direction.

    A translation direction such as ind-Latn→min-Latn is named by both languages; script and writing direction are those of
    its target.
    """
    if "→" in tag:
        source, target = map(language_of, tag.split("→", 1))
        return Language(tag, f"{source.name} → {target.name}", target.script, target.direction)
    try:
        return language(tag)
    except LowresError:
        script = tag.partition("-")[2]
        return Language(tag, tag, script, "rtl" if script in RIGHT_TO_LEFT else "ltr")
