"""The section `data` of a recipe: where the rows come from."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from lowres.recipe.section import DataText, LanguageTag, Names, Section

_DATA_LANGUAGE = "language of the texts, if the task does not name it; translation names two in the task"


Use = Annotated[tuple[Literal["train", "dev", "test"], ...], Field(min_length=1)]
EVERY_SPLIT: Use = ("train", "dev", "test")
Head = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None
_HEAD = "for classification: name of an auxiliary task, whose labels are learned by a head of their own, from training rows only"
_LIMIT = "at most so many training rows, for translation so many pairs of two languages, chosen by the seed"
Contaminated = Literal["keep", "leave-out"]
_CONTAMINATED = (
    "what becomes of texts of train that are in dev or test too, and of dev that are in test, in published splits"
)
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
    contaminated: Contaminated = Field(default="keep", description=_CONTAMINATED)
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class FileData(Section):
    """The user's own files, with the few facts that a card would state."""

    files: dict[Literal["train", "dev", "test"], OneOrMore | dict[str, OneOrMore]] = Field(
        min_length=1,
        description="one file per split, or a list of files: tables (.tsv .csv .xlsx .ods .parquet), JSON (.json .jsonl), "
        "translations (.po .tmx .xliff), linguistic data (.eaf .flextext .sfm .usfm .conllu), packed as .xz .gz .bz2 .zip too; for "
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
    contaminated: Contaminated = Field(default="keep", description=_CONTAMINATED)
    use: Use = Field(default=EVERY_SPLIT, description=_USE)
    head: Head = Field(default=None, description=_HEAD)


class HubData(Section):
    """A data set on the Hugging Face hub, at one commit."""

    hub: str = Field(pattern=r"^\w[\w.-]*/\w[\w.-]*$", description="owner/name")
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
    contaminated: Contaminated = Field(default="keep", description=_CONTAMINATED)
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
