"""A handful of texts that a tiny base memorises with a method, whatever its task; the model is saved, and loaded again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bases import ENGLISH, TOY

from lowres.data.corpus import Corpus, Row
from lowres.models.checkpoint import describe
from lowres.planning import Machine, Options, Plan, make_plan
from lowres.recipe import parse_recipe
from lowres.recipe.methods import METHOD_FACTS
from lowres.runs.run import load_predictor
from lowres.tasks.equipping import callbacks_of
from lowres.tasks.job import make_accelerator
from lowres.tasks.table import job_of
from lowres.training.loop import train
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

TASKS = {
    "classification": "{kind: classification, language: eng-Latn}",
    "translation": "{kind: translation, source: eng-Latn, target: ind-Latn, hints: off}",
    "pre-training": "{kind: pre-training, language: eng-Latn, masked: 0.3}",
    "generation": "{kind: generation, language: eng-Latn}",
}
RECIPE = """\
lowres: 2
name: Small
task: {task}
data: {{card: nusax-sentiment}}
base: {{name: "{base}", quantize: {bits}}}
vocabulary: {vocabulary}
method: {method}
training: {{epochs: {epochs}, learning_rate: {rate}, batch_tokens: 64, max_length: {length}, patience: 200, label_smoothing: 0.0}}
"""
# The tail of a recipe by task.
MORE = {
    "classification": "ensemble: {ngrams: off}\n",
    "translation": "ensemble: {phrase_table: off}\ndecoding: {beams: 1}\n",
    "pre-training": "",
    "generation": "",
}
# name → (method, epochs, learning rate): rates for models of width 64, far above those for real ones
METHODS: dict[str, tuple[str, int, float]] = {
    "lora": ("{kind: lora}", 7, 0.01),
    "dora": ("{kind: lora, dora: true}", 7, 0.01),
    "oft": ("{kind: oft, block_size: 16}", 8, 0.01),
    "ia3": ("{kind: ia3}", 12, 0.1),
    "adalora": ("{kind: adalora}", 10, 0.02),
    "bottleneck": ("{kind: bottleneck, reduction_factor: 2, invertible: true}", 8, 0.01),
    "full": ("{kind: full}", 7, 0.003),
    "freeze": ("{kind: freeze, layers: 1}", 8, 0.004),
    "features": ("{kind: features}", 40, 0.05),
    "head": ("{kind: head}", 20, 0.05),
    "decoder": ("{kind: decoder}", 8, 0.005),
}
OFF = "{extend: off, trim: off}"
TRIMMED = "{extend: off, trim: used}"


def possible(task: str, method: str, bits: str) -> bool:
    """Whether a method is for a task, and for a base in so many bits."""
    facts = METHOD_FACTS[METHODS[method][0].removeprefix("{kind: ").partition("}")[0].partition(",")[0]]
    return task in facts.tasks and (bits == "off" or facts.quantizable) and (method, bits) != ("dora", "8bit")


def corpus(task: str) -> Corpus:
    """English sentences: labelled by a word, with their toy translation, or alone; five times in train."""
    labels: tuple[str, ...] = ()
    if task == "translation":
        rows = [
            Row(f"{tag}/{number}", str(number), tag, {"text": text})
            for number, pair in enumerate(zip(ENGLISH, TOY, strict=True))
            for tag, text in zip(("eng-Latn", "ind-Latn"), pair, strict=True)
        ]
    else:
        rows = [Row(str(number), str(number), "eng-Latn", {"text": text}) for number, text in enumerate(ENGLISH)]
    if task == "classification":
        rows = [replace(row, fields={**row.fields, "label": row.fields["text"].split()[-1]}) for row in rows]
        labels = ("clean", "cold", "warm")
    often = tuple(
        replace(row, id=f"{time}-{row.id}", cluster=f"{time}-{row.cluster}") for time in range(5) for row in rows
    )
    return Corpus("toy", often, tuple(rows), tuple(rows), labels, "CC0-1.0")


def planned(base: Path, task: str, method: str, bits: str, vocabulary: str) -> Plan:
    """The plan for a cell of the table."""
    text, epochs, rate = METHODS[method]
    checkpoint = describe(str(base), base)
    masks = checkpoint.architecture.shape != "decoder"
    recipe = RECIPE.format(
        task=TASKS[task] if masks else TASKS[task].replace(", masked: 0.3", ""),
        base=base,
        bits=bits,
        vocabulary=vocabulary,
        method=text,
        epochs=epochs,
        rate=rate,
        length=120 if task == "translation" and not masks else 60,  # a decoder reads the prompt around a text, too
    )
    return make_plan(
        parse_recipe(recipe + MORE[task], "recipe.yaml"),
        checkpoint,
        Machine("cpu", "here", 1, 16.0, False),
    )


@dataclass(frozen=True)
class Memorised:
    """A model after its training: the losses of its updates, what it was asked, and what it answers."""

    losses: list[float]
    asked: list[list[str]]
    answers: list[Any]
    predictor: Any

    @property
    def learned(self) -> float:
        """The least loss at the end as a share of the first."""
        return min(self.losses[-5:]) / self.losses[0]


def memorise(plan: Plan, folder: Path) -> Memorised:
    """Train on the toy texts and save into a folder."""
    data, task = corpus(plan.recipe.task.kind), plan.recipe.task.kind
    job = job_of(task, plan.checkpoint.architecture.shape)
    tokenizer, model = job.load(plan.checkpoint)
    texts = [row.fields["text"] for row in data.train]
    adapted = adapt(
        tokenizer, job.encoder(model), plan.checkpoint.architecture.layers, plan.recipe.vocabulary, FittingData(texts), whole=model
    )  # fmt: skip
    predictor = job.build(adapted, model, plan, data, make_accelerator(plan.machine, plan.precision))
    steps = train(
        predictor.model, job.objective(predictor, plan, data), plan.recipe.training, accelerator=predictor.accelerator,
        micro_batch_tokens=512, callbacks=callbacks_of(predictor.model, plan),
    )  # fmt: skip
    losses = [step.loss for step in steps]
    predictor.save(folder)
    asked = job.sample(predictor, plan, data, len(ENGLISH))
    return Memorised(losses, asked, predictor.raw_predictions(asked), predictor)


def close(left: Sequence[Any], right: Sequence[Any], tolerance: float = 1e-3) -> bool:
    """Whether two lists of answers are the same, numbers up to rounding."""
    return all(
        a == b if isinstance(a, str) else max(abs(x - y) for x, y in zip(a, b, strict=True)) < tolerance
        for a, b in zip(left, right, strict=True)
    )


def again(folder: Path, model: Memorised, options: Options) -> bool:
    """Whether the saved model, loaded again, answers the same."""
    return close(model.answers, load_predictor(folder, options, "precise").raw_predictions(model.asked))


def merges(folder: Path, model: Memorised, options: Options) -> bool:
    """Whether the merged model answers the same."""
    merged = load_predictor(folder, options, "merged")
    return close(model.answers, merged.raw_predictions(model.asked))
