"""Predictors as training leaves them, but without the training: a base of every family, new rows, an adapter with random weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lowres.data.corpus import Corpus, LabelledRows, Row
from lowres.models.checkpoint import describe
from lowres.planning import Machine, Plan, make_plan
from lowres.recipe import parse_recipe
from lowres.tasks.job import make_accelerator
from lowres.tasks.table import job_of
from lowres.vocabulary.adapting import adapt
from lowres.vocabulary.fitting_data import FittingData

RECIPE = """\
lowres: 2
name: Untrained
task: {task}
data: {{card: nusax-sentiment}}
base: {{name: "{base}"}}
vocabulary: {vocabulary}
method: {method}
training: {{max_length: {max_length}}}
"""
CLASSIFICATION = "{kind: classification, language: eng-Latn}"


def translation(target: str = "ind-Latn", more: str = "") -> str:
    """The task of a recipe, from English."""
    return f"{{kind: translation, source: eng-Latn, target: {target}, both: true{more}}}"


def plan_of(
    base: Path, task: str, *, method: str = "{kind: lora}", vocabulary: str = "{extend: off, trim: off}", max_length: int = 60
) -> Plan:  # fmt: skip
    """The plan of a small recipe over a base in a folder."""
    text = RECIPE.format(base=base, task=task, method=method, vocabulary=vocabulary, max_length=max_length)
    if "translation" in task:
        text += "ensemble: {rerank: 8}\n" if "language-model" in task else "decoding: {beams: 1}\n"
    return make_plan(
        parse_recipe(text, "recipe.yaml"), describe(str(base), base), replace(Machine.detect("cpu", 1), bf16=False)
    )


def pairs_corpus(pairs: Sequence[tuple[str, str]], target: str = "ind-Latn") -> Corpus:
    """English texts with their translations, the same in every split."""
    rows = tuple(
        Row(f"{tag}/{number}", str(number), tag, {"text": text})
        for number, pair in enumerate(pairs)
        for tag, text in zip(("eng-Latn", target), pair, strict=True)
    )
    return Corpus("toy", rows, rows, rows, (), "CC0-1.0")


def labelled_corpus(texts: Sequence[str], heads: int) -> Corpus:
    """English texts of two labels; with a second head also of three places."""
    rows = tuple(
        Row(str(number), str(number), "eng-Latn", {"text": text, "label": ("good", "bad")[number % 2]})
        for number, text in enumerate(texts)
    )
    places = tuple(
        Row(f"place {number}", f"place {number}", "eng-Latn", {"text": text, "label": "abc"[number % 3]})
        for number, text in enumerate(texts)
    )
    more = {"place": LabelledRows(("a", "b", "c"), places)} if heads > 1 else {}
    return Corpus("toy", rows, rows, rows, ("bad", "good"), "CC0-1.0", auxiliary=more)


def predictor_of(plan: Plan, corpus: Corpus) -> Any:
    """The predictor that training would begin with, in float32, its trainable weights moved a little by random numbers."""
    job = job_of(plan.recipe.task.kind, plan.checkpoint.architecture.shape)
    tokenizer, base = job.load(plan.checkpoint)
    texts = list(dict.fromkeys(row.fields["text"] for row in corpus.train))
    adapted = adapt(
        tokenizer, job.encoder(base), plan.checkpoint.architecture.layers, plan.recipe.vocabulary, FittingData(texts), whole=base
    )  # fmt: skip
    predictor = job.build(adapted, base, plan, corpus, make_accelerator(plan.machine, "fp32"))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in predictor.model.parameters():
            if weight.requires_grad:
                weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return predictor
