"""Placeholders: what a translation copies unchanged – addresses, markup, and the fields that a program fills in."""

from collections import Counter

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


def missing_placeholders(text: str, translation: str) -> tuple[str, ...]:
    """The placeholders of a text that its translation lacks, each as often as it is missing."""
    return tuple((Counter(PLACEHOLDER.findall(text)) - Counter(PLACEHOLDER.findall(translation))).elements())
