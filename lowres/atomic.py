"""Writes files whole, so that nobody ever reads half of one and a power cut leaves the old one or the new one."""

import os
from contextlib import suppress
from pathlib import Path

PART = ".part"  # how the name of a file ends that is not whole yet


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file by UTF-8 text or bytes in one step. A link at its place is replaced, not followed."""
    draft = path.with_name(f".{path.name}{PART}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync(path.parent)
    finally:
        with suppress(OSError):
            draft.unlink()


def sync(path: Path) -> None:
    """Return when a file, or the list of names in a folder, is on the disk. Where a system knows no such thing, nothing is done."""
    with suppress(*([PermissionError] if path.is_dir() else [])):  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_all(folder: Path) -> None:
    """Return when everything below a folder is on the disk."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink() and (path.is_file() or path.is_dir()):
            sync(path)
