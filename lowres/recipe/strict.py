"""Strict YAML 1.2: plain data with the place of every value, or every reason why not.

Only what a recipe or card needs: mappings, lists and scalars. Anchors, aliases, tags, merge keys, directives, several
documents and duplicate keys are refused; `no` stays text and `1e-4` is a number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lowres.errors import Problem, RecipeError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
Place = tuple[int, int]
Path_ = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Document:
    """Plain data; where each value stands and where its key does, as (line, column) from 1."""

    data: dict[str, object]
    places: Mapping[Path_, Place]
    keys: Mapping[Path_, Place]
    problems: tuple[Problem, ...]


def read_text(path: Path) -> str:
    """The text of a small UTF-8 file. Raises RecipeError for anything else."""
    where = str(path)
    if path.is_dir():
        raise RecipeError(Problem(where, "is a folder", "name the file in it"))
    if not path.exists():
        raise RecipeError(Problem(where, "there is no such file", _neighbours(path)))
    if path.stat().st_size > MAX_BYTES:
        raise RecipeError(
            Problem(where, f"has {path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,}; is this the right file?")
        )
    raw = path.read_bytes()
    if b"\0" in raw:
        raise RecipeError(
            Problem(f"{where}:{_line(raw, raw.index(0))}", "is a binary file, not text", "name a YAML file")
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise RecipeError(Problem(f"{where}:{_line(raw, error.start)}", found, "save the file as UTF-8")) from error


def parse(text: str, where: str, first_line: int = 1) -> Document:
    """Plain data of one YAML document. Raises RecipeError where it cannot be read at all; `first_line` is its line in `where`."""
    if not text.strip():
        raise RecipeError(Problem(where, "is empty", "see recipes/ for examples"))
    try:
        _refuse_what_is_not_plain(text, where, first_line)
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + first_line}:{mark.column + 1}" if mark else where
        raise RecipeError(Problem(place, _plain_words(error), _remedy(error))) from error
    except (YAMLError, RecursionError) as error:
        raise RecipeError(Problem(where, f"cannot be read as YAML: {error}")) from error
    if not isinstance(node, MappingNode):
        raise RecipeError(
            Problem(f"{where}:{first_line}", "is not a list of “key: value” lines", "see recipes/ for examples")
        )
    walk = _Walk(where, first_line)
    data = walk.mapping(node, ())
    return Document(data, walk.places, walk.keys, tuple(walk.problems))


def _refuse_what_is_not_plain(text: str, where: str, first_line: int) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        refused = ""
        if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
            refused = "directives (lines with %) are not used here"
        elif isinstance(event, AliasEvent):
            refused = f"“*{event.anchor}” repeats another part of the file; aliases are not used here"
        elif isinstance(event, NodeEvent) and event.anchor:
            refused = f"“&{event.anchor}” names a part of the file; anchors are not used here"
        elif isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
            refused = f"“{event.tag}” is a tag; recipes are data, never code"
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            refused = f"is nested more than {MAX_DEPTH} levels deep"
        if refused:
            mark = event.start_mark
            raise RecipeError(
                Problem(f"{where}:{mark.line + first_line}:{mark.column + 1}", refused, "write the values out")
            )


class _Walk:
    """Turns nodes into plain data and remembers where they stood."""

    def __init__(self, where: str, first_line: int) -> None:
        self.where, self.first_line = where, first_line
        self.places: dict[Path_, Place] = {}
        self.keys: dict[Path_, Place] = {}
        self.problems: list[Problem] = []

    def place(self, node: Node) -> Place:
        return node.start_mark.line + self.first_line, node.start_mark.column + 1

    def value(self, node: Node, path: Path_) -> object:
        self.places[path] = self.place(node)
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        return _scalar(node)

    def mapping(self, node: MappingNode, path: Path_) -> dict[str, object]:
        self.places.setdefault(path, self.place(node))
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            line, column = self.place(key_node)
            spot = f"{self.where}:{line}:{column}"
            if not isinstance(key_node, ScalarNode):
                self.problems.append(Problem(spot, "a key must be a word", "write key: value"))
                continue
            key = str(key_node.value)
            dotted = ".".join(map(str, (*path, key)))
            if key == "<<" and key_node.style is None:
                self.problems.append(
                    Problem(spot, "“<<” merges another part of the file; it is not used here", "write the values out")
                )
            elif key in result:
                first = self.keys[(*path, key)][0]
                self.problems.append(
                    Problem(spot, f"{dotted}: stands here again", f"first on line {first}; keep one of the two")
                )
            else:
                self.keys[(*path, key)] = (line, column)
                result[key] = self.value(value_node, (*path, key))
                if result[key] is None:
                    self.places[(*path, key)] = (line, column)
        return result


def _scalar(node: Node) -> object:
    text = str(node.value)
    if not isinstance(node, ScalarNode) or node.style is not None:  # quoted or block: text, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _plain_words(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "cannot be read as YAML")
    if "\\t" in problem or "'\t'" in problem:
        return "a tab where spaces belong"
    if "mapping values are not allowed" in problem:
        return "a second “: ” on one line"
    if "another document" in problem:
        return "“---” begins a second document"
    if "end of stream" in problem or "stream end" in problem:
        return "the file ends inside a bracket or quotation mark"
    return f"cannot be read as YAML: {problem}"


def _remedy(error: MarkedYAMLError) -> str:
    words = _plain_words(error)
    remedies = {
        "a tab where spaces belong": "indent with spaces",
        "a second “: ” on one line": "put text that holds a colon in quotation marks",
        "“---” begins a second document": "one file holds one recipe",
        "the file ends inside a bracket or quotation mark": "close it",
    }
    return remedies.get(words, "")


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    found = sorted(other.name for other in path.parent.glob("*.yaml"))
    return f"this folder has {', '.join(found[:8])}" if found else "this folder has no .yaml file"
