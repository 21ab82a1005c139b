"""Makes text from data, models and file names safe for a terminal."""

import json
import unicodedata

import rich_click as click

JOINERS = "\u200c\u200d"


def clean(text: str) -> str:
    """The text with control characters escaped; joiners, which many scripts need, are kept."""
    return "".join(character if harmless(character) else f"\\u{ord(character):04x}" for character in text)


def one_line(text: str) -> str:
    """The same, with line breaks escaped as well."""
    return clean(text).replace("\n", "\\u000a")


def clean_json(text: str) -> str:
    """JSON with control characters escaped; its meaning stays the same."""
    return "".join(character if harmless(character) else json.dumps(character)[1:-1] for character in text)


def harmless(character: str) -> bool:
    """Whether a terminal only shows this character, or also reacts to it."""
    return (
        character in "\n\t"
        or character in JOINERS
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def echo(text: str) -> None:
    """Print a line of untrusted text."""
    click.echo(clean(text))


def echo_json(text: str) -> None:
    """Print JSON that holds untrusted text."""
    click.echo(clean_json(text))
