"""XML as a tree in which every element knows its line and its bytes; nothing outside the file is ever read."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from lowres.data.formats.file_text import read_bytes
from lowres.data.formats.recognising import binary_format
from lowres.errors import DataError, Problem

MAX_DEPTH = 100  # elements inside one another
_TAG = re.compile(rb"""<[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*>""")


@dataclass
class Element:
    """One element. `name` is without its namespace; keys of `attributes` likewise, but for xml:lang and xml:space.

    `content` holds texts and elements in their order. `start` and `end` are the bytes of the whole element, `inner` and `close`
    those of what stands between its tags; an empty element `<a/>` has `inner == close == end`.
    """

    name: str
    attributes: Mapping[str, str]
    line: int
    start: int
    inner: int = 0
    close: int = 0
    end: int = 0
    content: "list[str | Element]" = field(default_factory=list)

    @property
    def children(self) -> "list[Element]":
        """The elements directly inside it."""
        return [part for part in self.content if isinstance(part, Element)]

    @property
    def text(self) -> str:
        """All text inside it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    def child(self, name: str) -> "Element | None":
        """The first element of that name directly inside it."""
        return next((child for child in self.children if child.name == name), None)

    def every(self, name: str) -> "Iterator[Element]":
        """The elements of that name inside it, at any depth, in their order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.every(name)


@dataclass(frozen=True)
class XmlFile:
    """A file of XML: its name in messages, the sha256 of the file on the disk, its bytes, their encoding, the root element."""

    name: str
    sha256: str
    data: bytes
    encoding: str
    root: Element

    @property
    def part_encoding(self) -> str:
        """The encoding of a part of the file, which has no byte order mark."""
        if self.encoding != "utf-16":
            return self.encoding
        return "utf-16-be" if self.data[:2] == b"\xfe\xff" else "utf-16-le"


def read_xml(path: Path, name: str) -> XmlFile:
    """Read a file of XML. Raises DataError with the line where it is not well-formed.

    A document type is passed over; one that declares entities is refused, since those can swell a small file without limit or
    bring in other files.
    """
    raw = read_bytes(path, name)
    root, encoding = _parsed(raw.data, name)
    return XmlFile(name, raw.sha256, raw.data, encoding, root)


def _parsed(data: bytes, name: str) -> tuple[Element, str]:
    parser = expat.ParserCreate(namespace_separator=None)
    parser.buffer_text = True
    top = Element("", {}, 0, 0)
    open_elements = [top]
    encodings = ["utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"]

    def refuse(what: str, remedy: str) -> None:
        raise DataError(Problem(f"{name}:{parser.CurrentLineNumber}", what, remedy))

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MAX_DEPTH:
            refuse(f"has more than {MAX_DEPTH} elements inside one another", "this is no file of texts")
        short = {key if key.startswith("xml:") else _local(key): value for key, value in attributes.items()}
        element = Element(_local(tag), short, parser.CurrentLineNumber, parser.CurrentByteIndex)
        open_elements[-1].content.append(element)
        open_elements.append(element)

    def finish(tag: str) -> None:
        element = open_elements.pop()
        element.close = parser.CurrentByteIndex

    def text(part: str) -> None:
        open_elements[-1].content.append(part)

    def declare_entity(*_: object) -> None:
        refuse("declares entities, which is not allowed", "write the characters themselves, without a document type")

    def unknown_entity(entity: str, is_parameter: bool) -> None:
        refuse(f"holds “&{entity};”, which XML does not know", "write the character itself")

    def declaration(version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encodings[0] != "utf-16":
            encodings[0] = encoding.lower()

    handlers: Mapping[str, Callable[..., Any]] = {
        "StartElementHandler": begin, "EndElementHandler": finish, "CharacterDataHandler": text,
        "EntityDeclHandler": declare_entity, "XmlDeclHandler": declaration, "SkippedEntityHandler": unknown_entity,
    }  # fmt: skip
    for event, handler in handlers.items():
        setattr(parser, event, handler)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        if found := binary_format(data):
            raise DataError(Problem(name, f"is {found.name}, not XML", found.remedy)) from None
        what = f"is not well-formed XML: {expat.ErrorString(error.code)} at column {error.offset + 1}"
        raise DataError(Problem(f"{name}:{error.lineno}", what, "was it cut short, or edited by hand?")) from None
    except (LookupError, ValueError):
        raise DataError(
            Problem(name, f"is in the encoding {encodings[0]}, which is not known", "save it as UTF-8")
        ) from None
    root = top.children[0]
    _place(root, data, encodings[0])
    return root, encodings[0]


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _place(element: Element, data: bytes, encoding: str) -> None:
    """Fill in where the tags of an element, and of those inside it, end."""
    wide, slash = _code(">", data, encoding), _code("/>", data, encoding)
    stack = [element]
    while stack:
        one = stack.pop()
        one.inner = _tag_end(data, one.start, wide)
        if data[one.inner - len(slash) : one.inner] == slash:
            one.close = one.end = one.inner
        else:
            one.end = _after(data, wide, one.close)
        stack += one.children


def _code(sign: str, data: bytes, encoding: str) -> bytes:
    if encoding.startswith("utf-16"):
        return sign.encode("utf-16-be" if data[:2] == b"\xfe\xff" else "utf-16-le")
    return sign.encode("ascii")


def _after(data: bytes, sign: bytes, at: int) -> int:
    found = data.find(sign, at)
    while len(sign) == 2 and found >= 0 and (found - at) % 2:
        found = data.find(sign, found + 1)
    return len(data) if found < 0 else found + len(sign)


def _tag_end(data: bytes, start: int, wide: bytes) -> int:
    """The byte behind the > that closes the tag that begins at `start`; a > inside an attribute's quotes does not."""
    if len(wide) == 1:
        match = _TAG.match(data, start)
        return match.end() if match else len(data)
    at, quote, low = start, b"", 0 if wide[0] else 1  # two bytes for each sign
    while at < len(data):
        sign = b"" if data[at + 1 - low] else data[at + low : at + low + 1]
        if quote:
            quote = b"" if sign == quote else quote
        elif sign in (b'"', b"'"):
            quote = sign
        elif sign == b">":
            return at + 2
        at += 2
    return len(data)
