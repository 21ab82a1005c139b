"""Messages in JSON that are to be translated: the file holds the source, and every text of it is a blank."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from lowres.data.formats.documents import Blank, Document, Splice, surrounded
from lowres.data.formats.file_text import read_bytes
from lowres.data.formats.json_rows import read_json
from lowres.data.formats.messages import Message, messages, strings
from lowres.errors import DataError, Problem

CHOICES = re.compile(r"\{\s*\w+\s*,\s*(?:plural|select|selectordinal)\s*,")
SKIPPED = "with plural or other choices (ICU), which a program has to write"


def open_messages(path: Path, name: str, target: str, earlier: Path | None = None) -> Document:
    """The messages of a file; those that an earlier translation of the file holds are taken from it. Raises DataError.

    `target` is the code that an ARB file names its language with.
    """
    read_json(path, name)  # says what is wrong with the file, where something is
    data = read_bytes(path, name).data
    found = messages(data)
    if found is None:
        hint = "a file of messages is one object of texts; give other texts on standard input, one a line"
        raise DataError(Problem(name, "holds no messages", hint))
    before = _earlier(earlier)
    blanks, always, skipped = [], [], Counter[str]()
    for message in found:
        if done := before.get(message.id):
            always.append(Splice(message.start, message.end, _quoted(done)))
        elif CHOICES.search(message.text):
            skipped[SKIPPED] += 1
        elif message.text.strip():
            blanks.append(Blank(f"{name}:{message.line}", (message.text,), _writer(message)))
    finished = len(always)
    always += [
        Splice(one.start, one.end, _quoted(target)) for one in strings(data) if one.keys == ("@@locale",) and target
    ]
    return Document(name, data, tuple(blanks), finished, skipped=dict(skipped), always=tuple(always))


def _earlier(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    read_json(path, path.name)
    found = messages(read_bytes(path, path.name).data)
    if found is None:
        raise DataError(Problem(path.name, "holds no messages", "name an earlier translation of the file"))
    return {message.id: message.text for message in found if message.text.strip()}


def _writer(message: Message) -> Callable[[Sequence[str]], list[Splice]]:
    def write(translations: Sequence[str]) -> list[Splice]:
        return [Splice(message.start, message.end, _quoted(surrounded(message.text, translations[0])))]

    return write


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
