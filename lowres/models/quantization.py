"""How the frozen linear layers of a base are held: in 16, 8 or 4 bits. Heads, norms, embeddings and biases stay precise.

Layers are changed in place, after the vocabulary was fitted to the precise model; from the same weights come the same bits,
so a restored model equals the one that was saved.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from lowres.errors import ModelError, Problem
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_modules

# As plans and as accelerate name them.
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32, "no": torch.float32}
INSTALL = 'pip install "lowres[quantize]" (bitsandbytes), or leave base.quantize out'


def quantize_base(
    model: Any, architecture: Architecture, quantize: str, dtype: torch.dtype, *, keep_original: bool = False
) -> None:
    """Hold the linear layers as the recipe says; `dtype` is what the machine computes in.

    With `off`, bfloat16 arithmetic rounds each weight whenever it is used: rounding it once gives the same and takes half the memory.
    With `remember`, a layer in few bits carries what it lost as `lost`, float32 of shape (out, in).
    """
    modules: dict[str, Any] = linear_modules(model, architecture)
    if quantize == "off":
        if dtype == torch.bfloat16:
            for module in modules.values():
                module.to(dtype)
        return
    precise = architecture.precise
    chosen = {name: module for name, module in modules.items() if name.rpartition(".")[2] not in precise}
    for name, module in chosen.items():
        layer = QUANTISERS[quantize](module, dtype)
        if keep_original:
            layer.lost = module.weight.detach().float() - precise_weight(layer).to(module.weight.device)
        model.set_submodule(name, layer)
    setattr(model, f"is_loaded_in_{quantize}", True)  # what PEFT asks


def bitsandbytes() -> Any:
    """The library, loaded when first needed. Raises ModelError where it is not installed."""
    try:
        return import_module("bitsandbytes")
    except ImportError as error:
        raise ModelError(Problem("base.quantize", "bitsandbytes is not installed", INSTALL)) from error


def _in_four_bits(whole: nn.Linear, dtype: torch.dtype) -> nn.Module:
    """nf4 in blocks of 64 with quantised scales."""
    bnb = bitsandbytes()
    layer = bnb.nn.Linear4bit(
        whole.in_features, whole.out_features, bias=whole.bias is not None, compute_dtype=dtype, quant_type="nf4"
    )
    layer.weight = bnb.nn.Params4bit(whole.weight.detach().cpu(), requires_grad=False, quant_type="nf4", module=layer)
    # On processors with AVX-512 bfloat16 the layer would repack its weights for good when it is first evaluated, with rounded
    # scales; from then on no gradient passes through it.
    layer.support_avx512bf16_for_cpu = False
    return _finished(layer, whole, dtype)


def _in_eight_bits(whole: nn.Linear, dtype: torch.dtype) -> nn.Module:
    """int8 with one scale per row."""
    bnb = bitsandbytes()
    layer = bnb.nn.Linear8bitLt(
        whole.in_features, whole.out_features, bias=whole.bias is not None, has_fp16_weights=False
    )
    layer.weight = bnb.nn.Int8Params(whole.weight.detach().cpu(), requires_grad=False, has_fp16_weights=False)
    finished: Any = _finished(layer, whole, dtype)
    finished.init_8bit_state()  # else done at the first forward pass, which is too late for what reads the scales before
    finished.register_forward_pre_hook(_as_trained(dtype))
    return finished  # type: ignore[no-any-return]


def _as_trained(dtype: torch.dtype) -> Callable[[nn.Module, tuple[Tensor]], tuple[Tensor] | None]:
    """Before an 8-bit layer computes on a processor. There bitsandbytes scales the weights back and multiplies in the precision of
    what comes in, but only in training; evaluated it rounds what comes in to 8 bits, too, and takes twice as long (docs/speed.md).
    """

    def prepare(layer: nn.Module, given: tuple[Tensor]) -> tuple[Tensor] | None:
        if given[0].device.type != "cpu":
            return None
        layer.training = True
        return (given[0].to(dtype),)

    return prepare


def _finished(layer: Any, whole: nn.Linear, dtype: torch.dtype) -> nn.Module:
    """With its bias, rounded as arithmetic in `dtype` would: the layer casts it for good to whatever comes in, one pass float32,
    the next bfloat16, and what was lost on the way made a trained model answer otherwise than the saved one.
    """
    if whole.bias is not None:
        layer.bias = nn.Parameter(whole.bias.detach().to(dtype).float(), requires_grad=False)
    return layer.to(whole.weight.device)  # type: ignore[no-any-return]


QUANTISERS: Mapping[str, Callable[[nn.Linear, torch.dtype], nn.Module]] = {
    "4bit": _in_four_bits,
    "8bit": _in_eight_bits,
}


def precise_weight(layer: Any) -> Tensor:
    """The weight that a layer computes with, float32 of shape (out, in), whatever it is held in."""
    weight = layer.weight
    if getattr(weight, "quant_state", None) is not None:
        return bitsandbytes().functional.dequantize_4bit(weight.data, weight.quant_state).float()  # type: ignore[no-any-return]
    if weight.dtype == torch.int8:
        return weight.data.float() * layer.state.SCB.float().unsqueeze(1) / 127.0  # type: ignore[no-any-return]
    return weight.detach().float()  # type: ignore[no-any-return]


def dequantize(model: Any, architecture: Architecture) -> None:
    """Undo hold: ordinary float32 layers with just the weights that the held ones computed with."""
    modules: dict[str, Any] = linear_modules(model, architecture)
    for name, held in modules.items():
        whole = nn.Linear(held.in_features, held.out_features, bias=held.bias is not None)
        whole.weight = nn.Parameter(precise_weight(held), requires_grad=False)
        if held.bias is not None:
            whole.bias = nn.Parameter(held.bias.detach().float(), requires_grad=False)
        model.set_submodule(name, whole)
    for flag in ("is_loaded_in_4bit", "is_loaded_in_8bit"):
        if hasattr(model, flag):
            setattr(model, flag, False)
