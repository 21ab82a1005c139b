"""The manifest of a bundle: what a bundle may hold, and the sha256 of every file in it."""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from lowres.bounded import read_bounded_json
from lowres.errors import ModelError, Problem
from lowres.hashing import file_sha256
from lowres.planning.outside import BUNDLE, ORIGIN
from lowres.runs.layout import LOCK, MODEL, RECIPE, RECORD
from lowres.tasks.translation.phrase_tables import GLOSSARY

CARDS, LICENCES, README = "cards", "LICENCES.md", "README.md"
BUNDLE_VERSION = 1
MAX_FILES, MAX_BYTES = 10_000, 1 << 36  # of a bundle, unpacked
# Everything of a run that is shared, beside the record; nothing else is, such as predictions, logs and the report, which quote texts.
OF_RUN = (
    RECIPE,
    LOCK,
    f"{MODEL}/*.json",
    f"{MODEL}/*.safetensors",
    f"{MODEL}/*.json.xz",
    f"{MODEL}/*.model",
    f"{MODEL}/*.txt",
    f"{MODEL}/{GLOSSARY}",
    f"{MODEL}/README.md",
)
# Everything that a bundle may hold; nothing else is fetched from others.
ALLOWED = (*OF_RUN, RECORD, BUNDLE, LICENCES, README, f"{CARDS}/*.md", f"{CARDS}/*.tsv", f"{CARDS}/*.csv")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_allowed(name: str) -> bool:
    """Whether a bundle may hold a file of that name."""
    return not leads_out(name) and not is_hidden(name) and any(fnmatch(name, pattern) for pattern in ALLOWED)


def leads_out(name: str) -> bool:
    """Whether a path can lead out of the folder that it is relative to, on any system."""
    path = PurePosixPath(name)
    return not path.parts or path.is_absolute() or ".." in path.parts or bool(re.search(r"[\\:\0]", name))


def is_hidden(name: str) -> bool:
    """Whether a path leads to a hidden file or folder, such as .git, in which programs look for their settings."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def hashes(folder: Path) -> dict[str, str]:
    """Path → sha256 of every file below a folder, but for the manifest itself, and what says where the folder was fetched from."""
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    return {name: file_sha256(folder / name) for name in names if name not in (BUNDLE, ORIGIN)}


def read_manifest(path: Path, where: str = "") -> Mapping[str, str]:
    """Path → sha256 of a bundle's files. Raises ModelError for what is no manifest, or one of another version.

    `where` is what messages call the bundle; by default its folder.
    """
    try:
        manifest = read_bounded_json(path)
        files, version = dict(manifest["files"]), manifest["bundle"]
        if not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in files.values()):
            raise ValueError("no digests")
    except (OSError, ValueError, KeyError, TypeError):
        what = f"is no bundle: it has no {BUNDLE} that can be read"
        raise ModelError(Problem(where or str(path.parent), what, "see lowres share")) from None
    if version != BUNDLE_VERSION:
        raise ModelError(Problem(BUNDLE, f"is of version {version}", "upgrade: pip install --upgrade lowres"))
    return files


def difference(name: str, expected: str | None, found: str | None) -> Problem | None:
    """What is wrong with a file that has the sha256 `found` and should have `expected`; None stands for no such file.

    README.md, the page of a repository, may be edited by whoever shared it.
    """
    if expected == found or name == README:
        return None
    if found is None:
        return Problem(name, "is missing", "get the bundle again")
    if expected is None:
        return Problem(name, "was not shared with the bundle", "take it out")
    return Problem(name, f"was changed: sha256 {found[:12]}…, shared was {expected[:12]}…", "get the bundle again")
