"""Makes text from data, models and file names safe for a terminal."""

import json
import shutil
import sys
import textwrap
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


def wrapped(line: str, indent: str, columns: int | None = None) -> list[str]:
    """A line as the lines that fit the terminal, the further ones indented; as it is where no terminal is."""
    if columns is None and sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
    if columns is None or len(line) <= columns:
        return [line]
    return textwrap.wrap(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def echo(text: str, indent: str | None = None) -> None:
    """Print a line of untrusted text; with `indent` on a terminal as lines that fit it, of which the further ones are indented."""
    for line in [text] if indent is None else wrapped(text, indent):
        click.echo(clean(line))


def echo_json(text: str) -> None:
    """Print JSON that holds untrusted text."""
    click.echo(clean_json(text))
