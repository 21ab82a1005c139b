"""PEFT adapters as bases, saved by PEFT itself over models in their families' layouts: merged when loaded, or refused in a line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bases import TOY, write_base
from conftest import rows, write_tsv
from decoder_bases import write_decoder
from encoder_bases import write_encoder
from peft import IA3Config, LoraConfig, OFTConfig, PeftConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from lowres.ensemble import load
from lowres.errors import ModelError, PlanError
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.loading import load_decoder, load_encoder, load_masked, load_translator
from lowres.models.tokenization import load_tokenizer
from lowres.places import Places
from lowres.planning import Options
from lowres.planning.outside import refuse_outside
from lowres.recipe import parse_recipe
from lowres.running import run as run_recipe
from lowres.starters.starters import STARTERS

LABELS = {"modules_to_save": ["classifier"], "task_type": "SEQ_CLS"}
WRITERS = {"xlm-roberta": write_base, "nllb": write_base, "mt5": write_base, "smollm2": write_decoder}


def trained(kind: Any, base: Path, config: PeftConfig, folder: Path) -> Any:
    """An adapter over a base, with weights as after a training, saved by PEFT; and the model with it."""
    torch.manual_seed(1)
    model = get_peft_model(kind.from_pretrained(str(base)), config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn_like(weight))
    model.save_pretrained(str(folder))
    return model.eval()


def found(folder: Path, cache: Path, *, build: bool = True) -> Checkpoint:
    return find_base(str(folder), None, Places(cache, cache, offline=True), STARTERS, build=build)


def encoded(model: Any, base: Path) -> torch.Tensor:
    """The encoder's or decoder's states of a text."""
    ids = torch.tensor([load_tokenizer(base)(TOY[0])["input_ids"]])
    own = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model(input_ids=ids, output_hidden_states=True, **own)[0]


@pytest.mark.parametrize(
    ("name", "kind", "config", "loader"),
    [
        ("xlm-roberta", AutoModelForMaskedLM, LoraConfig(target_modules=["query", "dense"]), load_masked),
        ("xlm-roberta", AutoModelForMaskedLM, IA3Config(target_modules=["key", "value"], feedforward_modules=[]), load_masked),
        ("nllb", AutoModelForSeq2SeqLM, LoraConfig(task_type="SEQ_2_SEQ_LM", target_modules=["q_proj", "fc1"]), load_translator),
        ("mt5", AutoModelForSeq2SeqLM, LoraConfig(target_modules=["q", "v"], init_lora_weights="gaussian"), load_translator),
        ("smollm2", AutoModelForCausalLM, LoraConfig(task_type="CAUSAL_LM", use_dora=True, target_modules=["q_proj"]), load_decoder),
        ("smollm2", AutoModelForCausalLM, OFTConfig(oft_block_size=16, target_modules=["o_proj"]), load_decoder),
    ],
)  # fmt: skip
def test_an_adapter_is_merged_into_its_model(
    name: str, kind: Any, config: PeftConfig, loader: Callable[[Checkpoint], Any], tmp_path: Path
) -> None:
    base = WRITERS[name](name, tmp_path / "base")
    expected = encoded(trained(kind, base, config, tmp_path / "adapter"), base)
    checkpoint = found(tmp_path / "adapter", tmp_path / "cache")
    tokenizer, model = loader(checkpoint)
    change = (encoded(kind.from_pretrained(str(base)), base) - expected).abs().max()
    assert (encoded(model, base) - expected).abs().max() < min(1e-4, 0.01 * change)
    assert checkpoint.over == str(base) and checkpoint.name == str(tmp_path / "adapter")
    assert tokenizer.get_vocab() == load_tokenizer(base).get_vocab()


@pytest.mark.parametrize("kind", [AutoModelForSequenceClassification, AutoModel])
def test_an_adapter_of_a_classifier_gives_its_encoder_and_the_base_its_head(kind: Any, tmp_path: Path) -> None:
    base = write_base("xlm-roberta", tmp_path / "base")
    config = LoraConfig(target_modules=["query", "dense"], **(LABELS if kind is not AutoModel else {}))
    model = trained(kind, base, config, tmp_path / "adapter").merge_and_unload()
    expected = encoded(model if kind is AutoModel else model.roberta, base)
    checkpoint = found(tmp_path / "adapter", tmp_path / "cache")
    assert torch.allclose(encoded(load_encoder(checkpoint)[1], base), expected, atol=1e-4)
    head = AutoModelForMaskedLM.from_pretrained(str(base)).lm_head.dense.weight
    assert torch.equal(load_masked(checkpoint)[1].lm_head.dense.weight, head)


def test_new_tokens_come_with_the_rows_that_the_adapter_has_for_them(tmp_path: Path) -> None:
    base = write_decoder("smollm2", tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    tokenizer.add_tokens(["keli", "soro"])
    torch.manual_seed(1)
    plain = AutoModelForCausalLM.from_pretrained(str(base))
    plain.resize_token_embeddings(len(tokenizer))
    model: Any = get_peft_model(plain, LoraConfig(target_modules=["q_proj"]))
    model.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=True)
    tokenizer.save_pretrained(str(tmp_path / "adapter"))
    checkpoint = found(tmp_path / "adapter", tmp_path / "cache")
    loaded, merged = load_decoder(checkpoint)
    assert checkpoint.vocabulary_size == len(loaded) == len(tokenizer) and "keli" in loaded.get_vocab()
    table = merged.get_input_embeddings().weight
    assert torch.equal(table, plain.get_input_embeddings().weight) and merged.get_output_embeddings().weight is table
    model.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=False)
    with pytest.raises(ModelError, match="save_embedding_layers=True"):
        found(tmp_path / "adapter", tmp_path / "cache")


def test_a_check_merges_nothing_and_the_digest_is_that_of_both(tmp_path: Path) -> None:
    base, adapter, cache = write_base("xlm-roberta", tmp_path / "base"), tmp_path / "adapter", tmp_path / "cache"
    trained(AutoModelForMaskedLM, base, LoraConfig(target_modules=["query"]), adapter)
    checked = found(adapter, cache, build=False)
    assert not cache.exists() and (checked.name, checked.over) == (str(adapter), str(base))
    (adapter / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n", encoding="utf-8")
    first = found(adapter, cache)
    assert first.licence == "cc-by-4.0" and first.hidden_size == checked.hidden_size
    (first.folder / "model.safetensors").write_bytes(b"damaged")
    again = found(adapter, cache)
    assert again.sha256() == first.sha256() and load_encoder(again)
    shutil.rmtree(cache)  # on another machine
    assert found(adapter, cache).sha256() == first.sha256()
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, adapter / "adapter_model.safetensors")
    second = found(adapter, cache)
    own = load_file(base / "model.safetensors")
    save_file({name: weight + 1 for name, weight in own.items()}, base / "model.safetensors", {"format": "pt"})
    assert len({first.sha256(), second.sha256(), found(adapter, cache).sha256()}) == 3


RECIPE = """\
lowres: 2
name: Over an adapter
task: {kind: classification, language: eng-Latn}
data:
  files: {train: train.tsv, dev: dev.tsv, test: test.tsv}
  licence: CC0-1.0
  source: written for this test
base: {name: ./adapters/labels}
vocabulary: {extend: off}
method: {kind: lora, rank: 4}
training: {epochs: 1, batch_tokens: 512, max_length: 40}
evaluation: {resamples: 100}
"""


def test_a_run_over_an_adapter_is_loaded_again_by_another_process(tmp_path: Path, options: Options) -> None:
    for split, (start, stop) in {"train": (0, 12), "dev": (12, 16), "test": (16, 20)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
    (tmp_path / "adapters").mkdir()
    trained(
        AutoModelForSequenceClassification,
        write_base("xlm-roberta", tmp_path / "base"),
        LoraConfig(target_modules=["query"], **LABELS),
        tmp_path / "adapters" / "labels",
    )
    config = tmp_path / "adapters" / "labels" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"base_model_name_or_path": "../../base"}))
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run = run_recipe(tmp_path / "recipe.yaml", tmp_path / "run", options=options)
    facts = json.loads((run.folder / "model" / "model.json").read_text())
    assert facts["over"] == "../../base" and facts["base_folder"] == "../../adapters/labels"
    assert run.record.status == "done" and "built by lowres" in (run.folder / "model" / "README.md").read_text()
    assert len(load(run.folder, options=options).predict(["the soup was warm", "the room was cold"])) == 2
    file = parse_recipe(RECIPE.replace("./adapters/labels", "labels"), "recipe.yaml")
    refuse_outside(parse_recipe(RECIPE, "recipe.yaml"), tmp_path, given=True)
    with pytest.raises(PlanError, match=r"“../../base” lies outside the folder of this recipe"):
        refuse_outside(file, tmp_path / "adapters", given=True)


def changed(**fields: object) -> Callable[[Path], object]:
    def change(adapter: Path) -> None:
        path = adapter / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def other_weights(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], object]:
    def write(adapter: Path) -> None:
        path = adapter / "adapter_model.safetensors"
        save_file(change(load_file(path)), path)

    return write


def pickled(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (changed(peft_type="PROMPT_TUNING"), r"the kind 'PROMPT_TUNING', which cannot be merged here \(possible: LORA, OFT, IA3\)"),
        (changed(base_model_name_or_path=None), "does not say which model the adapter was trained over"),
        (changed(base_model_name_or_path="someone/tiny"), r"someone/tiny is on the hub, where names .* \(pin it: base.revision"),
        (changed(base_model_name_or_path="someone/tiny", revision="0" * 40), "someone/tiny at 000000000000 cannot be fetched"),
        (changed(rank_pattern={"(.*)*x": 3}), "'rank_pattern' is .*which lowres does not read .merge it with PEFT"),
        (changed(init_lora_weights="pissa"), "'init_lora_weights' is 'pissa', which lowres does not read"),
        (changed(auto_mapping=7), "'auto_mapping' is 7, which lowres does not read"),
        (changed(target_modules=["nowhere"]), "does not fit .*: Target modules .*nowhere.* not found"),
        (pickled, "holds adapter_model.bin, a pickle, not adapter_model.safetensors"),
        (lambda adapter: (adapter / "adapter_model.safetensors").unlink(), "has no adapter_model.safetensors"),
        (lambda adapter: (adapter / "adapter_model.safetensors").write_bytes(b"x" * 99), "does not fit"),
        (other_weights(lambda weights: dict(list(weights.items())[1:])), "it lacks the tensor"),
        (other_weights(lambda weights: weights | {"base_model.model.x.weight": torch.ones(2)}), "has the foreign tensor 'x.weight'"),
        (other_weights(lambda weights: {name: weight[:, :3].contiguous() for name, weight in weights.items()}), "size mismatch"),
        (other_weights(lambda weights: {name: weight * float("nan") for name, weight in weights.items()}), "NaNs"),
    ],
)  # fmt: skip
def test_an_adapter_that_cannot_be_merged_is_refused_in_one_line(
    damage: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    base = write_base("xlm-roberta", tmp_path / "base")
    trained(AutoModelForMaskedLM, base, LoraConfig(target_modules=["query"]), tmp_path / "adapter")
    damage(tmp_path / "adapter")
    with pytest.raises(ModelError, match=said) as refused:
        found(tmp_path / "adapter", tmp_path / "cache")
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "cache").glob("merged/*/"))


def test_an_adapter_over_an_adapter_and_that_of_a_run_are_refused(tmp_path: Path) -> None:
    base = write_encoder("mmbert", tmp_path / "base")
    for name in ("first", "second"):
        trained(AutoModel, base, LoraConfig(target_modules=["Wqkv"]), tmp_path / name)
    changed(base_model_name_or_path=str(tmp_path / "first"))(tmp_path / "second")
    with pytest.raises(ModelError, match="which is an adapter, too"):
        found(tmp_path / "second", tmp_path / "cache", build=False)
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    (tmp_path / "first").rename(tmp_path / "run" / "model" / "adapter")
    with pytest.raises(ModelError, match=r"is the adapter of a run.*name the run itself: .*run\)"):
        found(tmp_path / "run" / "model" / "adapter", tmp_path / "cache", build=False)
