"""Facts about model families, by the `model_type` of transformers. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from lowres.errors import ModelError, Problem, nearest

Shape = Literal["encoder", "encoder-decoder", "decoder"]
Pooling = Literal["mean", "first", "last"]


@dataclass(frozen=True)
class LanguageMarking:
    """How an encoder-decoder family is told the languages.

    `source` is what is added to the source text: the source's language token (“own tag”), the target's (“target tag”), an
    instruction in words (“translate Indonesian to Minangkabau: ”), or nothing. `forced` says that the target's language token
    is the first token of the translation.
    """

    source: Literal["nothing", "own tag", "target tag", "words"]
    forced: bool

    @property
    def tags(self) -> bool:
        """Whether the family has language tokens."""
        return self.forced or self.source in ("own tag", "target tag")


@dataclass(frozen=True)
class Blocks:
    """Where the residual blocks of a family begin and end, for adapters that are inserted beside them.

    `layer` is a regular expression for what holds the blocks; `attention` and `feed_forward` are the linear modules in it that end
    self-attention and feed-forward; the input of `reads` is what enters feed-forward; `norm` follows the sum of feed-forward and its
    input in a family that normalises afterwards. `embedding` ends the name of the module that ends an embedding.
    """

    layer: str
    attention: str
    feed_forward: str
    reads: str
    norm: str
    embedding: str


@dataclass(frozen=True)
class LanguageModules:
    """How a family has modules for each of its languages in every layer, of which a text goes through those of one (X-MOD).

    `listed` and `default` are the fields of its config that list the languages and name the one that is taken; `place` ends the name
    of what holds the modules by language.
    """

    listed: str
    default: str
    place: str


@dataclass(frozen=True)
class Architecture:
    """The facts of a model family that the rest of lowres needs.

    `attention` and `feed_forward` end the names of linear modules, `named_keys_values` those of them that make keys and values, where
    these are not the second and third of attention; `blocks` says where adapters can be inserted, None where that is not known.
    `pooling` is the family's own way to make one vector of a text; `drops_pooler` says that its encoder class takes
    add_pooling_layer=False; `dropouts` are the fields of its config that set dropout, and `layer_dropouts` those that leave out whole
    layers; `positions_follow_padding` says that positions are counted from the id of the padding token (RoBERTa), so that the rows up
    to it are not used; `layers` is the path of the encoder's list of layers; `tables` are the names that its embedding table may have
    in a file; `masked_head` begins the names of what predicts masked words. `language_marking` tells how an encoder-decoder is told
    the languages. `precise` ends the names of linear modules that are never quantized; heads, norms and embeddings never are. `beside`
    are the names of parts that read no text, which nothing adapts. `transposed` says that the linear modules hold their weights
    transposed (GPT-2's Conv1D), so that they cannot be quantized. `learning_rates` gives the default learning rate of methods that
    need another one than METHOD_FACTS says. `language_modules` tells where a family has modules for each language. `trees` says that a
    decoder takes any mask of which token sees which, and positions, so that answers are read as a tree.
    """

    family: str
    shape: Shape
    attention: tuple[str, ...]
    feed_forward: tuple[str, ...]
    blocks: Blocks | None
    pooling: Pooling = "mean"
    drops_pooler: bool = False
    dropouts: tuple[str, ...] = ()
    layer_dropouts: tuple[str, ...] = ()
    positions_follow_padding: bool = False
    layers: str = "encoder.layer"
    tables: tuple[str, ...] = ("embeddings.word_embeddings",)
    masked_head: tuple[str, ...] = ("cls.predictions.", "lm_head.")
    language_marking: LanguageMarking | None = None
    precise: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    named_keys_values: tuple[str, ...] = ()
    transposed: bool = False
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    language_modules: LanguageModules | None = None
    trees: bool = False

    @property
    def keys_values(self) -> tuple[str, ...]:
        """What ends the names of the linear modules that make keys and values."""
        return self.named_keys_values or self.attention[1:3]

    @property
    def first_stack(self) -> Literal["encoder", "decoder"]:
        """The stack of layers that `layers` leads to: that of the encoder, or of a decoder that has none."""
        return "decoder" if self.shape == "decoder" else "encoder"

    @property
    def is_known(self) -> bool:
        """Whether the family has a row of its own, so that every method fits it."""
        return self.blocks is not None


_BERT_ATTENTION = ("query", "key", "value", "attention.output.dense")
_BERT_FEED_FORWARD = ("intermediate.dense", "output.dense")
_BERT_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
_T5_ATTENTION = ("q", "k", "v", "o")
_T5_MARKS = LanguageMarking("words", forced=False)
_SHARED_TABLES = ("shared", "encoder.embed_tokens", "decoder.embed_tokens")
_FAIRSEQ_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_FAIRSEQ_DROPOUTS = ("dropout", "attention_dropout", "activation_dropout")
_FAIRSEQ_LAYER_DROPOUTS = ("encoder_layerdrop", "decoder_layerdrop")

_BERT_BLOCKS = Blocks(
    layer=r"layer\.\d+",
    attention="attention.output.dense",
    feed_forward="output.dense",
    reads="intermediate.dense",
    norm="output.LayerNorm",
    embedding="embeddings.LayerNorm",
)
_XLM_R_XL_BLOCKS = replace(_BERT_BLOCKS, reads="LayerNorm", norm="", embedding="embeddings.dropout")  # norms before
_DISTILBERT_BLOCKS = Blocks(
    layer=r"layer\.\d+",
    attention="attention.out_lin",
    feed_forward="ffn.lin2",
    reads="ffn.lin1",
    norm="output_layer_norm",
    embedding="embeddings.LayerNorm",
)
_MODERNBERT_BLOCKS = Blocks(  # the norm before the block
    layer=r"layers\.\d+",
    attention="attn.Wo",
    feed_forward="mlp.Wo",
    reads="mlp_norm",
    norm="",
    embedding="embeddings.norm",
)
_T5_BLOCKS = Blocks(
    layer=r"block\.\d+\.layer\.\d+",
    attention="SelfAttention.o",
    feed_forward="DenseReluDense.wo",
    reads="layer_norm",
    norm="",
    embedding="embed_tokens",
)
_T5GEMMA_BLOCKS = Blocks(
    layer=r"layers\.\d+",
    attention="self_attn.o_proj",
    feed_forward="mlp.down_proj",
    reads="pre_feedforward_layernorm",
    norm="",
    embedding="embed_tokens",
)
_FAIRSEQ_BLOCKS = Blocks(  # M2M100: the norm before the block
    layer=r"layers\.\d+",
    attention="self_attn.out_proj",
    feed_forward="fc2",
    reads="final_layer_norm",
    norm="",
    embedding="embed_tokens",
)
_MBART_BLOCKS = replace(_FAIRSEQ_BLOCKS, embedding="layernorm_embedding")
_MARIAN_BLOCKS = replace(_FAIRSEQ_BLOCKS, reads="fc1", norm="final_layer_norm")
_BART_BLOCKS = replace(_MARIAN_BLOCKS, embedding="layernorm_embedding")

_BERT = Architecture(
    "BERT",
    "encoder",
    _BERT_ATTENTION,
    _BERT_FEED_FORWARD,
    _BERT_BLOCKS,
    "first",
    drops_pooler=True,
    dropouts=_BERT_DROPOUTS,
)
_T5 = Architecture(
    "T5",
    "encoder-decoder",
    _T5_ATTENTION,
    ("wi", "wi_0", "wi_1", "wo"),
    _T5_BLOCKS,
    dropouts=("dropout_rate",),
    layers="block",
    tables=_SHARED_TABLES,
    precise=("wo",),
    language_marking=_T5_MARKS,
)
_FAIRSEQ = Architecture(
    "M2M100 (NLLB)",
    "encoder-decoder",
    _FAIRSEQ_ATTENTION,
    ("fc1", "fc2"),
    _FAIRSEQ_BLOCKS,
    dropouts=_FAIRSEQ_DROPOUTS,
    layer_dropouts=_FAIRSEQ_LAYER_DROPOUTS,
    layers="layers",
    tables=_SHARED_TABLES,
    language_marking=LanguageMarking("own tag", forced=True),
)

# Decoders (GPT-type): the norm before each block; no mask token, so texts are read from left to right.
_LLAMA_BLOCKS = Blocks(
    layer=r"layers\.\d+",
    attention="self_attn.o_proj",
    feed_forward="mlp.down_proj",
    reads="post_attention_layernorm",
    norm="",
    embedding="embed_tokens",
)
_LLAMA = Architecture(
    "Llama",
    "decoder",
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("gate_proj", "up_proj", "down_proj"),
    _LLAMA_BLOCKS,
    "last",
    dropouts=("attention_dropout",),
    layers="layers",
    tables=("embed_tokens",),
    learning_rates={"lora": 2e-4, "full": 2e-5},  # Dettmers et al. 2023, arXiv 2305.14314; not tuned here
    trees=True,
)
_GEMMA_BLOCKS = replace(_LLAMA_BLOCKS, reads="pre_feedforward_layernorm")
_GPT_BLOCKS = Blocks(
    layer=r"h\.\d+", attention="attn.c_proj", feed_forward="mlp.c_proj", reads="ln_2", norm="", embedding="wte"
)
_BLOOM_BLOCKS = Blocks(
    layer=r"h\.\d+",
    attention="self_attention.dense",
    feed_forward="mlp.dense_4h_to_h",
    reads="post_attention_layernorm",
    norm="",
    embedding="word_embeddings_layernorm",
)
DECODERS: Mapping[str, Architecture] = {
    "llama": _LLAMA,  # SmolLM2, TinyLlama, Sahabat-AI and many others are of this type
    "smollm3": replace(_LLAMA, family="SmolLM3"),
    "mistral": replace(_LLAMA, family="Mistral"),
    "qwen2": replace(_LLAMA, family="Qwen 2"),
    "qwen3": replace(_LLAMA, family="Qwen 3"),
    "gemma2": replace(_LLAMA, family="Gemma 2", blocks=_GEMMA_BLOCKS),
    "gemma3_text": replace(_LLAMA, family="Gemma 3", blocks=_GEMMA_BLOCKS),
    "bloom": replace(
        _LLAMA,
        family="BLOOM",
        attention=("query_key_value", "self_attention.dense"),
        feed_forward=("dense_h_to_4h", "dense_4h_to_h"),
        blocks=_BLOOM_BLOCKS,
        dropouts=("hidden_dropout", "attention_dropout"),
        layers="h",
        tables=("word_embeddings",),
        named_keys_values=("query_key_value",),
        trees=False,  # distances are counted from the mask
    ),
    "gpt2": replace(
        _LLAMA,
        family="GPT-2",
        attention=("c_attn", "attn.c_proj"),
        feed_forward=("c_fc", "mlp.c_proj"),
        blocks=_GPT_BLOCKS,
        dropouts=("resid_pdrop", "embd_pdrop", "attn_pdrop"),
        layers="h",
        tables=("wte",),
        named_keys_values=("c_attn",),
        transposed=True,
        trees=False,
    ),
    "opt": replace(
        _LLAMA,
        family="OPT",
        attention=("q_proj", "k_proj", "v_proj", "out_proj"),
        feed_forward=("fc1", "fc2"),
        blocks=_FAIRSEQ_BLOCKS,
        dropouts=("dropout", "attention_dropout"),
        layer_dropouts=("layerdrop",),
        layers="decoder.layers",
        tables=("decoder.embed_tokens",),
        trees=False,  # positions are counted from the mask
    ),
}

ARCHITECTURES: Mapping[str, Architecture] = {
    **DECODERS,
    "bert": _BERT,
    "xlm-roberta": replace(_BERT, family="XLM-RoBERTa", positions_follow_padding=True),
    "roberta": replace(_BERT, family="RoBERTa", positions_follow_padding=True),
    "xlm-roberta-xl": replace(_BERT, family="XLM-RoBERTa-XL", positions_follow_padding=True, blocks=_XLM_R_XL_BLOCKS),
    "xmod": replace(
        _BERT,
        family="X-MOD",
        positions_follow_padding=True,
        language_modules=LanguageModules("languages", "default_language", "output.adapter_modules"),
    ),
    "rembert": replace(_BERT, family="RemBERT"),
    "electra": replace(
        _BERT, family="ELECTRA", drops_pooler=False, masked_head=("generator_predictions.", "generator_lm_head.")
    ),
    "deberta-v2": replace(
        _BERT,
        family="DeBERTa",
        attention=("query_proj", "key_proj", "value_proj", "attention.output.dense"),
        drops_pooler=False,
    ),
    "distilbert": Architecture(
        "DistilBERT",
        "encoder",
        ("q_lin", "k_lin", "v_lin", "out_lin"),
        ("lin1", "lin2"),
        _DISTILBERT_BLOCKS,
        "first",
        dropouts=("dropout", "attention_dropout"),
        layers="transformer.layer",
        masked_head=("vocab_transform.", "vocab_layer_norm.", "vocab_projector."),
    ),
    "modernbert": Architecture(
        "ModernBERT",
        "encoder",
        ("attn.Wqkv", "attn.Wo"),
        ("mlp.Wi", "mlp.Wo"),
        _MODERNBERT_BLOCKS,
        dropouts=("embedding_dropout", "attention_dropout", "mlp_dropout"),
        layers="layers",
        tables=("embeddings.tok_embeddings",),
        masked_head=("head.", "decoder."),
        named_keys_values=("attn.Wqkv",),  # one module for queries, keys and values
    ),
    "t5": _T5,
    "mt5": replace(_T5, family="mT5", feed_forward=("wi_0", "wi_1", "wo")),
    "umt5": replace(_T5, family="umT5", feed_forward=("wi_0", "wi_1", "wo")),
    "t5gemma2": Architecture(
        "T5Gemma 2",
        "encoder-decoder",
        ("q_proj", "k_proj", "v_proj", "o_proj"),
        ("gate_proj", "up_proj", "down_proj"),
        _T5GEMMA_BLOCKS,
        dropouts=("dropout_rate", "attention_dropout"),
        layers="text_model.layers",
        tables=("encoder.embed_tokens",),
        language_marking=_T5_MARKS,
        beside=("vision_tower", "multi_modal_projector"),
    ),
    "m2m_100": _FAIRSEQ,
    "mbart": replace(_FAIRSEQ, family="mBART", blocks=_MBART_BLOCKS),
    "bart": replace(
        _FAIRSEQ, family="BART", blocks=_BART_BLOCKS, language_marking=LanguageMarking("nothing", forced=True)
    ),
    "marian": replace(
        _FAIRSEQ, family="Marian", blocks=_MARIAN_BLOCKS, language_marking=LanguageMarking("target tag", forced=False)
    ),
}
# Bases whose tokenizer tells them from the rest of their `model_type`: a token that only theirs has, and what they are.
VARIANTS: Mapping[str, tuple[str, Architecture]] = {
    "t5": (
        "<2en>",
        replace(_T5, family="MADLAD-400 (T5)", language_marking=LanguageMarking("target tag", forced=False)),
    ),
}

# Families that cannot be bases: why, with what their rows would need, and which base to take.
WITHOUT_ROW: Mapping[str, tuple[str, str]] = {
    "xlm": (
        "is an XLM model of 2019 (xlm-mlm-…): its tokens need the Moses tokenizer and are neither extended nor trimmed here, its "
        "layers stand in four lists side by side, and some are told the language by an embedding",
        "take its successor, FacebookAI/xlm-roberta-base",
    ),
    "flaubert": (
        "is built as XLM of 2019 is, in a way that lowres does not know",
        "take FacebookAI/xlm-roberta-base",
    ),
    "canine": (
        "is a CANINE model: it hashes characters and has no table of tokens that could be fitted to a language",
        "google/byt5-small reads bytes, of every script",
    ),
}


def architecture(model_type: str, where: str) -> Architecture:
    """The facts of a family. Raises ModelError for one that is not in the table."""
    if model_type in WITHOUT_ROW:
        raise ModelError(Problem(where, *WITHOUT_ROW[model_type]))
    if model_type not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        hint = "; ".join(filter(None, [nearest(model_type, ARCHITECTURES), f"known: {known}"]))
        raise ModelError(Problem(where, f"is a model of the unknown type “{model_type}”", hint))
    return ARCHITECTURES[model_type]
