"""A finished run: its folder, and a model that answers in one call."""

from collections.abc import Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lowres.errors import ModelError, Problem
from lowres.planning import Options
from lowres.record import RECORD_VERSION, Record, Score
from lowres.runs.layout import MODEL, RECORD, REPORT
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, read_facts
from lowres.tasks.table import TASKS, restore


def load_predictor(folder: Path, options: Options, form: Form = "trained") -> Any:
    """The model of a run, put together again. Raises ModelError where a part is missing or the base is another."""
    task = read_facts(folder, ModelFacts).task
    if task not in TASKS:
        raise ModelError(
            Problem(str(folder / MODEL_JSON), f"is of an unknown task, “{task}”", f"known: {', '.join(TASKS)}")
        )
    return restore(task, folder, options, form)


class Run:
    """The folder of a run. `record` holds every fact; the model is loaded when first asked."""

    def __init__(self, folder: Path, *, options: Options | None = None) -> None:
        self.folder, self.options = folder, options or Options()
        self.record = read_record(folder / RECORD)

    @cached_property
    def predictor(self) -> Any:
        """The model, loaded once: a Labeller, a Translator or a Filler."""
        return load_predictor(self.folder / MODEL, self.options)

    @property
    def scores(self) -> list[Score]:
        """Every score of the test split, each with its interval."""
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
        """Answer one text or many, one answer for each, in order.

        A classifier of several languages is helped by `language`; a translator of several directions needs `source` and
        `target`; `head` asks a classifier for labels of another kind that it learned beside its own. Raises ModelError for what
        the run does not know.
        """
        texts = [texts] if isinstance(texts, str) else texts
        given = {"language": language, "source": source, "target": target, "head": head}
        taken = signature(self.predictor.predict).parameters
        for name, tag in given.items():
            if tag is not None and name not in taken:
                mine = " and ".join(key for key in given if key in taken)
                raise ModelError(Problem(name, f"a run of this kind is not asked by {name}", f"name {mine} instead"))
        asked = {name: tag for name, tag in given.items() if tag is not None}
        return list(self.predictor.predict(texts, **asked))

    def report(self) -> Path:
        """Write report.html again from the record, and say where it is."""
        from lowres.report import render

        path = self.folder / REPORT
        path.write_text(render(self.record), encoding="utf-8")
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
    """The facts of a run. Raises ModelError where there is none, or one of another version."""
    if not path.exists():
        raise ModelError(
            Problem(str(path), "there is no record here", "name the folder of a run, such as runs/quickstart-…")
        )
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ModelError(
            Problem(
                str(path),
                f"is not a record of version {RECORD_VERSION}",
                "was it written by another version of lowres?",
            )
        ) from error


def load(folder: str | Path, *, options: Options | None = None) -> Run:
    """A finished run, ready to answer: `lowres.load("runs/…").predict(["…"])`."""
    return Run(Path(folder), options=options)
