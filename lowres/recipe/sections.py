"""The recipe format: reading this file is reading the format.

A recipe states the experiment, never the machine. Every default stands here, once; those of `Training` and
`Lora` won the comparison in docs/nusax-sentiment.md.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class Section(BaseModel):
    """What all sections share: frozen, and no key that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


LanguageTag = Annotated[
    str, Field(pattern=r"^[a-z]{3}-[A-Z][a-z]{3}$", description="ISO 639-3 code and script, such as min-Latn")
]
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


Languages = Literal["all"] | LanguageTag | Annotated[tuple[LanguageTag, ...], Field(min_length=1)]


class Translation(Section):
    """Put each text into another language."""

    kind: Literal["translation"]
    source: Languages = Field(description="language to translate from, several, or all of the data")
    target: Languages = Field(description="language to translate into, several, or all of the data")
    both: bool = Field(default=False, description="also the other way round")
    temperature: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="how far directions with few pairs are shown more often: 1 not at all, 100 as often",
    )
    cap: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training pairs of each direction in an epoch, others in the next"
    )


Task = Annotated[Classification | Translation, Field(discriminator="kind")]


class Columns(Section):
    """Which columns of the data hold what the task needs."""

    text: str = Field(default="text", description="column with the text")
    label: str = Field(default="label", description="column with the label; “language” and “subset” are always there")
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


class FileData(Section):
    """The user's own files, with the few facts that a card would give."""

    files: dict[Literal["train", "dev", "test"], str] = Field(
        description="one file per split: .tsv .csv .jsonl .parquet"
    )
    language: LanguageTag = Field(description="language of the texts")
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name, or “private”")
    source: str = Field(min_length=1, description="where the texts come from and who agreed to their use")
    columns: Columns = Columns()
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training rows, chosen by the seed"
    )


class HubData(Section):
    """A data set of the Hugging Face hub at one commit."""

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="the commit, 40 hexadecimal digits")
    config: str | None = Field(default=None, description="configuration of the data set")
    splits: dict[Literal["train", "dev", "test"], str] = Field(
        default={"train": "train", "dev": "validation", "test": "test"}, description="what the hub calls each split"
    )
    language: LanguageTag = Field(description="language of the texts")
    licence: str = Field(min_length=1, description="SPDX identifier of the licence, or its name")
    columns: Columns = Columns()
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most so many training rows, chosen by the seed"
    )


def _data_form(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in ("card", "files", "hub") if key in value), None)
    return {CardData: "card", FileData: "files", HubData: "hub"}.get(type(value))  # type: ignore[call-overload, no-any-return]


Data = Annotated[
    Annotated[CardData, Tag("card")] | Annotated[FileData, Tag("files")] | Annotated[HubData, Tag("hub")],
    Discriminator(_data_form, custom_error_type="data_form", custom_error_message="needs one of card, files, hub"),
]


class Base(Section):
    """The pre-trained model to start from."""

    name: str = Field(min_length=1, description="starter:encoder, a folder, or owner/name on the Hugging Face hub")
    revision: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{40}$", description="commit on the hub; required there"
    )
    pooling: Literal["auto", "mean", "first"] = Field(
        default="auto", description="how a sentence's vectors become one; auto is the family's own way"
    )


class Lora(Section):
    """Low-rank adapters beside the frozen linear layers (Hu et al. 2022, arXiv 2106.09685)."""

    kind: Literal["lora"]
    rank: int = Field(default=16, ge=1, le=512)
    alpha: int = Field(default=32, ge=1, description="the adapter's output is scaled by alpha / rank")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    modules: Literal["all", "attention"] = Field(
        default="all", description="attach to every linear layer, or to attention only"
    )


class Full(Section):
    """Every weight of the base is trained."""

    kind: Literal["full"]


Method = Annotated[Lora | Full, Field(discriminator="kind")]


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
    letters: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = Field(
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


class Training(Section):
    """How the method's weights are fitted."""

    epochs: int = Field(default=10, ge=1, le=1000)
    learning_rate: float = Field(default=5e-4, gt=0, lt=1, description="peak, after warm-up and before linear decay")
    batch_tokens: int = Field(
        default=1536, ge=64, description="padded tokens per update; texts of like length go together"
    )
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="share of the updates over which the learning rate rises"
    )
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest gradient norm")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_pieces: int = Field(default=256, ge=8, le=8192, description="longer texts are cut here and counted")
    evaluations_per_epoch: int = Field(default=1, ge=1, le=100)
    patience: int = Field(default=4, ge=1, description="stop after so many evaluations on dev without a better score")
    seed: int = Field(default=13, ge=0, lt=2**32)


class Evaluation(Section):
    """How the result is judged."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples")
    baselines: bool = Field(
        default=True, description="score the majority class and a TF-IDF classifier on the same rows"
    )


class Recipe(Section):
    """One experiment."""

    lowres: Literal[1] = Field(description="version of the recipe format")
    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", description="what the experiment is for")
    task: Task
    data: Data
    base: Base = Base(name="starter:encoder")
    vocabulary: Vocabulary = Vocabulary()
    method: Method = Lora(kind="lora")
    training: Training = Training()
    ensemble: Ensemble = Ensemble()
    evaluation: Evaluation = Evaluation()

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags that the recipe itself names; none where it leaves them to the data card."""
        named = (self.task.language, None if isinstance(self.data, CardData) else self.data.language)
        return tuple(dict.fromkeys(tag for tag in named if tag))
