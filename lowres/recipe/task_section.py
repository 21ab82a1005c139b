"""The section `task` of a recipe: what is to be learned."""

from typing import Annotated, Literal

from pydantic import Field

from lowres.recipe.data_section import Data
from lowres.recipe.section import LabelText, LanguageTag, Section

_TASK_LANGUAGE = "language of the texts; by default what the data say"


class Classification(Section):
    """Give each text one of a fixed set of labels."""

    kind: Literal["classification"]
    language: LanguageTag | None = Field(default=None, description=_TASK_LANGUAGE)
    labels: tuple[Annotated[LabelText, Field(min_length=1)], ...] | None = Field(
        default=None,
        description="the labels in their order; by default what the data card says, else those found in train",
    )
    by: Literal["auto", "head", "label-words"] = Field(
        default="auto",
        description="how labels are found. head: a linear layer over the vector of a text; label-words, for decoders: the label whose "
        "words the model would most likely answer with; auto: label-words for a decoder and up to ten labels, else head",
    )
    label_words: dict[str, Annotated[LabelText, Field(min_length=1)]] = Field(
        default={}, description="for label-words: what the model is to answer for a label, by default its name"
    )
    balanced: bool = Field(
        default=False,
        description="for heads: in the loss all labels count alike, whatever their number of rows, as they do in macro-F1 and in the "
        "n-gram classifier; otherwise a head that saw few rows seldom predicts a rare label",
    )
    translate_into: LanguageTag | None = Field(
        default=None,
        description="for encoders: beside each text its translation into this language is read, made by a phrase table that is "
        "learned from the training rows that are translations of each other; by default only the text is read",
    )
    parallel: Data | None = Field(
        default=None,
        description="for translate_into: further texts that are translations of each other, with or without labels",
    )
    temperature: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="temperature of sampling: how much more often languages and heads with few examples are drawn; 1: in "
        "proportion to their examples, 100: almost equally often",
    )


Languages = Literal["all"] | LanguageTag | Annotated[tuple[LanguageTag, ...], Field(min_length=1)]


class BackTranslation(Section):
    """Back-translation: the trained model translates texts that have no translation, and learns from these synthetic pairs as well.

    Sennrich et al. 2016 (arXiv 1511.06709); tagged, Caswell et al. 2019 (arXiv 1906.06442); in rounds, Hoang et al. 2018
    (doi 10.18653/v1/W18-2703).
    """

    max_texts: int = Field(
        default=2000, ge=1, description="at most so many texts for each direction, chosen by the seed"
    )
    filter: Literal["round-trip", "length"] = Field(
        default="round-trip",
        description="length: leave out translations that are empty, a copy, or of a length that real pairs do not have; "
        "round-trip: then keep the texts that are best recovered when their translation is translated again",
    )
    keep: float = Field(default=0.5, gt=0, le=1, description="share of the texts that round-trip keeps")
    rounds: int = Field(
        default=1, ge=1, le=10, description="how many rounds; each uses the best model so far and the same texts"
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="of each further training; by default training.epochs"
    )


class Translation(Section):
    """Translate each text into another language."""

    kind: Literal["translation"]
    source: Languages = Field(description="language to translate from, several, or all of the data")
    target: Languages = Field(description="language to translate into, several, or all of the data")
    both: bool = Field(default=False, description="also train the opposite direction")
    init_from: dict[LanguageTag, LanguageTag] = Field(
        default={},
        description="for a language that the base does not know: a related language, whose language token the new one is "
        "initialised from",
    )
    temperature: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="temperature of sampling: how much more often directions with few pairs are drawn; 1: in proportion to their "
        "pairs, 100: almost equally often",
    )
    denoise: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the training examples that are denoising: a text without a translation is restored from a copy with "
        "masked spans",
    )
    hints: Literal["lexicon", "off"] = Field(
        default="lexicon",
        description="put a word-by-word translation in front of each source, from a phrase table learned from the training pairs",
    )
    objective: Literal["translation", "language-model"] = Field(
        default="translation",
        description="for decoders: language-model learns to write the target languages instead of translating, and then chooses among "
        "the phrase table's translations (ensemble.rerank)",
    )
    glossary: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="a table of terms that must be translated so, with the columns source and target, and source_language and "
        "target_language where the task has several; for the phrase table and its hints",
    )
    max_pairs: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="at most so many training pairs of each direction in an epoch; the next epoch takes others",
    )
    back_translation: BackTranslation | None = Field(
        default=None, description="train again, with back-translations of texts that have no translation"
    )

    @property
    def only_chooses(self) -> bool:
        """Whether the base translates nothing itself, and chooses among translations of the phrase table."""
        return self.objective == "language-model"


class PreTraining(Section):
    """Language-adaptive pre-training on plain text, before any task: the model predicts masked words.

    Label smoothing would distort the likelihood, so it is off unless training.label_smoothing is given.
    """

    kind: Literal["pre-training"]
    language: LanguageTag | None = Field(default=None, description=_TASK_LANGUAGE)
    masked: float = Field(
        default=0.15, gt=0, lt=0.9, description="share of the tokens that are masked in training, as whole words"
    )
    head: Literal["trained", "fixed"] = Field(
        default="trained",
        description="whether the dense layer and norm between the last layer and the output embeddings are trained; fixed: they "
        "stay as they are, so that language adapters trained in different runs are interchangeable (MAD-X)",
    )
    scored_words: int = Field(
        default=1500,
        ge=10,
        description="how many words of a split are scored, spread evenly over its texts and chosen by the seed; at least one of "
        "each text",
    )


class Generation(Section):
    """A decoder writes: the answers to prompts (columns.text and columns.answer), or the continuation of plain texts."""

    kind: Literal["generation"]
    language: LanguageTag | None = Field(default=None, description=_TASK_LANGUAGE)
    system: str = Field(
        default="", description="system message, what the model is told once; not every chat template has one"
    )
    instruction: str = Field(default="", description="what is asked, put before every prompt")


Task = Annotated[Classification | Translation | PreTraining | Generation, Field(discriminator="kind")]
