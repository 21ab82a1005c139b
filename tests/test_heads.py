"""Labels of several kinds over one encoder: each has a head, the task's own is judged, small ones can be shown more often."""

from collections import Counter
from pathlib import Path

import pytest
from conftest import PLACES, rows, write_tsv

from lowres.data.sampling import shown
from lowres.errors import DataError, ModelError
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run

RECIPE = """\
lowres: 2
name: Reviews and places
task: {{kind: {task}}}
data:
  - {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, licence: CC0-1.0, source: written{first}}}
  - {{files: {{train: places.tsv}}, language: eng-Latn, licence: CC0-1.0, source: written, head: place}}
base: {{name: "{base}", pooling: mean}}
method: {{kind: full}}
training: {{epochs: 20, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 30}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100}}
"""


def written(folder: Path, base: Path, task: str = "classification, temperature: 3", first: str = "") -> Path:
    write_tsv(
        folder / "places.tsv",
        [(f"day {day} {place} we met friendly people", place) for day in range(60) for place in PLACES],
    )
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(base=base, task=task, first=first), encoding="utf-8")
    return recipe


def test_two_heads_learn_and_both_can_be_asked(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    run = run_recipe(written(small_data, tiny_encoder), small_data / "out", options=options)
    assert run.record.status == "done" and run.record.data is not None
    assert set(run.record.data.labels["train"]) == {"positive", "negative"}
    assert run.record.scores[0].value > 80
    again = Run(run.folder, options=options)
    unseen = rows(32, 44)
    texts = [text for text, _ in unseen]
    right = [answer.label == label for answer, (_, label) in zip(again.predict(texts), unseen, strict=True)]
    places = again.predict([f"day 12 {place} we met friendly people" for place in PLACES], head="place")
    there = [answer.label == place for answer, place in zip(places, PLACES, strict=True)]
    assert sum(right) > 0.8 * len(right) and sum(there) > 0.8 * len(there)
    assert set(places[0].probabilities) == set(PLACES)
    assert sum(places[0].probabilities.values()) == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ModelError, match="there is no head “topic”"):
        again.predict(texts, head="topic")


def test_a_head_whose_rows_all_give_the_test_away_is_refused(
    small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    recipe = written(small_data, tiny_encoder)
    write_tsv(small_data / "places.tsv", [(text, "somewhere") for text, _ in rows(32, 44)])
    with pytest.raises(DataError, match="no training row is left for the head “place”"):
        run_recipe(recipe, small_data / "out", options=options)


def test_heads_stand_where_they_make_sense(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    with pytest.raises(DataError, match="the first source is the task's own"):
        run_recipe(written(small_data, tiny_encoder, first=", head: mood"), small_data / "a", options=options)
    recipe = written(small_data, tiny_encoder, task="translation, source: eng-Latn, target: min-Latn")
    recipe.write_text(
        recipe.read_text().replace(str(tiny_encoder) + '", pooling: mean', str(tiny_encoder) + '", decoder_layers: 1')
    )
    with pytest.raises(DataError, match="is for classification, not for translation"):
        run_recipe(recipe, small_data / "b", options=options)


def test_small_groups_are_shown_more_often() -> None:
    clusters = ["large"] * 400 + ["small"] * 25

    def seen(temperature: float) -> Counter[str]:
        return Counter(clusters[number] for number in shown(clusters, temperature, None, 13, 0))

    assert seen(1.0) == {"large": 400, "small": 25}
    assert seen(2.0) == {"large": 400, "small": 100}
    assert seen(100.0)["small"] > 380
