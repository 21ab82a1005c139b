"""A head over vectors that are kept is trained to its end, and rare labels count in it like frequent ones."""

from collections import Counter
from pathlib import Path

import torch
from conftest import rows, write_tsv

from lowres.planning import Options, prepare, read_data, read_fitting_data
from lowres.recipe import open_recipe
from lowres.running import fit_vocabulary, prepare_device
from lowres.running import run as run_recipe
from lowres.tasks.classification.job import CLASSIFICATION

RECIPE = """\
lowres: 2
name: Few rows
task: {{kind: classification}}
data: {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, licence: CC0-1.0, source: written}}
base: {{name: "{base}", pooling: mean}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: features}}
training: {{max_length: 64{more}}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100, baselines: false}}
"""


def unequal(folder: Path, base: Path, more: str = "") -> Path:
    """A recipe whose training rows are positive eight times as often as negative."""
    every = rows(0, 40)
    negative = [row for row in every if row[1] == "negative"][:5]
    write_tsv(folder / "train.tsv", [row for row in every if row[1] == "positive"] + negative)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(base=base, more=more), encoding="utf-8")
    return recipe


def test_training_goes_on_until_few_rows_are_learned(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = unequal(small_data, tiny_encoder)
    whole = run_recipe(recipe, small_data / "whole", options=options).record
    soon = run_recipe(unequal(small_data, tiny_encoder, ", patience: 4"), small_data / "soon", options=options).record
    assert whole.training is not None and soon.training is not None
    assert whole.training.updates > 3 * soon.training.updates
    assert whole.scores[0].value > soon.scores[0].value + 20


def test_a_rare_label_weighs_as_much_as_a_frequent_one(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    file = open_recipe(unequal(small_data, tiny_encoder))
    plan, corpus = prepare(file, options), read_data(file, options)
    assert Counter(row.fields["label"] for row in corpus.train) == {"positive": 40, "negative": 5}
    accelerator = prepare_device(plan)
    tokenizer, base = CLASSIFICATION.load(plan.checkpoint, 0.0)
    fitting_data = read_fitting_data(file, corpus, options)
    adapted = fit_vocabulary(tokenizer, base, CLASSIFICATION, plan, fitting_data, accelerator)
    classifier = CLASSIFICATION.build(adapted, base, plan, corpus, accelerator)
    objective = CLASSIFICATION.objective(classifier, plan, corpus)
    torch.nn.init.zeros_(classifier.model.head.weight)  # every label is then as probable as the others
    loss, number = objective.loss(range(len(corpus.train)), 0)
    loss.backward()
    assert number == len(corpus.train)
    slope = classifier.model.head.bias.grad
    assert slope is not None and torch.allclose(slope, torch.zeros(2), atol=1e-4), "no label pulls harder than another"
