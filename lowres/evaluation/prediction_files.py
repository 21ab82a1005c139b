"""predictions.jsonl of finished runs, or of other systems: one JSON object for each test row."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lowres.bounded import read_bounded
from lowres.data.formats.file_text import lines as lines_of
from lowres.errors import DataError, Problem
from lowres.evaluation.bits_per_character import bits_statistics
from lowres.evaluation.classification_statistics import count
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.evaluation.translation_statistics import CHRF, match

Row = Mapping[str, Any]
FILE = "predictions.jsonl"
MAX_BYTES = 1 << 30
# The keys that a line must have, by what was predicted.
KEYS: Mapping[str, tuple[str, ...]] = {
    "translations": ("source_language", "target_language", "source", "reference", "prediction"),
    "bits": ("language", "text", "bits", "characters"),
    "labels": ("language", "text", "reference", "prediction"),
}


OTHERS = "others"  # the key of a line that holds what baselines and parts of the run predicted, by their names


@dataclass(frozen=True)
class Predictions:
    """The lines of a file by what identifies a test row: what was given and what was wanted."""

    path: Path
    kind: str
    rows: Mapping[tuple[str, ...], Row]

    @property
    def others(self) -> list[str]:
        """Baselines and parts of the run whose predictions stand in every line."""
        first, *more = [row.get(OTHERS, {}) for row in self.rows.values()]
        return [name for name in first if all(name in others for others in more)]

    def of_other(self, name: str) -> "Predictions":
        """The predictions of a baseline or part for the same rows."""
        rows = {identity: {**row, "prediction": row[OTHERS][name]} for identity, row in self.rows.items()}
        return Predictions(self.path, self.kind, rows)


def with_others(lines: Sequence[Row], others: Mapping[str, Sequence[str]]) -> list[Row]:
    """Lines of predictions together with what other systems predicted for the same rows, in the same order."""
    return [
        {**line, OTHERS: {name: predicted[number] for name, predicted in others.items()}} if others else line
        for number, line in enumerate(lines)
    ]


def with_parts(name: str, runs: Sequence[Predictions]) -> dict[str, list[Predictions]]:
    """A system and what its runs say of others, by name: their baselines, and parts of them by themselves."""
    shared = [other for other in runs[0].others if all(other in run.others for run in runs)]
    return {name: list(runs), **{f"{name}: {other}": [run.of_other(other) for run in runs] for other in shared}}


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of a run folder or a file. Raises DataError with the file and line of what is wrong."""
    file = path / FILE if path.is_dir() else path
    try:
        lines = lines_of(read_bounded(file, MAX_BYTES).decode())
    except (OSError, ValueError) as error:
        hint = f"name the folder of a finished run, or a {FILE}"
        raise DataError(Problem(str(file), f"cannot be read: {error}", hint)) from error
    found: dict[tuple[str, ...], Row] = {}
    kinds: set[str] = set()
    for number, line in enumerate(lines, start=1):
        row, kind = _read(line, f"{file}:{number}")
        kinds.add(kind)
        found[_identity(row, kind, found)] = row
    if len(kinds) != 1:
        what = "has rows of several kinds" if kinds else "has no rows"
        raise DataError(Problem(str(file), what, "each line is one test row"))
    return Predictions(file, kinds.pop(), found)


def statistics_of(files: Sequence[Predictions]) -> list[SufficientStatistics]:
    """Count the predictions of several files over the same rows, in the order of the first.

    Raises DataError where a file has other rows than the first, or predicts something else.
    """
    first = files[0]
    problems = [problem for file in files[1:] for problem in _differences(first, file)]
    if problems:
        raise DataError(*problems)
    rows = [[file.rows[identity] for identity in first.rows] for file in files]
    return _COUNTERS[first.kind](rows)


def _read(line: str, where: str) -> tuple[Row, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(Problem(where, f"is not JSON: {error}")) from error
    kind = next((kind for kind, keys in KEYS.items() if isinstance(row, dict) and set(keys) <= set(row)), None)
    if kind is None:
        wanted = "; or ".join(", ".join(keys) for keys in KEYS.values())
        raise DataError(Problem(where, "is not a row of predictions", f"a line has the keys {wanted}"))
    return row, kind


def _identity(row: Row, kind: str, known: Mapping[tuple[str, ...], Row]) -> tuple[str, ...]:
    """What was given and what was wanted; rows that are alike in all of it are numbered."""
    keys = [key for key in ("id", *KEYS[kind]) if key in row and key not in ("prediction", "bits")]
    identity = tuple(str(row[key]) for key in keys)
    copies = 0
    while (*identity, str(copies)) in known:
        copies += 1
    return (*identity, str(copies))


def _differences(first: Predictions, other: Predictions) -> list[Problem]:
    hint = "only predictions for the same test rows can be compared"
    if first.kind != other.kind:
        return [Problem(str(other.path), f"holds {other.kind}, and {first.path} {first.kind}", hint)]
    missing, more = first.rows.keys() - other.rows.keys(), other.rows.keys() - first.rows.keys()
    if not missing and not more:
        return []
    example = next(iter(first.rows[one] for one in first.rows if one in missing), None) or other.rows[next(iter(more))]
    text = example.get("source", example.get("text", ""))
    what = f"{len(missing)} rows of {first.path} are not in it, and {len(more)} others are (such as “{str(text)[:60]}”)"
    return [Problem(str(other.path), what, hint)]


def _clusters(rows: Sequence[Row]) -> list[str]:
    """Rows of one cluster are translations of one text; files that do not name clusters have them by id."""
    return [str(row.get("cluster", row.get("id", number))) for number, row in enumerate(rows)]


def _labels(systems: Sequence[Sequence[Row]]) -> list[SufficientStatistics]:
    labels = sorted({row[key] for rows in systems for row in rows for key in ("reference", "prediction")})
    return [
        count(
            [row["reference"] for row in rows], [row["prediction"] for row in rows], [row["language"] for row in rows],
            labels, _clusters(systems[0]),
        )
        for rows in systems
    ]  # fmt: skip


def _translations(systems: Sequence[Sequence[Row]]) -> list[SufficientStatistics]:
    return [
        match(
            [row["reference"] for row in rows], [row["prediction"] for row in rows],
            [f"{row['source_language']}→{row['target_language']}" for row in rows], _clusters(systems[0]), (CHRF,),
        )
        for rows in systems
    ]  # fmt: skip


def _bits(systems: Sequence[Sequence[Row]]) -> list[SufficientStatistics]:
    return [
        bits_statistics(
            np.array([float(row["bits"]) for row in rows]), np.array([float(row["characters"]) for row in rows]),
            [row["language"] for row in rows], _clusters(systems[0]),
        )
        for rows in systems
    ]  # fmt: skip


_COUNTERS: Mapping[str, Callable[[Sequence[Sequence[Row]]], list[SufficientStatistics]]] = {
    "labels": _labels,
    "translations": _translations,
    "bits": _bits,
}
