"""The starter translator: built from its package and our own weights, and it begins where a recipe can go on."""

from pathlib import Path

import pytest
import torch

from lowres.errors import ModelError
from lowres.models.checkpoint import Checkpoint, describe, find_base
from lowres.models.loading import load_translator
from lowres.places import Places
from lowres.starters.starters import STARTERS, TABLE, shipped_weights

NAME = "starter:translation"


@pytest.fixture(scope="module")
def built(cache: Path) -> Checkpoint:
    return find_base(NAME, None, Places(cache, cache, offline=True), STARTERS)


def test_it_is_what_the_table_says(built: Checkpoint) -> None:
    found, starter = describe(NAME, built.folder), TABLE[NAME]
    assert found.architecture.family == "BART"
    assert (found.vocabulary_size, found.positions, found.parameters) == (
        starter.vocabulary_size,
        starter.positions,
        starter.parameters,
    )
    assert shipped_weights(NAME).stat().st_size < 40 * 2**20


def test_its_tags_have_their_own_rows_and_its_encoder_is_the_starters(built: Checkpoint, starter: Checkpoint) -> None:
    tokenizer, model = load_translator(built)
    tags = [name for name in tokenizer.get_added_vocab() if name.startswith("<") and "-" in name]
    assert {"<ind-Latn>", "<min-Latn>", "<eng-Latn>"} <= set(tags) and len(tags) == 16
    rows = model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids(tags)]
    assert len({tuple(row.tolist()) for row in rows}) == 16
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert len(model.get_encoder().layers) == 6 and len(model.get_decoder().layers) == 3
    assert torch.isfinite(torch.cat([weight.detach().ravel() for weight in model.get_decoder().parameters()])).all()


def test_a_damaged_file_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dataclasses import replace

    from lowres.starters import starters as room

    monkeypatch.setitem(room.TABLE, NAME, replace(room.TABLE[NAME], decoder_sha256="0" * 64))  # type: ignore[misc]
    with pytest.raises(ModelError, match="expected 0000"):
        find_base(NAME, None, Places(cache, tmp_path, offline=True), STARTERS)
