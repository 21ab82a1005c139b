"""Untranslated messages of gettext catalogues."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lowres.data.formats.documents import Blank, Document, Splice, surrounded
from lowres.data.formats.file_text import read_bytes
from lowres.data.formats.gettext import read_po

_KEYWORD = re.compile(rb'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s*(".*")\s*$')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass
class _Line:
    """A line with its bytes, without and with its end."""

    start: int
    text: bytes
    end: int


@dataclass
class _Message:
    """One message: its texts by keyword, the lines of each msgstr, and where flags belong."""

    line: int
    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # bytes of each msgstr, without the last line's end
    flags: _Line | None = None
    first: int = -1  # where a line with flags can be put


def open_po(path: Path, name: str) -> Document:
    """The messages without a translation; fuzzy, obsolete and translated ones count as finished. Raises DataError."""
    read_po(path, name)  # says what is wrong with the file, where something is
    data = read_bytes(path, name).data
    end = b"\r\n" if b"\r\n" in data else b"\n"
    blanks, finished, forms, languages = [], 0, 2, ("", "")
    for message in _messages(data):
        source, plural = message.texts.get("msgid", ""), message.texts.get("msgid_plural")
        if not source:
            header = message.texts.get("msgstr", "")
            number = re.search(r"nplurals\s*=\s*(\d+)", header)
            forms = int(number[1]) if number else forms
            language = re.search(r"^Language:\s*(\S+)", header, re.MULTILINE)
            languages = ("", language[1] if language else "")
        elif any(message.texts[key] for key in message.places):
            finished += 1
        else:
            texts = (source,) if plural is None else (source, plural)
            place = f"{name}:{message.line}"
            blanks.append(Blank(place, texts, _writer(message, texts, forms, end), partial(_remark, message, end)))
    return Document(name, data, tuple(blanks), finished, "fuzzy", languages)


def _messages(data: bytes) -> Iterator[_Message]:
    """The messages of a catalogue, without obsolete ones."""
    at, number = 0, 0
    message, key = _Message(0), ""
    for raw in data.splitlines(keepends=True):
        number += 1
        text = raw.rstrip(b"\r\n")
        line = _Line(at, text, at + len(raw))
        at += len(raw)
        stripped = text.removeprefix(b"\xef\xbb\xbf").strip()
        match = _KEYWORD.match(stripped)
        if match and (match[1] == b"msgctxt" or (match[1] == b"msgid" and "msgid" in message.texts)) and message.places:
            yield message
            message = _Message(number)
        if stripped.startswith(b"#") or not stripped:
            if message.places:
                yield message
                message = _Message(number)
            if stripped.startswith(b"#,"):
                message.flags = line
            if stripped.startswith(b"#|") and message.first < 0:
                message.first = line.start
            if stripped.startswith(b"#~"):
                message = _Message(number)
            continue
        if match:
            key = match[1].decode()
            message.texts[key] = _text(match[2])
            if not message.places and key in ("msgctxt", "msgid") and len(message.texts) == 1:
                message.line = number
                message.first = line.start if message.first < 0 else message.first
        elif stripped.startswith(b'"') and key:
            message.texts[key] += _text(stripped)
        if key.startswith("msgstr"):
            begin = message.places.get(key, (line.start, 0))[0]
            message.places[key] = (begin, line.start + len(line.text))
    if message.places:
        yield message


def _writer(
    message: _Message, texts: tuple[str, ...], forms: int, end: bytes
) -> Callable[[Sequence[str]], list[Splice]]:
    def write(translations: Sequence[str]) -> list[Splice]:
        whole = [surrounded(text, one) for text, one in zip(texts, translations, strict=True)]
        if len(texts) == 1:
            lines = [_quoted("msgstr", whole[0], end)]
        elif forms == 1:
            lines = [_quoted("msgstr[0]", whole[1], end)]
        else:
            lines = [_quoted(f"msgstr[{form}]", whole[min(form, 1)], end) for form in range(forms)]
        begin, stop = min(message.places.values())[0], max(message.places.values())[1]
        return [_fuzzy(message, end), Splice(begin, stop, end.join(lines))]

    return write


def _fuzzy(message: _Message, end: bytes) -> Splice:
    """The flag that a translator has to confirm the message."""
    if message.flags:
        stop = message.flags.start + len(message.flags.text.rstrip())
        return Splice(stop, stop, b", fuzzy")
    return Splice(message.first, message.first, b"#, fuzzy" + end)


def _remark(message: _Message, end: bytes, text: str) -> list[Splice]:
    """A translator's comment before the flags, which editors show beside the message."""
    start = message.flags.start if message.flags else message.first
    return [Splice(start, start, b"# " + text.encode() + end)]


def _quoted(key: str, text: str, end: bytes) -> bytes:
    """A keyword and its text, on several lines where the text has several."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\r", "\\r")
    parts = [part for part in re.split(r"(?<=\n)", escaped) if part]
    lines = [f'"{part}"'.replace("\n", "\\n") for part in parts] or ['""']
    if len(lines) > 1:
        lines = ['""', *lines]
    return end.join(f"{key} {line}".encode() if not number else line.encode() for number, line in enumerate(lines))


def _text(quoted: bytes) -> str:
    """What stands between quotation marks."""
    inner = quoted.decode()[1:-1]
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), inner)
