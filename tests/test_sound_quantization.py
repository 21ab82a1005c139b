"""Quantized layers are compared with their weights once: widths of real models, and what a library does wrongly is left precise."""

from types import SimpleNamespace
from typing import Any

import bitsandbytes
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from lowres.models.architectures import ARCHITECTURES
from lowres.models.quantization import precise_layers, quantize_base
from lowres.tasks.equipping import quantization_findings

BERT = ARCHITECTURES["bert"]


def bert(width: int, inner: int) -> Any:
    """One layer of these widths."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=width, num_hidden_layers=1, num_attention_heads=2, intermediate_size=inner
    )
    return BertModel(config, add_pooling_layer=False).eval()


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
@pytest.mark.parametrize(("width", "inner"), [(384, 1536), (80, 208), (48, 100), (16, 40)])
def test_layers_of_any_width_are_quantized_rightly_or_not_at_all(width: int, inner: int, bits: str) -> None:
    model, exact = bert(width, inner), bert(width, inner)
    quantize_base(model, BERT, bits, torch.float32)
    ids = torch.arange(4, 20)[None]
    with torch.no_grad():
        given, wanted = model(input_ids=ids)[0], exact(input_ids=ids)[0]
    assert torch.linalg.norm(given - wanted) < 0.15 * torch.linalg.norm(wanted)


def test_layers_that_the_library_gets_wrong_keep_their_weights_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As bitsandbytes was on processors with AVX-512: rows whose width is a multiple of 16 and not of 64 were moved."""
    right = bitsandbytes.functional.dequantize_4bit

    def wrong(weight: torch.Tensor, state: Any, **more: Any) -> torch.Tensor:
        found = right(weight, state, **more)
        return found if found.shape[1] % 64 == 0 else found.roll(16, dims=1)

    monkeypatch.setattr(bitsandbytes.functional, "dequantize_4bit", wrong)
    model = bert(64, 80)
    before = model.encoder.layer[0].output.dense.weight.detach().clone()
    quantize_base(model, BERT, "4bit", torch.float32)
    assert precise_layers(model, BERT) == ("encoder.layer.0.output.dense",)
    assert type(model.encoder.layer[0].output.dense) is nn.Linear
    assert torch.equal(model.encoder.layer[0].output.dense.weight, before)
    (finding,) = quantization_findings(model, SimpleNamespace(checkpoint=SimpleNamespace(architecture=BERT)))  # type: ignore[arg-type]
    assert finding.level == "warning" and "encoder.layer.0.output.dense" in finding.what


def test_a_precise_model_has_nothing_to_say() -> None:
    model = bert(64, 80)
    quantize_base(model, BERT, "off", torch.bfloat16)
    assert precise_layers(model, BERT) == ()
