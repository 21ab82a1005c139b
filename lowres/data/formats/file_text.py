"""From a file to its text: unpacking, the signatures of other formats, UTF-8."""

import bz2
import gzip
import hashlib
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.data.formats.recognising import binary_format
from lowres.errors import DataError, Problem, nearest

PACKINGS: Mapping[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
MAX_BYTES = 1 << 30  # after decompression; a small packed file can expand without limit
MAX_GUESSES = 3  # of an encoding
SAMPLE = 60  # characters of the line that a guess is shown with
# Tried after what the statistics say, since a few bytes beyond ASCII tell too little: Western, Central European, Cyrillic, Arabic.
COMMON_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1256")
ENCODING_NAMES: Mapping[str, str] = {"cp125": "Windows-125", "mac_": "Mac ", "iso8859_": "ISO 8859-", "koi8_": "KOI8-"}


@dataclass(frozen=True)
class FileBytes:
    """What a file holds, unpacked; `sha256` is that of the file as it lies on the disk, as sha256sum gives it."""

    data: bytes
    sha256: str


def read_bytes(path: Path, name: str) -> FileBytes:
    """Read a file, and unpack it if its name ends in .xz, .gz or .bz2, or it lies in a .zip. Raises DataError if it cannot be read.

    What is no ordinary file is not opened: a pipe would be waited for, and a device never ends.
    """
    if archive := archive_of(path):
        return _read_member(archive, path, name)
    packing = PACKINGS.get(path.suffix.lower())
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "is a folder" if stat.S_ISDIR(status.st_mode) else "is no ordinary file (a pipe or a device)"
            raise DataError(Problem(name, what, "name a file"))
        if status.st_size > MAX_BYTES:
            raise DataError(Problem(name, f"has more than {MAX_BYTES >> 20:,} MiB", "split it into smaller files"))
        raw = path.read_bytes()
        if packing is None:
            return FileBytes(raw, hashlib.sha256(raw).hexdigest())
        with packing(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError):
        raise DataError(Problem(name, f"is not a whole {path.suffix.lower()} file", "was it cut short?")) from None
    except OSError as error:
        if error.errno is None:  # bz2 says so that the data is invalid
            raise DataError(Problem(name, f"is not a whole {path.suffix.lower()} file", "was it cut short?")) from None
        raise DataError(Problem(name, f"cannot be read: {error.strerror}")) from None
    if len(data) > MAX_BYTES:
        raise DataError(Problem(name, f"unpacks to more than {MAX_BYTES >> 20:,} MiB", "split it into smaller files"))
    return FileBytes(data, hashlib.sha256(raw).hexdigest())


def archive_of(path: Path) -> Path | None:
    """The .zip that a path such as corpus.zip/train.tsv leads into; None for an ordinary file."""
    return next((part for part in path.parents if part.suffix.lower() == ".zip" and part.is_file()), None)


def members(archive: Path, name: str) -> list[str]:
    """The files in a .zip, without what macOS adds. Raises DataError if it is not one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            inside = [member.filename for member in opened.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError):
        raise DataError(Problem(name, "is not a whole .zip file", "was it cut short?")) from None
    return [member for member in inside if not member.startswith("__MACOSX/") and not member.endswith(".DS_Store")]


def _read_member(archive: Path, path: Path, name: str) -> FileBytes:
    member = path.relative_to(archive).as_posix()
    inside = members(archive, name)
    if member not in inside:
        hint = " ".join(filter(None, [nearest(member, inside), f"it holds {', '.join(inside[:12])}"]))
        raise DataError(Problem(name, f"{archive.name} holds no file {member}", hint))
    packing = PACKINGS.get(path.suffix.lower())
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
            data = (packing(file) if packing else file).read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, lzma.LZMAError, OSError):
        hint = "was it cut short, or is it protected by a password?"
        raise DataError(Problem(name, "cannot be unpacked", hint)) from None
    if len(data) > MAX_BYTES:
        raise DataError(Problem(name, f"unpacks to more than {MAX_BYTES >> 20:,} MiB", "split it into smaller files"))
    return FileBytes(data, hashlib.sha256(archive.read_bytes()).hexdigest())


def decode(raw: bytes, name: str) -> str:
    """Decode strict UTF-8 and drop the byte order mark; the line ends of old Macs (a lone \\r throughout) become \\n.

    Raises DataError for another format, naming it, and for another encoding, with line and byte and how that line reads in the
    likeliest ones.
    """
    found = binary_format(raw)
    if found:
        raise DataError(Problem(name, f"is {found.name}, not text", found.remedy))
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}"
        raise DataError(Problem(f"{name}:{line}", what, _guess(raw, error.start) or "save it as UTF-8")) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        hint = _guess(raw, 0) if _may_be_utf16(raw) else "is it a text file?"
        raise DataError(Problem(f"{name}:{line}", "holds a NUL byte, so it is not UTF-8 text", hint))
    return text if "\n" in text else text.replace("\r", "\n")


def lines(text: str) -> list[str]:
    """Lines that end on \\n or \\r\\n and on nothing else: U+2028, U+0085 and a lone \\r are part of a text."""
    parts = text.split("\n")
    if not parts[-1]:
        parts.pop()
    return [part.removesuffix("\r") for part in parts]


def _may_be_utf16(raw: bytes) -> bool:
    start = raw[:100_000]
    return raw.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(0) * 4 > len(start)


def _guess(raw: bytes, fault: int) -> str:
    """How the line with the first fault reads in the likeliest encodings; empty where none comes to mind."""
    if _may_be_utf16(raw):
        return "it may be UTF-16; save it as UTF-8"
    start, end = raw.rfind(b"\n", 0, fault) + 1, raw.find(b"\n", fault)
    line = raw[start : end if end >= 0 else len(raw)]
    guesses: dict[str, str] = {}
    for encoding in _encodings(raw[:100_000] if 0 not in raw[:100_000] else b""):
        try:
            read = line.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if read.isprintable() or read.replace("\t", " ").strip().isprintable():
            guesses.setdefault(_shortened(read, line[: fault - start].decode(encoding, "replace")), encoding)
        if len(guesses) == MAX_GUESSES:
            break
    if not guesses:
        return ""
    said = ", or ".join(f"{_encoding_name(encoding)}: “{sample}”" for sample, encoding in guesses.items())
    return f"it may be {said}; save it as UTF-8"


def _encodings(start: bytes) -> Iterator[str]:
    from charset_normalizer import from_bytes

    yield from (match.encoding for match in from_bytes(start))
    yield from COMMON_ENCODINGS


def _shortened(line: str, before: str) -> str:
    """The part of a line around its first character beyond ASCII."""
    begin = max(0, len(before) - SAMPLE // 3)
    sample = " ".join(line[begin : begin + SAMPLE].split())
    return f"{'…' if begin else ''}{sample}{'…' if len(line) > begin + SAMPLE else ''}"


def _encoding_name(encoding: str) -> str:
    start = next((start for start in ENCODING_NAMES if encoding.startswith(start)), None)
    return encoding.replace(start, ENCODING_NAMES[start]) if start else encoding.replace("_", "-").upper()
