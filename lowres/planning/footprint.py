"""How much memory training will take, estimated from the facts of the base; nothing is loaded."""

from collections.abc import Mapping

from lowres.models.checkpoint import Checkpoint
from lowres.planning.machine import GIB, Machine
from lowres.recipe.methods import METHOD_FACTS, Freeze
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Translation

# Fitted to the peak resident memory, on processors, of recipes/which-language.yaml (2.6 to 2.8 GiB) and recipes/upper-sorbian.yaml
# (3.8 to 4.0 GiB): what libraries, data, fitting the vocabulary and evaluation take, how much more than the tensors of a batch the C
# library holds, and what a task that writes takes besides: logits and beams. Phrase tables are counted by their texts: peak_memory.py.
FIXED_GIB, FRAGMENTATION, WRITING_GIB = 2.4, 1.8, 0.6
LIBRARIES_GIB = 0.9  # torch, transformers and peft, imported, and the data
# What a GPU holds besides, by reading and not measured: CUDA's context with its kernels, blocks that PyTorch keeps for tensors of
# other sizes, and the logits that the loss computes at once (24 million in float32, with their gradient and softmax).
CONTEXT_GIB, CARD_FRAGMENTATION, LOGITS_GIB = 0.5, 1.3, 0.3
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
    """Peak memory in GiB of the device in a training whose batches are computed in parts of so many tokens, without phrase tables.

    A GPU holds weights, gradients, the optimizer's moments, activations and logits; libraries and data are its host's.
    """
    writes = isinstance(recipe.task, Translation)
    activations = activation_bytes(recipe, checkpoint, tokens) / GIB
    weights = weights_gib(recipe, checkpoint, machine)
    if machine.device == "cuda":
        return weights + CARD_FRAGMENTATION * activations + (LOGITS_GIB if writes else 0.0) + CONTEXT_GIB
    training = weights + FRAGMENTATION * activations + (WRITING_GIB if writes else 0.0) + FIXED_GIB
    return max(training, loading_gib(checkpoint, machine) + LIBRARIES_GIB)


def host_gib(checkpoint: Checkpoint) -> float:
    """Memory in GiB that the host of a GPU needs: libraries, data and evaluation, or the whole base in float32 as it is read."""
    return max(FIXED_GIB, 4 * checkpoint.parameters / GIB + LIBRARIES_GIB)
