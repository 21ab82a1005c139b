"""Bases packed as published repositories are: in shards, as pickles, in half precision, with more tokens or rows, in the hub's cache,
as an adapter, or as a finished run. The model that is loaded is the same.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from bases import TOY, parallel, write_base
from encoder_bases import write_encoder
from huggingface_hub import constants
from memorising import OFF, memorise, planned
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from lowres.errors import ModelError
from lowres.models.checkpoint import Checkpoint, describe, find_base
from lowres.models.loading import load_encoder, load_translator
from lowres.models.tokenization import load_tokenizer
from lowres.places import Places
from lowres.recipe.sections import Vocabulary
from lowres.starters.starters import STARTERS
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

REVISION = "0123456789012345678901234567890123456789"
LINES = [*TOY, *(text for pair in parallel("id")[:100] for text in pair)]


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """mmBERT, whose tokenizer is a tokenizer.json alone."""
    return write_encoder("mmbert", tmp_path / "mmbert")


def found(folder: Path, *, build: bool = True) -> Checkpoint:
    return find_base(str(folder), None, Places(folder, folder, offline=True), STARTERS, build=build)


def states(checkpoint: Checkpoint) -> torch.Tensor:
    tokenizer, model = load_encoder(checkpoint)
    with torch.no_grad():
        states: torch.Tensor = model(**tokenizer(TOY[0], return_tensors="pt")).last_hidden_state
    return states


def test_shards_are_one_model(encoder: Path, tmp_path: Path) -> None:
    whole = describe("mmbert", encoder)
    _, model = load_encoder(whole)
    shutil.copytree(encoder, tmp_path / "shards", ignore=shutil.ignore_patterns("*.safetensors"))
    model.save_pretrained(tmp_path / "shards", max_shard_size="100KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 2
    sharded = found(tmp_path / "shards")
    assert torch.equal(states(whole), states(sharded))
    assert sharded.parameters == pytest.approx(whole.parameters, rel=0.1)


def test_pickles_in_half_precision_are_read_as_tensors_and_counted(encoder: Path) -> None:
    before, expected = describe("mmbert", encoder).parameters, states(describe("mmbert", encoder))
    weights = {name: weight.half() for name, weight in load_file(encoder / "model.safetensors").items()}
    torch.save(weights, encoder / "pytorch_model.bin")
    (encoder / "model.safetensors").unlink()
    half = found(encoder)
    assert half.parameters == pytest.approx(before, rel=0.1)
    assert torch.allclose(states(half), expected, atol=0.05)
    torch.save(weights, encoder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert found(encoder).parameters == pytest.approx(before, rel=0.1)


def test_a_pickle_that_would_run_code_is_refused(encoder: Path) -> None:
    (encoder / "model.safetensors").unlink()
    torch.save({"model.embeddings.norm.weight": Path("anything")}, encoder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"the model of .* cannot be loaded"):
        load_encoder(found(encoder))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_compute_in_float32(encoder: Path, dtype: torch.dtype) -> None:
    expected = states(describe("mmbert", encoder))
    weights = {name: weight.to(dtype) for name, weight in load_file(encoder / "model.safetensors").items()}
    save_file(weights, encoder / "model.safetensors", {"format": "pt"})
    half = states(found(encoder))
    assert half.dtype == torch.float32 and torch.allclose(half, expected, atol=0.1)


def test_tokens_that_were_added_are_read_and_rows_behind_them_are_left_out(encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(encoder))
    tokenizer.add_tokens(["keli", "soro"])
    tokenizer.save_pretrained(str(encoder))
    model = AutoModel.from_pretrained(str(encoder))
    model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64)
    model.save_pretrained(encoder)
    checkpoint = found(encoder)
    assert checkpoint.vocabulary_size % 64 == 0 and checkpoint.vocabulary_size > len(tokenizer)
    loaded, model = load_encoder(checkpoint)
    assert "keli" in loaded.tokenize("lo mira tas keli")
    fitted = adapt(loaded, model, "layers", Vocabulary(extend="off", trim="used"), FittingData(LINES))
    assert "keli" in fitted.tokenizer.get_vocab() and int(fitted.places.max()) < len(tokenizer)
    before = model(**loaded(TOY[0], return_tensors="pt")).last_hidden_state
    fitted.install(model)
    after = model(**fitted.tokenizer(TOY[0], return_tensors="pt")).last_hidden_state
    assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("name", ["nllb", "madlad"])
def test_tied_and_untied_heads_stay_so_when_rows_are_chosen(name: str, tmp_path: Path) -> None:
    checkpoint = found(write_base(name, tmp_path / name))
    tokenizer, model = load_translator(checkpoint)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tied is (name == "nllb")
    section = Vocabulary(extend="off", trim="used")
    fitted = adapt(
        tokenizer, model.get_encoder(), checkpoint.architecture.layers, section, FittingData(LINES), whole=model
    )
    head = model.get_output_embeddings().weight.detach()[fitted.places]
    fitted.install(model)
    assert torch.equal(model.get_output_embeddings().weight, head)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) is tied
    model.save_pretrained(tmp_path / "again")
    fitted.tokenizer.save_pretrained(str(tmp_path / "again"))
    _, again = load_translator(describe("again", tmp_path / "again"))
    assert torch.equal(again.get_output_embeddings().weight, head)


def test_the_cache_of_the_hub_is_enough_without_a_network(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "hub" / "models--someone--tiny"
    snapshot = repository / "snapshots" / REVISION
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(encoder.iterdir())):  # as the hub's library lays files out: links to blobs
        path.rename(repository / "blobs" / str(number))
        (snapshot / path.name).symlink_to(Path("../../blobs") / str(number))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    places = Places(tmp_path, tmp_path, offline=True)
    for build in (False, True):
        checkpoint = find_base("someone/tiny", REVISION, places, STARTERS, build=build)
        assert checkpoint.folder == snapshot and checkpoint.architecture.family == "ModernBERT"
    assert states(checkpoint).isfinite().all()
    with pytest.raises(ModelError, match=r"did you mean jhu-clsp/mmBERT-base\?"):
        find_base("jhu/mmbert-base", REVISION, places, STARTERS, build=False)


def test_an_exported_checkpoint_of_a_new_family_is_a_base(encoder: Path, tmp_path: Path) -> None:
    made = memorise(planned(encoder, "pre-training", "lora", "off", "{extend: off, trim: used}"), tmp_path / "model")
    merged = made.predictor.model.merge_and_unload()
    merged.save_pretrained(str(tmp_path / "merged"))
    made.predictor.tokenizer.save_pretrained(str(tmp_path / "merged"))
    next_base = found(tmp_path / "merged")
    assert (
        next_base.vocabulary_size == len(load_tokenizer(tmp_path / "merged")) < describe("m", encoder).vocabulary_size
    )
    assert (
        memorise(planned(tmp_path / "merged", "classification", "lora", "off", OFF), tmp_path / "second").learned < 0.6
    )


def test_another_kind_of_model_is_refused_with_the_known_families(encoder: Path) -> None:
    config = json.loads((encoder / "config.json").read_text())
    others: list[dict[str, Any]] = [
        {"model_type": "prophetnet", "is_encoder_decoder": True},
        {"model_type": "mamba", "architectures": ["MambaForCausalLM"]},
    ]
    for fields in others:
        (encoder / "config.json").write_text(json.dumps(config | fields))
        with pytest.raises(ModelError, match=f"unknown type “{fields['model_type']}”.*known: .*deberta-v2.*t5gemma2"):
            found(encoder, build=False)


def test_an_unknown_encoder_without_a_list_of_layers_is_refused(tmp_path: Path) -> None:
    folder = write_encoder("mpnet", tmp_path / "mpnet")
    weights = load_file(folder / "model.safetensors")
    del weights["mpnet.encoder.layer.1.attention.attn.q.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"no list of 2 equal layers .*it needs a row in ARCHITECTURES"):
        found(folder, build=False)
