"""Encoders of families that have no row in the table: their layers are found in the names of their weights. Imports nothing heavy.

That is enough for LoRA, for feature extraction and for a head, but not for methods that must know what each module does.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.models.architectures import ARCHITECTURES, Architecture
from lowres.models.weight_files import Shapes, layer_count

UNKNOWN = Architecture("unknown", "encoder", (), (), None, masked_head=(), positions_follow_padding=True)
NUMBERED = re.compile(r"(.+?)\.(\d+)\.(.+)\.weight")
NOT_LINEAR = ("embed", "norm", "bias", "conv")  # in the name of a weight with two dimensions


def is_encoder(config: Mapping[str, Any]) -> bool:
    """Whether config.json is that of an encoder: it predicts masked words, or has BERT's types of segments."""
    if config.get("is_encoder_decoder") or config.get("is_decoder"):
        return False
    classes = [str(name) for name in config.get("architectures") or ()]
    return "type_vocab_size" in config or any(name.endswith(("ForMaskedLM", "ForPreTraining")) for name in classes)


def unknown_encoder(config: Mapping[str, Any], shapes: Shapes | None, where: str) -> Architecture:
    """The facts of an encoder without a row, from the names and shapes of its weights.

    Raises ModelError where no list of layers and no embedding table is found, or the names cannot be read.
    """
    kind = str(config.get("model_type"))
    if shapes is None:
        what = f"is of the family {kind}, which lowres does not know, and its weights are pickled, so that their names cannot be read"
        raise ModelError(Problem(where, what, "save it with save_pretrained, which writes model.safetensors"))
    table = next((name for name, shape in shapes.items() if _is_table(name, shape, config)), "")
    lists: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, shape in shapes.items():
        match = NUMBERED.fullmatch(name)
        if match and len(shape) == 2 and not any(part in match[3].lower() for part in NOT_LINEAR):
            lists[match[1]][int(match[2])].add(match[3])
    whole = [
        path
        for path, layers in lists.items()
        if len(layers) == layer_count(config, "encoder") and len({*map(frozenset, layers.values())}) == 1
    ]
    if not table or not whole:
        known = ", ".join(sorted(ARCHITECTURES))
        what = f"is of the family {kind}, which lowres does not know, and no list of {layer_count(config, 'encoder')} equal layers "
        what += "beside an embedding table is among its weights"
        raise ModelError(Problem(where, what, f"it needs a row in ARCHITECTURES (CONTRIBUTING.md); known: {known}"))
    path = max(whole, key=lambda found: len(lists[found][0]))
    prefix = path.partition(".")[0] + "." if table.startswith(path.partition(".")[0] + ".") else ""
    return replace(
        UNKNOWN,
        family=kind,
        feed_forward=tuple(sorted(lists[path][0])),
        layers=path.removeprefix(prefix),
        tables=(table.removesuffix(".weight").removeprefix(prefix),),
    )


def _is_table(name: str, shape: Sequence[int], config: Mapping[str, Any]) -> bool:
    rows = int(config.get("vocab_size") or 0)
    return len(shape) == 2 and shape[0] == rows and "embed" in name and name.endswith(".weight")
