"""A finished run: its folder, its record, and its model."""

import json
from collections.abc import Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.planning import Options
from lowres.record import RECORD_VERSION, Record, Score
from lowres.runs.atomic import write_whole
from lowres.runs.layout import MODEL, RECORD, REPORT
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, read_facts
from lowres.tasks.table import TASKS, restore


def load_predictor(folder: Path, options: Options, form: Form = "trained") -> Any:
    """Load the model of a run from its model folder. Raises ModelError if a part is missing or the base is another one."""
    facts = read_facts(folder, ModelFacts)
    task = facts.task
    if task not in TASKS:
        raise ModelError(
            Problem(str(folder / MODEL_JSON), f"is of an unknown task, “{task}”", f"known: {', '.join(TASKS)}")
        )
    return restore(task, facts.shape, folder, options, form)


class Run:
    """A run in a folder. `record` holds every fact; the model is loaded at the first prediction."""

    def __init__(self, folder: Path, *, options: Options | None = None) -> None:
        self.folder, self.options = folder, options or Options()
        self.record = read_record(folder / RECORD)

    @cached_property
    def predictor(self) -> Any:
        """The model, loaded once: a classifier, a translator or a masked language model."""
        return load_predictor(self.folder / MODEL, self.options)

    @property
    def scores(self) -> list[Score]:
        """The scores of the test split, each with its interval."""
        return self.record.scores

    def predict(
        self,
        texts: Sequence[str] | str,
        *,
        language: str | None = None,
        source: str | None = None,
        target: str | None = None,
        head: str | None = None,
    ) -> list[Any]:
        """Predict for one text or for many; one prediction for each text, in order.

        A classifier of several languages is more accurate if `language` is given; `head` names an auxiliary task that it has
        learned. A translator of several directions needs `source` and `target`. All are language tags, but for `head`. Raises
        ModelError for what the run does not know.
        """
        texts = [texts] if isinstance(texts, str) else texts
        given = {"language": language, "source": source, "target": target, "head": head}
        taken = signature(self.predictor.predict).parameters
        for name, tag in given.items():
            if tag is not None and name not in taken:
                mine = " and ".join(key for key in given if key in taken)
                raise ModelError(Problem(name, f"this run has no use for {name}", f"give {mine} instead"))
        named = {name: tag for name, tag in given.items() if tag is not None}
        return list(self.predictor.predict(texts, **named))

    def report(self) -> Path:
        """Write report.html again from the record, and return its path."""
        from lowres.report import render

        path = self.folder / REPORT
        write_whole(path, render(self.record))
        return path

    def _repr_html_(self) -> str:
        from lowres.report import render

        return render(self.record)

    def __repr__(self) -> str:
        first = next(
            (score for score in self.scores if score.name == self.record.primary_metric and score.language is None),
            None,
        )
        result = _shown(first) if first else self.record.status
        return f"Run({self.record.recipe.name!r}, {result}, {str(self.folder)!r})"


def _shown(score: Score) -> str:
    return f"{score.name} {score.value:.{score.digits}f} [{score.low:.{score.digits}f}, {score.high:.{score.digits}f}]"


def read_record(path: Path) -> Record:
    """Read the record of a run. Raises ModelError if there is none, or one of another version."""
    if not path.exists():
        raise ModelError(
            Problem(str(path), "there is no record here", "name the folder of a run, such as runs/quickstart-…")
        )
    try:
        text = path.read_text(encoding="utf-8")
        facts = json.loads(text)
    except (OSError, ValueError) as error:
        what = "is empty" if path.is_file() and not path.stat().st_size else "cannot be read: it is damaged"
        raise ModelError(Problem(str(path), what, "a power cut or a full disk may have done that")) from error
    try:
        if not isinstance(facts, dict) or facts.get("record", RECORD_VERSION) != RECORD_VERSION:
            raise ValueError("another version")
        return Record.model_validate_json(text)
    except ValueError as error:
        raise ModelError(
            Problem(
                str(path),
                f"is not a record of version {RECORD_VERSION}",
                "was it written by another version of lowres?",
            )
        ) from error


def load(folder: str | Path, *, options: Options | None = None) -> Run:
    """Open a finished run: `lowres.load("runs/…").predict(["…"])`. Raises ModelError if the folder holds no run."""
    return Run(Path(folder), options=options)
