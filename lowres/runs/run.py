"""A finished run: its folder, its record, and its model."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lowres.atomic import write_whole
from lowres.bounded import read_bounded
from lowres.chatter import without_chatter
from lowres.data.formats.tables import capped
from lowres.errors import DataError, ModelError, Problem
from lowres.evaluation.estimator import LEAST, Estimate, flagged_rows
from lowres.models.digests import changed, folder_sha256
from lowres.planning import Options
from lowres.record import RECORD_VERSION, Record
from lowres.runs.filling import Filled, Flag, check_file, direction_of, fill
from lowres.runs.layout import MODEL, PREDICTIONS, RECORD, REPORT, runs_of
from lowres.score import Score
from lowres.tasks.engines import EngineName, restore_exported
from lowres.tasks.job import Form
from lowres.tasks.saved import MODEL_JSON, ModelFacts, read_facts, reading
from lowres.tasks.table import TASKS, restore

if TYPE_CHECKING:
    import pandas

README = "README.md"


def load_predictor(folder: Path, options: Options, form: Form = "trained") -> Any:
    """Load the model of a run from its model folder. Raises ModelError if a part is missing or the base is another one."""
    facts = read_facts(folder, ModelFacts)
    task = facts.task
    if task not in TASKS:
        raise ModelError(
            Problem(str(folder / MODEL_JSON), f"is of an unknown task, “{task}”", f"known: {', '.join(TASKS)}")
        )
    with reading(folder):  # whatever a stranger put into its files
        return restore(task, facts.shape, folder, options, form)


def load_exported(run: Path, engine: EngineName, options: Options) -> Any:
    """Load what was exported into the folder of a run. Raises ModelError where nothing was, or from another model."""
    model, folder = run / MODEL, run / engine
    if not folder.is_dir():
        what = f"nothing was exported for the engine {engine}"
        raise ModelError(Problem(str(run), what, f"lowres export {run} --to {engine}"))
    return restore_exported(engine, folder, model, model_digest(model), options)


def no_confidence(what: str) -> ModelError:
    """The error where answers are to be flagged whose confidence the run cannot tell."""
    problem = f"this run has no confidence for {what}, so nothing can be flagged"
    return ModelError(Problem("--flag", problem, f"translators learn it from dev, of at least {LEAST} sentences"))


class Predictions(list[Any]):
    """Predictions in the order of their texts."""

    def flagged(self, share: float) -> list[bool]:
        """Which to check first: the share (0–1) of them with the lowest confidence, of labels with the lowest probability.

        Empty texts are none. Raises ModelError where the run cannot tell.
        """
        sure = [_confidence(one) for one in self]
        if self and all(one is None for one in sure) and any(getattr(one, "text", "").strip() for one in self):
            raise no_confidence("these texts")
        return [bool(one) for one in flagged_rows(sure, share)]

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row for each text, one column for each fact; probabilities have a column for each label."""
        import pandas

        return pandas.DataFrame([_flat(vars(prediction)) for prediction in self])


def _confidence(prediction: Any) -> float | None:
    """What tells how sure a prediction is: higher is surer, None where it is not known."""
    probabilities = getattr(prediction, "probabilities", None)
    found = probabilities[prediction.label] if probabilities else getattr(prediction, "confidence", None)
    return None if found is None else float(found)


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts with those inside others under names such as probabilities.good."""
    flat: dict[str, Any] = {}
    for name, fact in facts.items():
        flat |= {f"{name}.{key}": value for key, value in fact.items()} if isinstance(fact, dict) else {name: fact}
    return flat


class Run:
    """A run in a folder. `record` holds every fact; the model is loaded at the first prediction.

    An `engine` other than torch computes with what `lowres export RUN --to …` wrote for it into the folder.
    """

    def __init__(self, folder: Path, *, options: Options | None = None, engine: EngineName = "torch") -> None:
        self.folder, self.options, self.engine = folder, options or Options(), engine
        self.record = read_record(folder / RECORD)

    @cached_property
    def predictor(self) -> Any:
        """The model, loaded once: a classifier, a translator or a masked language model."""
        self.verify()
        with without_chatter():
            if self.engine != "torch":
                return load_exported(self.folder, self.engine, self.options)
            return load_predictor(self.folder / MODEL, self.options)

    def verify(self) -> None:
        """Compare the files of the model with the record. Raises ModelError where one is missing, was added, or has other bytes.

        A run of an earlier version has no such list.
        """
        found, remedy = model_files(self.folder / MODEL), "copy the run's folder again, or carry out its recipe again"
        if not self.record.model_files:
            return
        problems = [
            Problem(str(self.folder / MODEL / name), what, remedy)
            for name in sorted({*found, *self.record.model_files})
            if (what := changed(self.record.model_files.get(name), found.get(name)))
        ]
        if problems:
            raise ModelError(*problems[:5])

    @property
    def scores(self) -> list[Score]:
        """The scores of the test split, each with its interval."""
        return self.record.scores

    def predict(
        self,
        texts: Iterable[str] | str,
        *,
        language: str | None = None,
        source: str | None = None,
        target: str | None = None,
        head: str | None = None,
        confidence: bool = True,
    ) -> "Predictions":
        """Predict for one text or for many (a list, a Series, a generator); one prediction for each text, in order.

        A classifier of several languages is more accurate if `language` is given; `head` names an auxiliary task that it has
        learned. A translator of several directions needs `source` and `target`. All are language tags, but for `head`.
        Without `confidence` a translator does not estimate how sure it is, which takes a while where the phrase table answers.
        Raises ModelError for what the run does not know.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        problems = [
            Problem(f"text {number}", f"is no text but {text!r}", "leave it out, or write an empty text")
            for number, text in enumerate(texts, 1)
            if not isinstance(text, str)
        ]
        if problems:
            raise DataError(*capped(problems))
        given = {"language": language, "source": source, "target": target, "head": head}
        taken = signature(self.predictor.predict).parameters
        for name, tag in given.items():
            if tag is not None and name not in taken:
                mine = " and ".join(key for key in given if key in taken)
                raise ModelError(Problem(name, f"this run has no use for {name}", f"give {mine} instead"))
        named = {name: tag for name, tag in given.items() if tag is not None}
        extra = {"confidence": confidence} if "confidence" in taken else {}
        return Predictions(self.predictor.predict(texts, **named, **extra))

    def fill(
        self,
        path: str | Path,
        out: str | Path,
        *,
        source: str | None = None,
        target: str | None = None,
        earlier: Path | None = None,
        flag: float | None = None,
    ) -> Filled:
        """Translate what is missing in a file (.po, .xlf, .tmx, messages in JSON, a table, plain text) and write the whole to `out`.

        What is there already stays byte for byte. A run of several directions needs `source` and `target`, unless the file names
        its languages. `earlier` is a translation of a JSON file, whose messages are kept. `flag` is the share (0–1) of the
        translations to be checked first: those with the lowest confidence are listed in a table beside `out`, and in .po marked by a
        comment. Raises ModelError and DataError.
        """
        path, out = Path(path), Path(out)
        translator = self.predictor
        if not hasattr(translator, "direction"):
            raise ModelError(
                Problem(str(self.folder), "is no translator", "only a translator fills in what is missing in a file")
            )
        new = [out, check_file(out)] if flag else [out]
        wrong = [*((one, "exists already") for one in new if one.exists())]
        wrong += [] if path.is_file() else [(path, "there is no such file")]
        if wrong:
            raise DataError(Problem(str(wrong[0][0]), wrong[0][1], "choose another name"))
        direction = None if source or target else direction_of(path, translator.facts.directions)
        direction = direction or translator.direction(source, target)

        known: dict[str, Estimate | None] = {}

        def translate(texts: Sequence[str]) -> list[str]:
            ask = translator.estimated if flag else translator.translate
            found = ask(texts, [direction] * len(texts))
            known.update((one.text, Estimate(one.confidence, *one.interval) if one.interval else None) for one in found)
            return [one.translation for one in found]

        if flag and translator.system(direction) not in translator.estimators:
            raise no_confidence("→".join(direction))
        return fill(path, out, direction, translate, earlier, Flag(flag, known.__getitem__) if flag else None)

    def report(self) -> Path:
        """Write report.html again from the record, and return its path."""
        from lowres.report import render

        path = self.folder / REPORT
        write_whole(path, render(self.record))
        return path

    def to_dataframe(self) -> "pandas.DataFrame":
        """The test rows with reference and prediction, as a pandas DataFrame. Raises ModelError where the run holds none."""
        import pandas

        path = self.folder / PREDICTIONS
        if not path.is_file():
            raise ModelError(
                Problem(
                    str(path),
                    "there are no predictions here",
                    "the run was not finished, or was shared without its texts",
                )
            )
        with path.open(encoding="utf-8") as lines:
            return pandas.DataFrame([json.loads(line) for line in lines])

    def _repr_html_(self) -> str:
        from lowres.report.notebook import summary_html

        return summary_html(self.record, self.folder.name)

    def __repr__(self) -> str:
        first = next(
            (score for score in self.scores if score.name == self.record.primary_metric and score.language is None),
            None,
        )
        result = _shown(first) if first else self.record.status
        return f"Run({self.record.recipe.name!r}, {result}, {str(self.folder)!r})"


def model_files(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a model folder by its path in it, but for README.md, which may be edited.

    Raises ModelError for links, pipes and devices.
    """
    return folder_sha256(folder, {README})


def model_digest(folder: Path) -> str:
    """One digest of all files of a model folder but README.md."""
    return hashlib.sha256(json.dumps(model_files(folder), sort_keys=True).encode()).hexdigest()


def _shown(score: Score) -> str:
    return f"{score.name} {score.value:.{score.digits}f} [{score.low:.{score.digits}f}, {score.high:.{score.digits}f}]"


def read_record(path: Path) -> Record:
    """Read the record of a run. Raises ModelError if there is none, or one of another version."""
    if not path.exists():
        first, example = runs_of(path.parent)[0], "the folder of a run, such as runs/quickstart-…"
        hint = example if first == path.parent else f"one of the runs in this folder, such as {first}"
        raise ModelError(Problem(str(path), "there is no record here", f"name {hint}"))
    try:
        text = read_bounded(path).decode()
        facts = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
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
