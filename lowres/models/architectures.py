"""Facts about model families, by transformers' `model_type`. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lowres.errors import ModelError, Problem, nearest


@dataclass(frozen=True)
class Architecture:
    """What the rest of the house needs to know of a family.

    `attention` and `feed_forward` end the names of linear modules; `pooling` is the family's own way to make one vector of
    a text; `drops_pooler` says that its encoder class takes add_pooling_layer=False; `dropouts` are the fields of its config that
    set dropout; `position_offset` counts the rows of the position table that no piece uses; `layers` is the path of the
    encoder's list of layers.
    """

    family: str
    shape: Literal["encoder", "encoder-decoder"]
    attention: tuple[str, ...]
    feed_forward: tuple[str, ...]
    pooling: Literal["mean", "first"] = "mean"
    drops_pooler: bool = False
    dropouts: tuple[str, ...] = ()
    position_offset: int = 0
    layers: str = "encoder.layer"


_BERT_ATTENTION = ("query", "key", "value", "attention.output.dense")
_BERT_FEED_FORWARD = ("intermediate.dense", "output.dense")
_BERT_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
_T5_ATTENTION = ("q", "k", "v", "o")
_FAIRSEQ_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")

ARCHITECTURES: Mapping[str, Architecture] = {
    "bert": Architecture(
        "BERT", "encoder", _BERT_ATTENTION, _BERT_FEED_FORWARD, "first", drops_pooler=True, dropouts=_BERT_DROPOUTS
    ),
    "xlm-roberta": Architecture(
        "XLM-RoBERTa",
        "encoder",
        _BERT_ATTENTION,
        _BERT_FEED_FORWARD,
        "first",
        drops_pooler=True,
        dropouts=_BERT_DROPOUTS,
        position_offset=2,
    ),
    "roberta": Architecture(
        "RoBERTa",
        "encoder",
        _BERT_ATTENTION,
        _BERT_FEED_FORWARD,
        "first",
        drops_pooler=True,
        dropouts=_BERT_DROPOUTS,
        position_offset=2,
    ),
    "mt5": Architecture("mT5", "encoder-decoder", _T5_ATTENTION, ("wi_0", "wi_1", "wo"), layers="block"),
    "umt5": Architecture("umT5", "encoder-decoder", _T5_ATTENTION, ("wi_0", "wi_1", "wo"), layers="block"),
    "t5": Architecture("T5", "encoder-decoder", _T5_ATTENTION, ("wi", "wi_0", "wi_1", "wo"), layers="block"),
    "m2m_100": Architecture("M2M100 (NLLB)", "encoder-decoder", _FAIRSEQ_ATTENTION, ("fc1", "fc2"), layers="layers"),
    "mbart": Architecture("mBART", "encoder-decoder", _FAIRSEQ_ATTENTION, ("fc1", "fc2"), layers="layers"),
    "bart": Architecture("BART", "encoder-decoder", _FAIRSEQ_ATTENTION, ("fc1", "fc2"), layers="layers"),
    "marian": Architecture("Marian", "encoder-decoder", _FAIRSEQ_ATTENTION, ("fc1", "fc2"), layers="layers"),
}


def architecture(model_type: str, where: str) -> Architecture:
    """The facts of a family. Raises ModelError for one that is not in the table."""
    if model_type not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        hint = "; ".join(filter(None, [nearest(model_type, ARCHITECTURES), f"known: {known}"]))
        raise ModelError(Problem(where, f"is a model of the unknown type “{model_type}”", hint))
    return ARCHITECTURES[model_type]
