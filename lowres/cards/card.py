"""The format of data cards, and finding a card by name.

A card is a Markdown file: YAML front matter as in Hugging Face data-set cards, with a `lowres` section for reading the data,
then the data statement in prose.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

import lowres
from lowres.errors import CardError, Problem, RecipeError, nearest
from lowres.places import is_public
from lowres.recipe.strict import parse, read_text

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _stays_inside(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    if ".." in parts or path.startswith(("/", "\\")) or parts[0].endswith(":"):
        raise ValueError("must stay below the source of the card: no .., and no absolute path")
    return path


Inside = Annotated[str, AfterValidator(_stays_inside)]


def _is_public(url: str) -> str:
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError for what is none
    if not is_public(parts.hostname or "") or "@" in parts.netloc:
        raise ValueError("must name a public host, and no user")
    return url


Address = Annotated[str, Field(pattern=r"^https://.*/$"), AfterValidator(_is_public)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CardFile(_Part):
    """One file, or all files that a pattern names in a package.

    The sha256 of a pattern is that of the lines “sha256  path” of its files, sorted by path.
    """

    path: Inside = Field(min_length=1, description="below the source of the card; ** and * in a package")
    sha256: Digest


class Origin(_Part):
    """Where the files come from: exactly one of url, package and folder."""

    url: Address | None = Field(None, description="folder at one commit, with / at its end")
    package: str | None = Field(None, description="Python package that ships the files")
    version: str | None = Field(None, description="its version")
    alone: bool = Field(
        False, description="install the package without what it requires, since only its files are read"
    )
    folder: Inside | None = Field(None, description="folder beside the card")

    @model_validator(mode="after")
    def _one(self) -> "Origin":
        if sum(value is not None for value in (self.url, self.package, self.folder)) != 1:
            raise ValueError("a source is exactly one of url, package, folder")
        if (self.package is None) != (self.version is None):
            raise ValueError("a package needs its version")
        return self


# Labels of Local Contexts (localcontexts.org), by which communities say what they wish for their knowledge, as written in addresses.
Label = Literal[
    "tk-attribution", "tk-clan", "tk-family", "tk-multiple-communities", "tk-community-voice", "tk-creative", "tk-verified",
    "tk-non-verified", "tk-seasonal", "tk-women-general", "tk-men-general", "tk-women-restricted", "tk-men-restricted",
    "tk-culturally-sensitive", "tk-secret-sacred", "tk-open-to-commercialization", "tk-open-to-collaboration", "tk-non-commercial",
    "tk-community-use-only", "tk-outreach",
]  # fmt: skip
Tag = Annotated[str, Field(pattern=r"^[a-z]{3}-[A-Z][a-z]{3}$")]
Files = dict[Literal["train", "dev", "test", "all"], CardFile]


class Subset(_Part):
    """A part of the data: texts of one language in `files`, or texts of several languages that translate one another.

    Those are columns of the same files (`texts`: language → column), or files of their own, line by line (`sides`: language →
    files); the card's `columns.cluster` is then “line”.
    """

    language: Tag | None = None
    files: Files = {}
    texts: dict[Tag, str] = {}
    sides: dict[Tag, Files] = {}

    @model_validator(mode="after")
    def _one(self) -> "Subset":
        if [bool(self.language), bool(self.texts), bool(self.sides)].count(True) != 1:
            raise ValueError("a subset has exactly one of language, texts, sides")
        if bool(self.files) == bool(self.sides):
            raise ValueError("a subset needs files, or sides with files of their own")
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its texts."""
        return (self.language,) if self.language else (*self.texts, *self.sides)


class CardColumns(_Part):
    """The columns of the files. `cluster` holds the same value for a text and its translations; `id` names a row."""

    text: str = "text"
    label: str = "label"
    id: str | None = None
    cluster: str | None = None


class HashSplit(_Part):
    """Splits by the sha256 of a column, in percent of the possible values; the rest is test."""

    by: str
    train: int = Field(ge=1, le=98)
    dev: int = Field(ge=1, le=98)


class Loader(_Part):
    """The `lowres` section: whose the data are, where the files are, and how they are read."""

    homepage: str
    citation: str
    provenance: str
    consent: str
    contact: str
    redistribute: Literal["yes", "no", "ask"]
    community: str | None = Field(None, description="whose texts they are, and who speaks for it")
    benefit: str | None = Field(None, description="what the community has of their use")
    traditional_knowledge: list[Label] = Field(
        [], description="labels of Local Contexts that the community has given them"
    )
    known_problems: list[str]
    labels: list[str] | None = None
    columns: CardColumns = CardColumns()
    format: Literal[
        "tsv", "csv", "jsonl", "parquet", "text", "gettext", "messages", "tmx", "xliff", "spreadsheet", "eaf", "flextext", "toolbox",
        "usfm", "conllu",
    ]  # fmt: skip
    originals: str | None = Field(
        None, description="the subset whose messages the others translate, for the format messages"
    )
    source: Origin
    split: HashSplit | None = None
    subsets: dict[str, Subset] = Field(min_length=1)

    @model_validator(mode="after")
    def _messages(self) -> "Loader":
        if (self.format == "messages") != (self.originals is not None):
            raise ValueError("the format messages needs `originals`, and no other format has it")
        if self.originals is not None and self.originals not in self.subsets:
            raise ValueError(f"originals: there is no subset “{self.originals}”")
        paths = [entry.path for subset in self.subsets.values() for entry in subset.files.values()]
        if self.originals and not (self.source.package and paths and all("*" in path for path in paths)):
            raise ValueError("the format messages is for the files of a package, named by patterns (**, *)")
        return self


class Card(_Part):
    """A data card. `name` and `folder` say where it was found; `statement` is the prose below the front matter."""

    name: str
    folder: Path
    pretty_name: str
    language: list[str]
    license: str
    task_categories: list[str]
    lowres: Loader
    statement: str

    @property
    def wishes(self) -> list[str]:
        """What the CARE principles ask for beside consent: whose the texts are, what they have of it, and how they label them."""
        facts = self.lowres
        labels = ", ".join(f"https://localcontexts.org/label/{label}/" for label in facts.traditional_knowledge)
        named = (("Community", facts.community), ("Benefit", facts.benefit), ("Traditional knowledge labels", labels))
        return [f"{name}: {said}" for name, said in named if said]

    def entries(self, subset: str | Sequence[str] = "all") -> list[CardFile]:
        """The files of a subset, of several, or of all of them."""
        names = tuple(self.lowres.subsets) if subset == "all" else (subset,) if isinstance(subset, str) else subset
        chosen = (self.lowres.subsets[name] for name in names if name in self.lowres.subsets)
        parts = (files for one in chosen for files in (one.files, *one.sides.values()))
        return list(dict.fromkeys([*self.originals, *(entry for files in parts for entry in files.values())]))

    @property
    def originals(self) -> list[CardFile]:
        """The files with the messages that all others translate, where the card names some."""
        return list(self.lowres.subsets[self.lowres.originals].files.values()) if self.lowres.originals else []


def read_card(name: str, near: Path) -> Card:
    """Read the card of that name or path. Raises CardError where there is none, or where it is not a valid card.

    It is looked for at the path as given, in the recipe's folder `near`, its data_cards/ and its cards/, then among the shipped cards.
    """
    path = _find(name, near)
    try:
        text = read_text(path)
        front, body = _front_matter(text, path)
        document = parse(front, str(path), first_line=2)
    except RecipeError as error:
        raise CardError(*error.problems) from error
    if document.problems:
        raise CardError(*document.problems)
    extra = {"name": path.stem, "folder": path.parent, "statement": body.strip()}
    try:
        return Card.model_validate({**document.data, **extra})
    except ValidationError as error:
        problems = []
        for details in error.errors():
            where = tuple(part for part in details["loc"])
            while where and where not in document.places:
                where = where[:-1]
            line, column = document.places.get(where, (1, 1))
            key = ".".join(map(str, details["loc"]))
            problems.append(
                Problem(f"{path}:{line}:{column}", f"{key}: {details['msg']}", "see data_cards/nusax-sentiment.md")
            )
        raise CardError(*problems) from error


def available_cards() -> tuple[str, ...]:
    """Names of the shipped cards."""
    return tuple(sorted({path.stem for folder in _shipped() for path in folder.glob("*.md") if path.stem != "README"}))


def _shipped() -> list[Path]:
    package = Path(lowres.__file__).parent
    return [folder for folder in (package.parent / "data_cards", package / "data_cards") if folder.is_dir()]


def _find(name: str, near: Path) -> Path:
    if name.endswith(".md"):
        for path in (near / name, Path(name)):
            if path.exists():
                return path
        raise CardError(
            Problem("data.card", f"there is no card file “{name}”", "paths are taken from the recipe's folder")
        )
    for folder in (near, near / "data_cards", near / "cards", *_shipped()):  # cards/ is a bundle's
        if (folder / f"{name}.md").exists():
            return folder / f"{name}.md"
    known = available_cards()
    hint = "; ".join(filter(None, [nearest(name, known), f"shipped cards: {', '.join(known)}"]))
    raise CardError(Problem("data.card", f"there is no card “{name}”", hint))


def _front_matter(text: str, path: Path) -> tuple[str, str]:
    lines = text.split("\n")
    if lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        raise CardError(Problem(f"{path}:1", "a card begins with YAML between two lines of ---"))
    end = next(number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])
