"""Files of lines: plain text, texts aligned line by line, and JSON lines."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from lowres.data.formats.tables import Table, capped, check_columns, decode, lines, make_table, read_bytes
from lowres.errors import DataError, Problem


def read_text(path: Path, name: str) -> Table:
    """One text a line, in the column `text`."""
    raw = read_bytes(path, name)
    return make_table(name, raw, ["text"], [(line, [text]) for line, text in enumerate(lines(decode(raw, name)), 1)])


def read_aligned(files: Mapping[str, tuple[Path, str]]) -> Table:
    """Column → (file, its name), the files being aligned line by line.

    A row that is blank in one file is left out of all and counted, so that nothing shifts. Raises DataError if the
    files do not have the same number of lines.
    """
    raws = {column: read_bytes(path, name) for column, (path, name) in files.items()}
    texts = {column: lines(decode(raws[column], name)) for column, (_, name) in files.items()}
    name = " + ".join(name for _, name in files.values())
    counts = {files[column][1]: len(column_lines) for column, column_lines in texts.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{file} has {count}" for file, count in counts.items())
        raise DataError(Problem("", f"files that belong together line by line differ in length: {found}"))
    rows = [
        (line, list(row) if all(text.strip() for text in row) else [""] * len(row))
        for line, row in enumerate(zip(*texts.values(), strict=True), 1)
    ]
    joined = b"".join(sha256(raw).digest() for raw in raws.values())
    return make_table(name, joined, list(texts), rows)


def read_jsonl(path: Path, name: str) -> Table:
    """One JSON object a line. Numbers stay as they are written, null is an empty text, true and false are words.

    The texts of an object inside another are columns with a dot in their names, such as `translation.en`.
    """
    raw = read_bytes(path, name)
    objects: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines(decode(raw, name)), 1):
        try:
            objects.append((number, _object(line) if line.strip() else {}))
        except json.JSONDecodeError as error:
            problems.append(Problem(f"{name}:{number}", f"is not JSON: {error.msg} at column {error.colno}"))
        except ValueError as error:
            problems.append(Problem(f"{name}:{number}", f"is not a JSON object of texts: {error}"))
    if problems:
        raise DataError(*capped(problems))
    columns = list(dict.fromkeys(column for _, fields in objects for column in fields))
    check_columns(name, columns)
    return make_table(
        name, raw, columns, [(number, [fields.get(column, "") for column in columns]) for number, fields in objects]
    )


def _object(line: str) -> dict[str, str]:
    value = json.loads(line, parse_int=str, parse_float=str, object_pairs_hook=_pairs)
    if not isinstance(value, dict):
        raise ValueError("it is not an object { … }")
    return value


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, value in pairs:
        if key in fields:
            raise ValueError(f"“{key}” stands twice")
        if isinstance(value, list):
            raise ValueError(f"“{key}” holds a list")
        if isinstance(value, dict):
            fields |= {f"{key}.{inner}": text for inner, text in value.items()}
        else:
            fields[key] = _WORDS[value] if value is None or isinstance(value, bool) else str(value)
    return fields


_WORDS: dict[bool | None, str] = {None: "", True: "true", False: "false"}
