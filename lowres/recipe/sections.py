"""The recipe format: to read this file is to read the format.

A recipe states the experiment, never the machine. Every default is written once: here, in `training_section` and
`vocabulary_section`, or for the methods in `methods`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, ModelWrapValidatorHandler, Tag, model_validator

from lowres.recipe.methods import DEFAULT_METHOD, METHOD_FACTS, Lora, Method
from lowres.recipe.section import DataText, LabelText, LanguageTag, Names, Section
from lowres.recipe.training_section import Training
from lowres.recipe.vocabulary_section import Vocabulary

_TASK_LANGUAGE = "language of the texts; by default what the data say"
_DATA_LANGUAGE = "language of the texts, if the task does not name it; translation names two in the task"


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
    max_pairs: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="at most so many training pairs of each direction in an epoch; the next epoch takes others",
    )
    back_translation: BackTranslation | None = Field(
        default=None, description="train again, with back-translations of texts that have no translation"
    )


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


Use = Annotated[tuple[Literal["train", "dev", "test"], ...], Field(min_length=1)]
EVERY_SPLIT: Use = ("train", "dev", "test")
Head = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None
_HEAD = "for classification: name of an auxiliary task, whose labels are learned by a head of their own, from training rows only"
_LIMIT = "at most so many training rows, for translation so many pairs of two languages, chosen by the seed"
_USE = "which of its splits are used; a further source often gives training rows only"


class Columns(Section):
    """Which columns of the data hold what the task needs."""

    text: DataText = Field(default="text", description="column with the text")
    label: DataText = Field(default="label", description="column with the label; “language” and “subset” always exist")
    answer: DataText | None = Field(
        default=None,
        description="for generation: column with the answer to the text; without, plain texts are continued",
    )
    source: DataText = Field(default="source", description="for translation: column with the source text")
    target: DataText = Field(default="target", description="for translation: column with its translation")
    texts: dict[LanguageTag, DataText] = Field(
        default={},
        description="for translation, a table with a column per language: language → column, instead of source and target",
    )
    id: DataText | None = Field(
        default=None, description="column with a stable id; by default what the card says, else the row number"
    )
    split: DataText | None = Field(
        default=None,
        description="of own files: column of the train file that says the split of a row: train, dev or test",
    )


_ROWS = "only rows whose column holds this value, or one of these: column → value, or a list of values"
OneOrMore = Annotated[str, Field(min_length=1)] | Annotated[Names, Field(min_length=1)]
Rows = dict[str, OneOrMore]


class CardData(Section):
    """Data described by a card."""

    card: str = Field(min_length=1, description="name of a card in data_cards/, or the path of a card")
    subset: str | Names = Field(default="all", description="one subset of the card, several, or all")
    columns: Columns | None = Field(default=None, description="columns to use instead of those that the card names")
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="per subset: " + _LIMIT)
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class FileData(Section):
    """The user's own files, with the few facts that a card would state."""

    files: dict[Literal["train", "dev", "test"], OneOrMore | dict[str, OneOrMore]] = Field(
        min_length=1,
        description="one file per split, or a list of files: .tsv .csv .jsonl .json .parquet, packed as .xz .gz .bz2 too; for "
        "pre-training .txt with one text per line; for translation also one text file per language, aligned by line (language → "
        "file); for classification also one file per label (label → file). Of a train file alone, a tenth becomes dev and a tenth "
        "test; a source of a mixture may have only some of the splits",
    )
    language: LanguageTag | None = Field(default=None, description=_DATA_LANGUAGE)
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name, or “private”")
    source: str = Field(min_length=1, description="where the texts come from and who agreed to their use")
    quotes: Literal["auto", "yes", "no"] = Field(
        default="auto", description="whether fields of text tables are quoted as in CSV; auto decides for each file"
    )
    columns: Columns = Columns()
    rows: Rows = Field(default={}, description=_ROWS)
    misaligned: Literal["refuse", "leave-out"] = Field(
        default="refuse",
        description="for translation: what becomes of lines whose two sides do not belong together because a line was lost or added",
    )
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description=_LIMIT)
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class HubData(Section):
    """A data set on the Hugging Face hub, at one commit."""

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="the commit, 40 hexadecimal digits")
    config: str | None = Field(default=None, description="configuration of the data set")
    splits: dict[Literal["train", "dev", "test"], str] = Field(
        default={"train": "train", "dev": "validation", "test": "test"},
        description="the names of the splits on the hub",
    )
    language: LanguageTag | None = Field(default=None, description=_DATA_LANGUAGE)
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name")
    columns: Columns = Columns()
    rows: Rows = Field(default={}, description=_ROWS)
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description=_LIMIT)
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


def _data_form(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return next((key for key in ("card", "files", "hub") if key in value), None)
    return {CardData: "card", FileData: "files", HubData: "hub"}.get(type(value))  # type: ignore[call-overload, no-any-return]


_FORM = Discriminator(_data_form, custom_error_type="data_form", custom_error_message="needs one of card, files, hub")
Source = Annotated[
    Annotated[CardData, Tag("card")] | Annotated[FileData, Tag("files")] | Annotated[HubData, Tag("hub")], _FORM
]
Data = Annotated[
    Annotated[CardData, Tag("card")]
    | Annotated[FileData, Tag("files")]
    | Annotated[HubData, Tag("hub")]
    | Annotated[tuple[Source, ...], Tag("a list"), Field(min_length=1)],
    _FORM,
]


class Base(Section):
    """The pre-trained model to start from."""

    name: str = Field(min_length=1, description="starter:encoder, a folder, or owner/name on the Hugging Face hub")
    revision: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{40}$", description="commit on the hub; required there"
    )
    encoder_layers: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="with `decoder_layers`: keep only so many of the encoder's lower layers, whose states are closer to the words",
    )
    decoder_layers: Annotated[int, Field(ge=1, le=24)] | None = Field(
        default=None, description="put a new decoder of so many layers on an encoder, for translation"
    )
    quantize: Literal["off", "8bit", "4bit"] = Field(
        default="off",
        description="quantize the linear layers to 8 bits (Dettmers et al. 2022, arXiv 2208.07339) or 4 bits (NF4 with double "
        "quantization, Dettmers et al. 2023, arXiv 2305.14314)",
    )
    pooling: Literal["auto", "mean", "first", "last"] = Field(
        default="auto", description="how the token vectors of a text become one vector; auto: as the base was trained"
    )


class Ensemble(Section):
    """Simple models that are combined with the trained one."""

    ngrams: Literal["auto", "off"] = Field(
        default="auto",
        description="for classification: auto trains a classifier over word and character n-grams on the same rows; the weights "
        "of both are chosen on dev",
    )
    phrase_table: Literal["auto", "off"] = Field(
        default="auto",
        description="for translation: auto lets a phrase table learned from the training pairs translate those directions in which it "
        "scores better on dev",
    )


class Decoding(Section):
    """Beam search, for tasks that write."""

    beams: int = Field(default=4, ge=1, le=32, description="beam width; 1 is greedy search")
    length_penalty: float = Field(default=1.0, ge=-5, le=5, description="above 0 favours longer translations")
    no_repeat_ngram_size: int = Field(
        default=8, ge=0, le=50, description="no sequence of so many tokens is written twice; 0 allows all"
    )
    max_length_ratio: float = Field(
        default=2.0, gt=0, le=10, description="at most so many tokens are written for each token of the source"
    )


class Evaluation(Section):
    """How the result is evaluated."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples")
    baselines: bool = Field(
        default=True,
        description="score simple methods on the same rows: majority class and TF-IDF; copying and a word dictionary of the "
        "training pairs",
    )
    few_shot: int = Field(
        default=4,
        ge=0,
        le=64,
        description="for decoders: also ask the untuned base, showing it so many training examples that are like the text; 0: do not",
    )
    languages: tuple[LanguageTag, ...] = Field(
        default=(), description="for translation: test only directions from or into these languages; by default all"
    )
    dev_pairs: int = Field(
        default=240,
        ge=1,
        description="for translation: at most so many dev pairs, evenly from all directions, choose the best weights in training",
    )


class Recipe(Section):
    """One experiment."""

    lowres: Literal[2] = Field(description="version of the recipe format")
    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", description="what the experiment is for")
    task: Task
    data: Data
    base: Base = Base(name="starter:encoder")
    vocabulary: Vocabulary = Vocabulary()
    method: Method = Lora(kind=DEFAULT_METHOD)
    training: Training = Training()
    ensemble: Ensemble = Ensemble()
    decoding: Decoding = Decoding()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="wrap")
    @classmethod
    def _as_suits_the_method(cls, found: object, validate: ModelWrapValidatorHandler["Recipe"]) -> "Recipe":
        """Epochs and learning rate that the recipe does not name are the method's own, and do not count as named."""
        if not isinstance(found, Mapping):
            return validate(found)
        method, training = found.get("method", {"kind": DEFAULT_METHOD}), found.get("training", {})
        kind = method.get("kind") if isinstance(method, Mapping) else getattr(method, "kind", None)
        if isinstance(training, Training):  # made in Python
            training = training.model_dump(exclude_unset=True)
        if not isinstance(training, Mapping) or not isinstance(kind, str) or kind not in METHOD_FACTS:
            return validate(found)
        own = {"epochs": METHOD_FACTS[kind].epochs, "learning_rate": METHOD_FACTS[kind].learning_rate}
        recipe = validate({**found, "training": {**own, **training}})
        recipe.training.model_fields_set.difference_update(own.keys() - training.keys())
        return recipe

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the data: one, or those of a mixture."""
        return self.data if isinstance(self.data, tuple) else (self.data,)

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags that the recipe itself names; none if it leaves them to the data card."""
        task = self.task
        spoken = (*_tags(task.source), *_tags(task.target)) if isinstance(task, Translation) else (task.language,)
        named = (*spoken, *(source.language for source in self.sources if not isinstance(source, CardData)))
        return tuple(dict.fromkeys(tag for tag in named if tag))


def _tags(languages: Languages) -> tuple[str, ...]:
    return () if languages == "all" else (languages,) if isinstance(languages, str) else languages
