"""Finding a base model: its folder and the facts of its config.json, without loading its weights. Imports nothing heavy."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Protocol

from lowres.errors import ModelError, Problem, nearest
from lowres.models.architectures import ARCHITECTURES, Architecture, Pooling
from lowres.models.configuration import (
    TOKENIZER_FILES,
    check_use,
    read_config,
    sentence_pooling,
    sentence_prefix,
    width,
)
from lowres.models.known_bases import close_name, known_base
from lowres.models.unknown_family import unknown_encoder
from lowres.models.weight_files import FORMATS, Shapes, check_names, find_weights, has_head, layer_count, read_json
from lowres.places import Places

MERGED = "merged"  # the folder of a run with its exported checkpoint
OWN_FACTS = "lowres.json"  # in an exported checkpoint: facts that config.json has no field for
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
# What a base's digest covers: whatever changes what it computes or how its texts are encoded.
HASHED = (
    *(
        "*.safetensors",
        *PICKLED,
        *TOKENIZER_FILES,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
    ),
    *("config.json", "1_Pooling/config.json", "config_sentence_transformers.json", OWN_FACTS),
)
VOLATILE = ("transformers_version", "_name_or_path")  # of a config: differs between machines that compute the same


@dataclass(frozen=True)
class Checkpoint:
    """A base model on disk.

    `parameters` counts its weights, embeddings included; `positions` is the longest text it reads, in tokens; `pooling` says how the
    states of a text become one vector, and `prefix` is what the model expects before every text (“query: ” for E5). `untied_head` says
    that what is written has embeddings of its own, as in mT5.
    """

    name: str
    folder: Path
    architecture: Architecture
    hidden_size: int
    layers: int
    vocabulary_size: int
    positions: int
    parameters: int
    pooling: Pooling
    prefix: str = ""
    revision: str | None = None
    untied_head: bool = False

    @property
    def embedding_parameters(self) -> int:
        """Weights of the embeddings, those of an untied head included."""
        return self.vocabulary_size * self.hidden_size * (2 if self.untied_head else 1)

    def sha256(self) -> str:
        """One digest over weights, configuration and tokenizer, in the order of the files' names."""
        digest = hashlib.sha256()
        for path in sorted({path for kind in HASHED for path in self.folder.glob(kind)}):
            found = _config_sha256(path) if path.name == "config.json" else file_sha256(path)
            digest.update(path.name.encode() + b"\0" + found.encode() + b"\n")
        return digest.hexdigest()


# Facts of bases that the shipped recipes name, so that they can be checked before anything is fetched.
KNOWN: Mapping[tuple[str, str | None], Checkpoint] = {
    (facts.name, facts.revision): facts
    for facts in (
        Checkpoint(
            name="facebook/nllb-200-distilled-600M", revision="f8d333a098d19b4fd9a8b18f94170487ad3f821d",
            folder=Path(), architecture=ARCHITECTURES["m2m_100"], hidden_size=1024, layers=12, vocabulary_size=256_206, positions=1024,
            parameters=615_073_792, pooling="mean",
        ),
        Checkpoint(
            name="google/mt5-small", revision="73fb5dbe4756edadc8fbe8c769b0a109493acf7a", folder=Path(),
            architecture=ARCHITECTURES["mt5"], hidden_size=512, layers=8, vocabulary_size=250_112, positions=10_000,
            parameters=300_176_768, pooling="mean", untied_head=True,
        ),
    )
}  # fmt: skip


class Starters(Protocol):
    """The bases that need no hub. They are built in the cache when first used."""

    @property
    def names(self) -> Sequence[str]:
        """Their names, as recipes write them."""

    def describe(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter, whose folder need not exist yet."""

    def build(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter whose folder has been written. Raises ModelError where its package is missing."""

    def add_decoder(self, encoder: Checkpoint, layers: int, decoder: int, cache: Path) -> Path:
        """The folder of an encoder-decoder: the first `layers` layers of `encoder` and a new decoder of `decoder` layers."""


def find_base(
    name: str,
    revision: str | None,
    places: Places,
    starters: Starters,
    *,
    build: bool = True,
    layers: int | None = None,
    decoder: int | None = None,
) -> Checkpoint:
    """Find a base by its name: a starter, a folder (absolute, beside the recipe or in the current folder), or owner/name on the hub.
    With a revision, owner/name is never a folder.

    With `build` False nothing is built: only the facts of a starter are returned. With `decoder`, the base is an encoder of which the
    first `layers` layers (all by default) get a new decoder of that many layers. Raises ModelError saying what was looked for and what
    to do.
    """
    if decoder is not None:
        encoder = find_base(name, revision, places, starters, build=build)
        return _with_decoder(encoder, layers, decoder, places.cache, starters, build=build)
    if name.startswith("starter:"):
        if name not in starters.names:
            possible = ", ".join(starters.names)
            raise ModelError(
                Problem("base.name", f"there is no “{name}”", nearest(name, starters.names) or f"starters: {possible}")
            )
        return (starters.build if build else starters.describe)(name, places.cache)
    for folder in () if pinned(name, revision) else (places.near / name, Path(name)):
        if folder.is_dir():
            found = describe(name, _merged(folder) if (folder / "record.json").exists() else folder)
            check_use(found.folder)
            return found
    if not build and (name, revision) in KNOWN:
        return KNOWN[name, revision]
    if is_hub_id(name):
        return _hub_base(name, revision, places.offline, build=build)
    raise ModelError(
        Problem(
            "base.name",
            f"there is no folder “{name}”",
            " ".join(
                filter(
                    None,
                    [
                        close_name(name),
                        "name a folder, owner/name on the Hugging Face hub, or starter:encoder; see lowres bases",
                    ],
                )
            ),
        )
    )


def _merged(run: Path) -> Path:
    """The exported checkpoint of a run."""
    if not (run / MERGED / "config.json").exists():
        raise ModelError(
            Problem(str(run), "is a run whose weights are not in one checkpoint yet", f"write it: lowres export {run}")
        )
    return run / MERGED


def tokenizer_folder(name: str, revision: str | None, places: Places, starters: Starters) -> Path:
    """A folder that holds the tokenizer of a base; nothing else is fetched from the hub. Raises ModelError as find_base does."""
    if Path(name).is_dir() and not pinned(name, revision):
        folder = Path(name)
        if not any(any(folder.glob(pattern)) for pattern in ("tokenizer*", "*.model", "vocab*")):
            raise ModelError(Problem(name, "holds no tokenizer", "save it with save_pretrained"))
        return folder
    if not name.startswith("starter:") and is_hub_id(name):
        return _from_hub(name, revision, places.offline, TOKENIZER)
    return find_base(name, revision, places, starters).folder


def pinned(name: str, revision: str | None) -> bool:
    """Whether a base is a commit on the hub, whatever folders there are; ./owner/name is always a folder."""
    return revision is not None and is_hub_id(name)


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a model on the hub: owner/name."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def _with_decoder(
    encoder: Checkpoint, kept: int | None, layers: int, cache: Path, starters: Starters, *, build: bool
) -> Checkpoint:
    """The facts of an encoder with a new decoder; it is built in the cache when first used."""
    if encoder.architecture.shape != "encoder" or "layer" not in encoder.architecture.layers:
        raise ModelError(
            Problem(
                "base.decoder_layers",
                f"{encoder.name} is not an encoder that a decoder can be added to",
                "leave base.decoder_layers out",
            )
        )
    depth = min(kept or encoder.layers, encoder.layers)
    square = encoder.hidden_size**2
    facts = replace(
        encoder,
        architecture=ARCHITECTURES["bart"],
        layers=depth + layers,
        parameters=encoder.parameters + (layers * 16 - (encoder.layers - depth) * 12) * square,
        prefix="",
    )
    return replace(facts, folder=starters.add_decoder(encoder, depth, layers, cache)) if build else facts


def describe(name: str, folder: Path, revision: str | None = None) -> Checkpoint:
    """The facts of a checkpoint folder. Raises ModelError where the folder is not a whole checkpoint, or its weights lack a layer."""
    config, family = read_config(folder)
    weights = find_weights(folder)
    family = _checked(weights.shapes, family, config, str(folder))
    return _facts(name, folder, revision, config, family, weights.parameters, weights.shapes)


def _checked(shapes: Shapes | None, family: Architecture, config: Mapping[str, Any], where: str) -> Architecture:
    """The family, whose layers are found in the weights if it has no row; the names of the weights are those that it needs."""
    if not family.is_known:
        return unknown_encoder(config, shapes, where)
    if shapes is not None:
        check_names(shapes, family, config, where)
    return family


def _facts(
    name: str, folder: Path, revision: str | None, config: Mapping[str, Any], family: Architecture, parameters: int,
    shapes: Shapes | None,
) -> Checkpoint:  # fmt: skip
    own_file = folder / OWN_FACTS
    own = read_json(own_file) if own_file.exists() else {}
    return Checkpoint(
        name=name,
        folder=folder,
        architecture=family,
        hidden_size=width(config),
        layers=layer_count(config, family.first_stack),
        vocabulary_size=int(config["vocab_size"]),
        positions=_positions(config, family),
        parameters=parameters,
        pooling=own.get("pooling") or sentence_pooling(folder) or family.pooling,
        prefix=own.get("prefix", sentence_prefix(name, folder)),
        revision=revision,
        untied_head=family.shape != "encoder" and (config.get("tie_word_embeddings") is False or has_head(shapes)),
    )


def _positions(config: Mapping[str, Any], family: Architecture) -> int:
    """The longest input in tokens; where the config names none, positions are relative and 10 000 stands for no limit."""
    named = (config.get(field) for field in ("max_position_embeddings", "n_positions", "seq_length"))
    rows = int(next((count for count in named if count), 10_000))
    if not family.positions_follow_padding:
        return rows
    padding = config.get("pad_token_id")
    return rows - (1 if padding is None else int(padding)) - 1


def _hub_base(name: str, revision: str | None, offline: bool, *, build: bool) -> Checkpoint:
    """A base on the hub. Without `build` only its small files and the headers of its weights are fetched."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    folder = _from_hub(name, revision, offline, SMALL)
    config, family = read_config(folder)
    check_use(folder)
    cached = any(isinstance(try_to_load_from_cache(name, file, revision=revision), str) for file, _ in FORMATS)
    if not build and not offline and not cached:
        try:
            found = HfApi().get_safetensors_metadata(name, revision=revision)
        except (NotASafetensorsRepoError, SafetensorsParsingError):
            family = _checked(None, family, config, name)
            return _facts(name, folder, revision, config, family, _hub_size(name, revision) // 4, None)
        except (HfHubHTTPError, OSError) as error:
            raise _unreachable(name, revision, offline, error) from error
        tensors = {key: info.shape for file in found.files_metadata.values() for key, info in file.tensors.items()}
        family = _checked(tensors, family, config, name)
        return _facts(name, folder, revision, config, family, sum(prod(shape) for shape in tensors.values()), tensors)
    folder = _from_hub(name, revision, offline, READ)
    if not any(folder.glob("*.safetensors")):
        folder = _from_hub(name, revision, offline, (*READ, *PICKLED))
    return describe(name, folder, revision)


def _hub_size(name: str, revision: str | None) -> int:
    """Bytes of the pickled weights of a repository, from its listing."""
    from huggingface_hub import HfApi

    files = HfApi().model_info(name, revision=revision, files_metadata=True).siblings or []
    return sum(file.size or 0 for file in files if fnmatch(file.rfilename, PICKLED[0]))


def file_sha256(path: Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal; computed once for a file that does not change."""
    status = path.stat()
    return _file_sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _file_sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _config_sha256(path: Path) -> str:
    """The digest of a config without what differs between machines that compute the same."""
    config = {key: value for key, value in read_json(path).items() if key not in VOLATILE}
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _from_hub(name: str, revision: str | None, offline: bool, wanted: Sequence[str]) -> Path:
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
        raise _unreachable(name, revision, offline, error) from error
    return Path(folder)


def _unreachable(name: str, revision: str | None, offline: bool, error: Exception) -> ModelError:
    hint = "run once without --offline" if offline else "is the network up, the name right and the model public?"
    if known_base(name) is None and (near := close_name(name)):
        hint = f"{near} {hint}"
    what = f"{name} at {(revision or '')[:12]} cannot be fetched from the hub: {str(error).splitlines()[0]}"
    return ModelError(Problem("base.name", what, hint))
