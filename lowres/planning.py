"""Recipe × machine → plan, or refusals, before any weight is loaded. Imports nothing heavy."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lowres.data.corpus import Corpus
from lowres.data.files import cache_folder
from lowres.data.reading import read_corpus
from lowres.errors import Finding, PlanError, Problem
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.places import Places
from lowres.recipe import RecipeFile
from lowres.recipe.methods import METHOD_FACTS, Bottleneck, Freeze, Lora
from lowres.recipe.sections import Recipe, Translation
from lowres.starters.starters import STARTERS
from lowres.vocabulary.fitting_data import FittingData, gather

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["bf16", "fp32"]
GIB = 2**30
# Effective floating-point operations per second and core (CPU) or device, measured on small adapters: docs/speed.md.
# The rates of GPUs are guesses until measured; small models are launch-bound there.
SPEED = {
    ("cpu", "bf16"): 1.6e11,
    ("cpu", "fp32"): 8e10,
    ("mps", "fp32"): 1e12,
    ("cuda", "fp32"): 5e12,
    ("cuda", "bf16"): 1e13,
}
CHARACTERS_PER_PIECE = 3.0
BYTES_OF_A_WEIGHT = {"off": None, "8bit": 1.01, "4bit": 0.52}  # scales included


@dataclass(frozen=True)
class Options:
    """What belongs to the machine and the moment, not to the recipe."""

    cache: Path = field(default_factory=cache_folder)
    mirrors: tuple[Path, ...] = ()
    offline: bool = False
    device: str = "auto"
    threads: int | None = None

    def places(self, near: Path) -> Places:
        """Where files are looked for; relative paths count from `near`."""
        return Places(near, self.cache, self.mirrors, self.offline)


@dataclass(frozen=True)
class Machine:
    """What there is to work with. `bf16` says that bfloat16 arithmetic is fast here."""

    device: Device
    name: str
    cores: int
    memory_gib: float
    bf16: bool

    @classmethod
    def detect(cls, device: str = "auto", threads: int | None = None) -> "Machine":
        """Look at this machine without importing torch. `device` and `threads` override what is found."""
        cores = threads or _usable_cores()
        if device == "cuda" or (device == "auto" and shutil.which("nvidia-smi")):
            name, capability, memory = _nvidia()
            if name:
                return cls("cuda", name, cores, memory, bf16=capability >= 8.0)
            if device == "cuda":
                raise PlanError(Problem("--device", "no NVIDIA GPU answers here", "leave --device out, or say cpu"))
        if device == "mps" or (device == "auto" and platform.system() == "Darwin" and platform.machine() == "arm64"):
            return cls("mps", "Apple GPU", cores, _memory_gib(), bf16=False)
        return cls("cpu", _processor(), cores, _memory_gib(), bf16=_cpu_has_bf16())


@dataclass(frozen=True)
class Plan:
    """How a recipe will be carried out here. Memory is what training should take at most, in GiB."""

    recipe: Recipe
    machine: Machine
    checkpoint: Checkpoint
    precision: Precision
    micro_batch_tokens: int
    memory_gib: float
    findings: tuple[Finding, ...]
    near: Path = Path()  # where the recipe stands: other files that it names are looked for there

    @property
    def pooling(self) -> str:
        """The recipe's way to make one vector of a text, or the base's own."""
        asked = self.recipe.base.pooling
        return self.checkpoint.pooling if asked == "auto" else asked


Rule = Callable[[Recipe, Checkpoint, Machine], Problem | None]


# Which shape of model a task needs, and which to try; pre-training takes any.
SHAPES = {
    "classification": ("encoder", "starter:encoder or FacebookAI/xlm-roberta-base"),
    "translation": ("encoder-decoder", "starter:translation, facebook/nllb-200-distilled-600M or google/mt5-small"),
}


def task_fits_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Classification reads sentence vectors, so it needs an encoder; translation writes, so it needs a decoder as well."""
    architecture, task = checkpoint.architecture, recipe.task.kind
    shape, rivals = SHAPES.get(task, (architecture.shape, ""))
    if architecture.shape != shape:
        return Problem(
            "base.name",
            f"{checkpoint.name} is {architecture.family}, an {architecture.shape}; {task} needs an {shape}",
            f"try {rivals}",
        )
    return None


def method_fits_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Only what has a decoder can have its decoder trained."""
    if METHOD_FACTS[recipe.method.kind].decoder and checkpoint.architecture.shape != "encoder-decoder":
        return Problem("method.kind", f"{checkpoint.name} has no decoder", "choose lora or full")
    return None


def method_fits_task(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A head alone is too little to translate with."""
    task, kind = recipe.task.kind, recipe.method.kind
    if task in METHOD_FACTS[kind].tasks:
        return None
    others = ", ".join(name for name, facts in METHOD_FACTS.items() if task in facts.tasks)
    return Problem("method.kind", f"{kind} is not for {task}", f"choose one of {others}")


def method_fits_bits(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Weights in few bits do not train."""
    held, kind = recipe.base.quantize, recipe.method.kind
    if held == "off" or METHOD_FACTS[kind].quantizable:
        return None
    others = ", ".join(
        name for name, facts in METHOD_FACTS.items() if facts.quantizable and recipe.task.kind in facts.tasks
    )
    return Problem(
        "base.quantize",
        f"{kind} trains weights of the base, and weights in {held.replace('bit', ' bits')} do not train",
        f"leave base.quantize out, or choose a method that leaves the base as it is: {others}",
    )


def stack_fits_task(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Language adapters are left by pre-training, and stand under those of a classifier."""
    method = recipe.method
    if isinstance(method, Bottleneck) and method.language_adapters and recipe.task.kind != "classification":
        return Problem("method.language_adapters", f"is for classification, not for {recipe.task.kind}", "leave it out")
    return None


def start_fits_bits(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A start in the weights' largest parts needs the weights; one in what they lost needs that they lost something."""
    method, held = recipe.method, recipe.base.quantize
    if not isinstance(method, Lora):
        return None
    combine = method.combine
    if combine and (method.dora or method.init != "zero"):
        return Problem("method.combine", "is a start of its own, without dora", "leave start and dora out")
    if combine and combine.weights and len(combine.weights) != len(combine.runs):
        what = f"{len(combine.weights)} weights for {len(combine.runs)} runs"
        return Problem("method.combine.weights", what, "give one for each run, or none")
    if method.dora and held == "8bit":
        what = "dora reads the weights, and those in 8 bits lose their scales when they are read"
        return Problem("method.dora", what, "say base.quantize: 4bit, or leave dora out")
    if method.init == "zero":
        return None
    if method.dora:
        return Problem("method.init", f"{method.init} does not go with dora", "leave one of them out")
    if method.init == "pissa" and held != "off":
        return Problem(
            "method.init", f"pissa changes the weights, and those in {held[0]} bits cannot be changed", "say loftq"
        )
    if method.init == "loftq" and held == "off":
        return Problem(
            "method.init",
            "loftq begins with what weights in few bits lost; these lose nothing",
            "say base.quantize: 4bit",
        )
    return None


def bits_fit_machine(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """bitsandbytes must be there, and know the device."""
    if recipe.base.quantize == "off":
        return None
    if find_spec("bitsandbytes") is None:
        return Problem("base.quantize", "bitsandbytes is not installed", 'pip install "lowres[quantize]"')
    if machine.device == "mps":
        return Problem(
            "base.quantize", "8 and 4 bits are not for Apple GPUs", "leave base.quantize out, or say --device cpu"
        )
    return None


def text_fits_positions(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Texts may not be cut later than the base has positions for."""
    if recipe.training.max_length > checkpoint.positions:
        return Problem(
            "training.max_length",
            f"{recipe.training.max_length} is more than the {checkpoint.positions} positions of {checkpoint.name}",
            f"at most {checkpoint.positions}",
        )
    return None


def weights_fit_memory(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """The smallest batch must fit beside the weights."""
    needed = (
        weights_gib(recipe, checkpoint, machine)
        + activation_bytes(recipe, checkpoint, recipe.training.max_length) / GIB
    )
    if needed > machine.memory_gib:
        return Problem(
            "base.name",
            f"{checkpoint.name} needs about {needed:.1f} GiB here; {machine.name} has {machine.memory_gib:.1f}",
            "choose a smaller base, a smaller training.max_length, or a larger machine",
        )
    return None


def keep_fits_filter(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Only a round trip ranks texts, so that a share of them can be kept."""
    back = recipe.task.back_translation if isinstance(recipe.task, Translation) else None
    if back and back.filter != "round-trip" and "keep" in back.model_fields_set:
        return Problem(
            "task.back_translation.keep", f"is for round-trip, not for {back.filter}", "leave one of them out"
        )
    return None


RULES: tuple[Rule, ...] = (
    task_fits_base,
    method_fits_base,
    method_fits_task,
    method_fits_bits,
    stack_fits_task,
    start_fits_bits,
    bits_fit_machine,
    keep_fits_filter,
    text_fits_positions,
    weights_fit_memory,
)


def make_plan(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Plan:
    """Ask every rule once. Raises PlanError with all refusals together."""
    problems = [problem for rule in RULES if (problem := rule(recipe, checkpoint, machine))]
    if problems:
        raise PlanError(*problems)
    weights = weights_gib(recipe, checkpoint, machine)
    room = max(0.0, 0.8 * machine.memory_gib - weights) * GIB
    per_token = activation_bytes(recipe, checkpoint, 1)
    micro = min(recipe.training.batch_tokens, max(recipe.training.max_length, int(room / per_token)))
    findings = []
    if micro < recipe.training.batch_tokens:
        findings.append(
            Finding("note", f"batches of {recipe.training.batch_tokens} tokens are passed through in parts of {micro}")
        )
    if machine.device == "cpu" and not machine.bf16:
        findings.append(Finding("note", "this processor has no fast bfloat16: training in float32, about half as fast"))
    return Plan(
        recipe=recipe,
        machine=machine,
        checkpoint=checkpoint,
        precision="bf16" if machine.bf16 else "fp32",
        micro_batch_tokens=micro,
        memory_gib=weights + micro * per_token / GIB + 1.0,
        findings=tuple(findings),
    )


def prepare(file: RecipeFile, options: Options, *, build: bool = True) -> Plan:
    """Recipe → plan. Finds the base but loads no weight; without `build` a starter is only described.

    Raises ModelError or PlanError.
    """
    base = file.recipe.base
    checkpoint = find_base(
        base.name,
        base.revision,
        options.places(file.path.parent),
        STARTERS,
        build=build,
        layers=base.encoder_layers,
        decoder=base.decoder_layers,
    )
    plan = make_plan(file.recipe, checkpoint, Machine.detect(options.device, options.threads))
    return replace(plan, near=file.path.parent)


def read_data(file: RecipeFile, options: Options) -> Corpus:
    """Recipe → corpus. Raises CardError or DataError."""
    recipe = file.recipe
    return read_corpus(recipe.data, recipe.task, options.places(file.path.parent), seed=recipe.training.seed)


def read_fitting_data(file: RecipeFile, corpus: Corpus, options: Options) -> FittingData:
    """Recipe and corpus → what the vocabulary is fitted to. Raises CardError or DataError."""
    return gather(file.recipe, corpus, options.places(file.path.parent))


def estimate_seconds(plan: Plan, corpus: Corpus) -> float:
    """Training time at most, without early stopping: 4 (adapter) or 6 (full) operations per body weight and piece; what
    back-translation takes to write is left out.

    Good to a factor of about two; the pieces are guessed from the characters, since nothing heavy is loaded.
    """
    settings, back = plan.recipe.training, getattr(plan.recipe.task, "back_translation", None)
    epochs = settings.epochs + (back.rounds * (back.epochs or settings.epochs) if back else 0)
    pieces = sum(min(settings.max_length, len(row.fields["text"]) / CHARACTERS_PER_PIECE + 4) for row in corpus.train)
    body = plan.checkpoint.parameters - plan.checkpoint.vocabulary_size * plan.checkpoint.hidden_size
    operations = (6 if METHOD_FACTS[plan.recipe.method.kind].everything else 4) * body * pieces * epochs
    cores = plan.machine.cores if plan.machine.device == "cpu" else 1
    return operations / (SPEED.get((plan.machine.device, plan.precision), 5e10) * cores)


def weights_gib(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> float:
    """Memory of the weights: embeddings in float32, linear layers as they are held; what trains also needs a gradient and two
    moments, 16 bytes in all.
    """
    method = recipe.method
    rows = checkpoint.vocabulary_size * checkpoint.hidden_size
    layers = checkpoint.parameters - rows
    if METHOD_FACTS[method.kind].everything:
        return 16 * checkpoint.parameters / GIB
    if not METHOD_FACTS[method.kind].quantizable:  # the upper layers, or the decoder, train
        share = min(1.0, method.layers / checkpoint.layers) if isinstance(method, Freeze) else 0.5
        return (4 * checkpoint.parameters + 12 * share * layers) / GIB
    held = BYTES_OF_A_WEIGHT[recipe.base.quantize] or (2.0 if machine.bf16 else 4.0)
    return (4 * rows + held * layers) / GIB


def activation_bytes(recipe: Recipe, checkpoint: Checkpoint, tokens: int) -> float:
    """Bytes kept for the backward pass: measured 46–82 × width per token and layer; the larger is taken."""
    return 82.0 * checkpoint.hidden_size * checkpoint.layers * tokens


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float:
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
    return bool({"avx512_bf16", "amx_bf16"} & set(_cpuinfo("flags").split()))


def _nvidia() -> tuple[str, float, float]:
    """Name, compute capability and free-able memory (GiB) of the first NVIDIA GPU, or empty."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "", 0.0, 0.0
    if not answer.strip():
        return "", 0.0, 0.0
    name, capability, memory = answer.strip().splitlines()[0].rsplit(",", 2)
    return name.strip(), float(capability), float(memory) / 1024
