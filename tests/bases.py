"""Tiny checkpoints in the file layout of published families: the family's own tokenizer class over SentencePiece models that
are trained here, and a model of one layer with random weights.

The tokenizers of a family differ in ways that one tokenizer under every family would hide: two models (Marian), a map of codes
(M2M100), language codes outside the vocabulary (NLLB), sentinels that are ordinary tokens (mT5), bytes (ByT5, umT5).
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import polib
import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    ByT5Tokenizer,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100_CODES
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART50_CODES
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_CODES

from lowres.languages import normalise

FAIRSEQ_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
SIDES = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 64))
}
PADDING = 5  # rows behind the vocabulary, as published checkpoints have them
SENTINELS = 20
ENGLISH = tuple(
    f"the {subject} was {state}" for subject in ("soup", "room", "cook") for state in ("warm", "cold", "clean")
)
TOY = tuple(f"lo {subject} tas {state}" for subject in ("mira", "bado", "pelo") for state in ("keli", "soro", "nuvi"))


@cache
def parallel(locale: str) -> tuple[tuple[str, str], ...]:
    """Django's messages in English and another language, each once."""
    package = distribution("django")
    catalogues = sorted(
        str(package.locate_file(file))
        for file in package.files or ()
        if file.match(f"locale/{locale}/LC_MESSAGES/django.po")
    )
    entries = (entry for path in catalogues for entry in polib.pofile(path) if entry.msgstr and "\n" not in entry.msgid)
    return tuple(dict.fromkeys((normalise(entry.msgid), normalise(entry.msgstr)) for entry in entries))


@cache
def texts(*locales: str) -> tuple[str, ...]:
    """English and translated messages, and the toy sentences often enough for their words to become tokens."""
    found = [text for locale in locales for pair in parallel(locale) for text in pair]
    return (*dict.fromkeys(found), *((*ENGLISH, *TOY) * 100))


@cache
def sentencepiece_model(kind: str, size: int, *locales: str, t5: bool = False, byte_fallback: bool = False) -> bytes:
    """A trained model; the same bytes in every process."""
    ids: dict[str, Any] = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1} if t5 else {}
    return trained_sentencepiece(kind, size, *locales, byte_fallback=byte_fallback, **ids)


def trained_sentencepiece(kind: str, size: int, *locales: str, **options: Any) -> bytes:
    """A model trained with more options of the trainer."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts(*locales)), model_writer=written, vocab_size=size, model_type=kind, character_coverage=1.0,
        hard_vocab_limit=False, num_threads=1, minloglevel=2, **options,
    )  # fmt: skip
    return written.getvalue()


def sentencepiece_pieces(model: bytes) -> list[tuple[str, float]]:
    """Every token of a SentencePiece model with its score, in the order of the ids."""
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [(loaded.id_to_piece(number), loaded.get_score(number)) for number in range(loaded.get_piece_size())]


def names_of(model: bytes) -> list[str]:
    """The tokens of a SentencePiece model without its three control tokens."""
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [loaded.id_to_piece(number) for number in range(3, loaded.get_piece_size())]


def write_json(path: Path, content: object) -> None:
    """Pretty, as transformers writes it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def settings(folder: Path, name: str, **others: object) -> None:
    """The tokenizer_config.json."""
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": name, **others})


def marian_tokenizer(folder: Path, tags: Sequence[str] = (), target: str = "uk") -> int:
    """Two SentencePiece models of different languages and one vocab.json that joins them, <pad> last."""
    source, written = (sentencepiece_model("unigram", 500, *locales) for locales in (("id",), (target,)))
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(written)
    joint = dict.fromkeys(["</s>", "<unk>", *names_of(written), *tags, *names_of(source), "<pad>"])
    write_json(folder / "vocab.json", {name: number for number, name in enumerate(joint)})
    settings(folder, "MarianTokenizer", source_lang="en", target_lang="uk")
    return len(joint)


def m2m100_tokenizer(folder: Path, *, bare: bool = False) -> int:
    """SentencePiece-BPE, vocab.json, and codes behind them; `bare` without special_tokens_map.json."""
    model = sentencepiece_model("bpe", 600, "id", "uk")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    names = [*FAIRSEQ_SPECIAL, *names_of(model)]
    write_json(folder / "vocab.json", {name: number for number, name in enumerate(names)})
    codes = [f"__{code}__" for code in M2M100_CODES["m2m100"]]
    settings(folder, "M2M100Tokenizer")
    if not bare:
        roles = {
            "bos_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
        }
        write_json(folder / "special_tokens_map.json", {**roles, "additional_special_tokens": codes})
    return len(names) + len(codes) + 8  # eight made-up words


def nllb_tokenizer(folder: Path, *, version: int = 4) -> int:
    """A tokenizer.json with the codes among its added tokens, as transformers 4 or 5 writes it; version 0 is the model alone."""
    model = sentencepiece_model("bpe", 600, "id", "uk")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    settings(folder, "NllbTokenizer", src_lang="eng_Latn")
    if version:
        (folder / "tokenizer.json").write_text(fairseq_bpe(model).to_str(), encoding="utf-8")
        added = [*NLLB_CODES, "<mask>"]
        settings(
            folder, "NllbTokenizer", src_lang="eng_Latn", additional_special_tokens=NLLB_CODES, mask_token="<mask>"
        )
        write_json(
            folder / "special_tokens_map.json", {"additional_special_tokens": NLLB_CODES, "mask_token": "<mask>"}
        )
        size = 4 + len(names_of(model)) + len(added)
    if version == 5:
        write_json(folder / "config.json", {"model_type": "m2m_100"})
        loaded = AutoTokenizer.from_pretrained(str(folder))
        for path in folder.iterdir():
            path.unlink()
        loaded.save_pretrained(str(folder))
    return size if version else 4 + len(names_of(model))


def fairseq_bpe(model: bytes) -> Tokenizer:
    """NLLB's tokenizer.json: merges in the order of the model's scores, codes and <mask> added behind."""
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model)
    names = [*FAIRSEQ_SPECIAL, *names_of(model)]
    scores = {name: loaded.get_score(loaded.piece_to_id(name)) for name in names[4:]}
    merges = sorted(
        (
            (name[:at], name[at:])
            for name in names[4:]
            for at in range(1, len(name))
            if {name[:at], name[at:]} <= {*scores}
        ),
        key=lambda pair: (-scores["".join(pair)], pair),
    )
    ids = {name: number for number, name in enumerate(names)}
    made = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.add_special_tokens([*FAIRSEQ_SPECIAL, *NLLB_CODES, "<mask>"])
    return made


def mbart_tokenizer(folder: Path) -> int:
    """mBART-50 as published: the SentencePiece model alone; codes and <mask> are put behind it on loading."""
    model = sentencepiece_model("unigram", 600, "id", "uk")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    settings(folder, "MBart50Tokenizer", src_lang="en_XX")
    return 4 + len(names_of(model)) + len(MBART50_CODES) + 1


def mt5_tokenizer(folder: Path) -> int:
    """spiece.model alone; the sentinels are ordinary tokens of it, at the start of a word, as in mT5."""
    model = proto.ModelProto()  # type: ignore[attr-defined]
    model.ParseFromString(sentencepiece_model("unigram", 600, "id", "uk", t5=True))
    lowest = min(piece.score for piece in model.pieces)
    user_defined = 4  # of the enumeration SentencePiece.Type
    for number in reversed(range(SENTINELS)):
        model.pieces.add(piece=f"▁<extra_id_{number}>", score=lowest, type=user_defined)
    (folder / "spiece.model").write_bytes(model.SerializeToString())
    settings(folder, "T5Tokenizer", extra_ids=0, additional_special_tokens=None)
    return len(model.pieces)


def umt5_tokenizer(folder: Path) -> int:
    """A tokenizer.json with byte fallback."""
    model = sentencepiece.SentencePieceProcessor(
        model_proto=sentencepiece_model("unigram", 900, "id", "uk", t5=True, byte_fallback=True)
    )
    vocabulary = [(model.id_to_piece(number), model.get_score(number)) for number in range(model.get_piece_size())]
    made = Tokenizer(models.Unigram(vocabulary, 2, byte_fallback=True))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    made.add_special_tokens(["<pad>", "</s>", "<unk>"])
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made.save(str(folder / "tokenizer.json"))
    settings(folder, "PreTrainedTokenizerFast", pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    return len(vocabulary)


def madlad_tokenizer(folder: Path) -> int:
    """MADLAD-400's spiece.model: <unk> before <s> and </s>, which pads, and a token for each target language; no sentinels."""
    tags = ["<2en>", "<2id>", "<2uk>", "<2ms>", "<2ms_Arab>"]
    model = trained_sentencepiece("unigram", 700, "id", "uk", user_defined_symbols=tags)
    (folder / "spiece.model").write_bytes(model)
    settings(
        folder,
        "T5Tokenizer",
        extra_ids=0,
        additional_special_tokens=[],
        eos_token="</s>",
        pad_token="<s>",
        unk_token="<unk>",
    )
    return len(sentencepiece_pieces(model))


def byt5_tokenizer(folder: Path) -> int:
    """Bytes."""
    ByT5Tokenizer().save_pretrained(str(folder))
    return 384


def xlmr_tokenizer(folder: Path) -> int:
    """sentencepiece.bpe.model alone."""
    model = sentencepiece_model("unigram", 600, "id", "uk")
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    settings(folder, "XLMRobertaTokenizer")
    return 4 + len(names_of(model)) + 1


def fairseq_model(kind: Any, config: Any, **special: int) -> Callable[[int], Any]:
    """A model of fairseq's family; `special` overrides the ids of special tokens."""
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2, **special}
    quiet = {"dropout": 0.0, "attention_dropout": 0.0}
    return lambda size: kind(
        config(vocab_size=size, d_model=32, max_position_embeddings=64, init_std=0.1, **quiet, **ids, **SIDES)
    )


def marian_model(size: int) -> Any:
    """Marian, whose <pad> is last and starts the decoder."""
    ids = {"pad_token_id": size - 1, "eos_token_id": 0, "bos_token_id": 0, "decoder_start_token_id": size - 1}
    return fairseq_model(MarianMTModel, MarianConfig, **ids, forced_eos_token_id=0)(size)


def t5_model(kind: Any, config: Any) -> Callable[[int], Any]:
    """T5's family with a head of its own, which the config of mT5 calls tied, and padding rows."""

    def make(size: int) -> Any:
        model = kind(
            config(
                vocab_size=size + PADDING, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, pad_token_id=0,
                eos_token_id=1, decoder_start_token_id=0,
            )
        )  # fmt: skip
        model.lm_head.weight = torch.nn.Parameter(torch.randn(size + PADDING, 32) * 0.1)
        return model

    return make


def madlad_model(size: int) -> Any:
    """MADLAD-400: T5 1.1 with a head of its own; padding is 1, and the decoder starts with 0."""
    model: Any = T5ForConditionalGeneration(
        T5Config(
            vocab_size=size, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu", pad_token_id=1,
            eos_token_id=2, decoder_start_token_id=0, tie_word_embeddings=False,
        )
    )  # fmt: skip
    model.lm_head.weight = torch.nn.Parameter(torch.randn(size, 32) * 0.1)
    model.config.tie_word_embeddings = False  # as config.json says; transformers 5 makes it True on loading
    return model


def xlmr_model(size: int) -> Any:
    """XLM-R with its head."""
    return XLMRobertaForMaskedLM(
        XLMRobertaConfig(
            vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=66, pad_token_id=1, type_vocab_size=1,
        )
    )  # fmt: skip


M2M100 = fairseq_model(M2M100ForConditionalGeneration, M2M100Config)
BASES: Mapping[str, tuple[Callable[[Path], int], Callable[[int], Any]]] = {
    "marian": (marian_tokenizer, marian_model),
    "marian-multilingual": (lambda folder: marian_tokenizer(folder, (">>ind<<", ">>ukr<<", ">>eng<<")), marian_model),
    "m2m100": (m2m100_tokenizer, M2M100),
    "m2m100-bare": (lambda folder: m2m100_tokenizer(folder, bare=True), M2M100),
    "nllb": (nllb_tokenizer, M2M100),
    "nllb-v5": (lambda folder: nllb_tokenizer(folder, version=5), M2M100),
    "nllb-bare": (lambda folder: nllb_tokenizer(folder, version=0), M2M100),
    "mbart50": (mbart_tokenizer, fairseq_model(MBartForConditionalGeneration, MBartConfig)),
    "mt5": (mt5_tokenizer, t5_model(MT5ForConditionalGeneration, MT5Config)),
    "umt5": (umt5_tokenizer, t5_model(UMT5ForConditionalGeneration, UMT5Config)),
    "madlad": (madlad_tokenizer, madlad_model),
    "byt5": (byt5_tokenizer, t5_model(T5ForConditionalGeneration, T5Config)),
    "xlm-roberta": (xlmr_tokenizer, xlmr_model),
}


def write_base(
    name: str, folder: Path, bases: Mapping[str, tuple[Callable[[Path], int], Callable[[int], Any]]] = BASES
) -> Path:
    """Write one of these bases into a folder that need not exist, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, model = bases[name]
    size = tokenizer(folder)
    torch.manual_seed(0)
    model(size).save_pretrained(folder)
    return folder
