"""Bases in 16, 8 and 4 bits and the methods over them: what is quantized, what stays precise, what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from test_methods import FAMILIES

from lowres.errors import PlanError
from lowres.methods import TECHNIQUES, adalora, lora
from lowres.methods.whole import unfreeze_gradually
from lowres.models.architectures import ARCHITECTURES
from lowres.models.checkpoint import describe
from lowres.models.modules import linear_modules, linear_pattern, stacks
from lowres.models.quantization import dequantize, precise_weight, quantize_base
from lowres.planning import Machine, make_plan
from lowres.recipe import parse_recipe
from lowres.recipe.methods import AdaLora, Freeze, Lora
from lowres.training.state import Best

IDS = torch.randint(4, 60, (3, 9), generator=torch.Generator().manual_seed(0))
HERE = Machine("cpu", "here", 1, 16.0, False)


def tiny(family: str) -> Any:
    torch.manual_seed(0)
    return FAMILIES[family][1](80).eval()


def said(model: Any) -> torch.Tensor:
    more = {"decoder_input_ids": IDS} if model.config.is_encoder_decoder else {}
    return model(input_ids=IDS, **more)[0]  # type: ignore[no-any-return]


def rounded_bert() -> Any:
    """Quantized to 16 bits."""
    model = tiny("bert")
    quantize_base(model, ARCHITECTURES["bert"], "off", torch.bfloat16)
    return model


def said_in_bfloat16(model: Any) -> torch.Tensor:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return said(model.eval())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_linear_layers_are_quantized_and_everything_else_stays_precise(family: str, bits: str) -> None:
    model, facts = tiny(family), ARCHITECTURES[family]
    whole = dict(linear_modules(model, facts))
    others = {name for name, _ in model.named_parameters() if name.rpartition(".")[0] not in whole}
    before = said(model)
    quantize_base(model, facts, bits, torch.float32)
    for name, module in linear_modules(model, facts).items():
        held = module.weight.dtype in (torch.uint8, torch.int8)
        assert held == (name.rpartition(".")[2] not in facts.precise), name
    assert all(weight.dtype == torch.float32 for name, weight in model.named_parameters() if name in others)
    assert ("wo" in facts.precise) == (family == "mt5")
    rounded = said(model)
    assert 0 < float((rounded - before).abs().mean()) < float(before.std()), "some is lost, not all"
    dequantize(model, facts)
    assert not any(weight.dtype in (torch.uint8, torch.int8) for weight in model.parameters())
    if bits == "4bit":
        torch.testing.assert_close(said(model), rounded, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_a_quantized_layer_passes_gradients_also_after_evaluation(bits: str) -> None:
    def slopes() -> list[torch.Tensor]:
        adapted.train()
        adapted.zero_grad()
        said(adapted).pow(2).mean().backward()
        return [weight.grad.clone() for weight in adapted.parameters() if weight.grad is not None]

    model, facts = tiny("xlm-roberta"), ARCHITECTURES["xlm-roberta"]
    quantize_base(model, facts, bits, torch.float32)
    adapted: Any = TECHNIQUES["lora"].apply(model, Lora(kind="lora"), facts)
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.1)
    before = slopes()
    adapted.eval()
    with torch.inference_mode():
        said(adapted)
    assert any(bool(slope.any()) for slope in before)
    torch.testing.assert_close(slopes(), before)


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_a_quantized_layer_predicts_the_same_after_training_in_bfloat16(bits: str) -> None:
    model, facts = tiny("bert"), ARCHITECTURES["bert"]
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            weight.data.normal_(0, 0.5)
    quantize_base(model, facts, bits, torch.bfloat16)
    adapted: Any = TECHNIQUES["lora"].apply(model, Lora(kind="lora"), facts)

    def answers() -> torch.Tensor:
        adapted.eval()
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            return said(adapted).clone()

    before = answers()
    adapted.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said(adapted).pow(2).mean().backward()
    assert torch.equal(answers(), before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_eight_bits_on_a_processor_are_of_the_weights_alone_whether_it_trains_or_predicts(dtype: torch.dtype) -> None:
    model, facts = tiny("bert"), ARCHITECTURES["bert"]
    quantize_base(model, facts, "8bit", dtype)
    for name, layer in linear_modules(model, facts).items():
        came = torch.randn(5, layer.in_features, generator=torch.Generator().manual_seed(1))
        weights, bias = precise_weight(layer), layer.bias
        expected = came.to(dtype).float() @ weights.T + bias
        trained = layer.train()(came.requires_grad_())
        trained.sum().backward()
        answered = layer.eval()(came)
        assert torch.equal(answered, trained) and answered.dtype == dtype, name
        closeness = 1e-5 if dtype == torch.float32 else 0.02
        torch.testing.assert_close(answered.float(), expected, rtol=closeness, atol=closeness)
        assert came.grad is not None and bool(came.grad.any())


def test_half_the_memory_and_the_same_arithmetic_in_bfloat16() -> None:
    model, facts = tiny("bert"), ARCHITECTURES["bert"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = said(model)
        quantize_base(model, facts, "off", torch.bfloat16)
        assert torch.equal(said(model), before)
    assert {module.weight.dtype for module in linear_modules(model, facts).values()} == {torch.bfloat16}


@pytest.mark.parametrize("family", FAMILIES)
def test_methods_find_their_layers(family: str) -> None:
    model, facts = tiny(family), ARCHITECTURES[family]
    names = [name for name, _ in model.named_modules()]

    def found(kind: Any, upper: int | None = None) -> set[str]:
        pattern = re.compile(linear_pattern(model, facts, kind, upper))
        return {name for name in names if pattern.fullmatch(name)}

    assert found("attention").isdisjoint(found("feed-forward"))
    assert found("attention") | found("feed-forward") == found("all") == set(linear_modules(model, facts))
    assert found("last") < found("feed-forward") and found("keys and values") < found("attention")
    top = {f"{path}.1." for path in stacks(model, facts)}
    assert len(top) == (2 if model.config.is_encoder_decoder else 1)
    assert found("all", 1) == {name for name in found("all") if any(name.startswith(path) for path in top)}


def test_loftq_begins_nearer_to_the_precise_weights() -> None:
    facts = ARCHITECTURES["bert"]
    precise = {name: module.weight.clone() for name, module in linear_modules(tiny("bert"), facts).items()}
    model = tiny("bert")
    quantize_base(model, facts, "4bit", torch.float32, keep_original=True)
    adapted = lora.apply(model, Lora(kind="lora", init="loftq"), facts)
    for name, module in adapted.get_base_model().named_modules():  # type: ignore[operator]
        if name in precise:
            lost = precise[name] - precise_weight(module.base_layer)
            left = lost - module.get_delta_weight("default")
            assert float(left.norm()) < 0.8 * float(lost.norm())
            assert not hasattr(module.base_layer, "lost")


def test_pissa_begins_as_the_base_and_is_saved_over_the_untouched_one(tmp_path: Path) -> None:
    facts = ARCHITECTURES["bert"]
    model = tiny("bert")
    before = said(model)
    adapted: Any = lora.apply(model, Lora(kind="lora", rank=4, init="pissa"), facts)
    torch.testing.assert_close(said(adapted), before, rtol=1e-4, atol=1e-4)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data += 0.01
    lora.save(adapted, tmp_path / "adapter", "base")
    loaded = PeftModel.from_pretrained(tiny("bert"), str(tmp_path / "adapter"))
    assert loaded.peft_config["default"].r == 8
    torch.testing.assert_close(said(loaded), said(adapted.eval()), rtol=1e-4, atol=1e-4)


def test_pissa_over_rounded_weights_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    """Over bfloat16 what pissa leaves of a weight is rounded; a pair of twice the rank over the unchanged weight is not the same."""
    adapted: Any = lora.apply(rounded_bert(), Lora(kind="lora", rank=4, init="pissa"), ARCHITECTURES["bert"])
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data *= 1.1
    lora.save(adapted, tmp_path / "adapter", "base")
    again = TECHNIQUES["lora"].restore(rounded_bert(), tmp_path / "adapter")
    assert torch.equal(said_in_bfloat16(again), said_in_bfloat16(adapted))
    plain = PeftModel.from_pretrained(rounded_bert(), str(tmp_path / "adapter"))
    assert not torch.equal(said_in_bfloat16(plain), said_in_bfloat16(adapted)), "else there is nothing to restore"
    torch.testing.assert_close(said_in_bfloat16(plain), said_in_bfloat16(adapted), rtol=0.05, atol=0.05)


def test_adalora_trains_nothing_that_it_does_not_save(tmp_path: Path) -> None:
    facts, method, technique = ARCHITECTURES["bert"], AdaLora(kind="adalora", rank=4), TECHNIQUES["adalora"]
    model = technique.apply(rounded_bert(), method, facts)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.1)
    technique.on_update(model, method, facts, 0, 20)
    for done in range(1, 21):
        assert technique.penalty is not None
        with torch.autocast("cpu", torch.bfloat16):
            loss = (said(model) - 1).pow(2).mean() + technique.penalty(model)
        loss.backward()
        optimizer.step()
        technique.on_update(model, method, facts, done, 20)
        optimizer.zero_grad()
    technique.save(model, tmp_path / "adapter", "base")
    again = technique.restore(rounded_bert(), tmp_path / "adapter")
    assert torch.equal(said_in_bfloat16(again), said_in_bfloat16(model))
    assert float((said_in_bfloat16(model) - said_in_bfloat16(rounded_bert())).abs().max()) > 0.1, "it learned something"


def test_layers_are_unfrozen_one_after_the_other_and_frozen_ones_can_be_restored() -> None:
    facts, method = ARCHITECTURES["bert"], Freeze(kind="freeze", layers=2, gradual=True)
    model = TECHNIQUES["freeze"].apply(tiny("bert"), method, facts)

    def awake() -> list[bool]:
        return [any(w.requires_grad for w in layer.parameters()) for layer in model.encoder.layer]  # type: ignore[operator, union-attr]

    best = Best(model)
    unfreeze_gradually(model, method, facts, 0, 100)
    assert awake() == [False, True]
    best.consider(50.0, 1)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    unfreeze_gradually(model, method, facts, 50, 100)
    assert awake() == [True, True]
    for weight in model.parameters():
        weight.data += 1.0 if weight.requires_grad else 0.0
    best.restore()
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_adalora_prunes_ranks() -> None:
    facts, method = ARCHITECTURES["bert"], AdaLora(kind="adalora", rank=4)
    model: Any = TECHNIQUES["adalora"].apply(tiny("bert"), method, facts)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=0.01)
    adalora.on_update(model, method, facts, 0, 40)
    assert float(adalora.penalty(model)) > 0
    for done in range(1, 41):
        optimizer.zero_grad()
        said(model)[:, 0].pow(2).mean().backward()
        optimizer.step()
        adalora.on_update(model, method, facts, done, 40)
    parts = [weight for name, weight in model.named_parameters() if "lora_E" in name]
    assert all(len(part) == 6 for part in parts)
    kept = sum(int((part != 0).sum()) for part in parts)
    assert kept == 4 * len(parts), "on average the rank that was asked for"


RECIPE = """\
lowres: 2
name: r
task: {task}
data: {{card: nusax-sentiment}}
base: {{name: "{base}", quantize: {bits}}}
method: {method}
training: {{max_length: 60}}
"""
LABELS, PAIRS = "{kind: classification}", "{kind: translation, source: eng-Latn, target: min-Latn}"
REFUSED = {
    ("bert", LABELS, "4bit", "{kind: full}"): "base.quantize  full trains weights of the base, and weights in 4 bits cannot be "
    "trained (leave base.quantize out, or choose a method that keeps the base frozen: "
    "lora, oft, ia3, adalora, bottleneck, features, head)",
    ("bert", LABELS, "4bit", "{kind: lora, init: pissa}"): "method.init  pissa changes the weights, and those in 4 bits cannot be "
    "changed (say loftq)",
    ("bert", LABELS, "off", "{kind: lora, init: loftq}"): "method.init  loftq starts from the error of quantization, and this base is "
    "not quantized (say base.quantize: 4bit)",
    ("bert", LABELS, "4bit", "{kind: lora, init: loftq, dora: true}"): "method.init  loftq does not go with dora "
    "(leave one of them out)",
    ("bert", LABELS, "8bit", "{kind: lora, dora: true}"): "method.dora  dora reads the weights, and those in 8 bits lose their scales "
    "when they are read (say base.quantize: 4bit, or leave dora out)",
    ("bert", LABELS, "off", "{kind: decoder}"): "method.kind  BASE has no decoder (choose lora or full)\n"
    "method.kind  decoder is not for classification (choose one of lora, oft, ia3, adalora, bottleneck, full, freeze, features, head)",
    ("bart", PAIRS, "off", "{kind: features}"): "method.kind  features is not for translation (choose one of lora, oft, ia3, adalora, "
    "bottleneck, full, freeze, decoder)",
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=" ".join)
def test_what_does_not_fit_is_refused_with_a_remedy(case: tuple[str, str, str, str], tmp_path: Path) -> None:
    family, task, bits, method = case
    tiny(family).save_pretrained(tmp_path)
    recipe = parse_recipe(RECIPE.format(task=task, base=tmp_path, bits=bits, method=method), "r.yaml")
    with pytest.raises(PlanError) as refusal:
        make_plan(recipe, describe(str(tmp_path), tmp_path), HERE)
    assert str(refusal.value) == REFUSED[case].replace("BASE", str(tmp_path))


def test_apple_gpus_are_told_what_they_can_do(tmp_path: Path) -> None:
    tiny("bert").save_pretrained(tmp_path)
    recipe = parse_recipe(RECIPE.format(task=LABELS, base=tmp_path, bits="4bit", method="{kind: lora}"), "r.yaml")
    with pytest.raises(
        PlanError, match=r"8 and 4 bits are not for Apple GPUs \(leave base.quantize out, or say --device cpu\)"
    ):
        make_plan(recipe, describe(str(tmp_path), tmp_path), Machine("mps", "Apple GPU", 8, 16.0, False))


def test_what_a_recipe_leaves_open_is_the_methods_own() -> None:
    text = RECIPE.format(task=LABELS, base="b", bits="off", method="{kind: ia3}")
    assert parse_recipe(text, "r.yaml").training.learning_rate == 3e-3
    named = parse_recipe(text.replace("max_length: 60", "learning_rate: 0.01"), "r.yaml").training
    assert (named.learning_rate, named.epochs) == (0.01, 10)


def test_quantized_weights_are_counted(tmp_path: Path) -> None:
    from lowres.planning import weights_gib

    tiny("bert").save_pretrained(tmp_path)
    found = describe(str(tmp_path), tmp_path)

    def needed(bits: str, method: str = "{kind: lora}") -> float:
        return weights_gib(
            parse_recipe(RECIPE.format(task=LABELS, base=tmp_path, bits=bits, method=method), "r.yaml"), found, HERE
        )

    assert (
        needed("4bit")
        < needed("8bit")
        < needed("off")
        < needed("off", "{kind: freeze}")
        < needed("off", "{kind: full}")
    )
