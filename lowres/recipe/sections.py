"""The recipe format: reading this file is reading the format.

A recipe states the experiment, never the machine. Every default stands here, once; those of the methods in `methods`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lowres.recipe.methods import METHOD_FACTS, Lora, Method
from lowres.recipe.section import LanguageTag, Section

Names = tuple[Annotated[str, Field(min_length=1)], ...]


class Classification(Section):
    """Give each text one of a fixed set of labels."""

    kind: Literal["classification"]
    language: LanguageTag | None = Field(
        default=None, description="language of the texts; by default what the data card says"
    )
    labels: Names | None = Field(
        default=None,
        description="the labels in their order; by default what the data card says, else those found in train",
    )
    temperature: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="how far languages and heads with few rows are shown more often: 1 not at all, 100 as often",
    )


Languages = Literal["all"] | LanguageTag | Annotated[tuple[LanguageTag, ...], Field(min_length=1)]


class BackTranslation(Section):
    """Texts that have no translation are translated back by the trained model, and it learns from these pairs as well.

    Sennrich et al. 2016 (arXiv 1511.06709); tagged, Caswell et al. 2019 (arXiv 1906.06442); in rounds, Hoang et al. 2018
    (doi 10.18653/v1/W18-2703).
    """

    max_texts: int = Field(default=2000, ge=1, description="texts of each direction at most, chosen by the seed")
    filter: Literal["round-trip", "length"] = Field(
        default="round-trip",
        description="length: leave out what is empty, a copy, or of another length than real pairs have; round-trip: then keep "
        "the texts that come back best when their translation is translated again",
    )
    keep: float = Field(default=0.5, gt=0, le=1, description="share of the texts that round-trip keeps")
    rounds: int = Field(
        default=1, ge=1, le=10, description="how often; each time by the best model so far and from the same texts"
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="of each further training; by default training.epochs"
    )


class Translation(Section):
    """Put each text into another language."""

    kind: Literal["translation"]
    source: Languages = Field(description="language to translate from, several, or all of the data")
    target: Languages = Field(description="language to translate into, several, or all of the data")
    both: bool = Field(default=False, description="also the other way round")
    init_from: dict[LanguageTag, LanguageTag] = Field(
        default={},
        description="a language that the base does not know, and a related one whose tag its own starts from",
    )
    temperature: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="how far directions with few pairs are shown more often: 1 not at all, 100 as often",
    )
    denoise: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of training in which texts that have no translation are mended from a copy with holes",
    )
    hints: Literal["lexicon", "off"] = Field(
        default="lexicon",
        description="show the model each source with its translation word by word, by a dictionary of the training pairs",
    )
    max_pairs: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training pairs of each direction in an epoch, others in the next"
    )
    back_translation: BackTranslation | None = Field(
        default=None, description="train again, with texts without a translation and what the model makes of them"
    )


class PreTraining(Section):
    """Fit the base to a language by plain text, before any task: hidden words are to be found again.

    The likelihood itself is wanted, so labels are smoothed only where training.label_smoothing is named.
    """

    kind: Literal["pre-training"]
    language: LanguageTag | None = Field(
        default=None, description="language of the texts; by default what the data card says"
    )
    masked: float = Field(
        default=0.15, gt=0, lt=0.9, description="share of the pieces that are hidden in training, as whole words"
    )
    head: Literal["trained", "fixed"] = Field(
        default="trained",
        description="whether the dense layer and norm before the table learn; fixed, the space that they read stays the same for all "
        "languages, so that language adapters can be exchanged (MAD-X)",
    )
    scored_words: int = Field(
        default=1500,
        ge=10,
        description="words of a split that are scored, spread evenly over its texts and chosen by the seed; one of each text at least",
    )


Task = Annotated[Classification | Translation | PreTraining, Field(discriminator="kind")]


Use = Annotated[tuple[Literal["train", "dev", "test"], ...], Field(min_length=1)]
EVERY_SPLIT: Use = ("train", "dev", "test")
Head = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None
_HEAD = "for classification: a name for labels of another kind, learned by a head of their own, from training rows only"
_USE = "which of its splits are used; a further source often gives training rows only"


class Columns(Section):
    """Which columns of the data hold what the task needs."""

    text: str = Field(default="text", description="column with the text")
    label: str = Field(default="label", description="column with the label; “language” and “subset” are always there")
    source: str = Field(default="source", description="for translation: column with the text to translate")
    target: str = Field(default="target", description="for translation: column with its translation")
    id: str | None = Field(
        default=None, description="column with a stable id; by default what the card says, else the row number"
    )


class CardData(Section):
    """Data that a card describes."""

    card: str = Field(min_length=1, description="name of a card in data_cards/, or the path of a card")
    subset: str | Names = Field(default="all", description="one subset of the card, several, or all")
    columns: Columns | None = Field(default=None, description="columns to use; by default those of the card")
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training rows per subset, chosen by the seed"
    )
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class FileData(Section):
    """The user's own files, with the few facts that a card would give."""

    files: dict[Literal["train", "dev", "test"], str | dict[LanguageTag, str]] = Field(
        description="one file per split: .tsv .csv .jsonl .parquet, for pre-training .txt with a text a line; for translation "
        "also one text file per language, aligned by line"
    )
    language: LanguageTag | None = Field(
        default=None, description="language of the texts; translation names two in the task"
    )
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name, or “private”")
    source: str = Field(min_length=1, description="where the texts come from and who agreed to their use")
    columns: Columns = Columns()
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training rows, chosen by the seed"
    )
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class HubData(Section):
    """A data set of the Hugging Face hub at one commit."""

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="the commit, 40 hexadecimal digits")
    config: str | None = Field(default=None, description="configuration of the data set")
    splits: dict[Literal["train", "dev", "test"], str] = Field(
        default={"train": "train", "dev": "validation", "test": "test"}, description="what the hub calls each split"
    )
    language: LanguageTag | None = Field(
        default=None, description="language of the texts; translation names two in the task"
    )
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name")
    columns: Columns = Columns()
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training rows, chosen by the seed"
    )
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
        description="with `decoder_layers`: keep only so many of the encoder's lower layers, which are nearer to its words",
    )
    decoder_layers: Annotated[int, Field(ge=1, le=24)] | None = Field(
        default=None, description="layers of a new decoder over an encoder that is to learn to translate"
    )
    quantize: Literal["off", "8bit", "4bit"] = Field(
        default="off",
        description="hold the linear layers in 8 bits (Dettmers et al. 2022, arXiv 2208.07339) or 4 (nf4 with double quantisation, "
        "Dettmers et al. 2023, arXiv 2305.14314)",
    )
    pooling: Literal["auto", "mean", "first"] = Field(
        default="auto", description="how a sentence's vectors become one; auto is the family's own way"
    )


TrimPolicy = Literal["used", "lattice", "charset"]
Initialiser = Literal["auto", "meaning", "distil", "meaning+distil", "similarity", "mean", "random"]


class Vocabulary(Section):
    """What becomes of the base's pieces and their embedding rows."""

    extend: Literal["auto", "off"] | Annotated[int, Field(ge=1, le=100_000)] = Field(
        default="auto",
        description="add pieces that the training text needs: auto finds how many pay, where a pivot or a lexicon tells what they "
        "mean or the base cannot read the text; a number forces",
    )
    replace: Annotated[int, Field(ge=100, le=500_000)] | None = Field(
        default=None, description="train a new tokenizer of so many pieces instead of extending; rarely worth it"
    )
    initialise: Initialiser = Field(
        default="auto",
        description="where new rows start: from what their words mean (needs a pivot or lexicon), from what the base makes of "
        "their old pieces (distil), …; auto measures on dev and takes the best",
    )
    pivot: Names = Field(
        default=(),
        description="subsets of the recipe's card that translate its rows into languages that the base knows",
    )
    lexicon: str | None = Field(
        default=None, description="table of two columns: word, word in a language that the base knows"
    )
    protect: Names = Field(
        default=(), description="subsets of the card, or text files, whose segmentation must stay as it is"
    )
    change: float = Field(
        default=0.003, ge=0, le=1, description="largest share of protected words that may be cut differently"
    )
    protected_characters: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = Field(
        default=(), description="letters that the base would fold into others and that must stay apart, such as ʰ ʷ ª"
    )
    trim: Literal["off"] | TrimPolicy = Field(
        default="charset",
        description="rows to keep: those over the texts' characters; lattice: substrings of the texts' words; used: no more "
        "than the texts use",
    )


class Ensemble(Section):
    """Who else votes."""

    ngrams: Literal["auto", "off"] = Field(
        default="auto",
        description="auto trains a classifier over word and character n-grams on the same rows and weighs both on dev",
    )
    phrase_table: Literal["auto", "off"] = Field(
        default="auto",
        description="for translation: auto lets a dictionary of the training pairs translate where it does better on dev",
    )


class Training(Section):
    """How the method's weights are fitted."""

    epochs: int = Field(default=10, ge=1, le=1000, description="by default as many as suit the method")
    learning_rate: float = Field(
        default=5e-4,
        gt=0,
        lt=1,
        description="peak, after warm-up and before linear decay; by default what suits the method",
    )
    batch_tokens: int = Field(
        default=1536, ge=64, description="padded tokens per update; texts of like length go together"
    )
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="share of the updates over which the learning rate rises"
    )
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0, description="largest gradient norm")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_length: int = Field(default=256, ge=8, le=8192, description="longer texts are cut here and counted")
    evaluations_per_epoch: int = Field(default=1, ge=1, le=100)
    patience: int = Field(default=4, ge=1, description="stop after so many evaluations on dev without a better score")
    seed: int = Field(default=13, ge=0, lt=2**32)


class Decoding(Section):
    """How a translation is searched for."""

    beams: int = Field(default=4, ge=1, le=32, description="translations that are followed side by side")
    length_penalty: float = Field(default=1.0, ge=-5, le=5, description="above 0 favours longer translations")
    no_repeat_ngram_size: int = Field(
        default=8, ge=0, le=50, description="no run of so many pieces twice; 0 allows all"
    )
    max_length_ratio: float = Field(
        default=2.0, gt=0, le=10, description="pieces written at most, times those of the source"
    )


class Evaluation(Section):
    """How the result is judged."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples")
    baselines: bool = Field(
        default=True,
        description="score simple methods on the same rows: majority class and TF-IDF; copying and a dictionary of the training pairs",
    )
    languages: tuple[LanguageTag, ...] = Field(
        default=(), description="translate only from or into these when testing; all directions by default"
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
    method: Method = Lora(kind="lora")
    training: Training = Training()
    ensemble: Ensemble = Ensemble()
    decoding: Decoding = Decoding()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="before")
    @classmethod
    def _as_suits_the_method(cls, found: object) -> object:
        """What the recipe leaves open about training is the method's own."""
        if not isinstance(found, Mapping):
            return found
        method, training = found.get("method", {}), found.get("training", {})
        kind = method.get("kind") if isinstance(method, Mapping) else getattr(method, "kind", None)
        if not isinstance(training, Mapping) or not isinstance(kind, str) or kind not in METHOD_FACTS:
            return found
        own = {"epochs": METHOD_FACTS[kind].epochs, "learning_rate": METHOD_FACTS[kind].learning_rate}
        return {**found, "training": {**own, **training}}

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the data come from: one source, or those of a mixture."""
        return self.data if isinstance(self.data, tuple) else (self.data,)

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags that the recipe itself names; none where it leaves them to the data card."""
        task = self.task
        spoken = (*_tags(task.source), *_tags(task.target)) if isinstance(task, Translation) else (task.language,)
        named = (*spoken, *(source.language for source in self.sources if not isinstance(source, CardData)))
        return tuple(dict.fromkeys(tag for tag in named if tag))


def _tags(languages: Languages) -> tuple[str, ...]:
    return () if languages == "all" else (languages,) if isinstance(languages, str) else languages
