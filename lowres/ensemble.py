"""An ensemble of seeds: the finished runs of one recipe answer together.

Of their translations the one is taken whose run is surest of it, by the confidence that each run learned from dev; of their labels,
the one with the highest probability in the mean. What one seed has to guess, another may know (docs/results/translation.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from lowres.data.pairs import Direction
from lowres.errors import ModelError, Problem
from lowres.evaluation.prediction_files import Predictions, Row
from lowres.planning import Options
from lowres.runs.layout import RECORD, runs_of
from lowres.runs.run import Run
from lowres.tasks.classification.model import Classifier, Prediction
from lowres.tasks.engines import EngineName
from lowres.tasks.translation.model import Translated, Translator

TOGETHER = "all seeds together"


def answers_together(runs: Sequence[Predictions]) -> Predictions | None:
    """What an ensemble of these runs over the same rows answers; None where they tell neither a confidence nor probabilities."""
    rows = {identity: _row_together([run.rows[identity] for run in runs]) for identity in runs[0].rows}
    known = {identity: row for identity, row in rows.items() if row is not None}
    return Predictions(runs[0].path.parent.parent, runs[0].kind, known) if len(known) == len(rows) else None


def _row_together(rows: Sequence[Row]) -> Row | None:
    if all("probabilities" in row for row in rows):
        mean = mean_probabilities([row["probabilities"] for row in rows])
        return {**rows[0], "prediction": max(mean, key=mean.__getitem__), "probabilities": mean}
    if all("confidence" in row for row in rows):
        return max(rows, key=lambda row: float(row["confidence"]))
    return None


def mean_probabilities(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean probability (0–1) of each label; a run that does not know a label, since it drew other rows, gives it none."""
    labels = dict.fromkeys(label for run in runs for label in run)
    return {label: fmean(run.get(label, 0.0) for run in runs) for label in labels}


class Ensemble(Run):
    """The runs of several seeds in a folder; it predicts like a single run. Each run's model is in memory: seeds times as much.

    `record` is that of the first run. Raises ModelError where the folder holds no finished runs of a task that an ensemble is for.
    """

    def __init__(self, folder: Path, *, options: Options | None = None, engine: EngineName = "torch") -> None:
        self.members = [Run(path, options=options, engine=engine) for path in runs_of(folder)]
        self.folder, self.options, self.engine = folder, options or Options(), engine
        self.record = self.members[0].record

    @cached_property
    def predictor(self) -> Any:
        """The models of all runs as one."""
        predictors = [run.predictor for run in self.members]
        for kind, whole in ((Translator, Translators), (Classifier, Classifiers)):
            if all(isinstance(one, kind) for one in predictors):
                return whole(tuple(predictors))
        what = "holds runs that cannot answer together: only translators and classifiers can"
        raise ModelError(Problem(str(self.folder), what, f"name one of them, such as {self.members[0].folder}"))

    def verify(self) -> None:
        """Verify the model of each run."""
        for run in self.members:
            run.verify()


@dataclass(frozen=True)
class Classifiers:
    """Classifiers of the same labels."""

    members: tuple[Classifier, ...]

    def predict(
        self, texts: Sequence[str], *, language: str | None = None, head: str | None = None
    ) -> list[Prediction]:
        """One prediction per text, with the mean of the probabilities."""
        found = []
        for several in zip(*(one.predict(texts, language=language, head=head) for one in self.members), strict=True):
            mean = mean_probabilities([one.probabilities for one in several])
            found.append(replace(several[0], label=max(mean, key=mean.__getitem__), probabilities=mean))
        return found


@dataclass(frozen=True)
class Translators:
    """Translators of the same directions."""

    members: tuple[Translator, ...]

    def predict(
        self, texts: Sequence[str], *, source: str | None = None, target: str | None = None, confidence: bool = True
    ) -> list[Translated]:
        """One translation per text: that of the run that is surest; of runs without a confidence the first one's."""
        return self.estimated(texts, [self.direction(source, target)] * len(texts))

    def estimated(self, texts: Sequence[str], directions: Sequence[Direction]) -> list[Translated]:
        """The same, each text in its own direction."""
        found = zip(*(one.estimated(texts, directions) for one in self.members), strict=True)
        return [max(several, key=lambda one: -1.0 if one.confidence is None else one.confidence) for several in found]

    translate = estimated

    def direction(self, source: str | None, target: str | None) -> Direction:
        """The one direction that fits the given languages, as for a single run."""
        return self.members[0].direction(source, target)

    def system(self, direction: Direction) -> str:
        """Who answers in a direction in the first run."""
        return self.members[0].system(direction)

    @property
    def facts(self) -> Any:
        """The facts of the first run."""
        return self.members[0].facts

    @property
    def estimators(self) -> Any:
        """What tells in the first run how sure it is."""
        return self.members[0].estimators


def load(folder: str | Path, *, options: Options | None = None, engine: EngineName = "torch") -> Run:
    """Open a finished run: `lowres.load("runs/…").predict(["…"])`; of a folder of several seeds an ensemble of them.

    Raises ModelError if the folder holds no run.
    """
    path = Path(folder)
    several = not (path / RECORD).exists() and runs_of(path) != [path]
    return (Ensemble if several else Run)(path, options=options, engine=engine)
