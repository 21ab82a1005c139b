"""run(): the whole story of a recipe, from its file to a folder that can be used and shared."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from transformers import PreTrainedTokenizerBase

from lowres.data.corpus import Corpus, Row
from lowres.errors import DataError, Problem
from lowres.evaluation.baselines import BaselineRun, majority, tfidf
from lowres.evaluation.classification import classification_scores, confusion
from lowres.evaluation.comparison import compare, transfer_verdict
from lowres.evaluation.record import Baseline, Comparison, CostFacts, Record
from lowres.evaluation.scores import Score
from lowres.methods import TECHNIQUES
from lowres.models.classifier import Classifier
from lowres.models.loading import load_encoder
from lowres.models.ngrams import NgramClassifier, pooling_weights
from lowres.planning import Options, Plan, prepare, read_data, read_material
from lowres.recipe import Lock, RecipeFile, open_recipe, write_lock
from lowres.recording import (
    data_facts,
    environment,
    examples,
    peak_memory_gib,
    plan_facts,
    recipe_facts,
    training_facts,
    versions,
    vocabulary_facts,
)
from lowres.report import render
from lowres.runs import (
    LOCK,
    LOG,
    MODEL,
    PREDICTIONS,
    RECIPE,
    RECORD,
    REPORT,
    Answerer,
    ModelFacts,
    Run,
    make_accelerator,
)
from lowres.tasks.classification import ClassificationObjective, Encoder, Prediction
from lowres.training.loop import Step, train
from lowres.vocabulary.adapting import Adapted, adapt
from lowres.vocabulary.rows import split_rows


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
    with Book(file, out or default_folder(file), notify) as book:
        book.stage("plan")
        plan = prepare(file, options)
        book.write(plan=plan_facts(plan))

        book.stage("data")
        corpus = read_data(file, options)
        book.write(data=data_facts(corpus))

        book.stage("base")
        accelerator = prepare_device(plan)
        tokenizer, encoder = load_encoder(plan.checkpoint)

        book.stage("vocabulary")
        adapted = fit_vocabulary(tokenizer, encoder.to(accelerator.device), plan, corpus, file, options, accelerator)
        book.write(vocabulary=vocabulary_facts(tokenizer, adapted, corpus, plan))

        book.stage("training")
        answerer = build(adapted, encoder, plan, corpus.labels, accelerator)
        steps = [book.step(step) for step in fit(answerer, plan, corpus)]
        book.write(training=training_facts(steps, answerer.model))
        if file.recipe.ensemble.ngrams == "auto":
            book.stage("n-grams")
            answerer = with_ngrams(answerer, plan, corpus)
        answerer.save(book.folder / MODEL, model_facts(plan, corpus, answerer))
        write_lock(book.folder / LOCK, lock(file, plan, corpus))

        book.stage("evaluation")
        predictions = answer(answerer, corpus.test)
        book.predictions(corpus, predictions)
        judge(book, plan, corpus, answerer, predictions)
        book.finish(environment(plan))
    return Run(book.folder, options=options)


def prepare_device(plan: Plan) -> Accelerator:
    """Threads, seed, device and precision, so that the same recipe gives the same start."""
    torch.set_num_threads(plan.machine.cores)
    set_seed(plan.recipe.training.seed)
    return make_accelerator(plan.machine, plan.precision)


def fit_vocabulary(
    tokenizer: PreTrainedTokenizerBase, encoder: nn.Module, plan: Plan, corpus: Corpus, file: RecipeFile, options: Options,
    accelerator: Accelerator,
) -> Adapted:  # fmt: skip
    """Pieces and rows that fit the training texts."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    material = read_material(file, corpus, options)
    with accelerator.autocast():
        return adapt(
            tokenizer, encoder, checkpoint.architecture.layers, recipe.vocabulary, material,
            prefix=checkpoint.prefix, pooling=pooling_of(plan), seed=recipe.training.seed,
        )  # fmt: skip


def pooling_of(plan: Plan) -> str:
    """The recipe's way to make one vector of a text, or the base's own."""
    return plan.checkpoint.pooling if plan.recipe.base.pooling == "auto" else plan.recipe.base.pooling


def build(adapted: Adapted, base: nn.Module, plan: Plan, labels: Sequence[str], accelerator: Accelerator) -> Answerer:
    """Base + its new rows + method + a new head."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    technique = TECHNIQUES[recipe.method.kind]
    set_seed(recipe.training.seed)
    adapted.install(base)
    fresh = [] if technique.trains_rows or not adapted.added else split_rows(base, adapted.added)
    encoder = technique.apply(base, recipe.method, checkpoint.architecture)
    for rows in fresh:  # methods freeze all that is not their own
        rows.requires_grad_(True)
    model = Classifier(encoder, checkpoint.hidden_size, len(labels), pooling_of(plan)).to(accelerator.device)
    return Answerer(
        model,
        Encoder(adapted.tokenizer, checkpoint.prefix, recipe.training.max_pieces),
        tuple(labels),
        accelerator,
        places=adapted.places if len(adapted.places) else None,
        added=adapted.added,
    )


def fit(answerer: Answerer, plan: Plan, corpus: Corpus) -> Iterator[Step]:
    """Train on train, choose on dev."""
    settings = plan.recipe.training
    objective = ClassificationObjective(
        answerer.model,
        answerer.encoder,
        answerer.labels,
        corpus.train,
        corpus.dev,
        answerer.accelerator,
        settings.label_smoothing,
    )
    return train(
        answerer.model,
        objective,
        settings,
        accelerator=answerer.accelerator,
        micro_batch_tokens=plan.micro_batch_tokens,
    )


def with_ngrams(answerer: Answerer, plan: Plan, corpus: Corpus) -> Answerer:
    """Add the n-gram classifier, weighed against the encoder by the likelihood of dev."""
    ngrams = NgramClassifier.fit(corpus.train, corpus.dev, answerer.labels, plan.recipe.training.seed)
    texts, languages = [row.fields["text"] for row in corpus.dev], [row.language for row in corpus.dev]
    answers = [answerer.labels.index(row.fields["label"]) for row in corpus.dev]
    weights = pooling_weights(answerer.log_probabilities(texts), ngrams.log_probabilities(texts, languages), answers)
    return replace(answerer, ngrams=ngrams, weights=weights)


def answer(answerer: Answerer, rows: Sequence[Row]) -> list[Prediction]:
    """Predictions for rows whose language is known."""
    return answerer.predict([row.fields["text"] for row in rows], [row.language for row in rows])


def model_facts(plan: Plan, corpus: Corpus, answerer: Answerer) -> ModelFacts:
    """What a later process needs to put the model together again."""
    return ModelFacts(
        task=plan.recipe.task.kind,
        base=plan.checkpoint.name,
        revision=plan.checkpoint.revision,
        base_sha256=plan.checkpoint.sha256(),
        method=plan.recipe.method.kind,
        labels=list(answerer.labels),
        pooling=answerer.model.pooling,
        prefix=answerer.encoder.prefix,
        max_pieces=answerer.encoder.max_pieces,
        hidden_size=plan.checkpoint.hidden_size,
        languages=list(corpus.languages),
        weights=answerer.weights if answerer.ngrams else None,
    )


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


def judge(book: "Book", plan: Plan, corpus: Corpus, answerer: Answerer, predictions: Sequence[Prediction]) -> None:
    """Scores with intervals, what simpler methods score on the same rows, and the paired comparisons."""
    settings, seed, rows = plan.recipe.evaluation, plan.recipe.training.seed, corpus.test
    jury = Jury(rows, answerer.labels, settings.confidence, settings.resamples, seed)
    chosen = [prediction.label for prediction in predictions]
    book.write(
        scores=jury.scores(chosen),
        confusion=confusion(jury.references, chosen, answerer.labels),
        examples=examples(rows, predictions),
    )
    parts, rivals = [], []
    if answerer.ngrams:
        alone = [prediction.label for prediction in answer(answerer.alone(), rows)]
        parts.append(BaselineRun("encoder alone", "the adapted base without the n-gram classifier", 0.0, tuple(alone)))
    if settings.baselines:
        book.stage("baselines")
        rivals = [majority(corpus.train, rows), tfidf(corpus.train, corpus.dev, rows, answerer.labels, seed)]
    comparisons = {run.name: jury.against(run, chosen) for run in (*parts, *rivals)}
    book.write(
        baselines=[jury.baseline(run, part=run in parts) for run in (*parts, *rivals)],
        comparisons=[comparison for found in comparisons.values() for comparison in found],
        transfer=transfer_verdict([comparison for run in rivals for comparison in comparisons[run.name]]),
    )


@dataclass(frozen=True)
class Jury:
    """Judges every system on the same rows with the same settings."""

    rows: Sequence[Row]
    labels: Sequence[str]
    confidence: float
    resamples: int
    seed: int

    @property
    def references(self) -> list[str]:
        """True labels."""
        return [row.fields["label"] for row in self.rows]

    @property
    def languages(self) -> list[str]:
        return [row.language for row in self.rows]

    @property
    def groups(self) -> list[str]:
        return [row.group for row in self.rows]

    def scores(self, predictions: Sequence[str]) -> list[Score]:
        """Every score of one system."""
        return classification_scores(
            self.references, predictions, self.languages, self.labels, groups=self.groups, split="test",
            confidence=self.confidence, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip

    def baseline(self, run: BaselineRun, *, part: bool) -> Baseline:
        """A simpler system, or a part of this one, and its scores."""
        return Baseline(
            name=run.name,
            description=run.description,
            seconds=run.seconds,
            scores=self.scores(run.predictions),
            part=part,
        )

    def against(self, run: BaselineRun, predictions: Sequence[str]) -> list[Comparison]:
        """The predictions against those of another system, paired."""
        return compare(
            self.references, predictions, run.predictions, self.languages, self.groups, self.labels, against=run.name,
            confidence=self.confidence, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip


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

    def predictions(self, corpus: Corpus, predictions: Sequence[Prediction]) -> None:
        """One row per test item in predictions.jsonl."""
        with (self.folder / PREDICTIONS).open("w", encoding="utf-8") as file:
            for row, prediction in zip(corpus.test, predictions, strict=True):
                line = {
                    "id": row.id, "language": row.language, "text": row.fields["text"], "reference": row.fields["label"],
                    "prediction": prediction.label, "probabilities": prediction.probabilities,
                }  # fmt: skip
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
