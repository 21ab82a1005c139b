"""Files of a model's repository on the Hugging Face hub: their names, and fetching them at one commit. Imports nothing heavy."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from lowres.errors import ModelError, Problem
from lowres.models.known_bases import close_name, known_base

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
    return Path(folder)


def unreachable(name: str, revision: str | None, offline: bool, error: Exception) -> ModelError:
    """What to say where a repository cannot be reached."""
    hint = "run once without --offline" if offline else "is the network up, the name right and the model public?"
    if known_base(name) is None and (near := close_name(name)):
        hint = f"{near} {hint}"
    what = f"{name} at {(revision or '')[:12]} cannot be fetched from the hub: {str(error).splitlines()[0]}"
    return ModelError(Problem("base.name", what, hint))
