"""Messages of programs in JSON, a file for each language, beside the file with the messages that they translate."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from lowres.data.formats.catalogues import Messages, message_columns
from lowres.data.formats.file_text import decode, read_bytes
from lowres.data.formats.messages import Message, strings
from lowres.errors import DataError, Problem

REFERENCE = "[%key:"  # in Home Assistant, the place of a message that is taken from elsewhere


def messages_beside(originals: Sequence[tuple[Path, str]]) -> Messages:
    """How to read the messages of a language, where the (file, its name) of `originals` hold what they translate.

    A message translates the one with the same keys in the file of the same folder. Left out: messages without one, and those that
    refer to another message instead of saying anything. The originals themselves have no translation.
    """
    names = {name for _, name in originals}
    sources = {
        _folder(name): {message.keys: message.text for message in _messages(read_bytes(path, name).data, name)}
        for path, name in originals
    }

    def read(data: bytes, name: str) -> Iterator[tuple[int, str, dict[str, str]]]:
        beside = sources.get(_folder(name), {})
        for message in _messages(data, name):
            source = beside.get(message.keys, "")
            kind = "without an original" if not source.strip() else ""
            if REFERENCE in source or REFERENCE in message.text:
                kind = "refers to another message"
            yield message.line, kind, message_columns(source, "" if name in names else message.text)

    return read


def _messages(data: bytes, name: str) -> list[Message]:
    try:
        json.loads(decode(data, name))
    except json.JSONDecodeError as error:
        raise DataError(Problem(f"{name}:{error.lineno}", f"is not JSON: {error.msg}")) from None
    return strings(data)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
