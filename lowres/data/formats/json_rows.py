"""JSON: one object a line, an array of objects, or objects one behind the other; messages of programs; annotators' exports."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.labelling import DISAGREED, is_label_studio, label_studio_choices, label_studio_row
from lowres.data.formats.messages import messages_table
from lowres.data.formats.recognising import xml_format
from lowres.data.formats.tables import Table, capped, check_columns, make_table
from lowres.errors import DataError, Finding, Problem

_WORDS: Mapping[bool | None, str] = {None: "", True: "true", False: "false"}
_LINES = re.compile(r"\.(?:jsonl|ndjson)(?:\.\w+)?$", re.IGNORECASE)  # names of files with one object a line
_SPACE = " \t\r\n"
# What Python's json says, for who does not program; “at column 5” follows.
_SAID: Mapping[str, str] = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "the name of a field in double quotation marks is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Illegal trailing comma before end of object": "a comma stands before the closing }",
    "Illegal trailing comma before end of array": "a comma stands before the closing ]",
    "Unterminated string starting at": "a text is never closed that begins",
    "Invalid control character at": "a tab or another control character stands in a text",
    "Invalid \\escape": "a backslash stands alone, which must be doubled,",
    "Extra data": "something follows after the end",
}
_OF_A_ROW = re.compile(r".+\.\d+")  # name of a column in a table that is written column by column


@dataclass
class _Fields:
    """The columns of one object; `others` are those that hold something else than one text, with what it is."""

    texts: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)  # keys whose list holds objects


def read_json(path: Path, name: str) -> Table:
    """Read JSON objects: one a line, in an array, or one behind the other; the line of a row is that on which its object begins.

    Numbers stay as they are written, null is an empty text, true and false are words, a list of one value is that value.
    The texts of an object inside another are columns with a dot in their names, such as `translation.en`. Columns that
    hold longer lists are left out. A file that is one object of texts holds the messages of a program: one row each, with its keys
    as `id`. Tasks of Label Studio have a column for each control. Raises DataError with every line that is not JSON.
    """
    raw = read_bytes(path, name)
    text = decode(raw.data, name)
    if markup := xml_format(text):
        raise DataError(Problem(name, f"is {markup.name}, not JSON", markup.remedy))
    if (tasks := _label_studio_tasks(text)) is not None:
        return _label_studio_table(tasks, name, raw.sha256)
    found: list[tuple[int, _Fields]] = []
    problems: list[Problem] = []
    findings: list[Finding] = []
    for line, value in _values(text, name, problems, findings):
        try:
            found.append((line, _fields(value)))
        except ValueError as error:
            problems.append(Problem(f"{name}:{line}", f"is not a JSON object of texts: {error}"))
    problems += _whole_table(name, found)
    if problems:
        raise DataError(*capped(problems))
    if len(found) == 1 and not _LINES.search(path.name) and (table := messages_table(raw.data, name, raw.sha256)):
        return table
    found = [(line, _of_doccano(row)) for line, row in found]
    unreadable = dict(_unreadable(name, found))
    columns = [
        column for column in dict.fromkeys(one for _, row in found for one in row.texts) if column not in unreadable
    ]
    check_columns(name, columns)
    rows = [(line, [row.texts.get(column, "") for column in columns]) for line, row in found]
    return make_table(name, raw.sha256, columns, rows, findings, unreadable)


def _values(text: str, name: str, problems: list[Problem], findings: list[Finding]) -> Iterator[tuple[int, object]]:
    """(line, value) of every object of the file."""
    start = text.lstrip(_SPACE)
    by_line = not start.startswith("[") and _is_json(start.partition("\n")[0])
    if by_line or (start.startswith("[") and _is_json(start.partition("\n")[0]) and "\n" in start.strip()):
        for number, line in enumerate(lines(text), 1):
            try:
                value = _parsed(line) if line.strip() else _Fields()
            except json.JSONDecodeError as error:
                problems.append(Problem(f"{name}:{number}", _no_json(error)))
            except ValueError as error:
                problems.append(Problem(f"{name}:{number}", f"is not a JSON object of texts: {error}"))
            else:
                yield number, value
        return
    try:
        values = list(_one_behind_the_other(text))
    except json.JSONDecodeError as error:
        problems.append(Problem(f"{name}:{error.lineno}", _no_json(error)))
        return
    except ValueError as error:
        problems.append(Problem(name, f"is not JSON with objects of texts: {error}"))
        return
    yield from values


def _label_studio_tasks(text: str) -> list[tuple[int, Any]] | None:
    """(line, task) of a file of Label Studio; None for any other file."""
    if not any(key in text for key in ('"annotations"', '"completions"')) or '"data"' not in text:
        return None
    try:
        tasks = list(_one_behind_the_other(text, json.JSONDecoder()))
    except ValueError:
        return None
    return tasks if is_label_studio([task for _, task in tasks]) else None


def _label_studio_table(tasks: Sequence[tuple[int, Any]], name: str, sha256: str) -> Table:
    """The rows of tasks; the one control with which labels are chosen is the column `label`."""
    choices = label_studio_choices([task for _, task in tasks])
    read = [(line, *label_studio_row(task)) for line, task in tasks]
    rows = [(line, fields) for line, fields, agreed in read if agreed]
    columns = list(dict.fromkeys(column for _, fields in rows for column in fields))
    table = make_table(
        name, sha256, ["label" if {column} == choices and "label" not in columns else column for column in columns],
        [(line, [fields.get(column, "") for column in columns]) for line, fields in rows],
    )  # fmt: skip
    return replace(table, notes={DISAGREED: len(read) - len(rows)} if len(rows) < len(read) else {})


def _of_doccano(row: _Fields) -> _Fields:
    """The row with the names that doccano has today, where an older version wrote it: `labels`, and the text in `data`."""
    names = {"labels": "label", "data": "text"}
    if not row.texts.keys() & {"labels", "label"} or "id" not in row.texts:
        return row
    return _Fields(
        {names[key] if key in names and names[key] not in row.texts else key: text for key, text in row.texts.items()},
        row.others,
        row.tables,
    )


def _one_behind_the_other(text: str, decoder: json.JSONDecoder | None = None) -> Iterator[tuple[int, Any]]:
    """The objects of a file that is an array, or that holds objects of several lines; commas between them are passed over."""
    array = text.lstrip(_SPACE).startswith("[")
    at, line, seen = text.find("[") + 1 if array else 0, 1, 0
    while True:
        while at < len(text) and text[at] in _SPACE + ",":
            at += 1
        if at >= len(text) or (array and text[at] == "]"):
            if array and at >= len(text):
                raise json.JSONDecodeError("the array is not closed", text, at)
            return
        line, seen = line + text.count("\n", seen, at), at
        value, at = (decoder.raw_decode if decoder else _decoded)(text, at)
        yield line, value


def _fields(value: object) -> _Fields:
    """The columns of a value, which must be an object."""
    if isinstance(value, _Fields):
        return value
    raise ValueError("it is not an object { … }")


def _pairs(pairs: Sequence[tuple[str, object]]) -> _Fields:
    """What json makes of an object: its texts, those of objects inside it under names with a dot."""
    found = _Fields()
    names = [key for key, _ in pairs]
    for key, value in pairs:
        if names.count(key) > 1:
            raise ValueError(f"“{key}” stands twice")
        if isinstance(value, list) and any(isinstance(inner, _Fields) for inner in value):
            found.tables.append(key)
        if isinstance(value, list) and len(value) < 2:
            value = value[0] if value else ""
        if isinstance(value, list):
            found.others[key] = f"a list of {len(value)}"
        elif isinstance(value, _Fields):
            found.texts |= {f"{key}.{inner}": text for inner, text in value.texts.items()}
            found.others |= {f"{key}.{inner}": what for inner, what in value.others.items()}
        else:
            found.texts[key] = _WORDS[value] if value is None or isinstance(value, bool) else str(value)
    return found


def _whole_table(name: str, found: Sequence[tuple[int, _Fields]]) -> Iterator[Problem]:
    """The Problem of a file that is one object, with all rows inside it or with a value for each row in every column."""
    if len(found) != 1:
        return
    row = found[0][1]
    if row.tables and not row.texts.keys() & {"text", "source"}:
        hint = f"write that list alone into the file: jq '.{row.tables[0]}'"
        yield Problem(name, f"is one object, whose rows stand in the list “{row.tables[0]}”", hint)
    elif row.texts and not row.others and all(_OF_A_ROW.fullmatch(column) for column in row.texts):
        hint = "write a row at a time: pandas does with to_json(orient='records', lines=True)"
        yield Problem(name, "is a table written column by column", hint)


def _unreadable(name: str, found: Sequence[tuple[int, _Fields]]) -> Iterator[tuple[str, Problem]]:
    """The columns that somewhere hold a list, each with its first line: they are left out as a whole."""
    first: dict[str, tuple[int, str]] = {}
    counts: dict[str, int] = {}
    for line, row in found:
        for column, what in row.others.items():
            first.setdefault(column, (line, what))
            counts[column] = counts.get(column, 0) + 1
    for column, (line, what) in first.items():
        rows = f", as {counts[column] - 1:,} further rows do" if counts[column] > 1 else ""
        yield column, Problem(f"{name}:{line}", f"“{column}” holds {what}{rows}", "one text, one label for each row")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no value of JSON; write null where a value is missing")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=str, parse_float=str, parse_constant=_no_number)


def _decoded(text: str, at: int) -> tuple[object, int]:
    """The value that begins in a place, and the place behind it. Raises ValueError for what is no JSON."""
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        raise ValueError("it holds too many lists or objects inside one another") from None


def _parsed(line: str) -> object:
    start = len(line) - len(line.lstrip(_SPACE))
    value, end = _decoded(line, start)
    if line[end:].strip(_SPACE):
        raise json.JSONDecodeError("something follows the object", line, end)
    return value


def _is_json(line: str) -> bool:
    """Whether a line is a whole value of JSON, or begins as one of an object a line does."""
    try:
        _parsed(line)
    except json.JSONDecodeError:
        return line.startswith("{") and line.rstrip().endswith("}")
    except ValueError:
        return True
    return True


def _no_json(error: json.JSONDecodeError) -> str:
    """What is wrong with a text that is not JSON, in plain words."""
    return f"is not JSON: {_SAID.get(error.msg, error.msg)} at column {error.colno}"
