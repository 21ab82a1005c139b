"""Rules about recipe, base and machine: what fits together. Each is checked once, before any weights are loaded."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from lowres.errors import Problem
from lowres.models.architectures import Shape
from lowres.models.checkpoint import Checkpoint
from lowres.models.special_tokens import LANGUAGE_CODE, special_names
from lowres.models.tokenizer_families import TOKENIZERS, TokenizerFacts
from lowres.models.weight_files import read_json
from lowres.planning.base_language import base_reads_the_language
from lowres.planning.footprint import activation_bytes, loading_gib, weights_gib
from lowres.planning.machine import GIB, Machine
from lowres.recipe.methods import METHOD_FACTS, Bottleneck, Lora
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Classification, PreTraining, Translation

ARTICLE: Mapping[Shape, str] = {
    "encoder": "an encoder",
    "encoder-decoder": "an encoder-decoder",
    "decoder": "a decoder",
}
BaseRule = Callable[[Recipe, Checkpoint, Machine], Problem | None]


# The shape of model that a task needs, and bases to try; pre-training takes any shape.
SHAPES: Mapping[str, tuple[tuple[Shape, ...], str]] = {
    "classification": (("encoder", "decoder"), "starter:encoder or FacebookAI/xlm-roberta-base"),
    "translation": (
        ("encoder-decoder", "decoder"),
        "starter:translation, facebook/nllb-200-distilled-600M or google/mt5-small",
    ),
    "generation": (("decoder",), "starter:decoder"),
}


def task_fits_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Classification needs an encoder or a decoder, translation an encoder-decoder or a decoder, generation a decoder."""
    architecture, task = checkpoint.architecture, recipe.task.kind
    shapes, suggested = SHAPES.get(task, ((architecture.shape,), ""))
    if architecture.shape not in shapes:
        return Problem(
            "base.name",
            f"{checkpoint.name} is {architecture.family}, {ARTICLE[architecture.shape]}; "
            f"{task} needs {' or '.join(ARTICLE[shape] for shape in shapes)}",
            f"try {suggested}",
        )
    return None


def method_fits_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A method that trains a decoder needs a base that has one."""
    if METHOD_FACTS[recipe.method.kind].decoder and checkpoint.architecture.shape != "encoder-decoder":
        return Problem("method.kind", f"{checkpoint.name} has no decoder", "choose lora or full")
    return None


def method_fits_family(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Of an encoder whose family is unknown only the linear layers are known, not what each of them does."""
    method = recipe.method
    if checkpoint.architecture.is_known or method.kind in ("features", "head"):
        return None
    if isinstance(method, Lora) and method.modules == "all":
        return None
    return Problem(
        "method.kind",
        f"{checkpoint.name} is of the family {checkpoint.architecture.family}, which lowres does not know: no {method.kind} for it",
        "choose lora with modules: all, or features; or a known base: lowres bases",
    )


def method_fits_task(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Some methods are for some tasks only: features and head for classification, decoder for translation."""
    task, kind = recipe.task.kind, recipe.method.kind
    if task in METHOD_FACTS[kind].tasks:
        return None
    others = ", ".join(name for name, facts in METHOD_FACTS.items() if task in facts.tasks)
    return Problem("method.kind", f"{kind} is not for {task}", f"choose one of {others}")


def method_fits_bits(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Quantized weights cannot be trained."""
    quantize, kind = recipe.base.quantize, recipe.method.kind
    if quantize == "off" or METHOD_FACTS[kind].quantizable:
        return None
    others = ", ".join(
        name for name, facts in METHOD_FACTS.items() if facts.quantizable and recipe.task.kind in facts.tasks
    )
    return Problem(
        "base.quantize",
        f"{kind} trains weights of the base, and weights in {quantize.replace('bit', ' bits')} cannot be trained",
        f"leave base.quantize out, or choose a method that keeps the base frozen: {others}",
    )


def rotations_fit_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """OFT cannot rotate the inputs of linear layers that hold their weights transposed."""
    family = checkpoint.architecture
    if recipe.method.kind != "oft" or not family.transposed:
        return None
    what = f"{family.family} holds its weights in layers that oft cannot rotate"
    return Problem("method.kind", what, "choose lora, or a base of another family")


def bits_fit_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Linear layers that hold their weights transposed cannot be quantized."""
    family = checkpoint.architecture
    if recipe.base.quantize == "off" or not family.transposed:
        return None
    what = f"{family.family} holds its weights in layers that bitsandbytes cannot quantize"
    return Problem("base.quantize", what, "leave it out, or choose a base of another family")


def keys_fit_base(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Keys of a task that only bases of one shape can follow."""
    task, decodes = recipe.task, checkpoint.architecture.shape == "decoder"
    named = task.model_fields_set
    if isinstance(task, Classification) and not decodes and (task.by == "label-words" or task.label_words):
        key = "by" if task.by == "label-words" else "label_words"
        return Problem(
            f"task.{key}", f"is for decoders; {checkpoint.name} is none", "leave it out, or choose a decoder"
        )
    if isinstance(task, Classification) and decodes and task.translate_into:
        what = f"is for encoders, and {checkpoint.name} is a decoder"
        return Problem("task.translate_into", what, "leave it out, or choose an encoder")
    if isinstance(task, Classification) and decodes and task.balanced and task.by != "head":
        return Problem("task.balanced", "has no effect on label words", "leave it out, or say by: head")
    if isinstance(task, Classification) and task.by == "head" and task.label_words:
        return Problem("task.label_words", "has no effect with by: head", "leave one of them out")
    if isinstance(task, Classification) and task.by == "label-words" and any(one.head for one in recipe.sources):
        return Problem("task.by", "label-words has no auxiliary heads", "say by: head, or leave data.head out")
    if isinstance(task, Translation) and not decodes and task.only_chooses:
        return Problem(
            "task.objective", f"is for decoders; {checkpoint.name} is none", "leave it out, or choose a decoder"
        )
    without = {Translation: ("denoise", "back_translation", "init_from"), PreTraining: ("masked", "head")}
    for key in without.get(type(task), ()):
        if decodes and key in named and getattr(task, key):
            return Problem(f"task.{key}", f"has no effect with a decoder, and {checkpoint.name} is one", "leave it out")
    return None


def stack_fits_task(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Language adapters come from pre-training, and are stacked below the adapters of a classifier."""
    method = recipe.method
    if isinstance(method, Bottleneck) and method.language_adapters and recipe.task.kind != "classification":
        return Problem("method.language_adapters", f"is for classification, not for {recipe.task.kind}", "leave it out")
    return None


def init_fits_bits(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """PiSSA changes the weights, so they may not be quantized; LoftQ starts from the quantization error, so they must be."""
    method, quantize = recipe.method, recipe.base.quantize
    if not isinstance(method, Lora):
        return None
    combine = method.combine
    if combine and (method.dora or method.init != "zero"):
        return Problem(
            "method.combine",
            "initialises the adapter itself and does not go with init or dora",
            "leave method.init and method.dora out",
        )
    if combine and combine.weights and len(combine.weights) != len(combine.runs):
        what = f"{len(combine.weights)} weights for {len(combine.runs)} runs"
        return Problem("method.combine.weights", what, "give one for each run, or none")
    if method.dora and quantize == "8bit":
        what = "dora reads the weights, and those in 8 bits lose their scales when they are read"
        return Problem("method.dora", what, "say base.quantize: 4bit, or leave dora out")
    if method.init == "zero":
        return None
    if method.dora:
        return Problem("method.init", f"{method.init} does not go with dora", "leave one of them out")
    if method.init == "pissa" and quantize != "off":
        return Problem(
            "method.init", f"pissa changes the weights, and those in {quantize[0]} bits cannot be changed", "say loftq"
        )
    if method.init == "loftq" and quantize == "off":
        return Problem(
            "method.init",
            "loftq starts from the error of quantization, and this base is not quantized",
            "say base.quantize: 4bit",
        )
    return None


def bits_fit_machine(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Quantization needs bitsandbytes, and a device that it supports."""
    if recipe.base.quantize == "off":
        return None
    if find_spec("bitsandbytes") is None:
        return Problem("base.quantize", "bitsandbytes is not installed", 'pip install "lowres[quantize]"')
    if machine.device == "mps":
        return Problem(
            "base.quantize", "8 and 4 bits are not for Apple GPUs", "leave base.quantize out, or say --device cpu"
        )
    return None


def language_codes_are_there(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A tokenizer of NLLB needs the list of its language codes; the SentencePiece model alone has none."""
    settings = checkpoint.folder / "tokenizer_config.json"
    if checkpoint.folder == Path() or not settings.exists():
        return None
    kind = str(read_json(settings).get("tokenizer_class") or "").removesuffix("Fast")
    facts = TOKENIZERS.get(kind, TokenizerFacts())
    if facts.language_codes != "added" or any(LANGUAGE_CODE.fullmatch(name) for name in special_names(checkpoint)):
        return None
    what = f"{checkpoint.name} has no language codes: its tokenizer comes from the SentencePiece model alone"
    return Problem("base.name", what, "add the tokenizer.json that was published with the model")


def text_fits_positions(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """The base must have positions for the longest text."""
    writes = checkpoint.architecture.shape == "decoder" and recipe.task.kind in ("translation", "generation")
    if writes and 2 * recipe.training.max_length > checkpoint.positions >= recipe.training.max_length:
        what = f"prompt and answer of {recipe.training.max_length} tokens each do not fit the {checkpoint.positions} positions"
        return Problem("training.max_length", f"{what} of {checkpoint.name}", f"at most {checkpoint.positions // 2}")
    if recipe.training.max_length > checkpoint.positions:
        return Problem(
            "training.max_length",
            f"{recipe.training.max_length} is more than the {checkpoint.positions} positions of {checkpoint.name}",
            f"at most {checkpoint.positions}",
        )
    return None


def weights_fit_memory(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """Weights and the smallest batch must fit into the memory."""
    activations = activation_bytes(recipe, checkpoint, recipe.training.max_length) / GIB
    needed = max(weights_gib(recipe, checkpoint, machine) + activations, loading_gib(checkpoint, machine))
    if needed > machine.memory_gib:
        return Problem(
            "base.name",
            f"{checkpoint.name} needs about {needed:.1f} GiB here; {machine.name} has {machine.memory_gib:.1f}",
            "choose a smaller base, a smaller training.max_length, or a larger machine",
        )
    return None


def revision_needs_the_hub(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A revision is a commit on the hub; starters and folders have none."""
    if recipe.base.revision is not None and checkpoint.revision is None:
        return Problem("base.revision", f"has no effect: {checkpoint.name} does not come from the hub", "leave it out")
    return None


BASE_RULES: tuple[BaseRule, ...] = (
    base_reads_the_language,
    task_fits_base,
    method_fits_base,
    method_fits_family,
    method_fits_task,
    method_fits_bits,
    rotations_fit_base,
    bits_fit_base,
    keys_fit_base,
    stack_fits_task,
    init_fits_bits,
    bits_fit_machine,
    revision_needs_the_hub,
    language_codes_are_there,
    text_fits_positions,
    weights_fit_memory,
)
