"""Bases that people use, as data: what they are, how large, how many languages, under which licence, and what each is good for.

Sizes, licences and numbers of languages are those of the models' pages and papers; what could not be verified is left out.
Imports nothing heavy.
"""

from dataclasses import dataclass

from lowres.languages.codes import OWN, token_for
from lowres.models.architectures import ARCHITECTURES, VARIANTS, Architecture
from lowres.models.known_languages import SEEN


@dataclass(frozen=True)
class KnownBase:
    """A base on the hub.

    `model_type` is its family; `millions` counts its parameters; `languages` those that it was trained on, both None where not
    verified. `licence` is an SPDX name where there is one, None where its page names none. `seen` is a key of known_languages.SEEN,
    empty where the languages are not known one by one.
    """

    name: str
    model_type: str
    millions: int | None
    languages: int | None
    licence: str | None
    tokenizer: str
    good_for: str
    seen: str = ""

    def has_seen(self, tag: str) -> bool | None:
        """Whether it was trained on a language in a script, such as min-Latn; None where that is not known."""
        if not self.seen:
            return None
        return token_for(tag, {f"<{one}>" for one in SEEN[self.seen]}, OWN) is not None

    @property
    def scripts(self) -> frozenset[str]:
        """The scripts that it was trained on; empty where they are not known."""
        return frozenset(tag.partition("-")[2] for tag in SEEN.get(self.seen, ()))

    @property
    def architecture(self) -> Architecture:
        """The facts of its family."""
        variant = VARIANTS.get(self.model_type)
        return variant[1] if variant and "madlad" in self.name else ARCHITECTURES[self.model_type]

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids commercial use; it holds for what is trained over it, too."""
        return "-NC-" in (self.licence or "")


_UNIGRAM, _BPE, _PIECES = (
    "SentencePiece, {} tokens",
    "SentencePiece BPE, {} tokens",
    "WordPiece, {} tokens; cannot be extended",
)
_BYTES = "byte-level BPE, {} tokens"
_GEMMA = "BPE with bytes for unknown characters, {} tokens"
BASES: tuple[KnownBase, ...] = (
    KnownBase("jhu-clsp/mmBERT-small", "modernbert", 140, 1833, "MIT",
              _GEMMA.format("256k"), "labels, and little memory"),
    KnownBase("jhu-clsp/mmBERT-base", "modernbert", 307, 1833, "MIT",
              _GEMMA.format("256k"), "labels in small languages; long texts (8192 tokens)"),
    KnownBase("FacebookAI/xlm-roberta-base", "xlm-roberta", 278, 100, "MIT",
              _UNIGRAM.format("250k"), "labels; pre-training on your texts first", "XLM-R"),
    KnownBase("FacebookAI/xlm-roberta-large", "xlm-roberta", 560, 100, "MIT",
              _UNIGRAM.format("250k"), "labels, with a GPU", "XLM-R"),
    KnownBase("facebook/xlm-roberta-xl", "xlm-roberta-xl", 3500, 100, "MIT",
              _UNIGRAM.format("250k"), "labels, with a large GPU", "XLM-R"),
    KnownBase("microsoft/mdeberta-v3-base", "deberta-v2", 276, 100, "MIT",
              _UNIGRAM.format("250k"), "labels in languages that CC100 has", "XLM-R"),
    KnownBase("facebook/xmod-base", "xmod", 853, 81, "MIT",
              _UNIGRAM.format("250k"), "labels in one of its languages, each with modules of its own", "X-MOD"),
    KnownBase("google/rembert", "rembert", 576, 110, "Apache-2.0",
              _UNIGRAM.format("250k"), "labels; no pre-training: its head is not published", "RemBERT"),
    KnownBase("cis-lmu/glot500-base", "xlm-roberta", 395, 511, "Apache-2.0",
              _UNIGRAM.format("401k"), "labels in small languages", "Glot500"),
    KnownBase("Davlan/afro-xlmr-base", "xlm-roberta", 278, 20, "MIT",
              _UNIGRAM.format("250k"), "labels in languages of Africa", "AfroXLMR"),
    KnownBase("google-bert/bert-base-multilingual-cased", "bert", 179, 104, "Apache-2.0",
              _PIECES.format("120k"), "comparison with older work"),
    KnownBase("distilbert/distilbert-base-multilingual-cased", "distilbert", 135, 104, "Apache-2.0",
              _PIECES.format("120k"), "labels on a laptop"),
    KnownBase("sentence-transformers/LaBSE", "bert", 471, 109, "Apache-2.0",
              _PIECES.format("501k"), "labels from few examples: features or head"),
    KnownBase("intfloat/multilingual-e5-small", "bert", 118, 94, "MIT",
              _UNIGRAM.format("250k"), "labels from few examples; starter:encoder is this one", "XLM-R"),
    KnownBase("intfloat/multilingual-e5-base", "xlm-roberta", 278, 94, "MIT",
              _UNIGRAM.format("250k"), "labels from few examples", "XLM-R"),
    KnownBase("facebook/nllb-200-distilled-600M", "m2m_100", 615, 200, "CC-BY-NC-4.0",
              _BPE.format("256k"), "translation; knows most small languages", "NLLB"),
    KnownBase("facebook/nllb-200-distilled-1.3B", "m2m_100", 1370, 200, "CC-BY-NC-4.0",
              _BPE.format("256k"), "translation, with a GPU", "NLLB"),
    KnownBase("facebook/nllb-200-1.3B", "m2m_100", 1370, 200, "CC-BY-NC-4.0",
              _BPE.format("256k"), "translation, with a GPU", "NLLB"),
    KnownBase("facebook/nllb-200-3.3B", "m2m_100", 3345, 200, "CC-BY-NC-4.0",
              _BPE.format("256k"), "translation, with a large GPU", "NLLB"),
    KnownBase("google/madlad400-3b-mt", "t5", 2940, 450, "Apache-2.0",
              _UNIGRAM.format("256k"), "translation that may be sold; tells the target by <2xx>"),
    KnownBase("google/madlad400-10b-mt", "t5", 10700, 450, "Apache-2.0",
              _UNIGRAM.format("256k"), "translation that may be sold, with a very large GPU"),
    KnownBase("facebook/m2m100_418M", "m2m_100", 484, 100, "MIT",
              _BPE.format("128k"), "translation that may be sold, among 100 languages", "M2M100"),
    KnownBase("facebook/mbart-large-50-many-to-many-mmt", "mbart", 611, 50, None,
              _UNIGRAM.format("250k"), "translation among 50 languages", "mBART-50"),
    KnownBase("google/mt5-small", "mt5", 300, 101, "Apache-2.0",
              _UNIGRAM.format("250k"), "translation from scratch: it was never taught to translate"),
    KnownBase("google/mt5-base", "mt5", 582, 101, "Apache-2.0",
              _UNIGRAM.format("250k"), "translation, with many pairs"),
    KnownBase("google/umt5-small", "umt5", 307, 107, "Apache-2.0",
              _UNIGRAM.format("256k") + ", bytes for unknown characters", "as mT5, with more even languages"),
    KnownBase("google/byt5-small", "t5", 300, 101, "Apache-2.0",
              "bytes: there is nothing to extend or to trim", "languages whose spelling varies; new scripts"),
    KnownBase("google/t5gemma-2-270m-270m", "t5gemma2", 786, 140, "Gemma",
              _GEMMA.format("262k"), "translation with long texts; terms must be accepted"),
    KnownBase("HuggingFaceTB/SmolLM2-135M-Instruct", "llama", 135, 1, "Apache-2.0",
              _BYTES.format("49k"), "trying things out; starter:decoder is this one", "English"),
    KnownBase("google/gemma-3-270m", "gemma3_text", 268, 140, "Gemma",
              _GEMMA.format("262k"), "translation into large languages; terms; starter:multilingual-decoder is this one"),
    KnownBase("Qwen/Qwen2.5-0.5B-Instruct", "qwen2", 490, 29, "Apache-2.0",
              _BYTES.format("152k"), "answers in large languages"),
    KnownBase("Qwen/Qwen3-0.6B", "qwen3", 600, 119, "Apache-2.0",
              _BYTES.format("152k"), "answers; of small decoders the one with most languages"),
    KnownBase("bigscience/bloom-560m", "bloom", 559, 45, "BigScience-BLOOM-RAIL-1.0",
              _BYTES.format("251k"), "languages of Africa and India; pre-training", "BLOOM"),
)  # fmt: skip


def known_base(name: str) -> KnownBase | None:
    """A known base by its name on the hub."""
    return next((base for base in BASES if base.name == name), None)


def close_name(name: str) -> str:
    """A hint with the known base that is most like a name; empty where none is. The owner may be missing or another."""
    from difflib import get_close_matches

    by_last = {base.name.rpartition("/")[2].lower(): base.name for base in BASES}
    found = get_close_matches(name.rpartition("/")[2].lower(), by_last, n=1, cutoff=0.75)
    return f"did you mean {by_last[found[0]]}?" if found else ""
