"""Catalogues of translated messages: gettext's .po files."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lowres.data.formats.damage import BROKEN
from lowres.data.formats.file_text import decode, read_bytes
from lowres.data.formats.tables import DamageCounter, Record, Table
from lowres.errors import DataError, Problem
from lowres.languages import normalise

COLUMNS = ("id", "group", "source", "target", "context", "plural")


def read_po(path: Path, name: str) -> Table:
    """One catalogue; see read_catalogues."""
    return read_catalogues([(path, name)], name)


def read_catalogues(files: Sequence[tuple[Path, str]], name: str) -> Table:
    """The messages of the (file, its name) of one language as one table.

    Columns: `source` (msgid), `target` (msgstr; of a message with plural forms, the first form), `context` (msgctxt),
    `plural` (msgid_plural) and `target_1`, `target_2`, … (the further plural forms); `id` stands for context and
    source, `group` for the source alone, so it is the same in all languages. Placeholders and markup are untouched.
    Left out and counted: untranslated messages (as `empty`) and those whose translation equals the source, since
    neither shows the language; fuzzy ones (an unconfirmed machine guess); obsolete ones; and messages repeated in a later
    file, of which the first translated one is kept. If no message at all is translated, the catalogue is taken for that
    of the source language, and each source is its own translation.
    """
    records: dict[str, Record] = {}
    notes: Counter[str] = Counter()
    digest, converted, columns = hashlib.sha256(), 0, dict.fromkeys(COLUMNS)
    for path, file_name in files:
        raw = read_bytes(path, file_name)
        digest.update(f"{raw.sha256}  {file_name}\n".encode())
        for line, kind, fields in _messages(raw.data, file_name):
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


def _translated(records: list[Record], notes: Counter[str]) -> tuple[list[Record], int]:
    """The records that have a translation of their own, and the number of untranslated ones."""
    translated = [record for record in records if record.fields["target"]]
    if not translated:
        return [Record(record.where, {**record.fields, "target": record.fields["source"]}) for record in records], 0
    own = [record for record in translated if record.fields["target"] != record.fields["source"]]
    if len(own) < len(translated):
        notes["same as the source"] = len(translated) - len(own)
    return own, len(records) - len(translated)


def _messages(raw: bytes, name: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """(line, why it is left out if it is, columns) of each message; polib keeps the header apart."""
    import polib

    decode(raw, name)
    with TemporaryDirectory() as folder:
        unpacked = Path(folder, "unpacked.po")  # polib cuts a text in memory at signs that end no line of a file
        unpacked.write_bytes(raw)
        try:
            catalogue = polib.pofile(str(unpacked), encoding="utf-8-sig")
        except OSError as error:
            line = re.search(r"\(line (\d+)\)|:(\d+)", str(error).rpartition(str(unpacked))[2])
            where = f"{name}:{line[1] or line[2]}" if line else name
            raise DataError(
                Problem(
                    where,
                    "is not in the syntax of a gettext catalogue",
                    "is a quotation mark missing? msgfmt -c finds more",
                )
            ) from None
    for entry in catalogue:
        kind = "obsolete" if entry.obsolete else "fuzzy" if "fuzzy" in entry.flags else ""
        yield (
            entry.linenum,
            kind,
            _fields(entry.msgid, entry.msgctxt or "", entry.msgid_plural, entry.msgstr, entry.msgstr_plural),
        )


def _fields(source: str, context: str, plural: str, target: str, forms: dict[int, str]) -> dict[str, str]:
    fields = {
        "id": _digest(f"{context}\x04{source}"),  # gettext joins context and source by this character, too
        "group": _digest(source),
        "source": source,
        "target": forms.get(0, "") if plural else target,
        "context": context,
        "plural": plural,
    }
    return fields | {f"target_{form}": text for form, text in sorted(forms.items()) if form}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
