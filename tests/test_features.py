"""A head over vectors that are kept is trained for all its epochs, of which dev chooses the best; labels may count alike."""

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


def test_four_poor_evaluations_do_not_end_the_training_of_a_head(
    small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    recipe, found = small_data / "recipe.yaml", []
    for more in ("", ", patience: 4"):
        recipe.write_text(RECIPE.format(base=tiny_encoder, more=more), encoding="utf-8")
        training = run_recipe(recipe, small_data / f"out{more[-1:]}", options=options).record.training
        assert training is not None
        found.append(training)
    whole, soon = found
    assert not whole.stopped_early and whole.examples == 100 * 48
    assert soon.stopped_early and soon.examples < whole.examples / 2
    assert whole.best_dev > soon.best_dev


def test_with_balanced_a_rare_label_weighs_as_much_as_a_frequent_one(
    small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    every = rows(0, 40)
    negative = [row for row in every if row[1] == "negative"]
    write_tsv(small_data / "train.tsv", [row for row in every if row[1] == "positive"] + negative[:5])
    slopes = []
    for balanced in ("false", "true"):
        recipe = small_data / "recipe.yaml"
        text = RECIPE.format(base=tiny_encoder, more="").replace(
            "classification}", f"classification, balanced: {balanced}}}"
        )
        recipe.write_text(text, encoding="utf-8")
        file = open_recipe(recipe)
        plan, corpus = prepare(file, options), read_data(file, options)
        accelerator = prepare_device(plan)
        tokenizer, base = CLASSIFICATION.load(plan.checkpoint, 0.0)
        fitting_data = read_fitting_data(file, corpus, options)
        adapted = fit_vocabulary(tokenizer, base, CLASSIFICATION, plan, fitting_data, accelerator)
        classifier = CLASSIFICATION.build(adapted, base, plan, corpus, accelerator)
        objective = CLASSIFICATION.objective(classifier, plan, corpus)
        torch.nn.init.zeros_(classifier.model.head.weight)  # both labels are then as probable
        loss, number = objective.loss(range(len(corpus.train)), 0)
        loss.backward()
        assert number == len(corpus.train) == 45
        assert classifier.model.head.bias.grad is not None
        slopes.append(classifier.model.head.bias.grad.abs().max().item())
    assert slopes[0] > 10, "40 rows pull one way and 5 the other"
    assert slopes[1] < 1e-3
