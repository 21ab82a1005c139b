"""The machine: its device, cores and memory, and what the command line says about it. Imports nothing heavy."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from lowres.data.files import cache_folder
from lowres.errors import PlanError, Problem
from lowres.places import Places

Device = Literal["cpu", "cuda", "mps"]
GIB = 2**30


@dataclass(frozen=True)
class Options:
    """What depends on the machine and the moment, and is therefore not part of a recipe."""

    cache: Path = field(default_factory=cache_folder)
    mirrors: tuple[Path, ...] = ()
    offline: bool = False
    device: str = "auto"
    threads: int | None = None

    def places(self, near: Path) -> Places:
        """Where files are looked for; relative paths are relative to `near`."""
        return Places(near, self.cache, self.mirrors, self.offline)


@dataclass(frozen=True)
class Machine:
    """The device that computes. `memory_gib` is the device's; `bf16` says that bfloat16 arithmetic is fast on it."""

    device: Device
    name: str
    cores: int
    memory_gib: float
    bf16: bool

    @classmethod
    def detect(cls, device: str = "auto", threads: int | None = None) -> "Machine":
        """The machine this process runs on. `device` and `threads` override what is found.

        Torch is asked if it is loaded already; otherwise it is not imported, and the system is asked instead. Raises PlanError if the
        device that was asked for does not exist.
        """
        cores = threads or _usable_cores()
        if device in ("auto", "cuda"):
            found = _cuda_of_torch() if "torch" in sys.modules else _cuda_of_system()
            if isinstance(found, Cuda):
                return cls("cuda", found.name, cores, found.memory_gib, bf16=found.capability >= 8.0)
            if device == "cuda":
                raise PlanError(Problem("--device", found, "leave --device out, or say cpu"))
        if device == "mps" or (device == "auto" and platform.system() == "Darwin" and platform.machine() == "arm64"):
            if platform.system() != "Darwin":
                raise PlanError(Problem("--device", "there is no Apple GPU here", "leave --device out, or say cpu"))
            return cls("mps", "Apple GPU", cores, _memory_gib(), bf16=False)
        return cls("cpu", _processor(), cores, _memory_gib(), bf16=_cpu_has_bf16())


@dataclass(frozen=True)
class Cuda:
    """An NVIDIA GPU; `capability` is its compute capability, such as 9.0."""

    name: str
    capability: float
    memory_gib: float


def refuse_many_processes() -> None:
    """Raise PlanError if a launcher such as torchrun started several processes: lowres trains in one."""
    count = os.environ.get("WORLD_SIZE", "1")
    if count.isdigit() and int(count) > 1:
        what = f"{count} processes were started to train together; lowres trains in one process, on one device"
        raise PlanError(
            Problem("WORLD_SIZE", what, "start it without torchrun or accelerate launch: lowres run recipe.yaml")
        )


def _cuda_of_torch() -> Cuda | str:
    """The GPU that torch computes on, or why there is none."""
    import torch

    if not torch.cuda.is_available():
        return _why_torch_has_no_cuda() or "torch finds no NVIDIA GPU here"
    major, minor = torch.cuda.get_device_capability(0)
    return Cuda(
        torch.cuda.get_device_name(0), major + minor / 10, torch.cuda.get_device_properties(0).total_memory / GIB
    )


def _cuda_of_system() -> Cuda | str:
    """The first visible NVIDIA GPU by nvidia-smi, if the installed torch can use it; else why there is none."""
    if why := _why_torch_has_no_cuda():
        return why
    none = "no NVIDIA GPU answers here"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = visible.split(",")[0].strip() if visible is not None else "0"
    if first in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every NVIDIA GPU"
    command = shutil.which("nvidia-smi")
    if command is None:
        return none
    query = [command, "-i", first, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
        name, capability, memory = answer.strip().splitlines()[0].rsplit(",", 2)
        return Cuda(name.strip(), float(capability), float(memory) / 1024)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return none


def _why_torch_has_no_cuda() -> str:
    """Whether the installed torch was built without CUDA, which its version tells: 2.13.0+cpu."""
    try:
        built = version("torch")
    except PackageNotFoundError:
        return ""
    return f"the installed torch {built} cannot use NVIDIA GPUs" if built.endswith("+cpu") else ""


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float:
    """Memory of the machine; 8 GiB are assumed where the system does not tell."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    return 8.0


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpu_has_bf16() -> bool:
    """Whether bfloat16 is quicker than float32. With AMX it is. Without, avx512_bf16 makes it slower on Intel's processors, and
    quicker on AMD's (docs/results/speed.md).
    """
    flags = set(_cpuinfo("flags").split())
    return "amx_bf16" in flags or ("avx512_bf16" in flags and _cpuinfo("vendor_id") == "AuthenticAMD")
