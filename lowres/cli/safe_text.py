"""Text that others wrote, made safe for a terminal."""

import json
import unicodedata

import rich_click as click

JOINERS = "\u200c\u200d"


def clean(text: str) -> str:
    """Text without anything that could steer a terminal; joiners, which many scripts need, are kept."""
    return "".join(character if harmless(character) else f"\\u{ord(character):04x}" for character in text)


def one_line(text: str) -> str:
    """The same for text that may not break its line."""
    return clean(text).replace("\n", "\\u000a")


def clean_json(text: str) -> str:
    """JSON in which such characters are escaped; it means the same."""
    return "".join(character if harmless(character) else json.dumps(character)[1:-1] for character in text)


def harmless(character: str) -> bool:
    """Whether a terminal shows it and does nothing else."""
    return (
        character in "\n\t"
        or character in JOINERS
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def echo(text: str) -> None:
    """A line of untrusted text to standard output."""
    click.echo(clean(text))


def echo_json(text: str) -> None:
    """JSON that holds untrusted text to standard output."""
    click.echo(clean_json(text))
