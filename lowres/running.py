"""run(): from a recipe to the folder of a finished run, stage by stage."""

import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from lowres.atomic import write_whole
from lowres.chatter import without_chatter
from lowres.data.corpus import Corpus
from lowres.errors import Finding, PlanError, Problem
from lowres.export import adapter_usage, export_merged, mergeable
from lowres.models.checkpoint import MERGED, is_merged
from lowres.models.hub_files import pinned
from lowres.planning import Options, Plan, prepare, read_data, read_fitting_data
from lowres.planning.machine import refuse_many_processes
from lowres.planning.outside import refuse_outside
from lowres.planning.recipe_rules import finished_run
from lowres.recipe import Lock, RecipeFile, open_recipe, read_lock, write_lock
from lowres.runs.disk_space import look_at_disk, saving
from lowres.runs.facts import (
    data_facts,
    environment,
    plan_facts,
    shareable_name,
    training_facts,
    versions,
    vocabulary_facts,
)
from lowres.runs.interruption import Interruption
from lowres.runs.judging import evaluate_test
from lowres.runs.layout import LOCK, MODEL
from lowres.runs.progress import shown_progress
from lowres.runs.reload_check import SAMPLE_SIZE, ReloadSample, check_reload
from lowres.runs.run import Run
from lowres.runs.trainings import Trainings, fit
from lowres.runs.writing import Notify, RunWriter, completed, default_folder, unfinished
from lowres.tasks.equipping import quantization_findings
from lowres.tasks.job import Job, Predictor, make_accelerator
from lowres.tasks.retention import retention, retention_finding
from lowres.tasks.table import job_of
from lowres.vocabulary.adapting import Adapted, adapt
from lowres.vocabulary.fitting_data import FittingData
from lowres.vocabulary.language_tokens import language_tokens, token_findings


def run(
    recipe: str | Path | RecipeFile, out: Path | None = None, *, options: Options | None = None, notify: Notify | None = None,
    restart: bool = False,
) -> Run:  # fmt: skip
    """Carry out a recipe and return the finished run. Raises LowresError if the user's input is at fault.

    The run is written to `out`, by default to a new folder in runs/. An interrupted run of the same recipe – in `out`, or the
    newest one in runs/ – is resumed, unless `restart`. `notify` is called with every event: stages, steps, findings, and the record
    at the end; without it a notebook shows how far the run is.
    """
    refuse_many_processes()
    options = options or Options()
    file = recipe if isinstance(recipe, RecipeFile) else open_recipe(recipe)
    with file.naming_lines():
        refuse_outside(file.recipe, file.path.parent)
    if not restart and (done := completed(file, out)):
        return Run(done, options=options)
    folder = out or (None if restart else unfinished(file)) or default_folder(file)
    with (
        without_chatter(),
        Interruption() as interruption,
        RunWriter(file, folder, notify or shown_progress(), restart=restart) as writer,
        file.naming_lines(),
    ):
        writer.stage("plan")
        merge_base(file, options, writer)
        plan = prepare(file, options)
        job = job_of(plan.recipe.task.kind, plan.checkpoint.architecture.shape)
        writer.write(plan=plan_facts(plan))

        writer.stage("data")
        corpus = read_data(file, options)
        writer.write(data=data_facts(corpus, plan.near))
        verify_lock(lock(file, plan, corpus), writer)

        writer.stage("base")
        accelerator = prepare_device(plan)
        tokenizer, base = job.load(plan.checkpoint, plan.recipe.training.dropout)
        if plan.recipe.base.quantize == "off":  # else it may fit the device only when it is quantized
            base.to(accelerator.device)

        writer.stage("vocabulary")
        fitting_data = read_fitting_data(file, corpus, options)
        adapted = fit_vocabulary(tokenizer, base, job, plan, fitting_data, accelerator)
        writer.write(vocabulary=vocabulary_facts(tokenizer, adapted, corpus, plan))

        writer.stage("training")
        known = language_tokens(tokenizer)
        predictor = job.build(adapted, base, plan, corpus, accelerator)
        languages = token_findings(
            known, getattr(predictor.facts, "tags", {}), getattr(file.recipe.task, "init_from", {})
        )
        for finding in (*predictor.findings, *languages, *quantization_findings(predictor.transformer, plan)):
            writer.finding(finding)
        for finding in look_at_disk(writer.folder, predictor.model, merges=job.is_base):
            writer.finding(finding)
        trainings = fit(predictor, job, adapted, plan, corpus, writer, interruption)
        writer.write(training=training_facts(writer.steps, writer.resumed, predictor.model))
        with saving(writer.folder / MODEL):  # before the rest, so that nothing that was learned can be lost
            predictor.save(writer.folder / MODEL)
        fit_again(trainings, predictor, writer)
        predictor = job.complete(predictor, plan, corpus, writer.stage)
        with saving(writer.folder / MODEL):
            predictor.save(writer.folder / MODEL)
        write_lock(writer.folder / LOCK, lock(file, plan, corpus))

        writer.stage("evaluation")
        evaluate_test(predictor, job, plan, corpus, writer)
        if kept := retention(predictor, plan, fitting_data.protect):
            writer.write(retention=kept)
            writer.finding(retention_finding(kept))

        writer.stage("reload check")
        inputs = job.sample(predictor, plan, corpus, SAMPLE_SIZE)
        check_reload(writer.folder, ReloadSample(inputs, predictor.raw_predictions(inputs)), options)
        write_whole(writer.folder / MODEL / "README.md", adapter_usage(predictor, writer.record))
        if job.is_base and mergeable(predictor.facts):
            shutil.rmtree(writer.folder / MERGED, ignore_errors=True)  # of an attempt that was cut off
            export_merged(Run(writer.folder, options=options))
        writer.finish(environment(plan))
        trainings.remove_checkpoints()
    return Run(writer.folder, options=options)


def merge_base(file: RecipeFile, options: Options, writer: RunWriter) -> None:
    """Where the base is a run whose weights are not in one checkpoint yet, write it. Raises ModelError where that cannot be."""
    name = file.recipe.base.name
    folder = None if pinned(name, file.recipe.base.revision) else finished_run(name, file.path.parent)
    if folder is not None and not is_merged(folder):
        export_merged(Run(folder, options=options))
        writer.finding(Finding("note", f"the adapter of {name} was merged into its base: {name}/{MERGED}", "base.name"))


def prepare_device(plan: Plan) -> Accelerator:
    """Set threads and seed, and choose device and precision as planned, so that the same recipe starts from the same state.

    Raises PlanError if torch cannot compute on the planned device.
    """
    torch.set_num_threads(plan.machine.cores)
    set_seed(plan.recipe.training.seed)
    accelerator = make_accelerator(plan.machine, plan.precision)
    if accelerator.device.type != plan.machine.device:
        what = f"the plan is made for {plan.machine.device}, but torch computes on {accelerator.device.type}"
        raise PlanError(Problem("--device", what, f"say --device {accelerator.device.type}"))
    return accelerator


def fit_vocabulary(
    tokenizer: PreTrainedTokenizerBase,
    base: Any,
    job: Job,
    plan: Plan,
    fitting_data: FittingData,
    accelerator: Accelerator,
) -> Adapted:
    """The base's tokenizer and embedding rows, fitted to the training texts as the recipe says."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    with accelerator.autocast():
        return adapt(
            tokenizer, job.encoder(base), checkpoint.architecture.layers, recipe.vocabulary, fitting_data,
            prefix=checkpoint.prefix, pooling=plan.pooling, seed=recipe.training.seed, whole=base,
        )  # fmt: skip


def fit_again(trainings: Trainings, predictor: Predictor, writer: RunWriter) -> None:
    """Further rounds of training, if the task has any."""
    for facts in trainings.fit_further():
        writer.write(
            training=training_facts(writer.steps, writer.resumed, predictor.model),
            back_translation=[*writer.record.back_translation, facts],
        )
        with saving(writer.folder / MODEL):
            predictor.save(writer.folder / MODEL)


def verify_lock(now: Lock, writer: RunWriter) -> None:
    """Write the lock of a new run; of a resumed one compare it, and warn of packages that have another version since.

    Other data or another base are refused where the checkpoint is read.
    """
    path = writer.folder / LOCK
    if writer.resumes and path.exists():
        before = read_lock(path).versions
        for package, version in now.versions.items():
            if before.get(package, version) != version:
                what = f"the run began with {package} {before[package]} and is resumed with {version}: its result may differ"
                writer.finding(Finding("warning", what, LOCK))
        return
    write_lock(path, now)


def lock(file: RecipeFile, plan: Plan, corpus: Corpus) -> Lock:
    """What the recipe was resolved to."""
    return Lock(
        recipe_sha256=file.sha256,
        data_fingerprint=corpus.fingerprint,
        files=tuple((shareable_name(count.name, plan.near), count.sha256) for count in corpus.files),
        base=shareable_name(plan.checkpoint.name, plan.near),
        base_revision=plan.checkpoint.revision,
        base_sha256=plan.checkpoint.sha256(),
        versions=versions(),
        seed=plan.recipe.training.seed,
    )
