"""A make-believe accelerator: tensors that claim another device, hold ordinary CPU data, and refuse to meet tensors of the CPU.

For tests in a process of their own: `install()` changes torch for good. What would fail on a GPU because a tensor was left on the CPU
fails here as well; nothing is said of speed, precision or memory.
"""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = "gpu:0"
backend_registration._setup_privateuseone_for_python_backend("gpu")
torch.gpu.get_amp_supported_dtype = lambda: [torch.float16]  # type: ignore[attr-defined]
ATEN = torch.ops.aten
COPIES = (ATEN.copy_.default, ATEN._to_copy.default)  # what may go from one device to the other
INDEXED = (ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default, ATEN._index_put_impl_.default)


class DeviceMismatch(RuntimeError):
    """A tensor of the CPU met one of the device."""


class DeviceTensor(torch.Tensor):
    """A tensor on the device; `held` has its values."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "DeviceTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    def __repr__(self, *args: Any, **more: Any) -> str:
        return f"DeviceTensor({self.held})"

    def tolist(self) -> Any:
        """The values as Python has them."""
        return self.held.tolist()

    def new_tensor(self, data: Any, dtype: torch.dtype | None = None, device: Any = None, **more: Any) -> torch.Tensor:
        """On the device."""
        return torch.tensor(data, dtype=dtype or self.dtype, device=device or DEVICE)

    def __getitem__(self, place: Any) -> torch.Tensor:
        return torch.Tensor.__getitem__(self, _places(place))

    def __setitem__(self, place: Any, value: Any) -> None:
        torch.Tensor.__setitem__(self, _places(place), value)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def _places(place: Any) -> Any:
    """A list as an index becomes a tensor of the device, as torch does on a GPU."""
    if isinstance(place, tuple):
        return tuple(map(_places, place))
    return torch.tensor(list(place), device=DEVICE) if isinstance(place, list | range) else place


def compute(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Carry out an operation on the values, after asking whether all tensors stand on one device."""
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    ours = [one for one in tensors if isinstance(one, DeviceTensor)]
    others = [one for one in tensors if not isinstance(one, DeviceTensor) and one.dim() > 0]
    refuse(func, args, ours, others)
    wanted = kwargs.get("device")
    on_device = bool(ours) if wanted is None else torch.device(wanted).type == "gpu"
    kept = {name: value for name, value in kwargs.items() if name not in ("device", "pin_memory")}
    if wanted is not None and func is not ATEN._to_copy.default:
        kept["device"] = torch.device("cpu")
    held = lambda one: one.held if isinstance(one, DeviceTensor) else one  # noqa: E731
    result = func(*tree_map(held, args), **tree_map(held, kept))
    same = {id(one.held): one for one in ours}  # what was changed in place stays the tensor that it was

    def wrapped(one: Any) -> Any:
        if not isinstance(one, torch.Tensor) or isinstance(one, DeviceTensor):
            return one
        if not on_device:
            return one
        return same[id(one)] if id(one) in same else DeviceTensor(one)

    return result if func is ATEN._local_scalar_dense.default else tree_map(wrapped, result)


def refuse(func: Any, args: Sequence[Any], ours: Sequence[Any], others: Sequence[Any]) -> None:
    """Raises DeviceMismatch as a GPU would."""
    if not ours or not others or func in COPIES:
        return
    if (
        func in INDEXED
        and isinstance(args[0], DeviceTensor)
        and (func is INDEXED[0] or isinstance(args[2], DeviceTensor))
    ):
        return  # indices may stand on the CPU
    raise DeviceMismatch(f"{func}: a tensor of the device meets one of the CPU, {tuple(others[0].shape)}")


class Factory(TorchDispatchMode):
    """Sees what is made on the device, where no tensor is given."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        ours = any(isinstance(one, DeviceTensor) for one in tree_flatten((args, kwargs))[0])
        here = ours or (wanted is not None and torch.device(wanted).type == "gpu")
        return compute(func, args, kwargs) if here else func(*args, **kwargs)


class Accelerator:
    """As much of accelerate's as the code asks for, on the device, in float32."""

    mixed_precision, device = "no", torch.device(DEVICE)

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Nothing: float32."""
        return contextlib.nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        """As it is."""
        loss.backward()

    def prepare(self, one: Any) -> Any:
        """As it is."""
        return one

    def clip_grad_norm_(self, weights: Any, norm: float) -> torch.Tensor:
        """As torch does it."""
        return torch.nn.utils.clip_grad_norm_(weights, norm)


def module_to(self: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:
    """Module.to for both devices: parameters are replaced, one that two modules share by one."""
    targets = [*args, *kwargs.values()]
    device = next((torch.device(one) for one in targets if isinstance(one, str | torch.device)), None)
    dtype = next((one for one in targets if isinstance(one, torch.dtype)), None)
    moved: dict[int, Any] = {}
    for module in self.modules():
        for table in (module._parameters, module._buffers):
            for name, weight in table.items():
                if weight is not None:
                    if id(weight) not in moved:
                        moved[id(weight)] = (weight, _moved(weight, device, dtype))
                    table[name] = moved[id(weight)][1]
    return self


@torch.no_grad()
def _moved(weight: torch.Tensor, device: torch.device | None, dtype: torch.dtype | None) -> torch.Tensor:
    found = weight.detach()
    if dtype is not None and found.is_floating_point():
        found = found.to(dtype)
    if device is not None:
        found = found.to(DEVICE if device.type == "gpu" else device)
    if found.device == weight.device and found.dtype == weight.dtype:
        return weight
    return (
        torch.nn.Parameter(found, requires_grad=weight.requires_grad)
        if isinstance(weight, torch.nn.Parameter)
        else found
    )


@torch.no_grad()
def fill_buffers(model: torch.nn.Module) -> None:
    """Buffers that no file holds: transformers, which makes them without values at first, leaves them so here."""
    for name, buffer in model.named_buffers():
        last = name.rpartition(".")[2]
        if last == "position_ids":
            buffer.copy_(torch.arange(buffer.shape[-1]).expand(1, -1))
        elif last == "token_type_ids":
            buffer.zero_()


def install() -> None:
    """Let torch know the device, and lowres compute on it."""
    import peft
    import transformers

    import lowres.models.loading as loading
    import lowres.planning.machine as machine
    import lowres.running as running
    import lowres.tasks.saved as saved

    torch.nn.Module.to = transformers.PreTrainedModel.to = module_to  # type: ignore[method-assign, assignment]
    torch.inference_mode = lambda mode=True: torch.no_grad()  # type: ignore[assignment, misc]
    machine._cpu_has_bf16 = lambda: False
    running.check_reload = lambda *args: None  # it would be another process, on the real device
    running.prepare_device = lambda plan: Accelerator()  # type: ignore[assignment, return-value]
    saved.make_accelerator = lambda *args: Accelerator()  # type: ignore[assignment, attr-defined]
    made, loaded, kept = torch.tensor, loading._load, peft.PeftModel.save_pretrained

    def tensor(data: Any, *, device: Any = None, requires_grad: bool = False, **more: Any) -> torch.Tensor:
        found = made(data, **more)
        found = found.to(DEVICE) if device is not None and torch.device(device).type == "gpu" else found
        return found.requires_grad_(requires_grad)

    def load(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            tokenizer, model = loaded(*args, **kwargs)
            fill_buffers(model)
            return tokenizer, model

    def save(self: Any, folder: str, **more: Any) -> Any:
        weights = {name: weight.detach().cpu() for name, weight in self.state_dict().items()}
        return kept(self, folder, state_dict=weights, **more)

    torch.tensor, loading._load, peft.PeftModel.save_pretrained = tensor, load, save  # type: ignore[assignment]


if __name__ == "__main__":
    from pathlib import Path

    from lowres.planning import Options
    from lowres.running import run

    install()
    with Factory():
        run(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            options=Options(cache=Path(sys.argv[3]), offline=True, device="cpu", threads=1),
        )
