"""The methods of a recipe: what is trained, with which settings, and what is true of each. Reading this file is reading the choice.

`FACTS` says of every method what holds whatever the recipe says; its learning rates and epochs are those of a recipe that names none.
Those of lora were chosen on a fold of NusaX (docs/nusax-sentiment.md), those of adalora and bottleneck on its dev part
(docs/methods.md), that of decoder in docs/translation.md; the others follow the papers that the sections cite, or are first
guesses, and were not tuned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lowres.recipe.section import LanguageTag, Section

Modules = Literal["all", "attention", "feed-forward"]
Upper = Annotated[int, Field(ge=1, le=100)] | None
_MODULES = "attach to every linear layer, to those of attention, or to the feed-forward ones"
_UPPER = "adapt only so many of the upper layers; by default all"


class Combination(Section):
    """Finished runs whose low-rank adapters are combined."""

    runs: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)] = Field(
        description="folders of runs with lora over the same base"
    )
    how: Literal["mean", "ties", "dare", "dare-ties"] = Field(
        default="mean",
        description="mean of what they changed; ties: without what is small or contradicted (Yadav et al. 2023, arXiv 2306.01708); "
        "dare: a random part, scaled up (Yu et al. 2024, arXiv 2311.03099)",
    )
    weights: tuple[float, ...] = Field(default=(), description="one for each run; by default all count the same")
    density: float = Field(default=0.5, gt=0, le=1, description="share of the changes that ties and dare keep")


class Lora(Section):
    """Low-rank adapters beside the frozen linear layers (Hu et al. 2022, arXiv 2106.09685)."""

    kind: Literal["lora"]
    rank: int = Field(default=16, ge=1, le=512)
    alpha: int = Field(default=32, ge=1, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    modules: Modules = Field(default="all", description=_MODULES)
    layers: Upper = Field(default=None, description=_UPPER)
    dora: bool = Field(default=False, description="length and direction apart (Liu et al. 2024, arXiv 2402.09353)")
    rslora: bool = Field(
        default=False, description="scale by alpha / √rank (Kalajdzievski 2023, arXiv 2312.03732), for large ranks"
    )
    init: Literal["zero", "pissa", "loftq"] = Field(
        default="zero",
        description="zero: the base as it is; pissa: train its largest singular parts (Meng et al. 2024, arXiv 2404.02948); "
        "loftq: begin with what a base in 4 or 8 bits lost (Li et al. 2024, arXiv 2310.08659)",
    )
    combine: Combination | None = Field(default=None, description="begin with the adapters of finished runs, combined")


class Oft(Section):
    """Orthogonal fine-tuning: small rotations of the frozen linear layers' inputs (Qiu et al. 2023, arXiv 2306.07280)."""

    kind: Literal["oft"]
    block_size: int = Field(default=32, ge=2, le=512, description="width of the blocks that are rotated")
    modules: Modules = Field(default="all", description=_MODULES)
    layers: Upper = Field(default=None, description=_UPPER)


class Ia3(Section):
    """One trained factor for each key, value and inner feed-forward state (Liu et al. 2022, arXiv 2205.05638)."""

    kind: Literal["ia3"]
    layers: Upper = Field(default=None, description=_UPPER)


class AdaLora(Section):
    """LoRA whose ranks move to where they count while it trains (Zhang et al. 2023, arXiv 2303.10512)."""

    kind: Literal["adalora"]
    rank: int = Field(
        default=16, ge=1, le=512, description="rank on average when training ends; it begins half as high again"
    )
    alpha: int = Field(default=32, ge=1, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1)
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
        default=16, ge=1, le=1024, description="how many times narrower than the base the bottleneck is"
    )
    activation: Literal["relu", "gelu", "silu"] = "relu"
    invertible: bool = Field(
        default=False,
        description="also an invertible change of the embeddings, as in language adapters (MAD-X, Pfeiffer et al. 2020, "
        "arXiv 2005.00052)",
    )
    scale: float = Field(default=1.0, gt=0, le=100, description="factor of what the adapter adds")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    language_adapters: dict[LanguageTag, Annotated[str, Field(min_length=1)]] = Field(
        default={},
        description="MAD-X: for each language the folder of a pre-training run, whose adapter stands under this one while texts in "
        "that language are read",
    )


class Full(Section):
    """Every weight of the base is trained."""

    kind: Literal["full"]
    encoder_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="for translation: learning rate of encoder and embedding, times that of the decoder",
    )


class Freeze(Section):
    """The upper layers are trained, the lower ones stay as they are (Lee et al. 2019, arXiv 1911.03090)."""

    kind: Literal["freeze"]
    layers: int = Field(default=3, ge=1, le=100, description="how many of the upper layers train, in each stack")
    gradual: bool = Field(
        default=False,
        description="begin with the highest layer and let the next lower one join at even steps over the first half of training "
        "(Howard and Ruder 2018, arXiv 1801.06146)",
    )


class Features(Section):
    """The base only reads: what it makes of the texts is computed once, and a head is trained on that."""

    kind: Literal["features"]


class Head(Section):
    """A head is trained, and the rows of new pieces; every other weight stays as it is."""

    kind: Literal["head"]


class Decoder(Section):
    """The decoder is trained over a frozen encoder (SixT, Chen et al. 2021, arXiv 2104.08757)."""

    kind: Literal["decoder"]


Method = Annotated[
    Lora | Oft | Ia3 | AdaLora | Bottleneck | Full | Freeze | Features | Head | Decoder, Field(discriminator="kind")
]


@dataclass(frozen=True)
class MethodFacts:
    """What is true of a method.

    `quantised` says that the base may be held in 8 or 4 bits, `mergeable` that the result can be written into ordinary weights,
    `everything` that all weights train; `tasks` and `decoder` say where it has a place.
    """

    learning_rate: float
    epochs: int
    quantizable: bool = True
    mergeable: bool = True
    everything: bool = False
    tasks: tuple[str, ...] = ("classification", "translation", "pre-training")
    decoder: bool = False


METHOD_FACTS: Mapping[str, MethodFacts] = {
    "lora": MethodFacts(5e-4, 10),
    "oft": MethodFacts(1e-3, 10),
    "ia3": MethodFacts(3e-3, 10),
    "adalora": MethodFacts(1e-2, 10),
    "bottleneck": MethodFacts(3e-3, 10, mergeable=False),
    "full": MethodFacts(1e-4, 10, quantizable=False, everything=True),
    "freeze": MethodFacts(1e-4, 10, quantizable=False),
    "features": MethodFacts(5e-3, 100, tasks=("classification",)),
    "head": MethodFacts(5e-3, 30, tasks=("classification",)),
    "decoder": MethodFacts(3e-3, 10, quantizable=False, tasks=("translation",), decoder=True),
}
