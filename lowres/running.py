"""run(): the whole story of a recipe, from its file to a folder that can be used and shared."""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus
from lowres.errors import Finding
from lowres.export import adapter_usage, export_merged, mergeable
from lowres.planning import Options, Plan, prepare, read_data, read_fitting_data
from lowres.recipe import Lock, RecipeFile, open_recipe, write_lock
from lowres.runs.facts import data_facts, environment, plan_facts, training_facts, versions, vocabulary_facts
from lowres.runs.layout import CHECKPOINT, LOCK, MODEL
from lowres.runs.reload_check import ASKED, ReloadSample, check_reload
from lowres.runs.run import Run
from lowres.runs.writing import Notify, RunWriter, default_folder, silent, unfinished
from lowres.tasks.equipping import callbacks_of
from lowres.tasks.job import Job, Predictor, make_accelerator
from lowres.tasks.table import job_of
from lowres.training.checkpoints import Checkpoints
from lowres.training.loop import Step, train
from lowres.training.rounds import train_on
from lowres.vocabulary.adapting import Adapted, adapt


def run(
    recipe: str | Path | RecipeFile, out: Path | None = None, *, options: Options | None = None, notify: Notify = silent,
    restart: bool = False,
) -> Run:  # fmt: skip
    """Carry out a recipe and leave the folder of a run. Raises LowresError where the user's input is at fault.

    A run of the same recipe that was cut off – in `out`, or the newest in runs/ – goes on where it stood, unless `restart`.
    """
    options = options or Options()
    file = recipe if isinstance(recipe, RecipeFile) else open_recipe(recipe)
    job = job_of(file.recipe.task.kind)
    folder = out or (None if restart else unfinished(file)) or default_folder(file)
    with RunWriter(file, folder, notify, restart=restart) as book:
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
        predictor = job.build(adapted, base, plan, corpus, accelerator)
        for finding in predictor.findings:
            book.finding(finding)
        steps = fit(predictor, job, plan, corpus, book)
        book.write(training=training_facts(steps, book.cuts, predictor.model))
        predictor.save(book.folder / MODEL)  # before the rest, so that nothing that was learned can be lost
        fit_again(predictor, job, plan, corpus, book)
        predictor = job.complete(predictor, plan, corpus, book.stage)
        predictor.save(book.folder / MODEL)
        write_lock(book.folder / LOCK, lock(file, plan, corpus))

        book.stage("evaluation")
        answers = job.predict(predictor, plan, corpus)
        book.predictions(job.lines(plan, corpus, answers))
        for facts in job.judge(predictor, plan, corpus, answers, book.stage):
            for finding in facts.get("findings", ()):
                book.finding(finding)
            book.write(**{section: fact for section, fact in facts.items() if section != "findings"})

        book.stage("proof")
        asked = job.sample(predictor, plan, corpus, ASKED)
        check_reload(book.folder, ReloadSample(asked, predictor.raw_predictions(asked)), options)
        (book.folder / MODEL / "README.md").write_text(adapter_usage(predictor, book.record), encoding="utf-8")
        book.finish(environment(plan))
        checkpoints(plan, corpus, book).remove()
    finished = Run(book.folder, options=options)
    if job.is_base and mergeable(predictor.facts):
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
    material = read_fitting_data(file, corpus, options)
    with accelerator.autocast():
        return adapt(
            tokenizer, job.encoder(base), checkpoint.architecture.layers, recipe.vocabulary, material,
            prefix=checkpoint.prefix, pooling=plan.pooling, seed=recipe.training.seed, whole=base,
        )  # fmt: skip


def fit(predictor: Predictor, job: Job, plan: Plan, corpus: Corpus, book: RunWriter) -> list[Step]:
    """Train, and go on where the run was cut off if it was. Returns every step, those before the cut among them."""
    kept = checkpoints(plan, corpus, book)
    begun = kept.read()
    if begun:
        book.resume(begun.update)
    objective = job.objective(predictor, plan, corpus)
    for finding in objective.findings:
        book.finding(finding)
    for step in train(
        predictor.model, objective, plan.recipe.training, accelerator=predictor.accelerator,
        micro_batch_tokens=plan.micro_batch_tokens, callbacks=callbacks_of(predictor.model, plan), begun=begun, checkpoints=kept,
    ):  # fmt: skip
        book.step(step)
        if kept.fault:
            book.finding(Finding("warning", f"no checkpoint could be written: {kept.fault}", str(kept.path)))
            kept.fault = ""
    return book.steps


def fit_again(predictor: Predictor, job: Job, plan: Plan, corpus: Corpus, book: RunWriter) -> None:
    """The further rounds of training that the task has, if any. A run that is cut off in one begins with the first of them anew."""
    for more in job.rounds(predictor, plan, corpus, book.stage):
        before = list(book.steps)
        for step in train_on(
            predictor.model, more.objective, more.settings, before, accelerator=predictor.accelerator,
            micro_batch_tokens=plan.micro_batch_tokens, callbacks=callbacks_of(predictor.model, plan),
        ):  # fmt: skip
            book.step(step)
        book.write(
            training=training_facts(book.steps, book.cuts, predictor.model),
            back_translation=[*book.record.back_translation, more.facts(before, book.steps[len(before) :])],
        )
        predictor.save(book.folder / MODEL)


def checkpoints(plan: Plan, corpus: Corpus, book: RunWriter) -> Checkpoints:
    """Where the training of this run is kept while it lasts, and what it rests on beside the recipe."""
    origin = {"data": corpus.fingerprint, "base": plan.checkpoint.sha256(), "lowres": versions()["lowres"]}
    return Checkpoints(book.folder / CHECKPOINT, origin)


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
