"""Quantized layers are compared with their weights once: widths of real models, and what a library does wrongly is left precise."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bitsandbytes
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from untrained import CLASSIFICATION, labelled_corpus, plan_of, predictor_of

from lowres.errors import ModelError
from lowres.models.architectures import ARCHITECTURES
from lowres.models.quantization import precise_layers, quantize_base
from lowres.planning import Options
from lowres.tasks.classification.model import restore
from lowres.tasks.equipping import quantization_findings
from lowres.tasks.job import Form

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


@pytest.fixture
def wrong_widths(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """As bitsandbytes was on processors with AVX-512: rows whose width is a multiple of 16 and not of 64 were moved."""
    right = bitsandbytes.functional.dequantize_4bit

    def wrong(weight: torch.Tensor, state: Any, **more: Any) -> torch.Tensor:
        found = right(weight, state, **more)
        return found if found.shape[1] % 64 == 0 else found.roll(16, dims=1)

    with monkeypatch.context() as patch:
        patch.setattr(bitsandbytes.functional, "dequantize_4bit", wrong)
        yield patch


@pytest.mark.usefixtures("wrong_widths")
def test_layers_that_the_library_gets_wrong_keep_their_weights_and_are_named() -> None:
    model = bert(64, 80)
    before = model.encoder.layer[0].output.dense.weight.detach().clone()
    quantize_base(model, BERT, "4bit", torch.float32)
    assert precise_layers(model) == ("encoder.layer.0.output.dense",)
    assert type(model.encoder.layer[0].output.dense) is nn.Linear
    assert torch.equal(model.encoder.layer[0].output.dense.weight, before)
    (finding,) = quantization_findings(model, SimpleNamespace(checkpoint=SimpleNamespace(architecture=BERT)))  # type: ignore[arg-type]
    assert finding.level == "warning" and "encoder.layer.0.output.dense" in finding.what


def test_a_precise_model_has_nothing_to_say() -> None:
    model = bert(64, 80)
    quantize_base(model, BERT, "off", torch.bfloat16)
    assert precise_layers(model) == ()


@pytest.mark.parametrize("form", ["precise", "merged"])
def test_a_saved_model_keeps_the_same_layers_on_a_machine_that_quantizes_all(
    form: Form, wrong_widths: pytest.MonkeyPatch, tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast, options: Options
) -> None:  # fmt: skip
    base, texts = tmp_path / "base", ["the soup was warm", "a cold room"]
    config = BertConfig(
        vocab_size=len(tiny_tokenizer), hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=80,
        pad_token_id=1,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(base)
    tiny_tokenizer.save_pretrained(str(base))
    plan = plan_of(base, CLASSIFICATION)
    recipe = plan.recipe.model_copy(update={"base": plan.recipe.base.model_copy(update={"quantize": "4bit"})})
    trained = predictor_of(replace(plan, recipe=recipe), labelled_corpus(texts, 1))
    trained.save(tmp_path / "model")
    names = json.loads((tmp_path / "model" / "model.json").read_text())["precise"]
    assert names == ["encoder.layer.0.output.dense"]
    inputs = [[text, "eng-Latn"] for text in texts]
    wanted = trained.raw_predictions(inputs)
    wrong_widths.undo()
    restored = restore(tmp_path / "model", options, form)
    assert form == "merged" or precise_layers(restored.model.encoder) == tuple(names)
    torch.testing.assert_close(torch.tensor(restored.raw_predictions(inputs)), torch.tensor(wanted), rtol=0, atol=1e-5)


@pytest.mark.usefixtures("wrong_widths")
def test_a_saved_model_is_refused_where_a_quantized_layer_would_be_another() -> None:
    with pytest.raises(ModelError, match=r"encoder\.layer\.0\.output\.dense"):
        quantize_base(bert(64, 80), BERT, "4bit", torch.float32, precise=())
