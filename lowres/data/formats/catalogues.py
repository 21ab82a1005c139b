"""Catalogues: the messages of a program with their translations, in many files of one language, as one table."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lowres.data.formats.damage import BROKEN
from lowres.data.formats.file_text import read_bytes
from lowres.data.formats.tables import DamageCounter, Record, Table
from lowres.languages import normalise

COLUMNS = ("id", "group", "source", "target", "context", "plural")
# (bytes of a file, its name) → (line, why the message is left out if it is, its columns) of each message
Messages = Callable[[bytes, str], Iterator[tuple[int, str, Mapping[str, str]]]]


def read_catalogues(files: Sequence[tuple[Path, str]], name: str, messages: Messages) -> Table:
    """The messages of the (file, its name) of one language as one table.

    Columns are those of `message_columns`. Left out and counted: untranslated messages (as `empty`) and those whose translation equals
    the source, since neither shows the language; what `messages` says; and messages repeated in a later file, of which the first
    translated one is kept. If no message at all is translated, the catalogue is taken for that of the source language, and each source
    is its own translation. Raises DataError for files that cannot be read.
    """
    records: dict[str, Record] = {}
    notes: Counter[str] = Counter()
    digest, converted, columns = hashlib.sha256(), 0, dict.fromkeys(COLUMNS)
    for path, file_name in files:
        raw = read_bytes(path, file_name)
        digest.update(f"{raw.sha256}  {file_name}\n".encode())
        for line, kind, fields in messages(raw.data, file_name):
            if kind:
                notes[kind] += 1
                continue
            converted += sum(not unicodedata.is_normalized("NFC", value) for value in fields.values())
            record = Record(f"{file_name}:{line}", {column: normalise(value) for column, value in fields.items()})
            columns |= dict.fromkeys(record.fields)
            before = records.setdefault(fields["id"], record)
            if before is not record:
                notes["repeated"] += 1
                if record.fields["target"] and not before.fields["target"]:
                    records[fields["id"]] = record
    kept, empty = _translated(list(records.values()), notes)
    filled = tuple(
        Record(record.where, {column: record.fields.get(column, "") for column in columns}) for record in kept
    )
    damage = DamageCounter(BROKEN)
    for record in filled:
        for column in ("source", "target"):
            damage.count(column, record.where, record.fields[column], record.fields[column])
    return Table(name, digest.hexdigest(), tuple(columns), filled, empty, dict(notes), converted, damage=damage.found)


def message_columns(
    source: str, target: str, context: str = "", plural: str = "", forms: Mapping[int, str] | None = None
) -> dict[str, str]:
    """The columns of a message; of one with plural `forms` the first is its translation.

    `id` stands for context and source, `group` for the source alone, so it is the same in all languages and in all programs.
    """
    forms = forms or {}
    fields = {
        "id": _digest(f"{context}\x04{source}"),  # gettext joins context and source by this character, too
        "group": _digest(source),
        "source": source,
        "target": forms.get(0, "") if plural else target,
        "context": context,
        "plural": plural,
    }
    return fields | {f"target_{form}": text for form, text in sorted(forms.items()) if form}


def _translated(records: list[Record], notes: Counter[str]) -> tuple[list[Record], int]:
    """The records that have a translation of their own, and the number of untranslated ones."""
    translated = [record for record in records if record.fields["target"]]
    if not translated:
        return [Record(record.where, {**record.fields, "target": record.fields["source"]}) for record in records], 0
    own = [record for record in translated if record.fields["target"] != record.fields["source"]]
    if len(own) < len(translated):
        notes["same as the source"] = len(translated) - len(own)
    return own, len(records) - len(translated)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
