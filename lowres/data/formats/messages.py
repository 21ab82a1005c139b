"""Messages of programs in JSON: nested objects as i18next writes them, messages.json of Chrome, ARB of Flutter."""

import json
import re
from dataclasses import dataclass, replace

from lowres.data.formats.damage import BROKEN
from lowres.data.formats.tables import Table, make_table

LEAST = 2  # messages that make an object a file of messages
ROW = frozenset(("text", "label", "source", "target"))  # keys of a row of data, which one object may be, too
CHROME = frozenset(("message", "description", "placeholders"))  # what an entry of Chrome's messages.json holds
_TOKEN = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)', re.DOTALL)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Message:
    """One message: its keys from the outside in, its text, its line, and the bytes of its string with the quotation marks."""

    keys: tuple[str, ...]
    text: str
    line: int
    start: int
    end: int

    @property
    def id(self) -> str:
        """The keys, joined by dots."""
        return ".".join(self.keys)


def messages_table(data: bytes, name: str, sha256: str) -> Table | None:
    """One row for each message: `id` (its keys) and `text`; None where the file, which must be JSON, is no file of messages."""
    found = messages(data)
    if found is None:
        return None
    rows = [(message.line, [message.id, message.text]) for message in found]
    return replace(make_table(name, sha256, ["id", "text"], rows, kinds=BROKEN), key="id")


def messages(data: bytes) -> list[Message] | None:
    """The messages of a JSON file, without descriptions and other facts about them; None where it is no file of messages."""
    found = strings(data)
    if {message.keys[0] for message in found if len(message.keys) == 1} & ROW:
        return None
    if found and all(len(message.keys) > 1 and message.keys[1] in CHROME for message in found):
        found = [message for message in found if message.keys[1:] == ("message",)]
    found = [message for message in found if not any(key.startswith("@") for key in message.keys)]
    return found if len(found) >= LEAST else None


def strings(data: bytes) -> list[Message]:
    """Every string of a file that is one JSON object; none where it is something else."""
    found: list[Message] = []
    path: list[str | int] = []
    at, line, seen = len(_BOM) * data.startswith(_BOM), 1, 0
    expects_key = closed = False
    while match := _TOKEN.match(data, at):
        token, at = match[1], match.end()
        if closed or (not path and token != b"{"):
            return []
        if token in (b"{", b"["):
            path.append("" if token == b"{" else 0)
            expects_key = token == b"{"
        elif token in (b"}", b"]"):
            path.pop()
            closed = not path
        elif token == b",":
            if isinstance(path[-1], int):
                path[-1] += 1
            else:
                expects_key = True
        elif token[:1] == b'"':
            if expects_key:
                path[-1], expects_key = json.loads(token), False
            else:
                line, seen = line + data.count(b"\n", seen, match.start(1)), match.start(1)
                found.append(Message(tuple(map(str, path)), json.loads(token), line, match.start(1), match.end(1)))
    return found
