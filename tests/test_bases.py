"""Bases that are broken, wrapped, quantized or packed in another way: refused in one line before anything is loaded, or read well."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bases import write_base
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from lowres.errors import ModelError
from lowres.models.checkpoint import describe, find_base
from lowres.models.loading import load_encoder, load_translator
from lowres.places import Places
from lowres.starters.starters import STARTERS

WEIGHTS = "model.safetensors"


@pytest.fixture
def base(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A copy of the tiny XLM-R that a test may break."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "base"))


def refused(folder: Path) -> str:
    """What find_base says of a folder."""
    with pytest.raises(ModelError) as caught:
        find_base(str(folder), None, Places(folder, folder, offline=True), STARTERS, build=False)
    (line,) = str(caught.value).splitlines()
    return line


def rename(folder: Path, new: Callable[[str], str | None]) -> None:
    """Save the weights under other names; none where the new name is None."""
    weights = {new(name): weight for name, weight in load_file(folder / WEIGHTS).items()}
    save_file({name: weight for name, weight in weights.items() if name}, folder / WEIGHTS, {"format": "pt"})


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (lambda name: f"base_model.model.{name}", "“base_model.model.”: save the model itself"),
        (lambda name: f"module.{name}", "encoder.layer.0"),
        (lambda name: f"_orig_mod.{name}", "“_orig_mod.”"),
        (lambda name: name.replace("query.weight", "query.base_layer.weight"), "“.base_layer.”"),
        (lambda name: None if "encoder.layer.1." in name else name, "encoder.layer.1 "),
        (lambda name: None if "layer.0.attention.self.value" in name else name, "encoder.layer.0.attention.self.value"),
        (lambda name: None if "word_embeddings" in name else name, "an embedding"),
    ],
)
def test_weights_that_would_not_load_are_refused_from_their_headers(
    base: Path, new: Callable[[str], str | None], words: str
) -> None:
    rename(base, new)
    assert "lacks weights of a XLM-RoBERTa model" in refused(base)
    assert words in refused(base)


def test_what_headers_do_not_show_is_refused_when_loading(base: Path) -> None:
    rename(base, lambda name: None if name == "encoder.layer.1.output.LayerNorm.bias" else name)
    with pytest.raises(ModelError, match=r"has no weights for encoder\.layer\.1\.output\.LayerNorm\.bias"):
        load_encoder(describe("tiny", base))


def test_a_model_around_the_encoder_is_read_as_before(base: Path) -> None:
    rename(base, lambda name: f"roberta.{name}")
    load_encoder(describe("tiny", base))


def pointer(path: Path) -> None:
    """What a clone without git-lfs leaves."""
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


def cut(path: Path) -> None:
    """Half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def sharded(folder: Path) -> None:
    """Two shards of which one is missing."""
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def index(folder: Path, weight_map: object) -> None:
    """An index of shards that says something else than it should."""
    (folder / WEIGHTS).rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def dangling(folder: Path) -> None:
    """What is left of a cache whose files were links."""
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(folder / "blobs" / "0")


def in_a_folder(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def in_numbers(folder: Path, dtype: torch.dtype) -> None:
    """Weights as a quantized checkpoint holds them, whose config.json does not say so."""
    weights = load_file(folder / WEIGHTS)
    save_file({name: weight.to(dtype) for name, weight in weights.items()}, folder / WEIGHTS, {"format": "pt"})


def changed(**fields: object) -> Callable[[Path], None]:
    """Other fields in config.json; None takes one away."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text()) | fields
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return change


def emptied(folder: Path) -> None:
    """A tokenizer without tokens."""
    path = folder / "tokenizer.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "model": {**found["model"], "vocab": []}}))


def generation(folder: Path) -> Path:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({"max_length": 20}))
    return path


def unknown_tokenizer(folder: Path) -> None:
    """A tokenizer of a class that came as code."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "HomeMadeTokenizer"}))


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (
            lambda folder: pointer(folder / WEIGHTS),
            "is a git-lfs pointer, not the file itself (git-lfs did not fetch it",
        ),
        (lambda folder: (folder / WEIGHTS).write_bytes(b""), "model.safetensors  is empty"),
        (lambda folder: cut(folder / WEIGHTS), "model.safetensors  is not whole"),
        (sharded, "model-00002-of-00002.safetensors  is missing, but model.safetensors.index.json names it"),
        (lambda folder: cut(folder / "config.json"), "config.json  is not whole"),
        (lambda folder: pointer(folder / "config.json"), "config.json  is a git-lfs pointer"),
        (changed(vocab_size=None), "config.json  gives no vocab_size"),
        (changed(vocab_size=1000), "but config.json says vocab_size 1000"),
        (changed(num_hidden_layers=1), "in config.json: 2 layers in the encoder where it says 1"),
        (changed(quantization_config={"quant_method": "bitsandbytes"}), "is already quantized"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda folder: index(folder, []), "model.safetensors.index.json  holds no weight_map"),
        (lambda folder: index(folder, {}), "model.safetensors.index.json  holds no weight_map"),
        (dangling, "model.safetensors  is a link to a file that is not there (copy the file itself here)"),
        (in_a_folder, "model.safetensors  is a folder, not a file of weights"),
        (lambda folder: in_numbers(folder, torch.float8_e4m3fn), "as F8_E4M3); lowres quantizes a precise base itself"),
        (lambda folder: in_numbers(folder, torch.int8), "holds quantized weights ("),
        (changed(num_hidden_layers="two"), "config.json  says num_hidden_layers 'two', which is no size"),
        (changed(num_hidden_layers=10**9), "lacks weights of a XLM-RoBERTa model: encoder.layer.2,"),
        (changed(hidden_size=-1), "config.json  says hidden_size -1, which is no size"),
        (changed(hidden_size=64), "columns, but config.json says 64"),
        (changed(num_attention_heads=3), "config.json  says 3 heads, which do not divide the width"),
        (changed(hidden_dropout_prob="x"), "config.json  says hidden_dropout_prob 'x', which is no share"),
        (lambda folder: cut(folder / "tokenizer.json"), "tokenizer.json  is not whole"),
        (
            lambda folder: (folder / "tokenizer.json").write_text("{}"),
            "tokenizer.json  has no model of the types BPE, Unigram",
        ),
        (
            lambda folder: emptied(folder),
            "tokenizer.json  has no model of the types BPE, Unigram, WordPiece, WordLevel with",
        ),
        (lambda folder: (folder / "spiece.model").write_bytes(b"y" * 500), "spiece.model  is no SentencePiece model"),
        (lambda folder: cut(generation(folder)), "generation_config.json  is not whole"),
        (unknown_tokenizer, "names the unknown tokenizer_class “HomeMadeTokenizer”"),
    ],
)
def test_a_broken_base_is_refused_in_one_line(base: Path, break_it: Callable[[Path], object], words: str) -> None:
    break_it(base)
    assert words in refused(base)


@pytest.mark.parametrize("part", ["source.spm", "target.spm", "vocab.json"])
def test_a_tokenizer_of_several_files_needs_each(tmp_path: Path, part: str) -> None:
    folder = write_base("marian", tmp_path / "base")
    (folder / part).unlink()
    assert refused(folder).endswith(f"base  lacks {part}, which a MarianTokenizer needs (fetch the base again)")


def test_a_base_that_cannot_begin_to_write_is_refused(tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    config = MBartConfig(vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                         decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32)  # fmt: skip
    MBartForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(str(tmp_path))
    assert "gives no decoder_start_token_id, so no text can be written" in refused(tmp_path)
    changed(decoder_start_token_id=2)(tmp_path)
    load_translator(describe("mbart", tmp_path))


def test_a_checkpoint_that_transformers_cannot_load_is_one_line(base: Path) -> None:
    weights = load_file(base / WEIGHTS)
    name = "encoder.layer.0.intermediate.dense.weight"
    save_file(weights | {name: weights[name][:5].contiguous()}, base / WEIGHTS, {"format": "pt"})
    with pytest.raises(ModelError, match=r"the model of tiny cannot be loaded: .+ \(is the folder whole"):
        load_encoder(describe("tiny", base))


def test_pickled_weights_of_a_folder_are_taken_and_whole_ones_only(base: Path) -> None:
    expected = load_encoder(describe("tiny", base))[1].state_dict()
    torch.save(load_file(base / WEIGHTS), base / "pytorch_model.bin")
    (base / WEIGHTS).unlink()
    checkpoint = describe("tiny", base)
    assert checkpoint.parameters == pytest.approx(sum(weight.numel() for weight in expected.values()), rel=0.3)
    found = load_encoder(checkpoint)[1].state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    cut(base / "pytorch_model.bin")
    assert "is not a whole file of torch weights" in refused(base)


def test_only_the_weights_that_are_loaded_are_counted(base: Path) -> None:
    before = describe("tiny", base).parameters
    shutil.copy(base / WEIGHTS, base / "rust_model.safetensors")
    assert describe("tiny", base).parameters == before


def test_the_digest_covers_what_changes_the_model(base: Path) -> None:
    changed()(base)
    before = describe("tiny", base).sha256()
    changed(transformers_version="5.99.0")(base)
    assert describe("tiny", base).sha256() == before
    changed(hidden_act="relu")(base)
    after = describe("tiny", base).sha256()
    assert after != before
    (base / "merges.txt").write_text("a b\n")
    assert describe("tiny", base).sha256() != after


def test_positions_may_be_left_open(base: Path) -> None:
    changed(max_position_embeddings=None)(base)
    assert describe("tiny", base).positions > 9000


def test_a_sentence_transformer_says_how_it_pools_and_what_it_expects_before_a_text(base: Path) -> None:
    assert (describe("tiny", base).pooling, describe("tiny", base).prefix) == ("first", "")
    (base / "1_Pooling").mkdir()
    (base / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}'
    )
    assert describe("tiny", base).pooling == "mean"
    assert describe("intfloat/multilingual-e5-small", base).prefix == "query: "
    prompts = {"prompts": {"classify": "label: ", "query": "search: "}, "default_prompt_name": "classify"}
    (base / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert describe("tiny", base).prefix == "label: "


@pytest.mark.parametrize("family", ["mt5", "t5"])
def test_a_head_of_its_own_is_said_to_be_one(
    family: str, tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    settings = {
        "vocab_size": 64,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 1,
        "num_heads": 2,
        "dropout_rate": 0.1,
    }
    kinds = {"mt5": (MT5Config, MT5ForConditionalGeneration), "t5": (T5Config, T5ForConditionalGeneration)}
    config, model = kinds[family]
    made = model(config(**settings, decoder_start_token_id=0, tie_word_embeddings=False))
    made.lm_head.weight = torch.nn.Parameter(torch.randn(64, 16))
    made.save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(str(tmp_path))
    changed(tie_word_embeddings=False)(tmp_path)
    assert describe(family, tmp_path).embedding_parameters == 2 * 64 * 16
    _, loaded = load_translator(describe(family, tmp_path))
    head = loaded.lm_head.weight.detach().clone()
    assert loaded.config.tie_word_embeddings is False
    loaded.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["tie_word_embeddings"] is False
    loaded.resize_token_embeddings(60)
    assert torch.equal(loaded.lm_head.weight, head[:60])


def test_an_exported_config_keeps_the_dropout_of_its_base(
    tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    config = BartConfig(vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, dropout=0.2,
                        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, decoder_layerdrop=0.05)  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(str(tmp_path))
    _, model = load_translator(describe("bart", tmp_path))
    assert describe("bart", tmp_path).embedding_parameters == 64 * 16
    model.save_pretrained(tmp_path / "again")
    saved = json.loads((tmp_path / "again" / "config.json").read_text())
    assert (saved["dropout"], saved["decoder_layerdrop"]) == (0.2, 0.05)
    ids = torch.arange(4, 12)[None]
    model.train()
    with torch.no_grad():
        first, second = (model(input_ids=ids, decoder_input_ids=ids).logits for _ in range(2))
    assert torch.equal(first, second)
