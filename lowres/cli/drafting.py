"""A first recipe for the user's own files: what can be told from the files, and the recipe as commented text."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowres.data.formats.tables import Table

SPLIT_NAMES: Mapping[str, str] = {
    "train": r"train", "dev": r"dev|valid|val", "test": r"test|eval",
}  # fmt: skip
TEXT_COLUMNS = ("text", "sentence", "tweet", "comment", "review", "content", "message", "utterance")
LABEL_COLUMNS = ("label", "labels", "sentiment", "category", "class", "topic", "intent", "emotion")
MOST_LABELS = 30  # different values from which on a column holds something else than labels

# What follows the data for each task; the same choices as in the shipped recipes.
REST: Mapping[str, str] = {
    "classification": """\
# The model that is adapted. starter:encoder needs no hub; others are named owner/name, with their commit as revision.
base: {name: starter:encoder}
# New tokens are added where the tokenizer cuts the language to pieces, and tokens that the texts do not use are left out.
vocabulary: {extend: auto, trim: lattice}
# Only small matrices beside the weights are trained (LoRA): little memory, and a result of a few megabytes.
method: {kind: lora, rank: 16}
""",
    "translation": """\
# The model that is adapted. starter:translation comes with lowres; others (NLLB, mT5 …) are named owner/name, with their commit.
# Into a language that it has read much of, such as English, starter:multilingual-decoder is better: see the recipe quickstart.
base: {name: starter:translation}
# Tokens that the texts do not use are left out, which makes the model small.
vocabulary: {extend: off, trim: lattice}
# Only small matrices beside the weights are trained (LoRA): little memory, and a result of a few megabytes.
method: {kind: lora}
# Eight times through all texts; the weights with the best translations of dev are kept. Thousands of texts need fewer epochs.
training: {epochs: 8, batch_tokens: 1024, learning_rate: 0.001}
""",
    "pre-training": """\
# The model that learns from the plain texts; its result can be the base of a later recipe.
base: {name: starter:encoder}
vocabulary: {extend: auto, trim: lattice}
method: {kind: lora, rank: 16}
""",
}
ABOUT: Mapping[str, str] = {
    "classification": "Give each text one of a fixed set of labels.",
    "translation": "Translate each text.",
    "pre-training": "Learn a language from plain texts, before any task.",
}


@dataclass(frozen=True)
class Draft:
    """What a recipe has to say. `files` maps a split to files, or to language → file; `columns` names those with other names."""

    task: str
    files: Mapping[str, str] | Mapping[str, dict[str, str]]
    name: str = ""
    licence: str = ""
    source: str = ""
    language: str = ""
    languages: tuple[str, str] = ("", "")
    columns: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def text(self) -> str:
        """The recipe as YAML, with comments for whoever reads a recipe for the first time."""
        task: dict[str, str] = {"kind": self.task}
        task |= (
            {"source": self.languages[0], "target": self.languages[1]}
            if self.task == "translation"
            else {"language": self.language}
        )
        columns: dict[str, object] = dict(self.columns) | ({"texts": dict(self.texts)} if self.texts else {})
        whole = set(self.files) == {"train", "dev", "test"}
        lines = [
            "# Check it with “lowres check”, carry it out with “lowres run”. “lowres explain KEY” says what a key does.",
            "lowres: 2",
            f"name: {_yaml(self.name)}",
            f"# {ABOUT[self.task]}",
            f"task: {_yaml(task)}",
            "data:",
            *([] if whole else ["  # Of the training file a tenth is set aside for each split without a file."]),
            f"  files: {_yaml(self.files)}",
            *(f"  # {note}" for note in self.notes),
            *([f"  columns: {_yaml(columns)}"] if columns else []),
            "  # An SPDX identifier such as CC-BY-4.0, or private. It decides what may become of the trained model.",
            f"  licence: {_yaml(self.licence)}",
            "  # Where the texts come from, and who agreed to their use.",
            f"  source: {_yaml(self.source)}",
        ]
        return "\n".join(lines) + "\n" + REST[self.task]


def split_of(name: str) -> str:
    """The split that a file is for, by its name; train where the name does not tell."""
    stem = re.split(r"[^a-z]+", name.rpartition("/")[2].lower())
    for split, words in SPLIT_NAMES.items():
        if any(re.fullmatch(words, part) for part in stem):
            return split
    return "train"


def likely_task(table: "Table") -> str:
    """The task that a table's columns are for."""
    columns = {column.casefold() for column in table.columns}
    if {"source", "target"} <= columns or len(table.languages) > 1:
        return "translation"
    return "classification" if label_column(table) else "pre-training"


def text_column(table: "Table") -> str:
    """The column with the texts: by its name, else the one with the longest values."""
    named = next((column for name in TEXT_COLUMNS for column in table.columns if column.casefold() == name), None)
    return named or max(table.columns, key=lambda column: sum(len(record.fields[column]) for record in table.records))


def label_column(table: "Table") -> str:
    """The column with the labels: by its name, else the one with the fewest different values; empty where there is none."""
    named = next((column for name in LABEL_COLUMNS for column in table.columns if column.casefold() == name), None)
    if named:
        return named
    text = text_column(table)
    counts = {
        column: len({record.fields[column] for record in table.records}) for column in table.columns if column != text
    }
    few = {column: count for column, count in counts.items() if 1 < count <= min(MOST_LABELS, len(table.records) / 2)}
    return min(few, key=lambda column: few[column], default="")


def _yaml(value: object) -> str:
    """A value in YAML's flow style; words are quoted where they could be read as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml(key)}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    text = str(value)
    plain = re.fullmatch(r"[A-Za-z_][\w./+-]*(?: [\w./+-]+)*", text) and text.lower() not in (
        "yes",
        "no",
        "true",
        "false",
        "null",
        "on",
        "off",
    )
    return text if plain else json.dumps(text, ensure_ascii=False)
