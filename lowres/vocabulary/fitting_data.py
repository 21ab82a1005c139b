"""The data that a vocabulary is fitted to: training texts, their translations, word lists, and texts to protect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import directions
from lowres.data.reading import read_corpus
from lowres.errors import DataError, Problem, nearest
from lowres.languages import normalise
from lowres.languages.codes import instruction, translation_request
from lowres.languages.placeholders import SYMBOLS
from lowres.places import Places
from lowres.recipe.data_section import CardData
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Classification, PreTraining, Task, Translation

Pairs = Sequence[tuple[str, str]]
FAULTS = 10  # lines that are named at once


@dataclass(frozen=True)
class FittingData:
    """Texts for a vocabulary. Tokens are learned from `train` only; `dev` chooses between initialisation strategies.

    `bitexts` holds training texts with their translations into a language that the base knows, by pair of languages;
    `dev_pairs` the same for dev, `lexicon` words with their translations, `protect` texts whose tokenisation should not
    change, `prompts` what else is read: the instructions that stand before texts, the terms of a glossary, parallel texts.
    """

    train: Sequence[str]
    dev: Sequence[str] = ()
    bitexts: Mapping[tuple[str, str], Pairs] = field(default_factory=dict)
    dev_pairs: Pairs = ()
    lexicon: Pairs = ()
    protect: Sequence[str] = ()
    prompts: Sequence[str] = ()

    @property
    def read(self) -> list[str]:
        """All texts that must be tokenised after pruning as before, but for those of dev."""
        pivots = [translation for pairs in self.bitexts.values() for _, translation in pairs]
        return [*self.train, *pivots, *self.protect, *self.prompts]


def gather(recipe: Recipe, corpus: Corpus, places: Places) -> FittingData:
    """Collect the fitting data from a recipe's corpus and `vocabulary` section. Raises CardError or DataError."""
    section, seed, near = recipe.vocabulary, recipe.training.seed, places.near
    others = {
        name: _subset(recipe, name, places, seed) if _is_subset(recipe, name, near) else _lines(name, near)
        for name in dict.fromkeys((*section.pivot, *section.protect))
    }
    protected = {row.language for name in section.protect for row in _rows(others[name], "train")}
    bitexts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    dev_pairs: list[tuple[str, str]] = []
    for name in section.pivot:
        if not isinstance(others[name], Corpus):
            raise DataError(
                Problem(
                    "vocabulary.pivot",
                    f"“{name}” is not a subset of the recipe's card",
                    "a word list goes to vocabulary.lexicon",
                )
            )
        for row, other in _translations(corpus.train, _rows(others[name], "train")):
            bitexts.setdefault((row.language, other.language), []).append((row.fields["text"], other.fields["text"]))
        for row, other in _translations(corpus.dev, _rows(others[name], "dev")):
            dev_pairs.append((row.fields["text"], other.fields["text"]))
    further = [*(task.train for task in corpus.auxiliary.values()), *corpus.stages]
    learned = [*corpus.train, *(row for rows in further for row in rows)]
    return FittingData(
        train=[row.fields["text"] for row in learned if row.language not in protected],
        dev=[row.fields["text"] for row in corpus.dev if row.language not in protected],
        bitexts=bitexts,
        dev_pairs=dev_pairs,
        lexicon=_word_list(section.lexicon, near) if section.lexicon else (),
        protect=[text for name in section.protect for text in _texts(others[name])],
        prompts=[
            *_prompts(recipe.task, corpus.languages),
            *(text for one in corpus.glossary for text in (one.source, one.target)),
            *(row.fields["text"] for row in corpus.parallel),
        ],
    )


def _prompts(task: Task, languages: Sequence[str]) -> list[str]:
    """The symbols for placeholders, and the instructions that T5's family and decoders are given, for each direction."""
    if not isinstance(task, Translation):
        return []
    ways = directions(task, languages)
    return [SYMBOLS, *(text for way in ways for text in (instruction(*way), translation_request("", *way, "…")))]


def _is_subset(recipe: Recipe, name: str, near: Path) -> bool:
    return isinstance(recipe.data, CardData) and not (near / name).is_file()


def _subset(recipe: Recipe, name: str, places: Places, seed: int) -> Corpus:
    assert isinstance(recipe.data, CardData)
    data = recipe.data.model_copy(update={"subset": (name,), "limit": None})
    task: Task = Translation(kind="translation", source="all", target="all")  # whatever languages the subset has
    if isinstance(recipe.task, Classification):
        task = Classification(kind="classification", labels=recipe.task.labels)
    if isinstance(recipe.task, PreTraining):
        task = PreTraining(kind="pre-training")
    return read_corpus(data, task, places, seed=seed)


def _lines(name: str, near: Path) -> list[str]:
    path = near / name
    if not path.is_file():
        hint = nearest(name, [found.name for found in near.glob("*.txt")]) or "name a text file beside the recipe"
        raise DataError(Problem("vocabulary.protect", f"there is no file “{name}”", hint))
    return [line for line in _text(path, name).splitlines() if line.strip()]


def _text(path: Path, name: str) -> str:
    """The text of a user's file, normalised, without a byte order mark. Raises DataError naming the line that is not UTF-8."""
    content = path.read_bytes()
    try:
        return normalise(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        remedy = "save it as UTF-8 (in a spreadsheet: “CSV UTF-8”, in an editor: encoding UTF-8)"
        raise DataError(Problem(f"{name}:{line}", f"is not UTF-8: byte {content[error.start]:#04x}", remedy)) from error


def _rows(source: Corpus | list[str], split: str) -> Sequence[Row]:
    if not isinstance(source, Corpus):
        return ()
    return source.train if split == "train" else source.dev


def _texts(source: Corpus | list[str]) -> list[str]:
    return [row.fields["text"] for row in source.train] if isinstance(source, Corpus) else source


def _translations(rows: Sequence[Row], others: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pairs of examples of one cluster in different languages."""
    clusters: dict[str, list[Row]] = {}
    for other in others:
        clusters.setdefault(other.cluster, []).append(other)
    return [(row, other) for row in rows for other in clusters.get(row.cluster, ()) if other.language != row.language]


def _word_list(name: str, near: Path) -> list[tuple[str, str]]:
    path = near / name
    if not path.is_file():
        raise DataError(Problem("vocabulary.lexicon", f"there is no file “{name}”", "name a table of two columns"))
    rows = [(number, line.split("\t")) for number, line in enumerate(_text(path, name).splitlines(), 1) if line.strip()]
    faults = [(number, len(row)) for number, row in rows if len(row) != 2]
    if faults:
        hint = "two: a word, a tab, its translation"
        raise DataError(
            *(Problem(f"{name}:{number}", f"has {columns} columns", hint) for number, columns in faults[:FAULTS])
        )
    return [(word.strip(), translation.strip()) for _, (word, translation) in rows]
