"""What the weight files of a checkpoint hold, read from their headers alone: names, shapes, and whether they are whole.

A wrapper that was saved with its prefix (`module.`, `base_model.model.`, `_orig_mod.`) loads without an error and leaves the model
with random weights; so do weights that are missing. Both are found here, before anything is loaded. Imports nothing heavy.
"""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from lowres.bounded import read_bounded_json
from lowres.errors import ModelError, Problem
from lowres.models.architectures import Architecture

Shapes = Mapping[str, Sequence[int]]  # of tensors, by name
FORMATS = (("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json"))
PRECISE = ("F16", "BF16", "F32", "F64")  # types of safetensors that hold weights as they were trained
LFS = b"version https://git-lfs"
FETCH = "git-lfs did not fetch it: run “git lfs pull” in that folder"
AGAIN = "fetch it again"
WIDTHS = ("hidden_size", "d_model", "dim", "emb_dim", "n_embd", "n_embed")
# Widths of embeddings that are widened before the first layer.
NARROW = ("embedding_size", "input_embedding_size", "word_embed_proj_dim", "d_embed")
# Under which a model with a head saves the model without.
PREFIX = r"(?:(?:bert|roberta|rembert|electra|deberta|distilbert|model|transformer)\.)?"
DEPTHS = {
    "encoder": ("encoder_layers", "num_layers", "num_hidden_layers", "n_layers"),
    "decoder": ("decoder_layers", "num_decoder_layers", "num_layers", "num_hidden_layers", "n_layer"),
}
WRAPPERS = ("base_model.model.", "module.", "_orig_mod.", ".base_layer.")


@dataclass(frozen=True)
class WeightFiles:
    """The weight files of a checkpoint. `shapes` is None where they are pickles, whose names cannot be read without torch."""

    paths: tuple[Path, ...]
    shapes: Shapes | None

    @property
    def parameters(self) -> int:
        """The number of weights; of pickles an estimate from their size."""
        if self.shapes is None:
            return sum(path.stat().st_size // _pickled_bytes(path) for path in self.paths)
        return sum(prod(shape) for shape in self.shapes.values())


def has_head(shapes: Shapes | None) -> bool:
    """Whether embeddings of what is written stand in the files beside the others."""
    return any(name.endswith("lm_head.weight") for name in shapes or ())


def find_weights(folder: Path) -> WeightFiles:
    """The files that transformers would load: safetensors, else pickles of tensors; one file, else the shards of an index.

    Raises ModelError where there are none, a shard is missing, or a file is not whole.
    """
    for single, index in FORMATS:
        names = [single] if (folder / single).exists() or (folder / single).is_symlink() else _shards(folder / index)
        if not names:
            continue
        paths = tuple(folder / name for name in names)
        for path in paths:
            if path.is_symlink() and not path.exists():
                raise ModelError(
                    Problem(str(path), "is a link to a file that is not there", "copy the file itself here")
                )
            if path.is_dir():
                raise ModelError(Problem(str(path), "is a folder, not a file of weights", AGAIN))
        lost = [path for path in paths if not path.exists()]
        if lost:
            raise ModelError(Problem(str(lost[0]), f"is missing, but {index} names it", AGAIN))
        if single.endswith(".bin"):
            for path in paths:
                _check_pickle(path)
            return WeightFiles(paths, None)
        return WeightFiles(paths, {name: shape for path in paths for name, shape in read_header(path).items()})
    found = ", ".join(
        path.name for kind in ("*.safetensors", "*.bin", "*.h5", "*.msgpack") for path in folder.glob(kind)
    )
    what = f"has no weights named model.safetensors or pytorch_model.bin (others: {found or 'none'})"
    raise ModelError(Problem(str(folder), what, "save the model with save_pretrained"))


def _shards(index: Path) -> list[str]:
    if not index.exists():
        return []
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise ModelError(Problem(str(index), "holds no weight_map, which says where each weight is", AGAIN))
    return sorted({str(name) for name in names.values()})


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError where the file is empty, cut off, or something else."""
    _refuse_pointer(path)
    try:
        found = read_bounded_json(path)
    except ValueError as error:
        raise ModelError(Problem(str(path), f"is not whole: {error}", AGAIN)) from error
    if not isinstance(found, dict):
        raise ModelError(Problem(str(path), "holds no JSON object", AGAIN))
    return found


def read_header(path: Path) -> Shapes:
    """Names and shapes from a safetensors file: 8 bytes of length, then JSON. Raises ModelError where the file is not whole."""
    _refuse_pointer(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= size else b""
    try:
        header = json.loads(text)
        end = max((tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(Problem(str(path), "is not a whole safetensors file", AGAIN)) from error
    tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
    if not all(_is_shape(tensor.get("shape")) for tensor in tensors.values()):
        raise ModelError(Problem(str(path), "is not a whole safetensors file", AGAIN))
    if size != 8 + length + end:
        raise ModelError(Problem(str(path), f"is not whole: {size} bytes of {8 + length + end}", AGAIN))
    coded = next((name for name, tensor in tensors.items() if _is_coded(name, tensor)), None)
    if coded:
        what = f"holds quantized weights ({coded} as {tensors[coded].get('dtype')}); lowres quantizes a precise base itself"
        raise ModelError(Problem(str(path), what, "name the original model, with base.quantize: 4bit or 8bit"))
    return {name: tensor["shape"] for name, tensor in tensors.items()}


def _is_shape(shape: object) -> bool:
    return isinstance(shape, list) and all(isinstance(size, int) and size >= 0 for size in shape)


def _is_coded(name: str, tensor: Mapping[str, Any]) -> bool:
    """Whether a weight is held in other numbers than floats of at least 16 bits; counters and positions are no weights."""
    return name.endswith("weight") and len(tensor["shape"]) > 1 and tensor.get("dtype") not in PRECISE


def _check_pickle(path: Path) -> None:
    _refuse_pointer(path)
    with path.open("rb") as file:
        start = file.read(2)
    if (start == b"PK" and not zipfile.is_zipfile(path)) or start not in (b"PK", b"\x80\x02"):
        raise ModelError(Problem(str(path), "is not a whole file of torch weights", AGAIN))


def _pickled_bytes(path: Path) -> int:
    """How many bytes a weight takes in a pickle: the kinds of its storages are named at its beginning."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            start = next((archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")), b"")
    else:
        with path.open("rb") as file:
            start = file.read(1 << 20)
    return 2 if b"HalfStorage" in start or b"BFloat16Storage" in start else 4


def _refuse_pointer(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise ModelError(Problem(str(path), "is no ordinary file (a folder, a pipe or a device)", AGAIN))
    with path.open("rb") as file:
        start = file.read(len(LFS))
    if start == LFS:
        raise ModelError(Problem(str(path), "is a git-lfs pointer, not the file itself", FETCH))
    if not start:
        raise ModelError(Problem(str(path), "is empty", AGAIN))


def check_names(shapes: Shapes, family: Architecture, config: Mapping[str, Any], where: str) -> None:
    """Compare the names of weights with what the family and its config need: an embedding, and every layer with its linear modules.

    Raises ModelError with the first that are missing.
    """
    shapes = {
        name.replace("encoder.text_model.", "encoder."): shape for name, shape in shapes.items()
    }  # T5Gemma 2 in memory
    missing = _missing_layers(shapes, family, config)
    table = rf"{PREFIX}(?:{'|'.join(map(re.escape, family.tables))})\.weight"
    embedding = next((shape for name, shape in shapes.items() if re.fullmatch(table, name)), None)
    if embedding is None:
        missing.insert(0, f"an embedding ({family.tables[0]}.weight)")
    if missing:
        first = next(iter(shapes), "none")
        wrapped = next((mark for mark in WRAPPERS if any(mark in name for name in shapes)), "")
        hint = f"its names hold “{wrapped}”: save the model itself, not what wraps it" if wrapped else AGAIN
        listed = ", ".join(missing[:3])
        raise ModelError(
            Problem(where, f"lacks weights of a {family.family} model: {listed} (its first name: {first})", hint)
        )
    if embedding is not None and embedding[0] != config["vocab_size"]:
        what = f"has an embedding of {embedding[0]} rows, but config.json says vocab_size {config['vocab_size']}"
        raise ModelError(Problem(where, what, AGAIN))
    widths = [config[field] for field in (*WIDTHS, *NARROW) if config.get(field)]
    if embedding is not None and widths and embedding[1] not in widths:
        what = f"has an embedding of {embedding[1]} columns, but config.json says {widths[0]}"
        raise ModelError(Problem(where, what, AGAIN))


def _missing_layers(names: Shapes, family: Architecture, config: Mapping[str, Any]) -> list[str]:
    """The linear modules that each layer of each stack should have and has not, by name."""
    paths: dict[str, str] = {family.first_stack: family.layers}
    if family.shape == "encoder-decoder":
        last = family.layers.rpartition(".")[2]
        paths = {"encoder": f"encoder.{last}", "decoder": f"decoder.{last}"}
    alternatives = family.feed_forward[:-1]  # T5 has wi in one version, wi_0 and wi_1 in another
    missing = []
    for side, path in paths.items():
        found: dict[int, set[str]] = {}
        for name in names:
            if match := re.fullmatch(rf"{PREFIX}{re.escape(path)}\.(\d+)\.(.+)\.weight", name):
                found.setdefault(int(match[1]), set()).add(match[2])
        linear = (*family.attention, *family.feed_forward)
        some = {part for parts in found.values() for part in parts if part.endswith(tuple(f".{end}" for end in linear))}
        some |= {part for parts in found.values() for part in parts if part in linear}
        needed = [end for end in linear if end not in alternatives and not any(_is(part, end) for part in some)]
        for number in range(max(min(layer_count(config, side), len(found) + 3), len(found))):  # three are told
            own = found.get(number, set())
            lost = [*sorted(some - own), *needed] if own else ["every weight"]
            missing += [f"{path}.{number}.{part}" if own else f"{path}.{number}" for part in lost]
        if len(found) > layer_count(config, side):
            missing.append(
                f"in config.json: {len(found)} layers in the {side} where it says {layer_count(config, side)}"
            )
    return missing


def _is(part: str, end: str) -> bool:
    return part == end or part.endswith(f".{end}")


def layer_count(config: Mapping[str, Any], side: str) -> int:
    """How many layers config.json gives the encoder or the decoder; 0 where it says nothing."""
    return int(next((config[field] for field in DEPTHS[side] if config.get(field)), 0))
