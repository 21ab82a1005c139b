"""A bundle in a .zip: listed, read and unpacked without trust in what it says of itself."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from lowres.errors import ModelError, Problem
from lowres.shared.manifest import MAX_BYTES, MAX_FILES, leads_out

BLOCK = 1 << 20
# what a damaged .zip raises, one with a password, and one of a kind that Python does not know
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, FileNotFoundError)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip into a new folder. Raises ModelError for one that is broken, too large, or leads out of the folder."""
    for name, size in contents(archive).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        extract(archive, name, folder / name, size)


def contents(archive: Path) -> dict[str, int]:
    """Path → size of every file in a .zip. Raises ModelError where a path leads out of it, or there is too much."""
    with _whole(archive), zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
    if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
        what = f"unpacks to more than {MAX_BYTES >> 30} GiB or {MAX_FILES:,} files"
        raise ModelError(Problem(str(archive), what, "is it a bundle?"))
    sizes = {member.filename: member.file_size for member in members}
    for name in sizes:
        if leads_out(name):
            what = f"holds {name}, which leads out of the bundle"
            raise ModelError(Problem(str(archive), what, "do not use it"))
        if any(parent.as_posix() in sizes for parent in PurePosixPath(name).parents):
            raise ModelError(Problem(str(archive), f"holds {name} below a file", "do not use it"))
    return sizes


def extract(archive: Path, name: str, path: Path, most: int) -> None:
    """Write one file of a .zip to `path`. Raises ModelError where it has more than `most` bytes, or is damaged."""
    with _whole(archive), zipfile.ZipFile(archive) as opened, opened.open(name) as member:
        copy(member, path, most, f"{archive}/{name}")


def copy(source: IO[bytes], path: Path, most: int, where: str) -> None:
    """Write what is read to a new file, at most so many bytes. Raises ModelError where there are more."""
    with path.open("xb") as out:
        while block := source.read(BLOCK):
            if (most := most - len(block)) < 0:
                raise ModelError(Problem(where, "is larger than it may be", "do not use it"))
            out.write(block)


@contextmanager
def _whole(archive: Path) -> Iterator[None]:
    """Raise ModelError where the .zip is damaged, or is none."""
    try:
        yield
    except _BROKEN:
        what = "is no bundle: neither a folder nor a whole .zip"
        raise ModelError(Problem(str(archive), what, "see lowres share")) from None
