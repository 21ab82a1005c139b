"""Treebanks in CoNLL-U: one sentence a row, with the translations that its comments hold."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.tables import Table, capped, make_table
from lowres.errors import DataError, Problem

FIELDS = 10  # of a word
_COMMENT = re.compile(r"#\s*([\w\[\]-]+)\s*=\s*(.*)")
# Not every treebank writes a code of ISO 639: text_port is Portuguese.
_LANGUAGE = re.compile(r"(?:text|translation|trans|gloss)[_\[-]([a-z]{2,}(?:[-_]\w+)?)\]?$")


def read_conllu(path: Path, name: str) -> Table:
    """One row for each sentence: `id` (sent_id), `text`, and a column for each comment with a translation: `text_en`, `text[spa]`.

    Where “# text” is missing, the words are put together. Raises DataError with every line that is not in the format.
    """
    raw = read_bytes(path, name)
    rows: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    for line, sentence in _sentences(lines(decode(raw.data, name))):
        fields, words = {"id": "", "text": ""}, ""
        hidden = 0  # the last word that a token above it covers
        for number, part in enumerate(sentence, line):
            if match := _COMMENT.match(part):
                column = "id" if match[1] == "sent_id" else match[1]
                if column in fields or _LANGUAGE.match(column):
                    fields[column] = match[2].strip()
                continue
            if part.startswith("#"):
                continue
            cells = part.split("\t")
            if len(cells) != FIELDS:
                problems.append(Problem(f"{name}:{number}", f"has {len(cells)} fields; a word of CoNLL-U has {FIELDS}"))
                continue
            first, _, final = cells[0].partition("-")
            if not first.isdigit() or (not final and int(first) <= hidden):
                continue  # an empty node, or a word inside a token
            hidden = int(final) if final.isdigit() else hidden
            words += cells[1] + ("" if "SpaceAfter=No" in cells[9].split("|") else " ")
        fields["text"] = fields["text"] or words.strip()
        rows.append((line, fields))
    if problems:
        raise DataError(*capped(problems))
    columns = list(dict.fromkeys(column for _, fields in rows for column in fields)) or ["id", "text"]
    table = make_table(name, raw.sha256, columns, [(line, [row.get(one, "") for one in columns]) for line, row in rows])
    return replace(table, languages={one: match[1] for one in columns if (match := _LANGUAGE.match(one))})


def _sentences(found: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(line, lines) of each sentence; a blank line ends one."""
    held: list[str] = []
    for number, line in enumerate([*found, ""], 1):
        if line.strip():
            held.append(line)
        elif held:
            yield number - len(held), held
            held = []
