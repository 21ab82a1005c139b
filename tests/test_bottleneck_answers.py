"""The library `adapters` computes the same from the same weights; benchmarks/adapters_answers.py wrote down what it does."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors import safe_open
from torch import Tensor
from transformers import MT5Config, MT5Model, XLMRobertaConfig, XLMRobertaModel

from lowres.methods.tuner import BottleneckConfig

GOLDEN = Path(__file__).parent / "golden" / "adapters.safetensors"
ACTIVATIONS = {"relu": "relu", "swish": "silu"}
ANSWERED = [
    *(("xlm-roberta", case) for case in ("houlsby", "pfeiffer", "parallel", "stack")),
    *(("mt5", case) for case in ("houlsby", "pfeiffer", "parallel")),
]
# Where `adapters` keeps a weight → where it is here.
PLACES = (
    (r"(.*\.output)\.adapters\.(\w+)\.adapter_(down|up)(?:\.0)?", r"\1.dense.bottleneck_adapters.\2.\3_projection"),
    (
        r"(.*\.layer\.0)\.adapters\.(\w+)\.adapter_(down|up)(?:\.0)?",
        r"\1.SelfAttention.o.bottleneck_adapters.\2.\3_projection",
    ),
    (
        r"(.*\.layer\.\d)\.adapters\.(\w+)\.adapter_(down|up)(?:\.0)?",
        r"\1.DenseReluDense.wo.bottleneck_adapters.\2.\3_projection",
    ),
    (r"invertible_adapters\.(\w+)\.F\.0", r"embeddings.LayerNorm.bottleneck_adapters.\1.first_half.down_projection"),
    (r"invertible_adapters\.(\w+)\.F\.2", r"embeddings.LayerNorm.bottleneck_adapters.\1.first_half.up_projection"),
    (r"invertible_adapters\.(\w+)\.G\.0", r"embeddings.LayerNorm.bottleneck_adapters.\1.second_half.down_projection"),
    (r"invertible_adapters\.(\w+)\.G\.2", r"embeddings.LayerNorm.bottleneck_adapters.\1.second_half.up_projection"),
)


def place(name: str) -> str:
    module, _, kind = name.rpartition(".")
    found = [re.sub(pattern, where, module) for pattern, where in PLACES if re.fullmatch(pattern, module)]
    return f"{found[0]}.{kind}"


def under(tensors: Any, prefix: str) -> Iterable[tuple[str, Tensor]]:
    return ((key.removeprefix(prefix), tensors.get_tensor(key)) for key in tensors.keys() if key.startswith(prefix))  # noqa: SIM118


def tiny(family: str) -> Any:
    """The models of benchmarks/adapters_answers.py."""
    if family == "mt5":
        config = MT5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, pad_token_id=1)
        return MT5Model(config)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 16, "type_vocab_size": 1}
    config = XLMRobertaConfig(vocab_size=40, hidden_size=16, intermediate_size=32, pad_token_id=1, **shape)
    return XLMRobertaModel(config, add_pooling_layer=False)


@pytest.mark.parametrize(("family", "case"), ANSWERED)
def test_the_library_adapters_agrees(family: str, case: str) -> None:
    with safe_open(GOLDEN, "pt") as tensors:
        model = tiny(family)
        model.load_state_dict(dict(under(tensors, f"{family}/base/")), strict=True)
        settings = json.loads(tensors.metadata()["settings"])[case]
        weights = dict(under(tensors, f"{family}/{case}/adapters/"))
        expected, ids, mask = (tensors.get_tensor(key) for key in (f"{family}/{case}/output", "pieces", "mask"))
    for name, setting in settings.items():
        config = BottleneckConfig(
            style="pfeiffer" if case == "stack" else case,
            size=16 // setting["reduction_factor"],
            activation=ACTIVATIONS[setting["non_linearity"]],
            scaling=setting["scaling"],
            invertible=setting["inv_adapter"] is not None,
        )
        if isinstance(model, PeftModel):
            model.add_adapter(name, config)
        else:
            model = get_peft_model(model, config, adapter_name=name)
    model.base_model.set_adapter(list(settings))
    own = {key: weight for key, weight in model.base_model.model.named_parameters() if ".bottleneck_adapters." in key}
    assert own.keys() == {place(key) for key in weights}
    with torch.no_grad():
        for key, weight in weights.items():
            own[place(key)].copy_(weight)
        more = {"decoder_input_ids": ids} if family == "mt5" else {}
        given = model.double().eval()(input_ids=ids, attention_mask=mask, **more).last_hidden_state
    difference = float((given - expected).abs().max())
    assert difference < (1e-6 if family == "mt5" else 1e-12), "mT5 normalises in float32"
