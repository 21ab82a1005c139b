"""evaluate(): a finished run on other data, with the same care as on its own test rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.cards import read_card
from lowres.data.corpus import Corpus, Split
from lowres.data.fresh_rows import FreshRows, Seen, fresh_rows
from lowres.errors import DataError, Finding, LowresError, Problem
from lowres.planning import Machine, Options, Plan, as_suits_the_base, read_data
from lowres.recipe import Recipe, RecipeFile, open_recipe
from lowres.recipe.data_section import CardData, Columns, FileData, Source
from lowres.record import EvaluatedFacts
from lowres.runs.facts import data_facts, environment, plan_facts, shareable_name
from lowres.runs.judging import evaluate_test
from lowres.runs.layout import EVALUATIONS, MODEL, RECIPE
from lowres.runs.run import Run
from lowres.runs.writing import Notify, RunWriter, silent
from lowres.tasks.saved import ModelFacts, find_saved_base, read_facts
from lowres.tasks.table import job_of

NOT_STATED = "not stated"
PARENTS = 4  # how many folders above the run are searched for the run's own data


@dataclass(frozen=True)
class OtherData:
    """Which rows a run is evaluated on: a file, or a card with a subset as card/subset, and how they are read.

    `language` and `columns` are for files; by default they are those of the run. `seen` says what becomes of rows that the run
    has seen. `near` is the folder that the run's own data files are relative to, by default the current one, or one around the run.
    """

    name: str
    split: Split = "test"
    language: str | None = None
    columns: Mapping[str, str] | None = None
    seen: Seen = "leave-out"
    near: Path | None = None


def evaluate(
    run: Run | str | Path, data: OtherData | str, out: Path | None = None, *, options: Options | None = None, notify: Notify = silent
) -> Run:  # fmt: skip
    """Evaluate a finished run on other data; returns the evaluation, a folder with record, predictions and report, but no model.

    Rows that stand in the run's training or dev rows are left out. The baselines are fitted on the run's own training rows, where
    these are found. It is written to `out`, by default to a new folder in RUN/evaluations. Raises LowresError if the user's input is
    at fault.
    """
    data = OtherData(data) if isinstance(data, str) else data
    run = run if isinstance(run, Run) else Run(Path(run), options=options)
    options = options or run.options
    if run.record.status != "done" or not (run.folder / MODEL).is_dir():
        raise DataError(
            Problem(str(run.folder), "is not a finished run with a model", "name the folder of a finished run")
        )
    file = open_recipe(run.folder / RECIPE)
    facts = read_facts(run.folder / MODEL, ModelFacts)
    job = job_of(file.recipe.task.kind, facts.shape)
    with RunWriter(file, out or _new_folder(run, data), notify) as writer:
        writer.stage("data")
        own = _own_corpus(run, file, data, options)
        if own is None and job.is_base:
            what = "pre-training is scored beside its own dev rows, which were not found as they were"
            raise DataError(Problem("--near", what, "name the folder of the recipe that was run"))
        source = source_of(data, file.recipe, facts.languages)
        labels = tuple(getattr(run.predictor, "labels", ()))
        seen, tested = ((*own.train, *own.dev), own.test) if own else ((), ())
        found = fresh_rows(
            source, file.recipe.task, data.split, labels, options.places(Path()), seen, tested, data.seen
        )  # fmt: skip
        found = _readable(found, run.predictor, facts.languages, file.recipe.task.kind)
        name, licence = _origin(source, data)
        other = Corpus(name, (), (), found.rows, labels, licence, findings=found.findings)
        evaluated = EvaluatedFacts(
            run=run.folder.resolve().name, data=shareable_name(data.name, Path()), split=data.split, left_out=found.left_out,
            own_rows_found=own is not None,
        )  # fmt: skip
        writer.write(data=data_facts(other, Path()), evaluated=evaluated)
        for finding in (*found.findings, *_cautions(own, other, facts.languages)):
            writer.finding(finding)

        writer.stage("evaluation")
        plan = _plan(run, file.recipe, facts, baselines=own is not None)
        writer.write(plan=plan_facts(plan))
        whole = Corpus(name, own.train if own else (), own.dev if own else (), found.rows, labels, licence)
        evaluate_test(run.predictor, job, plan, whole, writer)
        writer.finish(environment(plan))
    return Run(writer.folder, options=options)


def source_of(data: OtherData, recipe: Recipe, languages: Sequence[str]) -> Source:
    """The data section that names these rows. Raises CardError where there is neither such a file nor such a card."""
    if not Path(data.name).is_file():
        name, _, subset = data.name.partition("/") if ".md" not in data.name else data.name.partition(".md/")
        card = f"{name}.md" if ".md" in data.name and not name.endswith(".md") else name
        return CardData(card=card, subset=subset or "all", use=(data.split,))
    given = [source.columns for source in recipe.sources if isinstance(source, FileData)]
    columns = (given[0] if given else Columns()).model_copy(update={"split": None, **(data.columns or {})})
    language = (
        data.language or getattr(recipe.task, "language", None) or (languages[0] if len(languages) == 1 else None)
    )
    return FileData(
        files={data.split: data.name}, language=None if recipe.task.kind == "translation" else language, columns=columns,
        licence=NOT_STATED, source="named on the command line", use=(data.split,),
    )  # fmt: skip


def _origin(source: Source, data: OtherData) -> tuple[str, str]:
    """The name and the licence of the data."""
    if isinstance(source, CardData):
        return data.name, read_card(source.card, Path()).license
    return Path(data.name).name, NOT_STATED


def _new_folder(run: Run, data: OtherData) -> Path:
    """A folder for this evaluation that does not exist yet, inside that of the run."""
    named = shareable_name(data.name, Path())
    name = re.sub(r"[^\w.-]+", "-", named if data.split == "test" else f"{named}-{data.split}").strip("-.")
    wanted = run.folder / EVALUATIONS / name
    numbered = (wanted.with_name(f"{name}-{number}") for number in range(2, 1000))
    return next(folder for folder in (wanted, *numbered) if not folder.exists())


def _own_corpus(run: Run, file: RecipeFile, data: OtherData, options: Options) -> Corpus | None:
    """The run's own rows, read again; None where they are not found as they were."""
    around = [folder for _, folder in zip(range(PARENTS), run.folder.resolve().parents, strict=False)]
    for near in [data.near] if data.near else [Path(), *around]:
        with suppress(LowresError, OSError):
            found = read_data(file.model_copy(update={"path": near / file.path.name}), options)
            if run.record.data and found.fingerprint == run.record.data.fingerprint:
                return found
    if data.near:
        what = "does not hold the rows that the run was trained on"
        raise DataError(Problem(str(data.near), what, "name the folder of the recipe that was run"))
    return None


def _readable(found: FreshRows, predictor: Any, languages: Sequence[str], task: str) -> FreshRows:
    """Only the rows that the model can read: a classifier reads every language, a translator those of its directions."""
    if task == "classification":
        return found
    rows = tuple(row for row in found.rows if row.language in languages)
    if not rows:
        there = ", ".join(dict.fromkeys(row.language for row in found.rows))
        raise DataError(
            Problem("--data", f"is in {there}, and the run knows {', '.join(languages)}", "choose other data")
        )
    if len(rows) == len(found.rows):
        return found
    return FreshRows(rows, {**found.left_out, "in other languages": len(found.rows) - len(rows)}, found.findings)


def _cautions(own: Corpus | None, other: Corpus, languages: Sequence[str]) -> Iterator[Finding]:
    if own is None:
        what = (
            "the run's own rows were not found as they were: nothing was checked for rows that it has seen, and no baseline could be "
            "fitted (say with --near where its recipe lies)"
        )
        yield Finding("warning", what)
    trained = {row.language for row in own.train} if own else set(languages)
    if strange := [tag for tag in other.languages if tag not in trained]:
        yield Finding("note", f"the run was not trained in {', '.join(strange)}")


def _plan(run: Run, recipe: Recipe, facts: ModelFacts, *, baselines: bool) -> Plan:
    """The recipe's own plan, as far as an evaluation needs it; nothing is trained, so nothing is to be refused."""
    evaluation = recipe.evaluation.model_copy(
        update={"baselines": recipe.evaluation.baselines and baselines, "languages": ()}
    )
    machine = Machine.detect(run.options.device, run.options.threads)
    checkpoint = find_saved_base(run.folder / MODEL, facts, run.options)
    recipe = as_suits_the_base(recipe.model_copy(update={"evaluation": evaluation}), checkpoint)
    return Plan(
        recipe=recipe, machine=machine, checkpoint=checkpoint, precision="bf16" if machine.bf16 else "fp32",
        micro_batch_tokens=recipe.training.batch_tokens, memory_gib=0.0, kept_states_gib=0.0, findings=(),
    )  # fmt: skip
