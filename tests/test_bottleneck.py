"""Bottleneck adapters on every family: nothing changes at first, rows are learned, the base stays."""

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes import nn as few_bits
from decoder_bases import DECODERS as DECODER_LAYOUTS
from decoder_bases import write_decoder
from encoder_bases import ENCODERS, config_of, write_encoder
from peft import PeftModel, PeftType, get_peft_model
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertModel,
    BitsAndBytesConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from lowres.errors import ModelError
from lowres.methods import TECHNIQUES
from lowres.methods.tuner import BottleneckConfig, Coupling, _register
from lowres.models.architectures import ARCHITECTURES
from lowres.recipe.methods import Bottleneck
from lowres.vocabulary.embeddings import split_rows

STYLES = ("houlsby", "pfeiffer", "parallel")
SIZE, WIDTH = 40, 16
ROWS = torch.tensor([[5, 6, 7, 2], [8, 9, 10, 2], [11, 5, 9, 2], [7, 12, 6, 2]])
WRITTEN = torch.tensor([[20, 2], [25, 2], [30, 2], [35, 2]])
SHAPE = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32), ("layerdrop", 0.0))
}


def encoder(kind: Any, config: Any) -> Callable[[], Any]:
    return lambda: kind(
        config(
            vocab_size=SIZE, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=16, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            initializer_range=0.3,
        ),
        add_pooling_layer=False,
    )  # fmt: skip


def t5(kind: Any, config: Any) -> Callable[[], Any]:
    return lambda: kind(
        config(
            vocab_size=SIZE, d_model=WIDTH, d_kv=8, d_ff=32, num_layers=2, num_heads=2, pad_token_id=1, eos_token_id=2,
            decoder_start_token_id=1, dropout_rate=0.0, initializer_factor=1.0,
        )
    )  # fmt: skip


def fairseq(kind: Any, config: Any) -> Callable[[], Any]:
    return lambda: kind(
        config(
            vocab_size=SIZE, d_model=WIDTH, max_position_embeddings=16, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            decoder_start_token_id=2, init_std=0.3, dropout=0.0, attention_dropout=0.0, **SHAPE,
        )
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], Any]] = {
    "bert": encoder(BertModel, BertConfig),
    "xlm-roberta": encoder(XLMRobertaModel, XLMRobertaConfig),
    "roberta": encoder(RobertaModel, RobertaConfig),
    "mt5": t5(MT5ForConditionalGeneration, MT5Config),
    "umt5": t5(UMT5ForConditionalGeneration, UMT5Config),
    "t5": t5(T5ForConditionalGeneration, T5Config),
    "m2m_100": fairseq(M2M100ForConditionalGeneration, M2M100Config),
    "mbart": fairseq(MBartForConditionalGeneration, MBartConfig),
    "bart": fairseq(BartForConditionalGeneration, BartConfig),
    "marian": fairseq(MarianMTModel, MarianConfig),
}


def base(family: str) -> Any:
    """The same weights at every call."""
    torch.manual_seed(0)
    return FAMILIES[family]().eval()


def logits(model: Any) -> Tensor:
    """(rows, tokens, SIZE); of an encoder, whose width is its classes, (rows, 1, WIDTH)."""
    if model.config.is_encoder_decoder:
        return model(input_ids=ROWS, labels=WRITTEN).logits
    return 3 * model(input_ids=ROWS).last_hidden_state[:, :1]


def loss(model: Any) -> Tensor:
    written = WRITTEN if model.config.is_encoder_decoder else torch.arange(len(ROWS)).unsqueeze(1)
    return nn.functional.cross_entropy(logits(model).flatten(0, 1), written.flatten())


@torch.no_grad()
def shake(model: nn.Module, name: str = "default") -> None:
    """Give an adapter weights, as if it had been trained."""
    torch.manual_seed(1)
    for key, weight in model.named_parameters():
        if f"bottleneck_adapters.{name}." in key:
            weight.normal_(std=0.3)


def fit(model: nn.Module, steps: int = 40) -> list[float]:
    """The loss before each step."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser, losses = torch.optim.AdamW(weights, lr=0.03, weight_decay=0.0), []
    for _ in range(steps):
        losses.append(loss(model))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    return [float(each.detach()) for each in losses]


def moved(model: nn.Module) -> set[str]:
    """The names of adapters that have a gradient; fails for anything else that has one."""
    names = [key for key, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()]
    found = [re.search(r"\.bottleneck_adapters\.(\w+)\.", name) for name in names]
    assert names and all(found), names
    return {match[1] for match in found if match}


def same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=2e-5)


def test_every_family_is_here_or_among_the_published_layouts(tmp_path: Path) -> None:
    layouts = {config_of(write_encoder(name, tmp_path / name))["model_type"] for name in ENCODERS}
    layouts |= {config_of(write_decoder(name, tmp_path / f"decoder-{name}"))["model_type"] for name in DECODER_LAYOUTS}
    assert set(ARCHITECTURES) <= {*FAMILIES, *layouts}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_learned_over_a_base_that_stays(family: str, style: Any, tmp_path: Path) -> None:
    untouched, method = logits(base(family)).detach(), Bottleneck(kind="bottleneck", style=style, reduction_factor=4)
    model = TECHNIQUES["bottleneck"].apply(base(family), method, ARCHITECTURES[family])
    assert same(logits(model), untouched)
    weights = {key: weight.clone() for key, weight in model.named_parameters() if "bottleneck" not in key}
    losses = fit(model)
    assert losses[-1] < 0.5 * losses[0], losses[:: len(losses) - 1]
    assert moved(model) == {"default"}
    assert all(torch.equal(weights[key], weight) for key, weight in model.named_parameters() if key in weights)
    TECHNIQUES["bottleneck"].save(model, tmp_path, "owner/base")
    restored = TECHNIQUES["bottleneck"].restore(base(family), tmp_path)
    assert same(logits(restored), logits(model)) and not same(logits(model), untouched)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "owner/base"
    if model.config.is_encoder_decoder:
        assert model.generate(input_ids=ROWS, max_new_tokens=3, num_beams=2).shape[0] == len(ROWS)
        written = model.generate(input_ids=ROWS, max_new_tokens=3)
        assert written[:, 1].tolist() == logits(model)[:, 0].argmax(dim=-1).tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_is_learned_over_a_language_that_stays(family: str, tmp_path: Path) -> None:
    language = get_peft_model(base(family), BottleneckConfig(size=8, invertible=True), adapter_name="language")
    shake(language, "language")
    spoken = logits(language).detach()
    language.save_pretrained(str(tmp_path), save_embedding_layers=False)

    model: Any = get_peft_model(base(family), BottleneckConfig(size=4), adapter_name="task")
    model.load_adapter(str(tmp_path / "language"), "language")
    model.base_model.set_adapter(["language", "task"])
    model.base_model.set_requires_grad("language", False)
    assert same(logits(model), spoken)
    loss(model).backward()
    assert moved(model) == {"task"}
    shake(model, "task")
    both = logits(model).detach()
    model.base_model.set_adapter(["task"])
    alone = logits(model).detach()
    with model.disable_adapter():
        assert same(logits(model), logits(base(family)))
    assert not same(both, spoken) and not same(both, alone)


@pytest.mark.parametrize("family", ["xlm-roberta", "m2m_100", "bart"])
def test_unloading_leaves_nothing(family: str) -> None:
    model = get_peft_model(base(family), BottleneckConfig(style="parallel", size=4, invertible=True))
    shake(model)
    bare = model.unload()
    assert same(logits(bare), logits(base(family)))
    assert not any(module._forward_pre_hooks for module in bare.modules())


def test_merging_is_refused() -> None:
    model = get_peft_model(base("xlm-roberta"), BottleneckConfig(size=4))
    for merge in (model.merge_and_unload, model.merge_adapter):
        with pytest.raises(ModelError, match="cannot be merged"):
            merge()


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ModelError, match=r"“sideways”.*houlsby, pfeiffer, parallel"):
        BottleneckConfig(style="sideways")
    with pytest.raises(ModelError, match="cannot carry a pfeiffer adapter"):
        get_peft_model(base("bert"), BottleneckConfig(target_modules=["attention.output.dense"]))


@pytest.mark.parametrize("family", ["xlm-roberta", "mt5", "m2m_100"])
def test_nothing_of_a_text_is_kept_and_copies_stand_alone(family: str, tmp_path: Path) -> None:
    model = get_peft_model(base(family), BottleneckConfig(style="houlsby", size=4, invertible=True))
    shake(model)
    given = logits(model).detach()
    assert not [module for module in model.modules() if getattr(module, "_entered", None) is not None]
    other = pickle.loads(pickle.dumps(model))
    model.add_adapter("second", BottleneckConfig(style="parallel", size=4))
    shake(model, "second")
    model.base_model.set_adapter(["default", "second"])
    assert same(logits(other), given) and not same(logits(model), given)
    model.save_pretrained(str(tmp_path), selected_adapters=["default"], save_embedding_layers=False)
    light = PeftModel.from_pretrained(base(family), str(tmp_path), low_cpu_mem_usage=True)
    assert same(logits(light), given)


def test_registering_again_changes_nothing() -> None:
    before = list(PeftType)
    _register()
    assert list(PeftType) == before and before.count(PeftType("BOTTLENECK")) == 1


def test_some_layers_can_be_left_out() -> None:
    model = get_peft_model(base("mt5"), BottleneckConfig(size=4, exclude_modules=r"encoder\..*"))
    assert {name.split(".")[0] for name in model.base_model.targeted_module_names} == {"decoder"}


def test_a_coupling_begins_as_the_identity_and_loses_nothing() -> None:
    torch.manual_seed(0)
    coupling, states = Coupling(7, BottleneckConfig(invertible=True)), torch.randn(7)
    assert torch.equal(coupling(states), states)
    for weight in coupling.parameters():
        nn.init.normal_(weight)
    slopes = torch.autograd.functional.jacobian(coupling, states)
    assert torch.linalg.det(slopes) == pytest.approx(1.0, abs=1e-3)  # as an additive coupling has it


@pytest.mark.parametrize("family", ["mt5", "m2m_100", "marian"])
def test_an_embedding_shared_by_both_sides_stays_one(family: str) -> None:
    shared = base(family)
    shared.set_input_embeddings(shared.get_input_embeddings())
    model = get_peft_model(shared, BottleneckConfig(size=4, invertible=True))
    couplings = [name for name in model.base_model.targeted_module_names if name.endswith("embed_tokens")]
    assert len(couplings) == 2
    assert same(logits(model), logits(base(family)))
    assert (
        len(
            {
                id(module.weight)
                for module in model.modules()
                if isinstance(module, nn.Embedding) and len(module.weight) == SIZE
            }
        )
        == 1
    )


@pytest.mark.parametrize("family", ["xlm-roberta", "mt5", "m2m_100"])
def test_new_rows_train_beside_it(family: str) -> None:
    model = base(family)
    rows = split_rows(model, 5)
    adapted = get_peft_model(model, BottleneckConfig(size=4, invertible=True))
    for row in rows:
        row.requires_grad_(True)
    assert same(logits(adapted), logits(base(family)))
    assert fit(adapted, 5)[-1] < fit(adapted, 1)[0] + 1


@pytest.mark.parametrize("family", ["bert", "m2m_100"])
def test_layers_may_be_computed_twice_to_save_memory(family: str) -> None:
    model = get_peft_model(base(family), BottleneckConfig(style="parallel", size=4)).train()
    shake(model)
    found = []
    for twice in (False, True):
        if twice:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.zero_grad()
        loss(model).backward()
        found.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    assert all(same(one, other) for one, other in zip(*found, strict=True))


def test_adapters_of_a_half_precise_base_are_precise() -> None:
    model = get_peft_model(base("mt5").bfloat16(), BottleneckConfig(size=4))
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.float32}
    loss(model).backward()
    assert moved(model) == {"default"} and logits(model).dtype == torch.bfloat16


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("family", ["xlm-roberta", "mt5", "m2m_100"])
def test_quantized_bases(family: str, bits: int, style: Any, tmp_path: Path) -> None:
    base(family).save_pretrained(tmp_path / "base")
    model = get_peft_model(quantizable(tmp_path / "base", bits), BottleneckConfig(style=style, size=4, invertible=True))
    assert same(logits(model), logits(quantizable(tmp_path / "base", bits)))
    losses = fit(model)
    assert losses[-1] < 0.6 * losses[0], losses[:: len(losses) - 1]
    assert moved(model) == {"default"}
    model.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=False)
    restored = PeftModel.from_pretrained(quantizable(tmp_path / "base", bits), str(tmp_path / "adapter"))
    assert same(logits(restored), logits(model))
    if model.config.is_encoder_decoder:
        assert model.generate(input_ids=ROWS, max_new_tokens=2).shape == (4, 3)


def quantizable(folder: Path, bits: int) -> Any:
    """The base in nf4 or int8, ready for gradients."""
    how = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
    kind = (
        AutoModelForSeq2SeqLM
        if json.loads((folder / "config.json").read_text()).get("is_encoder_decoder")
        else AutoModel
    )
    more = {} if kind is AutoModelForSeq2SeqLM else {"add_pooling_layer": False}
    model = kind.from_pretrained(folder, quantization_config=how, device_map={"": "cpu"}, **more)
    held = [module for module in model.modules() if isinstance(module, few_bits.Linear4bit | few_bits.Linear8bitLt)]
    assert held
    for module in held:
        module.support_avx512bf16_for_cpu = False  # otherwise no gradient passes once it was evaluated
    return model
