"""A head over vectors that are kept is trained for all its epochs, of which dev chooses the best."""

from pathlib import Path

from lowres.planning import Options
from lowres.running import run as run_recipe

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
