"""A classifier that is trained in one language and tested in another is a recipe: two sources of own files."""

from pathlib import Path

from conftest import rows, write_tsv

from lowres.planning import Options
from lowres.running import run as run_recipe

RECIPE = """\
lowres: 2
name: Trained in English, tested in Nigerian Pidgin
task: {{kind: classification}}
data:
  - {{files: {{train: eng.tsv}}, use: [train, dev], language: eng-Latn, licence: CC0-1.0, source: written for this test}}
  - {{files: {{test: pcm.tsv}}, language: pcm-Latn, licence: CC0-1.0, source: written for this test}}
base: {{name: "{base}", pooling: mean}}
method: {{kind: lora, rank: 8}}
training: {{epochs: 16, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 30}}
evaluation: {{resamples: 100}}
"""


def test_a_run_is_scored_in_a_language_that_it_was_not_trained_in(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    write_tsv(tmp_path / "eng.tsv", rows(0, 30))
    write_tsv(tmp_path / "pcm.tsv", [(f"abeg {text}", label) for text, label in rows(30, 40)])
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(base=tiny_encoder), encoding="utf-8")
    record = run_recipe(path, tmp_path / "out", options=options).record
    assert record.status == "done" and record.data is not None
    assert record.data.languages == ["eng-Latn", "pcm-Latn"]
    assert record.scores[0].name == "macro-F1" and record.scores[0].value > 60  # of chance: 50
    assert {score.language for score in record.scores} <= {None, "pcm-Latn"}
