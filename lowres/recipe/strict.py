"""A strict reader of YAML 1.2: plain data, with the position of every key and value.

It accepts what recipes, cards and locks need: mappings, lists and scalars of the core schema, in which `no` is text and `1e-4` a
number. Anchors, aliases, tags, merge keys, directives, duplicate keys and a second document are refused.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from lowres.errors import Problem, RecipeError, nearest
from lowres.recipe.syntax import broken, unreadable

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_DIGITS = 18
SHOWN = 60  # a message repeats at most so many characters of the user's text

Key = tuple[str | int, ...]
Place = tuple[int, int]

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DOTTED = re.compile(r"[a-z_]+(\.[\w-]+|, item [0-9]+)*")
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}


@dataclass(frozen=True)
class Document:
    """Plain data, with the positions of values (`places`) and of their keys (`keys`) as (line, column), counted from 1.

    `written` holds scalars as they stand in the file. `problems` are those that did not stop the reading, `faulty` the paths whose
    value could not be read because of them.
    """

    where: str
    data: dict[str, object]
    places: Mapping[Key, Place]
    keys: Mapping[Key, Place]
    written: Mapping[Key, str]
    problems: tuple[Problem, ...]
    faulty: frozenset[Key]

    def spot(self, path: Key, *, of_key: bool = False) -> str:
        """file:line:column of the value at `path`, or of its key; if the file has no such path, of the nearest section around it."""
        while path not in self.places:
            path, of_key = path[:-1], False
        line, column = self.keys.get(path, self.places[path]) if of_key else self.places[path]
        return f"{self.where}:{line}:{column}"


def read_text(path: Path) -> str:
    """Read a small UTF-8 file, without its byte order mark. Raises RecipeError for anything else."""
    return read_exact(path).removeprefix("\ufeff")


def read_exact(path: Path) -> str:
    """Read a small UTF-8 file; encoding the text gives the file's bytes again. Raises RecipeError for anything else."""
    where = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RecipeError(Problem(where, "there is no such file", _neighbours(path))) from None
    except (OSError, ValueError) as error:  # ValueError: the name holds a null character
        if isinstance(error, IsADirectoryError) or (isinstance(error, PermissionError) and path.is_dir()):
            raise RecipeError(Problem(where, "is a folder, not a file", _inside(path))) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise RecipeError(Problem(shown(where), f"cannot be read: {reason}")) from None
    if len(raw) > MAX_BYTES:
        raise RecipeError(Problem(where, f"has more than {MAX_BYTES:,} bytes", "is this the right file?"))
    return _decoded(raw, where)


def parse(text: str, where: str, first_line: int = 1) -> Document:
    """Read one YAML document; `where` names the file in messages, `first_line` is the line at which the text begins in it.

    Raises RecipeError with one problem if the text cannot be read to its end.
    """
    text = text.removeprefix("\ufeff")
    if directive := _DIRECTIVE.search(text):
        line = text.count("\n", 0, directive.start()) + first_line
        raise RecipeError(Problem(f"{where}:{line}:1", "a line cannot begin with %", "remove it, or indent the text"))
    walk = _Walk(where, first_line)
    try:
        data = walk.document(YAML(typ="safe", pure=True).parse(text))
    except ReaderError as error:
        raise RecipeError(unreadable(error, text, where, first_line)) from None
    except MarkedYAMLError as error:
        raise RecipeError(broken(error, text, where, first_line)) from None
    except ValueError:
        what = "an escape after this point names a character that does not exist"
        raise RecipeError(Problem(walk.near, what, "write the character itself")) from None
    places, problems, faulty = walk.places, tuple(walk.problems), frozenset(walk.faulty)
    return Document(where, data, places, walk.keys, walk.written, problems, faulty)


def shown(found: object) -> str:
    """The user's text as a message repeats it: short, on one line, without characters that steer a terminal."""
    text = "".join(character if character.isprintable() else "�" for character in islice(str(found), SHOWN + 1))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def dotted(path: Key) -> str:
    """The path as messages write it: data.subset, item 2."""
    text = ""
    for part in path:
        text += f", item {part + 1}" if isinstance(part, int) else f".{shown(part)}" if text else shown(part)
    return text


def keys_of(place: str) -> Key:
    """The path that `dotted` wrote; empty if the text is not one, but a file or something else."""
    if not _DOTTED.fullmatch(place):
        return ()
    found: list[str | int] = []
    for part in re.findall(r", item [0-9]+|[^.,]+", place):
        found.append(int(part[7:]) - 1 if part.startswith(", item ") else part)
    return tuple(found)


class _Walk:
    """Turns YAML events into plain data and remembers their positions."""

    def __init__(self, where: str, first_line: int) -> None:
        self.where, self.first_line, self.near = where, first_line, where
        self.keys: dict[Key, Place] = {}
        self.places: dict[Key, Place] = {}
        self.written: dict[Key, str] = {}
        self.problems: list[Problem] = []
        self.faulty: set[Key] = set()

    def document(self, events: Iterator[Event]) -> dict[str, object]:
        """The data of the document."""
        stream = self.plain(events)
        next(stream)  # the start of the stream
        first = next(stream)
        if isinstance(first, DocumentStartEvent):
            first = next(stream)
            if isinstance(first, MappingStartEvent):
                self.places[()] = self.place(first)
                data = self.mapping(stream, ())
                for _ in stream:  # a second document, or what cannot be read, may follow
                    pass
                return data
            if not isinstance(first, ScalarEvent) or first.value:
                raise RecipeError(self.misshapen(first))
        raise RecipeError(Problem(self.where, "is empty", "see recipes/ for examples"))

    def misshapen(self, first: Event) -> Problem:
        """The problem of a document that is a list or a text instead of a mapping."""
        found = f"“{shown(first.value)}”" if isinstance(first, ScalarEvent) else "a list"
        hint = "put a space after each colon" if ":" in found else "see recipes/ for examples"
        return Problem(self.spot(first), f"{found} stands where lines of “key: value” are needed", hint)

    def plain(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events. Raises RecipeError at the first one that is not plain data."""
        depth = documents = 0
        for event in events:
            self.near = self.spot(event)
            depth += isinstance(event, MappingStartEvent | SequenceStartEvent)
            depth -= isinstance(event, MappingEndEvent | SequenceEndEvent)
            documents += isinstance(event, DocumentStartEvent)
            refused = _refused(event)
            if depth > MAX_DEPTH:
                refused = f"is nested more than {MAX_DEPTH} levels deep", "four are enough"
            if documents > 1:
                refused = "“---” begins a second document", "one file holds one document"
            if refused:
                raise RecipeError(Problem(self.near, *refused))
            yield event

    def value(self, event: Event, stream: Iterator[Event], path: Key) -> object:
        """The value that begins with this event."""
        self.places[path] = self.place(event)
        if isinstance(event, MappingStartEvent):
            return self.mapping(stream, path)
        if isinstance(event, SequenceStartEvent):
            items: list[object] = []
            while not isinstance(item := next(stream), SequenceEndEvent):
                items.append(self.value(item, stream, (*path, len(items))))
            return items
        assert isinstance(event, ScalarEvent)  # the parser begins a value with nothing else
        return self.scalar(event, path)

    def mapping(self, stream: Iterator[Event], path: Key) -> dict[str, object]:
        """The mapping that has begun, up to its end."""
        result: dict[str, object] = {}
        while not isinstance(event := next(stream), MappingEndEvent):
            spot = self.spot(event)
            if not isinstance(event, ScalarEvent):
                self.skip(event, stream)
                self.skip(next(stream), stream)
                what = "a list or a section cannot be a key"
                self.problems.append(
                    Problem(spot, what, "there are no templates here; text with brackets goes in quotes")
                )
                self.faulty.add(path)
                continue
            name = (*path, str(event.value))
            if fault := self.bad_key(event, name):
                self.problems.append(Problem(spot, *fault))
                self.skip(next(stream), stream)
                continue
            self.keys[name] = self.place(event)
            result[str(event.value)] = value = self.value(next(stream), stream, name)
            if value is None and not self.written[name]:  # where nothing stands, the parser names the next key's place
                self.places[name] = self.keys[name]
        return result

    def skip(self, event: Event, stream: Iterator[Event]) -> None:
        """Skip the value that begins with this event."""
        _Walk(self.where, self.first_line).value(event, stream, ())

    def bad_key(self, event: ScalarEvent, name: Key) -> tuple[str, str] | None:
        """Why this key is refused, if it is."""
        if not event.value:
            return "a key is missing before the colon", "write key: value"
        if event.value == "<<" and not event.style:
            return "“<<” merges in another part of the file, which is not allowed", "write the values out"
        if name in self.keys:
            return (
                f"{dotted(name)}: stands here a second time",
                f"first on line {self.keys[name][0]}; keep one of the two",
            )
        return self.half(event.value)

    def scalar(self, event: ScalarEvent, path: Key) -> object:
        """The value of a scalar by the core schema of YAML 1.2; quoted and block scalars are text."""
        text = str(event.value)
        self.written[path] = text
        if fault := self.half(text):
            self.fault(event, path, *fault)
            return None
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        number = _number(text)
        if isinstance(number, float) and not math.isfinite(number):
            hint = f"write a finite number of at most {MAX_DIGITS} digits; text goes in quotes"
            self.fault(event, path, f"“{shown(text)}” is not a usable number", hint)
            return None
        return text if number is None else number

    def fault(self, event: Event, path: Key, what: str, hint: str) -> None:
        """Record that the value at `path` cannot be read."""
        self.problems.append(Problem(self.spot(event), f"{dotted(path)}: {what}", hint))
        self.faulty.add(path)

    def half(self, text: str) -> tuple[str, str] | None:
        """Why text with a lone surrogate, which no UTF-8 file can hold, is refused."""
        lone = next((character for character in text if "\ud800" <= character <= "\udfff"), None)
        return (f"\\u{ord(lone):04x} is half a character", "write the character itself") if lone else None

    def spot(self, event: Event) -> str:
        """file:line:column of an event."""
        line, column = self.place(event)
        return f"{self.where}:{line}:{column}"

    def place(self, event: Event) -> Place:
        """Line and column of an event in its file."""
        return event.start_mark.line + self.first_line, event.start_mark.column + 1


def _refused(event: Event) -> tuple[str, str] | None:
    """Why an event is not plain data, if it is not."""
    remedy = "write the value out; text that begins with this character goes in quotes"
    if isinstance(event, AliasEvent):
        return f"“*{shown(event.anchor)}” repeats another part of the file, which is not allowed", remedy
    if anchor := getattr(event, "anchor", None):
        return f"“&{shown(anchor)}” names a part of the file to repeat it, which is not allowed", remedy
    if tag := getattr(event, "tag", None):
        written = shown(str(tag).replace("tag:yaml.org,2002:", "!!"))
        return f"“{written}” is a tag; this file holds plain data, never code", remedy
    return None


def _number(text: str) -> int | float | None:
    """The number that a plain scalar stands for; infinite if it is not a usable one; None if it is text."""
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        digits = text.lstrip("+-").lstrip("0ox") or "0"
        size = int(digits, base) if len(digits) <= MAX_DIGITS else math.inf
        return -size if text[0] == "-" else size
    if _NO_NUMBER.fullmatch(text):
        return math.inf
    return float(text) if _FLOAT.fullmatch(text) else None


def _decoded(raw: bytes, where: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RecipeError(Problem(f"{where}:1", "is UTF-16, not UTF-8", "save it as UTF-8"))
    if b"\0" in raw:
        at = raw.index(0)
        what = f"is a binary file: byte {at + 1} is null"
        raise RecipeError(Problem(f"{where}:{_line(raw, at)}", what, "name a file in YAML"))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
        what = f"is not UTF-8: byte {at + 1} is 0x{raw[at]:02X}"
        raise RecipeError(Problem(f"{where}:{_line(raw, at)}", what, "save it as UTF-8")) from None


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    return nearest(path.name, _recipes(path.parent)) or _inside(path.parent)


def _inside(folder: Path) -> str:
    found = _recipes(folder)
    more = ", …" if len(found) > 8 else ""
    return f"it holds {', '.join(found[:8])}{more}" if found else f"there is no .yaml file in {folder}"


def _recipes(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.y*ml"))
