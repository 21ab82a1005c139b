"""Reference outputs of the `adapters` library for bottleneck adapters: writes tests/golden/adapters.safetensors, which the tests read.

It needs an environment of its own, since `adapters` requires an older transformers:

    python -m venv reference && reference/bin/pip install adapters==1.3.0 torch
    reference/bin/python benchmarks/adapters_answers.py

For each tiny model it writes the weights (`<model>/base/…`), the token ids of the input, and for each case the adapter weights under
their names in that library (`<model>/<case>/adapters/…`) and the output of the model (`<model>/<case>/output`, of shape (examples,
tokens, width)). The metadata hold the adapters' settings.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adapters
import torch
from adapters import DoubleSeqBnConfig, ParBnConfig, SeqBnConfig, SeqBnInvConfig
from adapters.composition import Stack
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import MT5Config, MT5Model, XLMRobertaConfig, XLMRobertaModel

FILE = Path(__file__).parents[1] / "tests" / "golden" / "adapters.safetensors"
SETTINGS = ("non_linearity", "reduction_factor", "scaling", "inv_adapter")
CASES: dict[str, dict[str, Any]] = {
    "houlsby": {"task": DoubleSeqBnConfig(reduction_factor=4)},
    "pfeiffer": {"task": SeqBnConfig(reduction_factor=4)},
    "parallel": {"task": ParBnConfig(reduction_factor=4)},
    "stack": {"language": SeqBnInvConfig(reduction_factor=2), "task": SeqBnConfig(reduction_factor=4)},
}
TOKENS = torch.tensor([[5, 17, 9, 30, 12, 2], [8, 21, 2, 1, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])


def xlm_roberta() -> nn.Module:
    """Two layers of width 16."""
    config = XLMRobertaConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16, type_vocab_size=1, pad_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    return XLMRobertaModel(config, add_pooling_layer=False)


def mt5() -> nn.Module:
    """Two layers of width 16 on each side."""
    return MT5Model(MT5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, pad_token_id=1))


# model → (its constructor, its cases; the library gives mT5 an invertible adapter in the encoder only, so that case is left out)
MODELS = {"xlm-roberta": (xlm_roberta, tuple(CASES)), "mt5": (mt5, ("houlsby", "pfeiffer", "parallel"))}


def last_states(model: Any) -> Tensor:
    """The last hidden states, (examples, tokens, width), in float64, so that they do not hang on the processor.

    A decoder reads the same tokens as its encoder.
    """
    more = {"decoder_input_ids": TOKENS} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model.double().eval()(input_ids=TOKENS, attention_mask=MASK, **more).last_hidden_state  # type: ignore[no-any-return]


def reference(name: str) -> Iterator[tuple[str, Tensor]]:
    """The weights of the base, and for each case the weights of its adapters and the output."""
    make, cases = MODELS[name]
    base = make()
    for key, weight in base.state_dict().items():
        yield f"{name}/base/{key}", weight
    for case in cases:
        model: Any = make()
        model.load_state_dict(base.state_dict())
        adapters.init(model)
        for adapter, config in CASES[case].items():
            model.add_adapter(adapter, config=config)
        model.set_active_adapters(Stack(*CASES[case]))
        own = {key: weight for key, weight in model.named_parameters() if "adapters." in key}
        for key, weight in own.items():
            nn.init.normal_(weight, std=0.3)
            yield f"{name}/{case}/adapters/{key}", weight.detach()
        yield f"{name}/{case}/output", last_states(model)


def main() -> None:
    """Write the file."""
    torch.manual_seed(0)
    tensors = {"pieces": TOKENS, "mask": MASK}
    for name in MODELS:
        tensors.update(reference(name))
    settings = {
        case: {name: {key: config.to_dict()[key] for key in SETTINGS} for name, config in parts.items()}
        for case, parts in CASES.items()
    }
    versions = {"adapters": adapters.__version__, "settings": json.dumps(settings)}
    save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, str(FILE), metadata=versions)
    print(f"{FILE.name}: {len(tensors)} tensors, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
