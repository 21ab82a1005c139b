"""Where something shared lies: a repository of the hub, a folder of a web server or of GitHub, or a .zip. Each answers alike."""

import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote, unquote, urljoin, urlsplit

from lowres.errors import DataError, Problem
from lowres.hashing import file_sha256
from lowres.runs.layout import RECIPE
from lowres.shared.addresses import GITHUB_FILES, Address, GithubAddress, HubAddress, WebAddress, is_commit
from lowres.shared.archives import contents, extract
from lowres.shared.hub import HubRepository
from lowres.shared.manifest import MAX_BYTES, is_hidden
from lowres.shared.web import Missing, answer_of, download, size_of

GITHUB_API = "https://api.github.com"
FILES_OF_GITHUB = f"https://{GITHUB_FILES}"


class Source(Protocol):
    """Something shared, as it is at this moment.

    `address` is what leads to exactly it again, as far as anything does; `origin` names it to people. `version` is its commit, or the
    sha256 of an archive, or empty; `name` is how a folder for it is called.
    """

    address: str
    origin: str
    version: str
    name: str

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Name → size in bytes of those of the files that are there; -1 where it is not known before it is fetched."""

    def fetch(self, name: str, path: Path, most: int) -> None:
        """Write one of the files to `path`, at most so many bytes. Raises LowresError."""


class WebFolder:
    """A recipe on a web server, and the files beside it and below."""

    def __init__(self, recipe: str, version: str = "", name: str = "") -> None:
        parts = urlsplit(recipe)
        self.address = self.origin = self.recipe = recipe
        self.version = version
        folder = PurePosixPath(unquote(parts.path)).parent.name
        self.name = name or _plain(folder or parts.hostname or "recipe")

    def _url(self, name: str) -> str:
        return self.recipe if name == RECIPE else urljoin(self.recipe, quote(name))

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """The server is asked for each."""
        found = {name: size_of(self._url(name)) for name in names}
        return {name: size for name, size in found.items() if size is not None}

    def fetch(self, name: str, path: Path, most: int) -> None:
        """Download it."""
        download(self._url(name), path, most)


class Archive:
    """A bundle, or a folder with a recipe, in a .zip."""

    def __init__(self, path: Path, address: str) -> None:
        self.path, self.address, self.version = path, address, file_sha256(path)
        self.origin = f"{address} (sha256 {self.version[:12]}…)"
        self.name = _plain(PurePosixPath(urlsplit(address).path if "://" in address else address).stem)
        self.files = {name: size for name, size in contents(path).items() if not is_hidden(name)}
        first = {name.partition("/")[0] for name in self.files}
        inner = f"{first.pop()}/" if len(first) == 1 else ""
        self.inside = inner if RECIPE not in self.files and f"{inner}{RECIPE}" in self.files else ""

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """As its list says."""
        return {name: self.files[self.inside + name] for name in names if self.inside + name in self.files}

    def fetch(self, name: str, path: Path, most: int) -> None:
        """Unpack it."""
        extract(self.path, self.inside + name, path, most)


@contextmanager
def source_of(address: Address | Path, offline: bool) -> Iterator[Source]:
    """What lies at an address now, or in a .zip here. Raises LowresError where that cannot be told.

    A .zip of the web is downloaded to a place that is removed afterwards.
    """
    if isinstance(address, Path):
        yield Archive(address, str(address))
        return
    if offline:
        what = "lies elsewhere, and the network is not to be used"
        raise DataError(Problem(_shown(address), what, "name the folder that it was fetched to"))
    if isinstance(address, HubAddress):
        yield HubRepository(address)
        return
    version, name, url = "", "", ""
    if isinstance(address, GithubAddress):
        version = _commit(address)
        name = _plain(PurePosixPath(address.path).parent.name or address.repository.partition("/")[2])
        file = address.path if PurePosixPath(address.path).suffix else f"{address.path}/{RECIPE}".lstrip("/")
        url = f"{FILES_OF_GITHUB}/{address.repository}/{version}/{quote(file)}"
    else:
        url = address.url
    kind = PurePosixPath(urlsplit(url).path).suffix.lower()
    if kind in (".yaml", ".yml"):
        yield WebFolder(url, version, name)
    elif kind == ".zip":
        with tempfile.TemporaryDirectory(prefix="lowres-") as folder:
            download(url, Path(folder) / "bundle.zip", MAX_BYTES)
            yield Archive(Path(folder) / "bundle.zip", url)
    else:
        raise DataError(Problem(url, "is neither a recipe nor a bundle", "write the address of a .yaml or a .zip file"))


def _commit(address: GithubAddress) -> str:
    """The commit that a revision of a repository of GitHub stands for."""
    if is_commit(address.revision):
        return address.revision
    url = f"{GITHUB_API}/repos/{address.repository}/commits/{quote(address.revision, safe='')}"
    try:
        found = answer_of(url, "application/vnd.github.sha").strip()
    except Missing:
        found = ""
    if not is_commit(found):
        what = f"GitHub has no public repository of that name with the revision {address.revision}"
        raise DataError(Problem(_shown(address), what, "is the address right?"))
    return found


def _shown(address: Address) -> str:
    if isinstance(address, WebAddress):
        return address.url
    return (
        str(address)
        if isinstance(address, HubAddress)
        else f"github:{address.repository}/{address.path}@{address.revision}"
    )


def _plain(name: str) -> str:
    """A name for a folder."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "shared"
