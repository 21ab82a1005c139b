"""Adds a decoder to an encoder: the result is an ordinary BART checkpoint whose encoder is that of a BERT or XLM-R model.

A post-norm BERT encoder maps onto BART's: position embeddings move by two rows and include that of the one token type. The decoder's
layers are initialised with the encoder's upper layers, and cross-attention with their self-attention (DeltaLM, Ma et al. 2021,
arXiv 2106.13736); the decoder shares the encoder's embedding. BART's layer norms add 1e-5 where BERT's add 1e-12; the states of both
encoders differ by less than that.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import AddedToken
from torch import nn
from transformers import AutoModel, BartConfig, BartForConditionalGeneration

from lowres.models.checkpoint import Checkpoint
from lowres.models.tokenization import load_tokenizer

LANGUAGE_TOKEN_ROWS = "tag_rows"  # in a shipped file: the embedding rows of its language tokens
SPARE_POSITIONS = 2  # rows of BART's position table that no token uses
PARTS = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}  # modules of a layer: BERT's name → BART's


def write_translator(encoder: Checkpoint, kept: int, layers: int, folder: Path, seed: int = 13) -> None:
    """Write a checkpoint of the first `kept` layers of `encoder` with a new decoder of `layers` layers."""
    tokenizer, model = initialised(
        encoder.folder, encoder.positions, encoder.architecture.positions_follow_padding, kept, layers, seed
    )
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def write_starter(encoder: Path, shipped: Path, folder: Path) -> None:
    """Write starter:translation: the starter encoder's lower layers, and decoder and language tokens from the shipped file."""
    with safe_open(str(shipped), "pt") as file:
        facts = file.metadata()
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 – no mapping
    tags = facts["tags"].split()
    tokenizer, model = initialised(
        encoder, int(facts["positions"]), False, int(facts["encoder_layers"]), int(facts["decoder_layers"])
    )
    rows = weights.pop(LANGUAGE_TOKEN_ROWS)
    decoder = model.get_decoder()
    missing = decoder.load_state_dict(weights, strict=False).missing_keys
    assert missing == ["embed_tokens.weight"], missing
    tokenizer.add_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags], special_tokens=True)
    places = tokenizer.convert_tokens_to_ids(tags)  # the table has spare rows after the encoder's tokens
    with torch.no_grad():
        model.get_input_embeddings().weight[places] = rows
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def initialised(
    folder: Path, positions: int, follow_padding: bool, kept: int, layers: int, seed: int = 13
) -> tuple[Any, Any]:
    """Tokenizer and model: the first `kept` layers of the encoder in `folder` with an initialised decoder of `layers` layers."""
    tokenizer = load_tokenizer(folder)
    source = AutoModel.from_pretrained(
        str(folder), trust_remote_code=False, local_files_only=True, use_safetensors=True, dtype="float32"
    )
    source.encoder.layer = source.encoder.layer[:kept]
    source.config.num_hidden_layers = len(source.encoder.layer)
    torch.manual_seed(seed)
    model: Any = BartForConditionalGeneration(_config(source.config, tokenizer, layers, positions))
    with torch.no_grad():
        _copy_embeddings(source, model, source.config.pad_token_id + 1 if follow_padding else 0)
        for theirs, mine in zip(source.encoder.layer, model.model.encoder.layers, strict=True):
            _copy_layer(theirs, mine)
        _start_decoder(source, model.model.decoder)
    return tokenizer, model


def _config(encoder_config: Any, tokenizer: Any, layers: int, positions: int) -> BartConfig:
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    shape = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("attention_heads", encoder_config.num_attention_heads),
            ("ffn_dim", encoder_config.intermediate_size),
        )
    }
    return BartConfig(
        vocab_size=encoder_config.vocab_size, d_model=encoder_config.hidden_size, encoder_layers=encoder_config.num_hidden_layers,
        decoder_layers=layers, activation_function=encoder_config.hidden_act, max_position_embeddings=positions,
        dropout=0.1, attention_dropout=0.0,
        scale_embedding=False, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.cls_token_id, eos_token_id=end,
        decoder_start_token_id=end, forced_eos_token_id=None, tie_word_embeddings=True, **shape,
    )  # fmt: skip


def _copy_embeddings(source: Any, model: Any, offset: int) -> None:
    theirs, mine = source.embeddings, model.model.encoder
    model.get_input_embeddings().weight.copy_(theirs.word_embeddings.weight)
    rows = theirs.position_embeddings.weight[offset:] + theirs.token_type_embeddings.weight[0]
    for side in (mine, model.model.decoder):
        side.embed_positions.weight.zero_()
        side.embed_positions.weight[SPARE_POSITIONS : SPARE_POSITIONS + len(rows)].copy_(rows)
        side.layernorm_embedding.load_state_dict(theirs.LayerNorm.state_dict())


def _copy_layer(theirs: nn.Module, mine: nn.Module) -> None:
    for old, new in PARTS.items():
        mine.get_submodule(new).load_state_dict(theirs.get_submodule(old).state_dict())


def _start_decoder(source: Any, decoder: Any) -> None:
    """Copy the encoder's upper layers into the decoder; cross-attention is initialised with their self-attention."""
    count, depth = len(decoder.layers), len(source.encoder.layer)
    for number, layer in enumerate(decoder.layers):
        _copy_layer(source.encoder.layer[depth - count + number], layer)
        layer.encoder_attn.load_state_dict(copy.deepcopy(layer.self_attn.state_dict()))
        layer.encoder_attn_layer_norm.load_state_dict(copy.deepcopy(layer.self_attn_layer_norm.state_dict()))
    last = decoder.layers[
        -1
    ].final_layer_norm  # a sentence encoder's last norm is so small that all tokens would be equally likely
    last.weight.fill_(1.0)
    last.bias.zero_()
