"""An encoder that is given a decoder: an ordinary BART checkpoint whose encoder is a BERT or XLM-R type encoder.

A post-norm BERT encoder maps onto BART's: position rows move by two and take in the row of the one token type. The decoder's
layers begin as copies of the encoder's upper layers, attention to the source as a copy of self-attention (DeltaLM, Ma et al. 2021,
arXiv 2106.13736), and it shares the encoder's embedding, so that source and target speak of the same pieces. BART's layer norms add
1e-5 where BERT's add 1e-12; both encoders' states differ by less than that.
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

TAG_ROWS = "tag_rows"  # of a shipped file: the embedding rows of its language tags
SPARE_POSITIONS = 2  # rows that BART's position table has before the first
PARTS = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}  # of a layer: BERT's name → BART's


def write_translator(encoder: Checkpoint, kept: int, layers: int, folder: Path, seed: int = 13) -> None:
    """Write the checkpoint of the first `kept` layers of `encoder` with a new decoder of so many layers."""
    tokenizer, model = begun(
        encoder.folder, encoder.positions, encoder.architecture.positions_follow_padding, kept, layers, seed
    )
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def write_starter(encoder: Path, shipped: Path, folder: Path) -> None:
    """Write the starter translator: the starter encoder's lower layers, and the decoder and language tags of the shipped file."""
    with safe_open(str(shipped), "pt") as file:
        facts = file.metadata()
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 – no mapping
    tags = facts["tags"].split()
    tokenizer, model = begun(
        encoder, int(facts["positions"]), False, int(facts["encoder_layers"]), int(facts["decoder_layers"])
    )
    rows = weights.pop(TAG_ROWS)
    decoder = model.get_decoder()
    missing = decoder.load_state_dict(weights, strict=False).missing_keys
    assert missing == ["embed_tokens.weight"], missing
    tokenizer.add_tokens([AddedToken(tag, special=True, normalized=False) for tag in tags], special_tokens=True)
    places = tokenizer.convert_tokens_to_ids(tags)  # the table has rows to spare behind the encoder's pieces
    with torch.no_grad():
        model.get_input_embeddings().weight[places] = rows
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def begun(
    folder: Path, positions: int, follow_padding: bool, kept: int, layers: int, seed: int = 13
) -> tuple[Any, Any]:
    """Tokenizer and model: the encoder in `folder`, its first `kept` layers, with a new decoder."""
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


def _config(bert: Any, tokenizer: Any, layers: int, positions: int) -> BartConfig:
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    shape = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("attention_heads", bert.num_attention_heads), ("ffn_dim", bert.intermediate_size))
    }
    return BartConfig(
        vocab_size=bert.vocab_size, d_model=bert.hidden_size, encoder_layers=bert.num_hidden_layers, decoder_layers=layers,
        activation_function=bert.hidden_act, max_position_embeddings=positions, dropout=0.1, attention_dropout=0.0,
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
    """Layers spread over the upper half of the encoder; attention to the source starts as self-attention does."""
    count, depth = len(decoder.layers), len(source.encoder.layer)
    for number, layer in enumerate(decoder.layers):
        _copy_layer(source.encoder.layer[depth - count + number], layer)
        layer.encoder_attn.load_state_dict(copy.deepcopy(layer.self_attn.state_dict()))
        layer.encoder_attn_layer_norm.load_state_dict(copy.deepcopy(layer.self_attn_layer_norm.state_dict()))
    last = decoder.layers[
        -1
    ].final_layer_norm  # sentence encoders end on small states, from which no piece would stand out
    last.weight.fill_(1.0)
    last.bias.zero_()
