"""run(): the whole story of a recipe, from its file to a folder that can be used and shared."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import DataError, Problem
from lowres.evaluation.record import CostFacts, Record
from lowres.export import adapter_usage, export_merged, mergeable
from lowres.jobs import JOBS, Job
from lowres.jobs.equipping import care_of
from lowres.jobs.job import make_accelerator
from lowres.planning import Options, Plan, prepare, read_data, read_material
from lowres.proving import ASKED, Trial, prove
from lowres.recipe import Lock, RecipeFile, open_recipe, write_lock
from lowres.recording import (
    data_facts,
    environment,
    peak_memory_gib,
    plan_facts,
    recipe_facts,
    training_facts,
    versions,
    vocabulary_facts,
)
from lowres.report import render
from lowres.runs import LOCK, LOG, MODEL, PREDICTIONS, RECIPE, RECORD, REPORT, Run
from lowres.training.loop import Step, train
from lowres.training.rounds import train_on
from lowres.vocabulary.adapting import Adapted, adapt


@dataclass(frozen=True)
class Stage:
    """A new stage begins."""

    name: str


Event = Stage | Step | Record
Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""


def run(
    recipe: str | Path | RecipeFile, out: Path | None = None, *, options: Options | None = None, notify: Notify = silent
) -> Run:
    """Carry out a recipe and leave the folder of a run. Raises LowresError where the user's input is at fault."""
    options = options or Options()
    file = recipe if isinstance(recipe, RecipeFile) else open_recipe(recipe)
    job, settings = JOBS[file.recipe.task.kind], file.recipe.training
    with Book(file, out or default_folder(file), notify) as book:
        book.stage("plan")
        plan = prepare(file, options)
        book.write(plan=plan_facts(plan))

        book.stage("data")
        corpus = read_data(file, options)
        book.write(data=data_facts(corpus))

        book.stage("base")
        accelerator = prepare_device(plan)
        tokenizer, base = job.load(plan.checkpoint)
        base.to(accelerator.device)

        book.stage("vocabulary")
        adapted = fit_vocabulary(tokenizer, base, job, plan, corpus, file, options, accelerator)
        book.write(vocabulary=vocabulary_facts(tokenizer, adapted, corpus, plan))

        book.stage("training")
        answerer = job.build(adapted, base, plan, corpus, accelerator)
        objective = job.objective(answerer, plan, corpus)
        trained = train(
            answerer.model, objective, settings, accelerator=accelerator, micro_batch_tokens=plan.micro_batch_tokens,
            care=care_of(answerer.model, plan),
        )  # fmt: skip
        steps = [book.step(step) for step in trained]
        book.write(training=training_facts(steps, answerer.model))
        answerer.save(book.folder / MODEL)  # before the rest, so that nothing that was learned can be lost
        del objective  # what it keeps may be large
        for more in job.rounds(answerer, plan, corpus, book.stage):
            trained = train_on(
                answerer.model, more.objective, more.settings, steps, accelerator=accelerator,
                micro_batch_tokens=plan.micro_batch_tokens, care=care_of(answerer.model, plan),
            )  # fmt: skip
            further = [book.step(step) for step in trained]
            book.write(back_translation=[*book.record.back_translation, more.facts(steps, further)])
            steps += further
            book.write(training=training_facts(steps, answerer.model))
            answerer.save(book.folder / MODEL)
        answerer = job.complete(answerer, plan, corpus, book.stage)
        answerer.save(book.folder / MODEL)
        write_lock(book.folder / LOCK, lock(file, plan, corpus))

        book.stage("evaluation")
        answers = job.answer(answerer, plan, corpus)
        book.predictions(job.lines(plan, corpus, answers))
        for facts in job.judge(answerer, plan, corpus, answers, book.stage):
            book.write(**facts)

        book.stage("proof")
        asked = job.sample(answerer, plan, corpus, ASKED)
        prove(book.folder, Trial(asked, answerer.trial(asked)), options)
        (book.folder / MODEL / "README.md").write_text(adapter_usage(answerer, book.record), encoding="utf-8")
        book.finish(environment(plan))
    finished = Run(book.folder, options=options)
    if job.leads_on and mergeable(answerer.facts):
        export_merged(finished)
    return finished


def prepare_device(plan: Plan) -> Accelerator:
    """Threads, seed, device and precision, so that the same recipe gives the same start."""
    torch.set_num_threads(plan.machine.cores)
    set_seed(plan.recipe.training.seed)
    return make_accelerator(plan.machine, plan.precision)


def fit_vocabulary(
    tokenizer: PreTrainedTokenizerBase, base: Any, job: Job, plan: Plan, corpus: Corpus, file: RecipeFile, options: Options,
    accelerator: Accelerator,
) -> Adapted:  # fmt: skip
    """Pieces and rows that fit the training texts."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    material = read_material(file, corpus, options)
    with accelerator.autocast():
        return adapt(
            tokenizer, job.encoder(base), checkpoint.architecture.layers, recipe.vocabulary, material,
            prefix=checkpoint.prefix, pooling=plan.pooling, seed=recipe.training.seed, whole=base,
        )  # fmt: skip


def lock(file: RecipeFile, plan: Plan, corpus: Corpus) -> Lock:
    """Everything the recipe was resolved to."""
    return Lock(
        recipe_sha256=file.sha256,
        data_fingerprint=corpus.fingerprint,
        files=tuple((count.name, count.sha256) for count in corpus.files),
        base=plan.checkpoint.name,
        base_revision=plan.checkpoint.revision,
        base_sha256=plan.checkpoint.sha256(),
        versions=versions(),
        seed=plan.recipe.training.seed,
    )


def default_folder(file: RecipeFile) -> Path:
    """runs/<recipe>-<time> in the current folder."""
    return Path("runs") / f"{file.path.stem}-{datetime.now():%Y%m%d-%H%M%S}"


class Book:
    """The run folder while it is being written: the record after every stage, the log after every step.

    Leaving it by an exception writes status `failed` or `interrupted` before the exception goes on.
    """

    def __init__(self, file: RecipeFile, folder: Path, notify: Notify) -> None:
        if (folder / RECORD).exists():
            raise DataError(
                Problem(str(folder), "already holds a run", "name another folder with --out, or remove this one")
            )
        self.folder, self.notify = folder, notify
        self.record = Record(status="running", recipe=recipe_facts(file))
        self.seconds: dict[str, float] = {}
        self.text = file.text
        self.open_stage: tuple[str, float] | None = None

    def __enter__(self) -> "Book":
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / RECIPE).write_bytes(self.text.encode())
        self.write()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is KeyboardInterrupt:
            self.write(status="interrupted")
        elif error is not None:
            self.write(status="failed", error=str(error) or kind.__name__ if kind else "")

    def stage(self, name: str) -> None:
        """End the stage before and begin another; their times stay separate."""
        now = time.monotonic()
        if self.open_stage:
            before, begun = self.open_stage
            self.seconds[before] = self.seconds.get(before, 0.0) + now - begun
        self.open_stage = (name, now)
        self.log({"stage": name})
        self.notify(Stage(name))

    def step(self, step: Step) -> Step:
        """Log a step, tell whoever watches, hand it on."""
        self.log(vars(step))
        self.notify(step)
        return step

    def log(self, line: dict[str, object]) -> None:
        """One JSON line in log.jsonl."""
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")

    def predictions(self, lines: Iterable[Mapping[str, object]]) -> None:
        """One row per test item in predictions.jsonl."""
        with (self.folder / PREDICTIONS).open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def write(self, **facts: object) -> None:
        """Add facts to the record and put it in place whole, so that a reader never sees half of it."""
        self.record = Record.model_validate(self.record.model_copy(update=facts).model_dump())
        draft = self.folder / (RECORD + ".part")
        draft.write_text(self.record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        draft.replace(self.folder / RECORD)

    def finish(self, machine: object) -> None:
        """The last facts, then the report."""
        self.stage("report")
        cost = CostFacts(seconds=self.seconds, peak_memory_gib=peak_memory_gib())
        self.write(status="done", cost=cost, environment=machine)
        (self.folder / REPORT).write_text(render(self.record), encoding="utf-8")
        self.notify(self.record)
