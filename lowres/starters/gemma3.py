"""Writes Gemma 3 270M as an ordinary checkpoint from the four parts of its GGUF file.

transformers reads the joined file. Its weights are blocks of numbers of 4 to 6 bits with scales (Q4_K_M), which become float32.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig, GenerationConfig

JOINED = "joined.gguf"
OF_THE_FILE = ("quantization_config", "_name_or_path")  # settings that the read file leaves, and no checkpoint has


def write_checkpoint(parts: Sequence[Path], folder: Path) -> None:
    """Write config, float32 weights and tokenizer."""
    joined = folder / JOINED
    with joined.open("wb") as out:
        for part in parts:
            with part.open("rb") as some:
                shutil.copyfileobj(some, out)
    where: Any = {"pretrained_model_name_or_path": str(folder), "gguf_file": JOINED, "local_files_only": True}
    read = AutoModelForCausalLM.from_pretrained(**where, dtype="float32")
    settings = {key: value for key, value in read.config.to_dict().items() if key not in OF_THE_FILE}
    model: Any = Gemma3ForCausalLM(Gemma3TextConfig(**settings))
    model.load_state_dict(read.state_dict(), strict=True)
    model.generation_config = GenerationConfig.from_model_config(model.config)
    tokenizer: Any = AutoTokenizer.from_pretrained(**where)
    joined.unlink()
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
