"""Quantizes the frozen linear layers of a base to 16, 8 or 4 bits. Heads, norms, embeddings and biases keep their precision.

Layers are replaced in place, after the vocabulary has been fitted to the precise model. Quantization is deterministic: a restored
model has exactly the weights of the one that was saved.
"""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowres.errors import ModelError, Problem
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_modules

# As plans and as accelerate name them.
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32, "no": torch.float32}
INSTALL = 'pip install "lowres[quantize]" (bitsandbytes), or leave base.quantize out'
SMALL = 16 << 20  # bytes; more than any norm, bias or table of positions has
PRECISE = "kept_precise"  # attribute of a quantized model: its linear layers that kept their weights
ELSEWHERE = "use another version of bitsandbytes, or the machine where the run was trained"


def quantize_base(
    model: Any, architecture: Architecture, quantize: str, dtype: torch.dtype, *, keep_original: bool = False,
    device: torch.device | None = None, precise: Collection[str] | None = None,
) -> None:  # fmt: skip
    """Quantize the linear layers as the recipe's `quantize` says (“off”, “8bit” or “4bit”); `dtype` is what the machine computes in.

    With “off”, bfloat16 arithmetic rounds each weight whenever it is used: rounding it once gives the same and takes half the memory.
    With `keep_original`, each quantized layer carries what its weight lost, `quantization_error`, float32 of shape (out, in).
    Quantized layers are moved to `device` one by one, so that a base which fits it only when it is quantized never stands there
    whole. A layer that the library quantizes wrongly keeps its weights; `precise_layers` names it. For a saved
    model `precise` gives the names of those that kept theirs: exactly these do again, whatever this machine finds. Raises ModelError
    where another layer of a saved model is quantized wrongly here.
    """
    modules: dict[str, Any] = linear_modules(model, architecture)
    if quantize == "off":
        if dtype == torch.bfloat16:
            for module in modules.values():
                module.to(dtype)
            _copy_small(model)
        return
    left_out, kept = set(precise or ()), list(precise or ())
    chosen = {
        name: module
        for name, module in modules.items()
        if name not in left_out and name.rpartition(".")[2] not in architecture.precise
    }
    for name, module in chosen.items():
        layer = QUANTIZERS[quantize](module, dtype, device or module.weight.device)
        if not _is_sound(layer, module, quantize, dtype):
            if precise is not None:
                raise ModelError(Problem(name, f"bitsandbytes quantizes it to {quantize} wrongly here", ELSEWHERE))
            kept.append(name)
            continue
        if keep_original:
            layer.quantization_error = module.weight.detach().float() - precise_weight(layer).to(module.weight.device)
        model.set_submodule(name, layer)
    setattr(model, f"is_loaded_in_{quantize}", True)  # what PEFT asks
    setattr(model, PRECISE, tuple(name for name in modules if name in kept))
    _copy_small(model)


def _copy_small(model: nn.Module) -> None:
    """Copy norms, biases and the like: as views of the mapped file of the weights they would keep all of it in memory."""
    for weight in model.parameters():
        if weight.dtype == torch.float32 and weight.nbytes <= SMALL:
            weight.data = weight.data.clone()


def precise_layers(model: Any) -> tuple[str, ...]:
    """The linear layers of a quantized model that could not be quantized and kept their weights; none in other models.

    Their names are those that they have in the base, without the adapter that may be around it.
    """
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    return tuple(getattr(model, PRECISE, ()))


@torch.no_grad()
def _is_sound(layer: Any, linear: nn.Linear, quantize: str, dtype: torch.dtype) -> bool:
    """Whether a quantized layer has the weights that it should, and computes with just these.

    The error of a weight is at most half a step of its block's scale; and a probe through the layer must give what its own dequantized
    weights give. Some versions of bitsandbytes fail one of them on CPUs for widths that are not multiples of their block.
    """
    exact, found = linear.weight.detach().float(), precise_weight(layer).to(linear.weight.device)
    size, largest = ERRORS[quantize]
    size = size or exact.shape[1]
    spare = -exact.numel() % size
    blocks = [functional.pad(weight.flatten(), (0, spare)).view(-1, size) for weight in (exact, found - exact)]
    scales, errors = (block.abs().amax(1) for block in blocks)
    if bool((errors > largest * scales + 1e-6 + 0.01 * scales.mean()).any()):
        return False
    device = next(layer.parameters()).device
    probe = torch.linspace(-1, 1, 3 * exact.shape[1]).view(3, -1).sin().to(device, dtype)
    expected = probe.float() @ found.to(device).T
    given = layer(probe).float() - (0 if layer.bias is None else layer.bias.detach().float())
    return bool((given - expected).abs().max() <= 0.05 * expected.abs().max() + 1e-6)


def bitsandbytes() -> Any:
    """The module bitsandbytes, imported when first needed. Raises ModelError where it is not installed."""
    try:
        return import_module("bitsandbytes")
    except ImportError as error:
        raise ModelError(Problem("base.quantize", "bitsandbytes is not installed", INSTALL)) from error


def _to_4bit(linear: nn.Linear, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """NF4 (Dettmers et al. 2023, arXiv 2305.14314) in blocks of 64 weights, with quantized scales."""
    bnb = bitsandbytes()
    layer = bnb.nn.Linear4bit(
        linear.in_features, linear.out_features, bias=linear.bias is not None, compute_dtype=dtype, quant_type="nf4"
    )
    layer.weight = bnb.nn.Params4bit(linear.weight.detach().cpu(), requires_grad=False, quant_type="nf4", module=layer)
    # On processors with AVX-512 bfloat16 the layer would repack its weights for good when it is first evaluated, with rounded
    # scales; from then on no gradient passes through it.
    layer.support_avx512bf16_for_cpu = False
    return _with_bias(layer, linear, dtype, device)


def _to_8bit(linear: nn.Linear, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Signed 8-bit integers with one scale per row (Dettmers et al. 2022, arXiv 2208.07339)."""
    bnb = bitsandbytes()
    layer = bnb.nn.Linear8bitLt(
        linear.in_features, linear.out_features, bias=linear.bias is not None, has_fp16_weights=False
    )
    layer.weight = bnb.nn.Int8Params(linear.weight.detach().cpu(), requires_grad=False, has_fp16_weights=False)
    finished: Any = _with_bias(layer, linear, dtype, device)
    finished.init_8bit_state()  # else done at the first forward pass, which is too late for what reads the scales before
    finished.register_forward_pre_hook(_compute_as_in_training(dtype))
    return finished  # type: ignore[no-any-return]


def _compute_as_in_training(dtype: torch.dtype) -> Callable[[nn.Module, tuple[Tensor]], tuple[Tensor] | None]:
    """A hook that lets an 8-bit layer compute on a CPU as it does in training.

    On a CPU bitsandbytes dequantizes the weights and multiplies in the precision of the inputs only while training; in evaluation it
    quantizes the inputs, too, and takes twice as long (docs/results/speed.md).
    """

    def prepare(layer: nn.Module, given: tuple[Tensor]) -> tuple[Tensor] | None:
        if given[0].device.type != "cpu":
            return None
        layer.training = True
        return (given[0].to(dtype),)

    return prepare


def _with_bias(layer: Any, linear: nn.Linear, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Give a quantized layer its bias, rounded to `dtype`.

    The layer casts its bias for good to the precision of its inputs, which may be float32 once and bfloat16 the next time; unless it
    is rounded from the start, a trained model predicts otherwise than the saved one.
    """
    if linear.bias is not None:
        layer.bias = nn.Parameter(linear.bias.detach().to(dtype).float(), requires_grad=False)
    return layer.to(device)  # type: ignore[no-any-return]


# Of each kind: how many weights share a scale (None: a row), and the largest error of a weight as a share of the largest in its block:
# half the widest gap between the values of NF4, or half a step of 127; with some room for quantized scales.
ERRORS: Mapping[str, tuple[int | None, float]] = {"4bit": (64, 0.18), "8bit": (None, 0.006)}
QUANTIZERS: Mapping[str, Callable[[nn.Linear, torch.dtype, torch.device], nn.Module]] = {
    "4bit": _to_4bit,
    "8bit": _to_8bit,
}


def precise_weight(layer: Any) -> Tensor:
    """The weight that a layer computes with, dequantized, float32 of shape (out, in)."""
    weight = layer.weight
    if getattr(weight, "quant_state", None) is not None:
        return bitsandbytes().functional.dequantize_4bit(weight.data, weight.quant_state).float()  # type: ignore[no-any-return]
    if weight.dtype == torch.int8:
        return weight.data.float() * layer.state.SCB.float().unsqueeze(1) / 127.0  # type: ignore[no-any-return]
    return weight.detach().float()  # type: ignore[no-any-return]


def dequantize(model: Any, architecture: Architecture) -> None:
    """Undo quantize_base: ordinary float32 layers with exactly the weights that the quantized ones computed with."""
    modules: dict[str, Any] = linear_modules(model, architecture)
    for name, quantized in modules.items():
        if not isinstance(quantized, nn.Linear):
            continue  # GPT-2's Conv1D, which is never quantized
        linear = nn.Linear(quantized.in_features, quantized.out_features, bias=quantized.bias is not None)
        linear.weight = nn.Parameter(precise_weight(quantized), requires_grad=False)
        if quantized.bias is not None:
            linear.bias = nn.Parameter(quantized.bias.detach().float(), requires_grad=False)
        model.set_submodule(name, linear)
    for flag, off in (("is_loaded_in_4bit", False), ("is_loaded_in_8bit", False), (PRECISE, ())):
        if hasattr(model, flag):
            setattr(model, flag, off)
