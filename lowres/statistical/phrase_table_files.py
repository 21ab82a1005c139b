"""Phrase tables in a file."""

import json
import lzma
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from lowres.statistical.phrases import Counts, PhraseTable

MAX_FILE_BYTES = 512 << 20  # unpacked: a file may be a stranger's
_FILE = TypeAdapter(dict[str, tuple[Counts, Counts]])


def save_phrase_tables(path: Path, phrase_tables: Mapping[tuple[str, str], PhraseTable]) -> None:
    """Write the counts of each direction as JSON, compressed with xz."""
    whole = {f"{source}→{target}": [found.counts, found.bigrams] for (source, target), found in phrase_tables.items()}
    path.write_bytes(lzma.compress(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()))


def load_phrase_tables(path: Path) -> dict[tuple[str, str], PhraseTable]:
    """The phrase tables that `save_phrase_tables` wrote. Raises ValueError for a file that is cut, too large, or of another form."""
    unpacker = lzma.LZMADecompressor()
    data = unpacker.decompress(path.read_bytes(), max_length=MAX_FILE_BYTES)
    if not unpacker.eof:
        raise ValueError(f"the file is cut, or unpacks to more than {MAX_FILE_BYTES >> 20} MiB")
    found = {}
    for direction, (counts, bigrams) in _FILE.validate_json(data).items():
        source, target = direction.split("→")
        found[source, target] = PhraseTable(counts, bigrams)
    return found
