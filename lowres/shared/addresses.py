"""What a name on the command line means: a file here, a repository of the hub or of GitHub, or a file on a web server."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lowres.errors import DataError, Problem
from lowres.places import is_public
from lowres.runs.layout import RECIPE, RECORD

HUB = "hub:"
HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
GITHUB_HOSTS = ("github.com", "www.github.com")
GITHUB_FILES = "raw.githubusercontent.com"
_REPOSITORY = re.compile(r"([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)")
_HUB_ID = re.compile(rf"({_REPOSITORY.pattern})(?:@([\w./-]+))?")
LOCAL_ALLOWED: frozenset[str] = frozenset()  # hosts that are not public and asked nevertheless: in tests alone
_COMMIT = re.compile(r"[0-9a-f]{40}")
LOCAL_SUFFIXES = (".yaml", ".yml", ".zip", ".md", ".json")
# Parts of an address that stand between a repository and one of its revisions.
_VIEWS = ("blob", "tree", "raw", "resolve")


@dataclass(frozen=True)
class HubAddress:
    """A repository of the Hugging Face hub at a revision: a branch, a tag or a commit."""

    repository: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{HUB}{self.repository}@{self.revision}"


@dataclass(frozen=True)
class GithubAddress:
    """A file or folder of a repository of GitHub at a revision; an empty path is its first folder."""

    repository: str
    revision: str = "HEAD"
    path: str = ""


@dataclass(frozen=True)
class WebAddress:
    """A recipe or a .zip on a web server."""

    url: str


Address = HubAddress | GithubAddress | WebAddress


@dataclass(frozen=True)
class Meant:
    """What a name means: a `path` here or an `address` elsewhere, and a `word` to the user where both could be meant."""

    path: Path | None = None
    address: Address | None = None
    word: str = ""


def meant(given: str, mark: str = RECIPE) -> Meant:
    """What a name on the command line means. A folder that holds `mark` (its recipe, or the record of a run) is the folder.

    hub:owner/name and https://… are always elsewhere, ./owner/name and names of files are always here. Raises DataError for an address
    that is not to be used.
    """
    if given.startswith(HUB):
        found = _HUB_ID.fullmatch(given.removeprefix(HUB))
        if not found:
            raise DataError(
                Problem(given, "is no address of a repository", f"write {HUB}owner/name or {HUB}owner/name@revision")
            )
        return Meant(address=HubAddress(found[1], found[4] or "main"))
    if "://" in given:
        return Meant(address=address_of(given))
    path, found = Path(given), _HUB_ID.fullmatch(given)
    here = path.is_file() or (path / mark).is_file()
    if not found or given.lower().endswith(LOCAL_SUFFIXES):
        return Meant(path=path)
    if here:
        word = f"{given}: the {'file' if path.is_file() else 'folder'} here is taken; for the hub's say {HUB}{given}"
        return Meant(path=path, word="" if mark == RECORD else word)  # runs/my-run is named every day
    why = f"the folder of that name here holds no {mark}" if path.exists() else "there is nothing of that name here"
    word = f"{given}: {why}, so the hub is asked"
    return Meant(address=HubAddress(found[1], found[4] or "main"), word=word)


def address_of(url: str) -> Address:
    """What lies behind an address of the web. Raises DataError for one that is not encrypted, or not public."""
    require_public(url)
    parts = urlsplit(url)
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if parts.hostname == GITHUB_FILES and len(steps) > 3:
        owner, name, revision, *path = steps
        if [revision, *path[:1]] == ["refs", "heads"] and len(path) > 2:
            revision, path = path[1], path[2:]
        return GithubAddress(f"{owner}/{name}", revision, "/".join(path))
    repository = "/".join(steps[:2])
    known = parts.hostname in (*GITHUB_HOSTS, *HUB_HOSTS) and _REPOSITORY.fullmatch(repository)
    if not known or (len(steps) > 2 and not (steps[2] in _VIEWS and len(steps) > 3)):
        return WebAddress(url)
    revision, path = (steps[3], steps[4:]) if len(steps) > 3 else ("", [])
    if parts.hostname in GITHUB_HOSTS:
        return GithubAddress(repository.removesuffix(".git"), revision or "HEAD", "/".join(path))
    if path not in ([], [RECIPE]):
        what = f"names {'/'.join(path)}, but a repository of the hub is taken as a whole"
        raise DataError(Problem(url, what, f"say {HUB}{repository}"))
    return HubAddress(repository, revision or "main")


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, which never changes, rather than a name that can be moved."""
    return bool(_COMMIT.fullmatch(revision))


def require_public(url: str, what: str = "") -> None:
    """Raise DataError for an address that is not https, names a user, or is that of a machine which the world cannot see.

    `what` says how the address was come by.
    """
    try:
        parts = urlsplit(url)
        host, user = parts.hostname or "", "@" in parts.netloc
        _ = parts.port  # raises ValueError for what is none
    except ValueError:
        raise DataError(Problem(url, "is no address", "write https://host/path")) from None
    if parts.scheme != "https":
        raise DataError(
            Problem(url, f"{what}is not https: anybody on the way could change it", "ask for an https:// address")
        )
    if user:
        raise DataError(Problem(f"https://{host}", f"{what}names a user or a password", "leave it out"))
    if host not in LOCAL_ALLOWED and not is_public(host):
        raise DataError(
            Problem(url, f"{what}is not an address of the public web", "download it yourself, and name the file")
        )
