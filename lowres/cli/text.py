"""Text that others wrote, made safe for a terminal."""

import unicodedata

import rich_click as click

JOINERS = "\u200c\u200d"


def clean(text: str) -> str:
    """Text without anything that could steer a terminal; joiners, which many scripts need, are kept."""
    return "".join(
        character
        if character in "\n\t" or character in JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else f"\\u{ord(character):04x}"
        for character in text
    )


def echo(text: str) -> None:
    """A line of untrusted text to standard output."""
    click.echo(clean(text))
