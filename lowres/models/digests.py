"""Digests of checkpoints and of what a run has written: what changes how a model computes or reads texts changes its digest.

Imports nothing heavy.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lowres.errors import ModelError, Problem
from lowres.hashing import file_sha256, known_sha256
from lowres.models.configuration import TOKENIZER_FILES
from lowres.models.weight_files import read_json

BUILT = "built.json"  # in a starter: the manifest of what was built, file → sha256
OWN_FACTS = "lowres.json"  # in an exported checkpoint: facts that config.json has no field for
HASHED = (
    *(
        "*.safetensors",
        "pytorch_model*.bin",
        *TOKENIZER_FILES,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
    ),
    *("config.json", "1_Pooling/config.json", "config_sentence_transformers.json", OWN_FACTS),
    "generation_config.json",  # what it says of a search stands wherever a recipe says nothing of it
)
CONFIGS = ("config.json", "generation_config.json")
VOLATILE = ("transformers_version", "_name_or_path")  # of a config: differs between machines that compute the same
FILES = "files"  # in OWN_FACTS: the digests of the files beside it, and of its other facts


def digest_of(folder: Path, kinds: Sequence[str] = HASHED, start: str = "") -> str:
    """One digest over the files of these kinds, in the order of their names; `start` is the digest of what they are put on."""
    digest = hashlib.sha256(start.encode())
    for path in sorted({path for kind in kinds for path in folder.glob(kind)}):
        found = _config_sha256(path) if path.name in CONFIGS else known_sha256(path)
        digest.update(path.name.encode() + b"\0" + found.encode() + b"\n")
    return digest.hexdigest()


def _config_sha256(path: Path) -> str:
    """The digest of a config without what differs between machines that compute the same."""
    config = {key: value for key, value in read_json(path).items() if key not in VOLATILE}
    return facts_sha256(config)


def seal_checkpoint(folder: Path) -> None:
    """Write into the own facts of an exported checkpoint the digests of all that is loaded."""
    own = read_json(folder / OWN_FACTS)
    sealed = {**own, FILES: _loaded_sha256(folder, own)}
    (folder / OWN_FACTS).write_text(json.dumps(sealed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def verify_checkpoint(folder: Path) -> None:
    """Raises ModelError where an exported checkpoint is not as it was written. One that was not sealed is taken as it is."""
    hint = f"remove the folder and export again; if you changed it yourself, take “{FILES}” out of {OWN_FACTS}"
    if not (folder / OWN_FACTS).exists():
        raise ModelError(Problem(str(folder / OWN_FACTS), "is missing", hint))
    try:
        own = dict(read_json(folder / OWN_FACTS))
    except ModelError as error:
        raise ModelError(*(replace(problem, hint=hint) for problem in error.problems)) from error
    if FILES not in own:
        return
    sealed = own.pop(FILES)
    recorded = sealed if isinstance(sealed, dict) else {}
    found = _loaded_sha256(folder, own)
    for name in sorted({*recorded, *found}):
        if what := changed(recorded.get(name), found.get(name)):
            raise ModelError(Problem(str(folder / name), what, hint))


def _loaded_sha256(folder: Path, own: Mapping[str, object]) -> dict[str, str]:
    """The digest of each file that is loaded, and of the own facts."""
    paths = {path for kind in HASHED for path in folder.glob(kind)} - {folder / OWN_FACTS}
    found = {path.relative_to(folder).as_posix(): known_sha256(path) for path in sorted(paths)}
    return {**found, OWN_FACTS: facts_sha256(own)}


def facts_sha256(facts: Mapping[str, object]) -> str:
    """The digest of facts as JSON holds them, in whatever order and layout."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def folder_sha256(folder: Path, besides: Collection[str] = ()) -> dict[str, str]:
    """The digest of every file below a folder by its path in it, but for the paths `besides`.

    Raises ModelError for links, which may lead anywhere, and for pipes and devices, which have no end.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            hint = "put the file itself in its place: what a link leads to is not part of a run"
            raise ModelError(Problem(str(path), "is a link", hint))
        if not (path.is_file() or path.is_dir()):
            raise ModelError(Problem(str(path), "is no ordinary file (a pipe or a device)", "remove it"))
        if path.is_file() and name not in besides:
            found[name] = file_sha256(path)
    return found


def changed(recorded: str | None, found: str | None) -> str:
    """What is wrong with a file of a run that had one digest and has another; None stands for no file, empty for no fault."""
    if recorded == found:
        return ""
    if found is None:
        return "is missing"
    return "does not belong to this run" if recorded is None else "is damaged, or was changed after the run"
