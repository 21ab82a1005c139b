"""Whole runs on an emulated accelerator: nothing is left on the CPU that a GPU would have to meet.

Each run is a process of its own. New characters over a head of its own, language tokens and every way to initialise are among them.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_translate_run import TEXTS, toy
from transformers import (
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
)

SCRIPT = Path(__file__).with_name("emulated_device.py")
CLASSIFICATION = """\
lowres: 2
name: device
task: {{kind: classification}}
data: {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, licence: CC0-1.0, source: written}}
base: {{name: "{base}", pooling: mean}}
vocabulary: {{extend: 5}}
method: {{kind: {method}}}
training: {{epochs: 1, batch_tokens: 256, max_length: 64}}
evaluation: {{resamples: 100}}
"""

TRANSLATION = """\
lowres: 2
name: device
task: {{kind: translation, source: eng-Latn, target: qaa-Latn}}
data:
  files:
    train: {{eng-Latn: en.txt, qaa-Latn: toy.txt}}
    dev: {{eng-Latn: en.dev.txt, qaa-Latn: toy.dev.txt}}
    test: {{eng-Latn: en.test.txt, qaa-Latn: toy.test.txt}}
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
vocabulary: {{extend: 5}}
method: {{kind: lora}}
training: {{epochs: 1, batch_tokens: 512, max_length: 60}}
decoding: {{beams: 2}}
evaluation: {{resamples: 100}}
"""


def mt5(size: int) -> MT5ForConditionalGeneration:
    """With a head of its own, as published."""
    config = MT5Config(
        vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=1
    )
    model = MT5ForConditionalGeneration(config)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(size, 16))
    return model


def mbart(size: int) -> MBartForConditionalGeneration:
    """It needs tokens for its languages, which this tokenizer does not have."""
    sides = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 32))
    }
    return MBartForConditionalGeneration(MBartConfig(vocab_size=size, d_model=16, decoder_start_token_id=2, **sides))


def carried_out(recipe: Path, cache: Path) -> None:
    """Run a recipe on the emulated device; fails with what the process says."""
    command = [sys.executable, str(SCRIPT), str(recipe), str(recipe.parent / "run"), str(cache)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_classifier(method: str, small_data: Path, tiny_encoder: Path, cache: Path) -> None:
    recipe = small_data / "recipe.yaml"
    recipe.write_text(CLASSIFICATION.format(base=tiny_encoder, method=method))
    carried_out(recipe, cache)


@pytest.mark.parametrize("model", [mt5, mbart])
def test_a_translator_with_new_tokens(
    model: Callable[[int], Any], tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, cache: Path
) -> None:
    torch.manual_seed(0)
    model(len(tiny_tokenizer)).save_pretrained(tmp_path / "base")
    tiny_tokenizer.save_pretrained(str(tmp_path / "base"))
    for name, part in {"": TEXTS[:61], ".dev": TEXTS[61:68], ".test": TEXTS[68:]}.items():
        (tmp_path / f"en{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (tmp_path / f"toy{name}.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(TRANSLATION.format(base=tmp_path / "base"), encoding="utf-8")
    carried_out(recipe, cache)


def test_what_is_left_on_the_cpu_is_noticed() -> None:
    code = """
import torch, emulated_device as device
with device.Factory():
    torch.ones(2).to(device.DEVICE) + torch.ones(2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=SCRIPT.parent, check=False)
    assert "DeviceMismatch: aten.add.Tensor: a tensor of the device meets one of the CPU, (2,)" in done.stderr
