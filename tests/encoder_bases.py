"""Tiny encoders in the file layout of published families, as tests/bases.py writes others; their heads predict masked words."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bases import PADDING, sentencepiece_pieces, settings, texts, trained_sentencepiece, write_base, xlmr_tokenizer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraModel,
    EuroBertConfig,
    EuroBertForMaskedLM,
    FNetConfig,
    FNetForMaskedLM,
    LongformerConfig,
    LongformerForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    MPNetConfig,
    MPNetForMaskedLM,
    RemBertConfig,
    RemBertModel,
    T5Gemma2Config,
    T5Gemma2ForConditionalGeneration,
    XLMRobertaXLConfig,
    XLMRobertaXLForMaskedLM,
    XmodConfig,
    XmodForMaskedLM,
)

BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SMALL = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 66,
    "initializer_range": 0.1,
}  # fmt: skip


def gemma_tokenizer(folder: Path, kind: str = "PreTrainedTokenizerFast", mask: bool = True) -> int:
    """Gemma's tokenizer.json, which mmBERT has: BPE with byte fallback, spaces as ▁ and none before the first word."""
    roles = {
        "pad_token": "<pad>",
        "eos_token": "<eos>",
        "bos_token": "<bos>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    pieces = sentencepiece_pieces(
        trained_sentencepiece(
            "bpe", 1000, "id", "uk", byte_fallback=True, add_dummy_prefix=False, normalization_rule_name="identity",
            pad_id=0, eos_id=1, bos_id=2, unk_id=3, user_defined_symbols=["<mask>"], eos_piece="<eos>", bos_piece="<bos>",
        )
    )  # fmt: skip
    ids = {name: number for number, (name, _) in enumerate(pieces)}
    scores = {name: score for name, score in pieces if name not in roles.values() and not name.startswith("<0x")}
    merges = sorted(
        (
            (name[:at], name[at:])
            for name in scores
            for at in range(1, len(name))
            if {name[:at], name[at:]} <= {*scores}
        ),
        key=lambda pair: (-scores["".join(pair)], pair),
    )
    made = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(list(roles.values()))
    ends = [("<bos>", ids["<bos>"]), ("<eos>", ids["<eos>"])]
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>" if mask else "<bos> $A", special_tokens=ends
    )
    (folder / "tokenizer.json").write_text(made.to_str(), encoding="utf-8")
    settings(folder, kind, **roles, **({"cls_token": "<bos>", "sep_token": "<eos>"} if mask else {}))
    return len(ids)


def deberta_tokenizer(folder: Path) -> int:
    """spm.model alone, as mDeBERTa has it; [MASK] is put behind it on loading."""
    model = trained_sentencepiece(
        "unigram", 600, "id", "uk", pad_id=0, pad_piece="[PAD]", bos_id=1, bos_piece="[CLS]", eos_id=2, eos_piece="[SEP]", unk_id=3,
        unk_piece="[UNK]",
    )  # fmt: skip
    (folder / "spm.model").write_bytes(model)
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false, "vocab_type": "spm"}', encoding="utf-8")
    return len(sentencepiece_pieces(model)) + 1


def rembert_tokenizer(folder: Path) -> int:
    """sentencepiece.model, which holds [CLS], [SEP] and [MASK]."""
    model = trained_sentencepiece(
        "unigram",
        600,
        "id",
        "uk",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
    )
    (folder / "sentencepiece.model").write_bytes(model)
    settings(folder, "RemBertTokenizer", do_lower_case=False, keep_accents=True, remove_space=True)
    return len(sentencepiece_pieces(model))


@cache
def wordpieces() -> tuple[str, ...]:
    """A cased WordPiece vocabulary."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(
        texts("id", "uk"),
        trainers.WordPieceTrainer(vocab_size=700, special_tokens=list(BERT_SPECIAL), show_progress=False),
    )
    vocabulary = made.get_vocab()
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


def wordpiece_tokenizer(kind: str) -> Callable[[Path], int]:
    """vocab.txt alone."""

    def write(folder: Path) -> int:
        (folder / "vocab.txt").write_text("\n".join(wordpieces()) + "\n", encoding="utf-8")
        settings(folder, kind, do_lower_case=False, model_max_length=66)
        return len(wordpieces())

    return write


def modernbert(size: int) -> Any:
    """mmBERT's model: rotary positions, attention to neighbours in all layers but the first, a table padded behind the vocabulary."""
    return ModernBertForMaskedLM(
        ModernBertConfig(
            vocab_size=size + PADDING, **SMALL, initializer_cutoff_factor=3.0, local_attention=16, pad_token_id=0, bos_token_id=2,
            eos_token_id=1, cls_token_id=2, sep_token_id=1,
        )
    )  # fmt: skip


def deberta(kind: Any) -> Callable[[int], Any]:
    """mDeBERTa's model: relative positions only, no segment types, a padded table."""
    return lambda size: kind(
        DebertaV2Config(
            vocab_size=size + PADDING, **SMALL, relative_attention=True, position_buckets=16, norm_rel_ebd="layer_norm",
            share_att_key=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0, position_biased_input=False, max_relative_positions=-1,
            hidden_dropout_prob=0.1, pad_token_id=0,
        )
    )  # fmt: skip


def rembert(size: int) -> Any:
    """RemBERT's encoder: embeddings narrower than the states; its head is not published."""
    ids = {"pad_token_id": 0, "bos_token_id": 3, "eos_token_id": 4}
    return RemBertModel(
        RemBertConfig(vocab_size=size, **SMALL, input_embedding_size=48, output_embedding_size=80, **ids)
    )


def xlm_r_xl(size: int) -> Any:
    """XLM-R-XL: norms before the blocks."""
    return XLMRobertaXLForMaskedLM(XLMRobertaXLConfig(vocab_size=size, **SMALL, type_vocab_size=1, pad_token_id=1))


def distilbert(size: int) -> Any:
    """DistilBERT with its head."""
    return DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=size,
            dim=64,
            n_layers=2,
            n_heads=2,
            hidden_dim=128,
            max_position_embeddings=66,
            initializer_range=0.1,
        )
    )


def electra(kind: Any) -> Callable[[int], Any]:
    """ELECTRA: embeddings narrower than the states."""
    return lambda size: kind(ElectraConfig(vocab_size=size, **SMALL, embedding_size=48))


def mpnet(size: int) -> Any:
    """An encoder of a family that has no row."""
    return MPNetForMaskedLM(MPNetConfig(vocab_size=size, **SMALL, pad_token_id=1))


def xmod(size: int) -> Any:
    """X-MOD: XLM-R with modules for each language in every layer."""
    languages = ["en_XX", "id_ID", "uk_UA"]
    return XmodForMaskedLM(XmodConfig(vocab_size=size, **SMALL, pad_token_id=1, type_vocab_size=1, languages=languages))


def longformer(size: int) -> Any:
    """A family without a row, whose layers have linear modules for global attention, too."""
    ids = {"pad_token_id": 1, "sep_token_id": 2}
    return LongformerForMaskedLM(
        LongformerConfig(vocab_size=size, **SMALL, **ids, type_vocab_size=1, attention_window=[8, 8])
    )


def eurobert(size: int) -> Any:
    """A family without a row, built as Llama is."""
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "mask_token_id": size - 1}
    return EuroBertForMaskedLM(EuroBertConfig(vocab_size=size, **SMALL, **ids, num_key_value_heads=2))


def fnet(size: int) -> Any:
    """A family without a row and without attention."""
    return FNetForMaskedLM(
        FNetConfig(vocab_size=size, **{**SMALL, "num_attention_heads": 2}, pad_token_id=1, type_vocab_size=1)
    )


def t5gemma2(size: int) -> Any:
    """T5Gemma 2: one table for encoder, decoder and head, a tower for images, and configs for each part."""
    text = {
        "vocab_size": size + PADDING, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 128, "query_pre_attn_scalar": 32, "sliding_window": 16,
        "layer_types": ["sliding_attention", "full_attention"], "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        "initializer_range": 0.1,
    }  # fmt: skip
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    images = {"boi_token_index": size - 3, "eoi_token_index": size - 2, "image_token_index": size - 1}
    return T5Gemma2ForConditionalGeneration(
        T5Gemma2Config(
            encoder={"text_config": text, "vision_config": vision, "mm_tokens_per_image": 4, **images}, decoder=text,
            image_token_index=size - 1, initializer_range=0.1,
        )
    )  # fmt: skip


ENCODERS: Mapping[str, tuple[Callable[[Path], int], Callable[[int], Any]]] = {
    "mmbert": (gemma_tokenizer, modernbert),
    "mdeberta": (deberta_tokenizer, deberta(DebertaV2ForMaskedLM)),
    "mdeberta-bare": (deberta_tokenizer, deberta(DebertaV2Model)),
    "rembert": (rembert_tokenizer, rembert),
    "xlm-r-xl": (xlmr_tokenizer, xlm_r_xl),
    "distilbert": (wordpiece_tokenizer("DistilBertTokenizer"), distilbert),
    "electra": (wordpiece_tokenizer("ElectraTokenizer"), electra(ElectraForMaskedLM)),
    "electra-discriminator": (wordpiece_tokenizer("ElectraTokenizer"), electra(ElectraModel)),
    "t5gemma2": (lambda folder: gemma_tokenizer(folder, "GemmaTokenizer", mask=False), t5gemma2),
    "mpnet": (xlmr_tokenizer, mpnet),
    "xmod": (xlmr_tokenizer, xmod),
    "longformer": (xlmr_tokenizer, longformer),
    "eurobert": (xlmr_tokenizer, eurobert),
    "fnet": (xlmr_tokenizer, fnet),
}


def write_encoder(name: str, folder: Path) -> Path:
    """Write one of ENCODERS into a folder that need not exist, and return it."""
    return write_base(name, folder, ENCODERS)


def config_of(folder: Path) -> dict[str, Any]:
    """The content of config.json."""
    found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found
