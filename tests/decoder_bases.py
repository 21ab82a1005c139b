"""Tiny decoders in the file layout of published families, each with the tokenizer of its family, trained here.

Llama 2 and Gemma have SentencePiece-BPE with byte fallback; Qwen, GPT-2, BLOOM, OPT and SmolLM have byte-level BPE. Some have a chat
template, some none; Gemma's refuses a system message; Qwen's table has more rows than tokens.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from bases import sentencepiece_model, texts
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' "
    "+ message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA2 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
PADDING = 5  # rows behind the vocabulary, as in Qwen
DIGITS_APART = pre_tokenizers.Sequence(
    [pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)


@cache
def byte_level(*special: str) -> str:
    """A byte-level BPE over the tests' texts, its special tokens behind its vocabulary."""
    made = Tokenizer(models.BPE())
    made.normalizer, made.pre_tokenizer, made.decoder = normalizers.NFC(), DIGITS_APART, decoders.ByteLevel()
    made.train_from_iterator(
        texts("id", "uk"),
        trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return str(made.to_str())


@cache
def sentencepiece_bpe(*special: str) -> str:
    """SentencePiece-BPE with byte fallback, as the tokenizer.json of Llama 2 and Gemma."""
    loaded = sentencepiece.SentencePieceProcessor(
        model_proto=sentencepiece_model("bpe", 900, "id", "uk", byte_fallback=True)
    )
    names = [loaded.id_to_piece(number) for number in range(loaded.get_piece_size())]
    scores = {name: loaded.get_score(number) for number, name in enumerate(names) if not loaded.is_byte(number)}
    merges = sorted(
        (
            (name[:at], name[at:])
            for name in scores
            for at in range(1, len(name))
            if {name[:at], name[at:]} <= {*scores}
        ),
        key=lambda pair: (-scores["".join(pair)], pair),
    )
    ids = {name: number for number, name in enumerate(names)}
    made = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in ("<unk>", "<s>", "</s>", *special)]
    )
    return str(made.to_str())


def wrapped(layout: str, template: str | None = None, *, begins: bool = False, **roles: str) -> PreTrainedTokenizerFast:
    """A transformers tokenizer; `begins` puts the beginning-of-text token before every text."""
    backend = Tokenizer.from_str(layout)
    if begins:
        begin = roles["bos_token"]
        backend.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, backend.token_to_id(begin))]
        )
    made = PreTrainedTokenizerFast(tokenizer_object=backend, **roles)
    made.chat_template = template
    return made


def chatml() -> PreTrainedTokenizerFast:
    """Qwen, SmolLM: ChatML, nothing before a text."""
    layout = byte_level("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    return wrapped(layout, CHATML, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def gpt() -> PreTrainedTokenizerFast:
    """GPT-2: one special token, no padding token, no template."""
    return wrapped(
        byte_level("<|endoftext|>"), eos_token="<|endoftext|>", bos_token="<|endoftext|>", unk_token="<|endoftext|>"
    )


def bloom() -> PreTrainedTokenizerFast:
    """BLOOM: four special tokens, no template."""
    layout = byte_level("<unk>", "<s>", "</s>", "<pad>")
    return wrapped(layout, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def opt() -> PreTrainedTokenizerFast:
    """OPT: begins every text with </s>."""
    layout = byte_level("<pad>", "</s>")
    return wrapped(layout, begins=True, bos_token="</s>", eos_token="</s>", pad_token="<pad>")


def llama2() -> PreTrainedTokenizerFast:
    """Llama 2: no padding token, a template that leaves the system message out."""
    return wrapped(sentencepiece_bpe(), LLAMA2, begins=True, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def gemma() -> PreTrainedTokenizerFast:
    """Gemma: turns with tokens of their own, no system role."""
    layout = sentencepiece_bpe("<pad>", "<start_of_turn>", "<end_of_turn>")
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return wrapped(layout, GEMMA, begins=True, **roles)


WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
GROUPED = {**WIDE, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 512, "initializer_range": 0.1}
Made = tuple[Callable[[], PreTrainedTokenizerFast], Callable[[int], Any]]
DECODERS: Mapping[str, Made] = {
    "llama": (llama2, lambda size: LlamaConfig(vocab_size=size, **GROUPED, pad_token_id=None)),
    "smollm2": (chatml, lambda size: LlamaConfig(vocab_size=size, **GROUPED, tie_word_embeddings=True)),
    "smollm3": (chatml, lambda size: SmolLM3Config(vocab_size=size, **GROUPED, pad_token_id=0)),
    "mistral": (llama2, lambda size: MistralConfig(vocab_size=size, **GROUPED)),
    "qwen2": (chatml, lambda size: Qwen2Config(vocab_size=size + PADDING, **GROUPED, tie_word_embeddings=True)),
    # heads as wide as those of all published ones
    "qwen3": (chatml, lambda size: Qwen3Config(vocab_size=size + PADDING, **{**GROUPED, "head_dim": 128})),
    "gemma2": (gemma, lambda size: Gemma2Config(vocab_size=size, **GROUPED, query_pre_attn_scalar=16)),
    "gemma3": (gemma, lambda size: Gemma3TextConfig(vocab_size=size, **GROUPED, query_pre_attn_scalar=16)),
    "bloom": (bloom, lambda size: BloomConfig(vocab_size=size, hidden_size=32, n_layer=2, n_head=2, initializer_range=0.1)),
    "gpt2": (
        gpt,
        lambda size: GPT2Config(
            vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=512, bos_token_id=700, eos_token_id=700
        ),
    ),
    "opt": (
        opt,
        lambda size: OPTConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64, word_embed_proj_dim=32,
            max_position_embeddings=512, init_std=0.1,
        ),
    ),
}  # fmt: skip


def write_decoder(name: str, folder: Path) -> Path:
    """Write one of DECODERS into a folder that need not exist, and return it."""
    tokenizer, config = DECODERS[name]
    made = tokenizer()
    torch.manual_seed(0)
    settings = config(len(made))
    settings.eos_token_id, settings.bos_token_id = made.eos_token_id, made.bos_token_id
    AutoModelForCausalLM.from_config(settings).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
