"""The methods a recipe can choose: what is trained, with which settings, and what is true of each.

`METHOD_FACTS` states for every method what does not depend on the recipe, and the learning rate, epochs and patience of a recipe that
names none. Those of lora were chosen on a fold of NusaX (docs/results/nusax-sentiment.md), those of adalora and bottleneck on its dev
split (docs/results/methods.md), that of decoder in docs/results/starter.md, the patience of features on rows of train
(docs/results/recipes.md). The others follow the papers that the sections cite, or are first guesses; they were not tuned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from lowres.recipe.section import LanguageTag, Section

Modules = Literal["all", "attention", "feed-forward"]
Upper = Annotated[int, Field(ge=1, le=100)] | None
_MODULES = "which linear layers are adapted: all, those of attention, or those of the feed-forward blocks"
_DROPOUT = "share of what goes into an adapter that is left out at random while it trains, against overfitting"
_UPPER = "adapt only this many of the upper layers; by default all"


class Combination(Section):
    """Finished runs whose low-rank adapters are combined."""

    runs: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)] = Field(
        description="folders of runs with lora over the same base, relative to the recipe"
    )
    how: Literal["mean", "ties", "dare", "dare-ties"] = Field(
        default="mean",
        description="mean: average the changes of the weights; ties: first drop small and contradicting changes (Yadav et al. "
        "2023, arXiv 2306.01708); dare: first drop changes at random and rescale the rest (Yu et al. 2024, arXiv 2311.03099)",
    )
    weights: tuple[float, ...] = Field(default=(), description="one for each run; by default equal")
    density: float = Field(default=0.5, gt=0, le=1, description="share of the changes that ties and dare keep")


class Lora(Section):
    """Low-rank adapters beside the frozen linear layers (Hu et al. 2022, arXiv 2106.09685)."""

    kind: Literal["lora"]
    rank: int = Field(
        default=16,
        ge=1,
        le=512,
        description="size of the adapter: a higher rank can learn more, and wants more texts and memory",
    )
    alpha: int = Field(default=32, ge=1, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description=_DROPOUT)
    modules: Modules = Field(default="all", description=_MODULES)
    layers: Upper = Field(default=None, description=_UPPER)
    dora: bool = Field(
        default=False,
        description="train magnitude and direction of the weights separately (Liu et al. 2024, arXiv 2402.09353)",
    )
    rslora: bool = Field(
        default=False, description="scale by alpha / √rank (Kalajdzievski 2023, arXiv 2312.03732), for large ranks"
    )
    init: Literal["zero", "pissa", "loftq"] = Field(
        default="zero",
        description="initial adapter. zero: no change of the base; pissa: the principal singular components of the weights (Meng "
        "et al. 2024, arXiv 2404.02948); loftq: the error that quantization made (Li et al. 2024, arXiv 2310.08659)",
    )
    combine: Combination | None = Field(default=None, description="start from the combined adapters of finished runs")


class Oft(Section):
    """Orthogonal fine-tuning: block-wise rotations of the frozen linear layers' inputs (Qiu et al. 2023, arXiv 2306.07280)."""

    kind: Literal["oft"]
    block_size: int = Field(default=32, ge=2, le=512, description="width of the rotated blocks")
    modules: Modules = Field(default="all", description=_MODULES)
    layers: Upper = Field(default=None, description=_UPPER)


class Ia3(Section):
    """One trained factor for each key, value and inner feed-forward activation (Liu et al. 2022, arXiv 2205.05638)."""

    kind: Literal["ia3"]
    layers: Upper = Field(default=None, description=_UPPER)


class AdaLora(Section):
    """LoRA that moves rank to the layers where it matters while it trains (Zhang et al. 2023, arXiv 2303.10512)."""

    kind: Literal["adalora"]
    rank: int = Field(
        default=16,
        ge=1,
        le=512,
        description="average rank at the end of training, which starts with one and a half times this rank",
    )
    alpha: int = Field(default=32, ge=1, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description=_DROPOUT)
    modules: Modules = Field(default="all", description=_MODULES)
    layers: Upper = Field(default=None, description=_UPPER)


class Bottleneck(Section):
    """Bottleneck adapters beside the blocks of a frozen base.

    houlsby: after attention and feed-forward (Houlsby et al. 2019, arXiv 1902.00751); pfeiffer: after feed-forward (Pfeiffer et al.
    2020, arXiv 2005.00247); parallel: beside feed-forward (He et al. 2022, arXiv 2110.04366).
    """

    kind: Literal["bottleneck"]
    style: Literal["houlsby", "pfeiffer", "parallel"] = Field(
        default="pfeiffer",
        description="houlsby: after attention and after feed-forward; pfeiffer: after feed-forward; parallel: beside feed-forward",
    )
    reduction_factor: int = Field(
        default=16, ge=1, le=1024, description="width of the base divided by width of the bottleneck"
    )
    activation: Literal["relu", "gelu", "silu"] = Field(
        default="relu", description="function between the two layers of an adapter"
    )
    invertible: bool = Field(
        default=False,
        description="also put an invertible adapter on the embeddings, as language adapters have (MAD-X, Pfeiffer et al. 2020, "
        "arXiv 2005.00052)",
    )
    scale: float = Field(default=1.0, gt=0, le=100, description="factor by which the adapter's output is multiplied")
    dropout: float = Field(default=0.0, ge=0, lt=1, description=_DROPOUT)
    language_adapters: dict[LanguageTag, Annotated[str, Field(min_length=1)]] = Field(
        default={},
        description="MAD-X: for each language the folder of a pre-training run with a bottleneck; its adapter is stacked below "
        "this one for texts in that language",
    )


class Full(Section):
    """Full fine-tuning: every weight of the base is trained."""

    kind: Literal["full"]
    encoder_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="for translation: learning rate of encoder and embeddings as a fraction of the decoder's",
    )


class Freeze(Section):
    """The upper layers are trained, the lower ones are frozen (Lee et al. 2019, arXiv 1911.03090)."""

    kind: Literal["freeze"]
    layers: int = Field(
        default=3, ge=1, le=100, description="how many of the upper layers are trained, in encoder and decoder each"
    )
    gradual: bool = Field(
        default=False,
        description="gradual unfreezing: start with the top layer and unfreeze the next lower one at even intervals during the "
        "first half of training (Howard and Ruder 2018, arXiv 1801.06146)",
    )


class Features(Section):
    """Feature extraction: the frozen base encodes every text once, and a head is trained on these vectors."""

    kind: Literal["features"]


class Head(Section):
    """A head and the embedding rows of new tokens are trained; every other weight is frozen."""

    kind: Literal["head"]


class Decoder(Section):
    """The decoder is trained on a frozen encoder (SixT, Chen et al. 2021, arXiv 2104.08757)."""

    kind: Literal["decoder"]


Method = Annotated[
    Lora | Oft | Ia3 | AdaLora | Bottleneck | Full | Freeze | Features | Head | Decoder, Field(discriminator="kind")
]


@dataclass(frozen=True)
class MethodFacts:
    """What is true of a method, whatever the recipe says.

    `learning_rate`, `epochs` and `patience` are its defaults. `quantizable`: the base may be quantized to 8 or 4 bits. `mergeable`:
    the result can be merged into ordinary weights. `everything`: all weights are trained. `tasks`: what it can be used for.
    `decoder`: it needs a decoder.
    """

    learning_rate: float
    epochs: int
    patience: int = 4
    quantizable: bool = True
    mergeable: bool = True
    everything: bool = False
    tasks: tuple[str, ...] = ("classification", "translation", "pre-training", "generation")
    decoder: bool = False


DEFAULT_METHOD: Literal["lora"] = "lora"
METHOD_FACTS: Mapping[str, MethodFacts] = {
    "lora": MethodFacts(5e-4, 10),
    "oft": MethodFacts(1e-3, 10),
    "ia3": MethodFacts(3e-3, 10),
    "adalora": MethodFacts(1e-2, 10),
    "bottleneck": MethodFacts(3e-3, 10, mergeable=False),
    "full": MethodFacts(1e-4, 10, quantizable=False, everything=True),
    "freeze": MethodFacts(1e-4, 10, quantizable=False),
    # An epoch over vectors that are kept costs nothing, and of a hundred rows it has five updates, which four times seldom show.
    "features": MethodFacts(5e-3, 100, patience=100, tasks=("classification",)),
    "head": MethodFacts(5e-3, 30, tasks=("classification",)),
    "decoder": MethodFacts(3e-3, 10, quantizable=False, tasks=("translation",), decoder=True),
}


def own_defaults(name: Literal["epochs", "learning_rate", "patience"]) -> str:
    """The default of every method, in words, for the description of the key."""
    values: dict[float, list[str]] = {}
    for method, facts in METHOD_FACTS.items():
        values.setdefault(getattr(facts, name), []).append(method)
    return "; ".join(f"{value:g} for {', '.join(methods)}" for value, methods in values.items())


def without_default(schema: dict[str, Any]) -> None:
    """Take the default out of a key's JSON Schema, which could name that of one method only."""
    schema.pop("default", None)
