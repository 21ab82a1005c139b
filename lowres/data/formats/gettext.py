"""Catalogues of gettext: .po files."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lowres.data.formats.catalogues import message_columns, read_catalogues
from lowres.data.formats.file_text import decode
from lowres.data.formats.tables import Table
from lowres.errors import DataError, Problem


def read_po(path: Path, name: str) -> Table:
    """One catalogue; see read_catalogues and po_messages."""
    return read_catalogues([(path, name)], name, po_messages)


def po_messages(data: bytes, name: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """(line, why it is left out if it is, columns) of each message of a .po file; polib keeps the header apart.

    Columns: `source` (msgid), `target` (msgstr; of a message with plural forms, the first form), `context` (msgctxt),
    `plural` (msgid_plural) and `target_1`, `target_2`, … (the further plural forms). Placeholders and markup are untouched.
    Left out: fuzzy messages (an unconfirmed machine guess) and obsolete ones. Raises DataError for what is no catalogue.
    """
    import polib

    decode(data, name)
    with TemporaryDirectory() as folder:
        unpacked = Path(folder, "unpacked.po")  # polib cuts a text in memory at signs that end no line of a file
        unpacked.write_bytes(data)
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
        forms = entry.msgstr_plural if entry.msgid_plural else {}
        yield (
            entry.linenum,
            kind,
            message_columns(entry.msgid, entry.msgstr, entry.msgctxt or "", entry.msgid_plural, forms),
        )
