"""Files of a model's repository on the Hugging Face hub: their names, and fetching them at one commit. Imports nothing heavy."""

import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from lowres.errors import ModelError, Problem
from lowres.hashing import known_sha256
from lowres.models.known_bases import close_name, known_base

_SHA256 = re.compile(r"[0-9a-f]{64}")
SMALL = ("*.json", "*.model", "*.spm", "*.txt", "*.jinja")  # all but the weights
READ = (*SMALL, "*.safetensors")
# Taken where a repository has no safetensors; torch then unpickles nothing but tensors.
PICKLED = ("pytorch_model*.bin",)
TOKENIZER = (
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "*.model",
    "*.spm",
    "*.txt",
    "vocab.json",
    "*.jinja",
)


def pinned(name: str, revision: str | None) -> bool:
    """Whether a base is a commit on the hub, whatever folders there are; ./owner/name is always a folder."""
    return revision is not None and is_hub_id(name)


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a model on the hub: owner/name."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def hub_size(name: str, revision: str | None) -> int:
    """Bytes of the pickled weights of a repository, from its listing."""
    from huggingface_hub import HfApi

    files = HfApi().model_info(name, revision=revision, files_metadata=True).siblings or []
    return sum(file.size or 0 for file in files if fnmatch(file.rfilename, PICKLED[0]))


def from_hub(name: str, revision: str | None, offline: bool, wanted: Sequence[str]) -> Path:
    """The folder with the `wanted` files. Raises ModelError where the commit is not named, or nothing can be fetched."""
    if revision is None:
        raise ModelError(
            Problem(
                "base.revision",
                f"{name} is on the hub, where names can be moved",
                "pin it: base.revision, the 40 digits of a commit",
            )
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=list(wanted), local_files_only=offline)
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise unreachable(name, revision, offline, error) from error
    found = [path for path in sorted(Path(folder).iterdir()) if any(fnmatch(path.name, kind) for kind in wanted)]
    if damaged := [problem for path in found if (problem := remove_damaged(path, f"{name}/{path.name}"))]:
        raise ModelError(*damaged)
    return Path(folder)


def remove_damaged(path: Path, where: str) -> Problem | None:
    """What is wrong with a file of the hub's cache that is not the one the hub named; it is removed, so that it is fetched again.

    The cache calls a large file by its sha256, which the hub sends with its address; huggingface_hub itself looks at its size alone.
    """
    named = path.resolve()
    if not _SHA256.fullmatch(named.name) or (found := known_sha256(path)) == named.name:
        return None
    path.unlink()
    named.unlink(missing_ok=True)
    what = f"is not the file that the hub named: its sha256 is {found[:12]}…, and should be {named.name[:12]}…"
    return Problem(where, what, "it was removed; say the same again to fetch it anew")


def unreachable(name: str, revision: str | None, offline: bool, error: Exception) -> ModelError:
    """What to say where a repository cannot be reached."""
    hint = "run once without --offline" if offline else "is the network up, the name right and the model public?"
    if known_base(name) is None and (near := close_name(name)):
        hint = f"{near} {hint}"
    what = f"{name} at {(revision or '')[:12]} cannot be fetched from the hub: {str(error).splitlines()[0]}"
    return ModelError(Problem("base.name", what, hint))
