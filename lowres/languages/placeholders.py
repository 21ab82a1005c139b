"""What a translation leaves as it is: addresses, markup, and places that a program fills in."""

from collections import Counter

import regex

FIXED = regex.compile(
    r"""https?://[^\s<>"”»]*[^\s<>"”».,;:!?)]      # addresses
    | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+
    | </?\p{L}[^<>]*>                             # markup
    | &\#?\w+;
    | %\(\w+\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]       # places that are filled in: %(name)s
    | %(?:\d+\$)?[sdirfux](?![\w\p{M}])          # %s, %1$s
    | \{\{[^{}]*\}\} | \{%[^{}]*%\}               # {{ name }}, {% tag %}
    | \$?\{\w*(?:[.:!\[][^{}\s]*)?\}             # {0}, {name:.2f}, ${name}
    """,
    regex.VERBOSE,
)


def lost(text: str, translation: str) -> tuple[str, ...]:
    """What is fixed in a text and missing from its translation, as often as it is missing."""
    return tuple((Counter(FIXED.findall(text)) - Counter(FIXED.findall(translation))).elements())
