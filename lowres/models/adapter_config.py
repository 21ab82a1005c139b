"""The adapter_config.json of a saved adapter, checked before PEFT reads it: it may come from a stranger.

PEFT knows many options that lowres does not use; some import modules, some compile what is in the file as regular expressions.
Whatever lowres writes is allowed within bounds; all else must be as PEFT has it by default. Of an adapter in a base's place a few
things more are allowed, which PEFT's own users write.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem

MAX_BYTES = 4 << 20
MAX_RANK = 2 * 512  # an adapter that starts with PiSSA is saved with twice its rank
MAX_NAMES = 20_000
REMEDY = "copy the run's folder again, or carry out its recipe again"
TYPES = ("LORA", "ADALORA", "OFT", "IA3", "BOTTLENECK")
# The patterns that lowres writes: names, dots, numbers of layers, alternatives, names that must not stand before, and a few
# times “anything before”. None takes long on a name with its ten dots.
_ANYTHING, MOST_ANYTHING = r"(?:.*\.)?", 4
_PART = re.compile(r"\w|\\\.|\\d\+|\\-|\||\(\?:|\(\?<!|\)")


def _modules(value: object) -> bool:
    if isinstance(value, str):
        rest = value.replace(_ANYTHING, "")
        return value.count(_ANYTHING) <= MOST_ANYTHING and len(value) < MAX_NAMES and not _PART.sub("", rest)
    names = value if isinstance(value, list) else [None]
    return len(names) <= MAX_NAMES and all(isinstance(name, str) and not re.sub(r"[\w.\-]", "", name) for name in names)


def _number(low: float, high: float) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: value in values


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) < 1000


# What lowres writes and reads, beside PEFT's defaults.
ALLOWED: Mapping[str, Callable[[object], bool]] = {
    "peft_type": _one_of(*TYPES),
    "base_model_name_or_path": _text,
    "peft_version": _text,
    "auto_mapping": lambda value: (
        value is None or isinstance(value, dict)
    ),  # PEFT reads it only where the base is not given
    "inference_mode": _one_of(True, False),
    "target_modules": _modules,
    "feedforward_modules": _modules,
    "r": _number(1, MAX_RANK),
    "init_r": _number(1, MAX_RANK),
    "target_r": _number(1, MAX_RANK),
    "lora_alpha": _number(0, 1e6),
    "lora_dropout": _number(0, 1),
    "use_dora": _one_of(True, False),
    "fan_in_fan_out": _one_of(True, False),  # PEFT says so of GPT-2, whose matrices are stored transposed
    "use_rslora": _one_of(True, False),
    "init_lora_weights": _one_of(True, False, "pissa", "loftq"),
    "total_step": _number(1, 1e9),
    "tinit": _number(0, 1e9),
    "tfinal": _number(0, 1e9),
    "orth_reg_weight": _number(0, 1e3),
    "oft_block_size": _number(0, 512),
    "style": _one_of("houlsby", "pfeiffer", "parallel"),
    "activation": _one_of("relu", "gelu", "silu"),
    "size": _number(1, 100_000),
    "scaling": _number(0, 1e3),
    "dropout": _number(0, 1),
    "invertible": _one_of(True, False),
}


def _is_task_type(value: object) -> bool:
    from peft import TaskType

    return value is None or value in {kind.value for kind in TaskType}


# What an adapter in a base's place may say as well: heads beside it, and settings that only begin a training.
ALSO_OF_OTHERS: Mapping[str, Callable[[object], bool]] = {
    "task_type": _is_task_type,
    "modules_to_save": lambda value: value is None or (isinstance(value, list) and _modules(value)),
    "exclude_modules": lambda value: value is None or _modules(value),
    "layers_to_transform": lambda value: (
        value is None
        or (isinstance(value, list) and len(value) <= MAX_NAMES and all(type(one) is int for one in value))
    ),
    "fan_in_fan_out": _one_of(True, False),
    "revision": lambda value: value is None or _text(value),
    "init_lora_weights": _one_of(True, False, "gaussian", "loftq"),  # others change the base's weights as well
}


def check_config(file: Path, *, of_others: bool = False) -> None:
    """Raises ModelError where an adapter_config.json asks for what lowres never writes, or does not read `of_others`."""
    allowed = {**ALLOWED, **ALSO_OF_OTHERS} if of_others else ALLOWED
    remedy = "merge it with PEFT (merge_and_unload) and name the merged folder" if of_others else REMEDY
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        config = json.loads(file.read_bytes())
        kind = config["peft_type"]
        if kind not in TYPES:
            raise ValueError(f"the kind of adapter {kind!r:.100} is not one of {', '.join(TYPES)}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(Problem(str(file), f"cannot be read: {error}", remedy)) from None
    defaults = _defaults(kind)
    for key, value in config.items():
        if key in allowed and allowed[key](value):
            continue
        if key in defaults and (value == defaults[key] or value in (None, False, {}, [])):
            continue
        what = f"{key!r:.80} is {value!r:.80}, which lowres {'does not read' if of_others else 'never writes'}"
        raise ModelError(Problem(str(file), what, remedy))


def _defaults(kind: str) -> dict[str, Any]:
    """The fields of a kind of adapter with PEFT's defaults, as JSON has them."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    found: dict[str, Any] = {}
    known = {str(one.value): config for one, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    for field in dataclasses.fields(known[kind]) if kind in known else ():
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        found[field.name] = made if isinstance(made, str | int | float | bool | list | dict | None) else None
    return found
