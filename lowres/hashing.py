"""SHA-256 of files, in hexadecimal."""

import hashlib
from functools import lru_cache
from pathlib import Path


def file_sha256(path: Path) -> str:
    """The digest of a file as it is now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """The digest of a file; it is computed again only if the file's size or modification time changes."""
    status = path.stat()
    return _known(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _known(path: Path, size: int, changed: int) -> str:
    return file_sha256(path)
