"""How much memory training will take, estimated from the facts of the base; nothing is loaded."""

from collections.abc import Mapping

from lowres.models.checkpoint import Checkpoint
from lowres.planning.machine import GIB, Machine
from lowres.recipe.methods import METHOD_FACTS, Freeze
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Translation

# Fitted to the peak resident memory, on processors, of recipes/which-language.yaml (2.6 to 2.8 GiB) and recipes/quickstart.yaml (3.8
# to 4.0 GiB): what libraries, data, fitting the vocabulary and evaluation take, how much more than the tensors of a batch the C
# library holds, and what a task that writes takes besides: logits, beams and the phrase table.
FIXED_GIB, FRAGMENTATION, WRITING_GIB = 2.4, 1.8, 0.8
LIBRARIES_GIB = 0.9  # torch, transformers and peft, imported, and the data
BYTES_OF_A_WEIGHT: Mapping[str, float | None] = {
    "off": None,
    "8bit": 1.01,
    "4bit": 0.52,
}  # with the scales of quantization


def weights_gib(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> float:
    """Memory of the weights in GiB: embeddings in float32, linear layers as the plan holds them. A trained weight takes 16 bytes: with
    its gradient and Adam's two moments, all in float32.
    """
    method = recipe.method
    embeddings = checkpoint.embedding_parameters
    layers = checkpoint.parameters - embeddings
    if METHOD_FACTS[method.kind].everything:
        return 16 * checkpoint.parameters / GIB
    if not METHOD_FACTS[method.kind].quantizable:  # the upper layers, or the decoder, are trained
        share = min(1.0, method.layers / checkpoint.layers) if isinstance(method, Freeze) else 0.5
        return (4 * checkpoint.parameters + 12 * share * layers) / GIB
    size = BYTES_OF_A_WEIGHT[recipe.base.quantize] or (2.0 if machine.bf16 else 4.0)
    return (4 * embeddings + size * layers) / GIB


def loading_gib(checkpoint: Checkpoint, machine: Machine) -> float:
    """Memory in GiB that loading takes on the device, before anything is quantized or trimmed: a processor holds the whole base in
    float32; a GPU gets what is left of it then, layer by layer.
    """
    return 4 * checkpoint.parameters / GIB if machine.device != "cuda" else 0.0


def activation_bytes(recipe: Recipe, checkpoint: Checkpoint, tokens: int) -> float:
    """Bytes kept for the backward pass of so many tokens: measured 46–82 × width per token and layer; the larger is taken."""
    return 82.0 * checkpoint.hidden_size * checkpoint.layers * tokens


def training_gib(recipe: Recipe, checkpoint: Checkpoint, machine: Machine, tokens: int) -> float:
    """Peak memory in GiB of a training whose batches are computed in parts of so many tokens."""
    activations = FRAGMENTATION * activation_bytes(recipe, checkpoint, tokens) / GIB
    writing = WRITING_GIB if isinstance(recipe.task, Translation) else 0.0
    training = weights_gib(recipe, checkpoint, machine) + activations + writing + FIXED_GIB
    return max(training, loading_gib(checkpoint, machine) + LIBRARIES_GIB)
