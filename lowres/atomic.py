"""Writes files whole, so that nobody ever reads half of one and a power cut leaves the old one or the new one."""

import os
import stat
from contextlib import suppress
from pathlib import Path

PART = ".part"  # how the name of a file ends that is not whole yet
TEMPORARY = ".tmp"  # how it begins where safetensors writes it


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


def is_draft(path: Path) -> bool:
    """Whether a file is one that a process which was killed left half-written."""
    return path.name.startswith(TEMPORARY) or (path.name.startswith(".") and path.suffix == PART)


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


def make_readable(folder: Path, like: str) -> None:
    """Give a folder and all below it the permissions of its file `like`, since safetensors are written for their owner alone."""
    mode = stat.S_IMODE((folder / like).stat().st_mode)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)
