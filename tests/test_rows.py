"""Embedding rows in models of every kind: placed, split, trained alone, saved as ordinary checkpoints, never silently tied."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BitsAndBytesConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaModel,
)

from lowres.models.checkpoint import describe
from lowres.vocabulary.embeddings import NewRows, SplitEmbedding, Tables, new_rows, place_rows, split_rows

OLD, WIDTH, NEW = 60, 32, 4
KEPT = [0, 1, 2, 3, 10, 11, 12, 30, 31, 59]
SMALL = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def xlmr() -> Any:
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=OLD, max_position_embeddings=40, pad_token_id=1, **SMALL))
    torch.nn.init.normal_(model.lm_head.bias)
    return model


def bert() -> Any:
    return BertForMaskedLM(BertConfig(vocab_size=OLD, max_position_embeddings=40, pad_token_id=0, **SMALL))


def mt5() -> Any:
    """mT5 as published: a head of its own, which the config calls tied."""
    config = MT5Config(vocab_size=OLD, d_model=WIDTH, d_kv=8, d_ff=48, num_layers=1, num_heads=2, dropout_rate=0.0)
    model = MT5ForConditionalGeneration(config)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(OLD, WIDTH) * 0.1)
    return model


def m2m100() -> Any:
    return M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=OLD, d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=40, dropout=0.0,
            attention_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0, scale_embedding=True,
        )
    )  # fmt: skip


def bart() -> Any:
    model = BartForConditionalGeneration(
        BartConfig(
            vocab_size=OLD, d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=40,
        )
    )  # fmt: skip
    model.final_logits_bias = torch.randn(1, OLD)
    return model


MODELS: list[Callable[[], Any]] = [xlmr, bert, mt5, m2m100, bart]


def outcome(model: Any, ids: list[list[int]]) -> Any:
    rows = torch.tensor(ids)
    extra = {"decoder_input_ids": rows} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model.eval()(input_ids=rows, output_hidden_states=True, **extra)


def logits(model: Any, ids: list[list[int]]) -> torch.Tensor:
    found: torch.Tensor = outcome(model, ids).logits
    return found


def states(model: Any, ids: list[list[int]]) -> torch.Tensor:
    """The states under the head; they do not depend on how wide the head is, whose sums may be rounded otherwise."""
    found = outcome(model, ids)
    last: torch.Tensor = (found.decoder_hidden_states if model.config.is_encoder_decoder else found.hidden_states)[-1]
    return last


def fresh(count: int = NEW) -> NewRows:
    rng = torch.Generator().manual_seed(1)
    return NewRows(*(torch.randn(count, WIDTH, generator=rng) * 0.1 for _ in range(2)), torch.zeros(count))


@pytest.mark.parametrize("make", MODELS)
def test_kept_tokens_keep_their_states_to_the_last_bit_and_their_logits(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = make()
    old, before = states(model, [[10, 30, 59, 2]]), logits(model, [[10, 30, 59, 2]])
    place_rows(model, KEPT, NewRows(torch.zeros(0, WIDTH)))
    ids = [[KEPT.index(token) for token in (10, 30, 59, 2)]]
    after = logits(model, ids)
    assert torch.equal(old, states(model, ids))
    assert torch.allclose(before[..., KEPT], after, atol=1e-6)
    assert model.config.vocab_size == len(KEPT)
    model.save_pretrained(tmp_path)
    auto = AutoModelForSeq2SeqLM if model.config.is_encoder_decoder else AutoModelForMaskedLM
    again = auto.from_pretrained(tmp_path)
    assert torch.equal(logits(again, [[4, 7, 9, 2]]), after)


@pytest.mark.parametrize("make", MODELS)
def test_new_rows_leave_old_logits_alone_and_are_all_different(make: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    model = make()
    old, before = states(model, [[10, 30, 59, 2]]), logits(model, [[10, 30, 59, 2]])
    place_rows(model, range(OLD + NEW), fresh())
    assert torch.equal(old, states(model, [[10, 30, 59, 2]]))
    assert torch.allclose(before, logits(model, [[10, 30, 59, 2]])[..., :OLD], atol=1e-6)
    rows = model.get_input_embeddings().weight[OLD:]
    assert torch.equal(rows, fresh().inputs)
    for module in Tables.of(model).inputs:
        assert module.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("make", MODELS)
def test_only_split_rows_get_gradients_and_they_are_the_right_ones(make: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    model = make().eval()
    place_rows(model, range(OLD + NEW), fresh())
    whole = copy.deepcopy(model)
    ids = torch.tensor([[10, OLD, 30, OLD + 3, 2]])
    whole.train(False)
    whole(input_ids=ids, labels=ids).loss.backward()
    table = whole.get_input_embeddings().weight.grad[OLD:]
    tables = Tables.of(whole)

    model.requires_grad_(False)
    trained = split_rows(model, NEW)
    for rows in trained:
        rows.requires_grad_(True)
    loss = model(input_ids=ids, labels=ids).loss
    assert torch.allclose(loss, whole(input_ids=ids, labels=ids).loss)
    loss.backward()
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, SplitEmbedding)
    assert torch.allclose(embedding.new.grad, table, atol=1e-6)
    assert embedding.old.grad is None
    assert {id(weight) for weight in model.parameters() if weight.requires_grad} == {id(rows) for rows in trained}
    if tables.head is not None and not tables.tied:
        assert torch.allclose(trained[1].grad, tables.head.weight.grad[OLD:], atol=1e-6)

    assert torch.allclose(logits(model, ids.tolist()), logits(whole, ids.tolist()), atol=1e-6)
    found = new_rows(model, NEW)
    assert torch.equal(found.inputs, fresh().inputs)
    apart = tables.head is not None and not tables.tied
    assert (found.head is not None) == apart, "rows of a head of its own are kept, too"


def test_an_untied_head_survives_what_transformers_ties(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = mt5()
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    head = weights["lm_head.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    unguarded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert torch.equal(unguarded.lm_head.weight, head)
    unguarded.resize_token_embeddings(OLD + NEW, mean_resizing=False)
    assert not torch.equal(unguarded.lm_head.weight[:OLD], head)  # the trap: the trained head is gone

    guarded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    place_rows(guarded, range(OLD + NEW), fresh())
    guarded.tie_weights()
    assert torch.equal(guarded.lm_head.weight[:OLD], head)
    guarded.save_pretrained(tmp_path / "longer")
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "longer")
    assert torch.equal(again.lm_head.weight[:OLD], head)
    assert torch.equal(again.lm_head.weight[OLD:], fresh().head)


def test_positions_follow_the_padding_token_wherever_it_moves(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = {**SMALL, "max_position_embeddings": 40}
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=OLD, pad_token_id=5, **shape))
    before = states(model, [[10, 30, 59, 2, 5, 5]])
    kept = [2, 3, 5, 10, 30, 59]  # the padding token moves from 5 to 2
    place_rows(model, kept, NewRows(torch.zeros(0, WIDTH)))
    ids = [[kept.index(token) for token in (10, 30, 59, 2, 5, 5)]]
    assert torch.equal(before, states(model, ids))
    assert model.config.pad_token_id == 2 and model.config.max_position_embeddings == 37
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(before, states(again, ids))
    assert describe("moved", tmp_path).positions == 40 - 6 == 37 - 3


def test_padding_rows_behind_the_vocabulary_and_ids_in_the_config_follow() -> None:
    model = m2m100()
    model.generation_config.forced_bos_token_id = 31
    places = [2, 0, 1, 3, 31, 30]
    place_rows(model, places, NewRows(torch.zeros(0, WIDTH)))
    assert model.config.pad_token_id == places.index(1)
    assert model.config.eos_token_id == places.index(2)
    assert model.generation_config.forced_bos_token_id == places.index(31)
    assert model.get_input_embeddings().padding_idx == places.index(1)


@pytest.mark.parametrize("bits", [4, 8])
def test_new_rows_train_over_a_quantised_base(bits: int, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: pip install lowres[quantize]")
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=OLD, max_position_embeddings=40, pad_token_id=1, **{**SMALL, "intermediate_size": 64}
    )
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    quantizable = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    model = XLMRobertaModel.from_pretrained(
        tmp_path, quantization_config=quantizable, add_pooling_layer=False, device_map="cpu"
    )
    place_rows(model, [*KEPT, *range(OLD, OLD + NEW)], fresh())
    (rows,) = split_rows(model, NEW)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["query", "value"]))
    rows.requires_grad_(True)
    before, ids = rows.detach().clone(), torch.tensor([[4, len(KEPT), 5, len(KEPT) + 2]])
    optimizer = torch.optim.AdamW(
        [weight for weight in adapted.parameters() if weight.requires_grad], lr=1e-2, weight_decay=0.0
    )
    aim, losses = torch.randn(1, 4, WIDTH), []
    for _ in range(10):
        loss = (adapted(input_ids=ids).last_hidden_state - aim).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    moved = (rows - before).abs().sum(1) > 0
    assert moved.tolist() == [True, False, True, False]  # only rows that were read
    assert losses[-1] < losses[0]
