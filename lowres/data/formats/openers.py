"""The formats that translations are written back into, one opener each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from lowres.data.formats.documents import Document
from lowres.data.formats.gettext_blanks import open_po
from lowres.data.formats.message_blanks import open_messages
from lowres.data.formats.table_blanks import open_table, open_text
from lowres.data.formats.usfm_blanks import open_usfm
from lowres.data.formats.xml_blanks import open_tmx, open_xliff
from lowres.errors import DataError, Problem
from lowres.languages.tags import shortest_code

Opener = Literal["gettext", "xliff", "tmx", "messages", "table", "text", "usfm"]
FILLED: Mapping[str, Opener] = {
    ".po": "gettext", ".pot": "gettext", ".xlf": "xliff", ".xliff": "xliff", ".tmx": "tmx", ".json": "messages",
    ".arb": "messages", ".tsv": "table", ".tab": "table", ".csv": "table", ".txt": "text",
    ".usfm": "usfm", ".sfm": "usfm",
}  # fmt: skip


def open_document(path: Path, source: str, target: str, earlier: Path | None = None) -> Document:
    """Open a file whose missing translations are to be filled in; `source` and `target` are language tags.

    `earlier` is a file of messages in JSON that is a translation already, as far as it goes. Raises DataError for a file that
    cannot be read, or whose format is not written.
    """
    name, kind = path.name, FILLED.get(path.suffix.lower())
    if kind is None:
        what = f"files ending on “{path.suffix}” are not written back"
        raise DataError(
            Problem(name, what, f"possible: {' '.join(FILLED)}; or give the texts on standard input, one a line")
        )
    if earlier and kind != "messages":
        raise DataError(
            Problem(name, "holds its own translations, so an earlier file has no use", "leave --earlier out")
        )
    if kind == "tmx":
        return open_tmx(path, name, source, target)
    if kind == "messages":
        return open_messages(path, name, shortest_code(target[:3]), earlier)
    return {"gettext": open_po, "xliff": open_xliff, "table": open_table, "text": open_text, "usfm": open_usfm}[kind](
        path, name
    )
