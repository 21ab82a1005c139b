"""From a checkpoint on disk to a tokenizer and an encoder."""

from torch import nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from lowres.models.checkpoint import Checkpoint


def load_encoder(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    """Tokenizer and encoder in float32, from safetensors only; code that a checkpoint brings is never run.

    Dropout inside the base is set to 0: with so few rows the adapter is small enough not to need it, and every mask costs
    time (docs/speed.md).
    """
    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint.folder), trust_remote_code=False, local_files_only=True)
    family = checkpoint.architecture
    options: dict[str, object] = dict.fromkeys(family.dropouts, 0.0)
    if family.drops_pooler:
        options["add_pooling_layer"] = False
    model = AutoModel.from_pretrained(
        str(checkpoint.folder), trust_remote_code=False, local_files_only=True, use_safetensors=True, dtype="float32",
        attn_implementation="eager", **options,
    )  # fmt: skip
    return tokenizer, model
