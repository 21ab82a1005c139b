"""Placeholders: what a translation copies unchanged – addresses, markup, and the fields that a program fills in."""

from collections import Counter
from collections.abc import Iterable, Mapping

import regex

PLACEHOLDER = regex.compile(
    r"""https?://[^\s<>"”»]*[^\s<>"”».,;:!?)]      # addresses
    | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+
    | </?\p{L}[^<>]*>                             # markup
    | &\#?\w+;
    | %\(\w+\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]       # fields that a program fills in: %(name)s
    | %(?:\d+\$)?(?:[sdirfux](?![\w\p{M}])|@)    # %s, %1$s, %@
    | \$\w+\$ | \$t\([^()]*\)                    # $NAME$, $t(key)
    | \{\{[^{}]*\}\} | \{%[^{}]*%\}               # {{ name }}, {% tag %}
    | \$?\{\w*(?:[.:!\[][^{}\s]*)?\}             # {0}, {name:.2f}, ${name}
    """,
    regex.VERBOSE,
)
ADJACENT = regex.compile(f"(?:{PLACEHOLDER.pattern})+", regex.VERBOSE)  # <b>%(name)s</b>
SYMBOLS = "★●■▲◆▼►♥♦♠♣☆○□△◇"  # one token each in the vocabularies of most multilingual models


def symbols_of(text: str, symbols: Iterable[str]) -> dict[str, str]:
    """A symbol for each placeholder of a text, in their order: one that does not occur in the text itself.

    Placeholders without anything between them have one symbol together. Where there are more than symbols, the last have none.
    """
    free = (symbol for symbol in symbols if symbol not in text)
    return dict(zip(dict.fromkeys(ADJACENT.findall(text)), free, strict=False))


def hide_placeholders(text: str, symbols: Mapping[str, str]) -> str:
    """The text with a symbol for each placeholder that has one."""
    return str(ADJACENT.sub(lambda found: symbols.get(found[0], found[0]), text))


def reveal_placeholders(text: str, symbols: Mapping[str, str]) -> str:
    """The text with its placeholders again."""
    for placeholder, symbol in symbols.items():
        text = text.replace(symbol, placeholder)
    return text


def missing_placeholders(text: str, translation: str) -> tuple[str, ...]:
    """The placeholders of a text that its translation lacks, each as often as it is missing."""
    return tuple((Counter(PLACEHOLDER.findall(text)) - Counter(PLACEHOLDER.findall(translation))).elements())
