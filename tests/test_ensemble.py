"""The runs of several seeds answer together: the surest translation, the label with the highest mean probability."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sacrebleu.metrics import CHRF
from test_confidence import DIRECTION, write_recipe

import lowres
from lowres.cli import lowres as command
from lowres.ensemble import TOGETHER, Ensemble, answers_together
from lowres.errors import ModelError
from lowres.evaluation.prediction_files import read_predictions
from lowres.planning import Options
from lowres.runs.run import Run
from lowres.seeds import run_seeds
from lowres.summary import Summary

ASKED = ["the soup was warm", "", "the horse was warm and the window was old", "the river was old"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Path:
    """Two seeds of a translator whose neural model answers, badly, and so not alike."""
    project = tmp_path_factory.mktemp("seeds")
    recipe = write_recipe(project, tiny_encoder, "ensemble: {phrase_table: off}\n")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    run_seeds(recipe, 2, project / "out", options=options)
    return project / "out"


def test_each_translation_is_that_of_the_run_that_is_surest_of_it(folder: Path, options: Options) -> None:
    together = lowres.load(folder, options=options)
    assert isinstance(together, Ensemble)
    found = together.predict(ASKED, **DIRECTION)
    each = [Run(folder / f"seed-{seed}", options=options).predict(ASKED, **DIRECTION) for seed in (13, 14)]
    assert [one.translation for one in each[0]] != [one.translation for one in each[1]], "seeds differ"
    assert found[1].translation == "" and found[1].confidence is None
    for number in (0, 2, 3):
        assert found[number] == max((run[number] for run in each), key=lambda one: one.confidence)


def test_the_summary_has_the_score_of_what_they_answer_together(folder: Path) -> None:
    ranking = Summary.model_validate_json((folder / "summary.json").read_text(encoding="utf-8")).ranking
    runs = [
        [json.loads(line) for line in (folder / f"seed-{seed}" / "predictions.jsonl").read_text("utf-8").splitlines()]
        for seed in (13, 14)
    ]
    surest = [max(rows, key=lambda row: row["confidence"]) for rows in zip(*runs, strict=True)]
    expected = CHRF(word_order=2).corpus_score(
        [row["prediction"] for row in surest], [[row["reference"] for row in surest]]
    )
    found = ranking.system(TOGETHER)
    assert found.score.value == pytest.approx(expected.score, abs=0.01)
    assert found.by_seed == [] and found.seed_spread is None
    assert not any("one seed only" in said for said in ranking.findings)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "All seeds together are one system" in page and "one seed" not in page


def test_the_command_line_asks_all_of_them(folder: Path, options: Options, tmp_path: Path) -> None:
    places = ["--cache", str(options.cache), "--offline", "--device", "cpu", "--threads", "1"]
    direction = ["--from", "eng-Latn", "--to", "qaa-Latn"]
    answer = CliRunner().invoke(command, ["predict", str(folder), *direction, *places], input="\n".join(ASKED) + "\n")
    assert answer.exit_code == 0, answer.output
    expected = [one.translation for one in lowres.load(folder, options=options).predict(ASKED, **DIRECTION)]
    assert answer.stdout.splitlines() == expected
    (tmp_path / "texts.txt").write_text("\n".join(text for text in ASKED if text) + "\n", encoding="utf-8")
    new = tmp_path / "new.txt"
    filled = [str(tmp_path / "texts.txt"), "--out", str(new), "--flag", "40%", *direction, *places]
    answer = CliRunner().invoke(command, ["predict", str(folder), *filled])
    assert answer.exit_code == 0, answer.output
    assert new.read_text(encoding="utf-8").splitlines() == [text for text in expected if text]


def test_runs_without_a_confidence_have_no_common_answer(folder: Path, tmp_path: Path) -> None:
    line = json.loads((folder / "seed-13" / "predictions.jsonl").read_text("utf-8").splitlines()[0])
    bare = {key: value for key, value in line.items() if key not in ("confidence", "interval")}
    (tmp_path / "bare.jsonl").write_text(json.dumps(bare) + "\n", encoding="utf-8")
    (tmp_path / "sure.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    bare_file, sure_file = read_predictions(tmp_path / "bare.jsonl"), read_predictions(tmp_path / "sure.jsonl")
    assert answers_together([sure_file, bare_file]) is None
    assert answers_together([sure_file, sure_file]) is not None


def test_a_folder_without_runs_is_none(tmp_path: Path, options: Options) -> None:
    with pytest.raises(ModelError, match="there is no record here"):
        lowres.load(tmp_path, options=options)


def test_labels_that_a_seed_did_not_draw_have_no_probability_of_it(tmp_path: Path) -> None:
    row = {"id": "1", "language": "eng-Latn", "text": "so so", "reference": "neutral", "prediction": "good"}
    drawn = [{"good": 0.6, "bad": 0.4}, {"good": 0.3, "bad": 0.1, "neutral": 0.6}, {"good": 0.1, "neutral": 0.9}]
    files = []
    for number, probabilities in enumerate(drawn):
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_text(json.dumps({**row, "probabilities": probabilities}) + "\n", encoding="utf-8")
    together = answers_together([read_predictions(file) for file in files])
    assert together is not None
    (found,) = together.rows.values()
    assert found["prediction"] == "neutral"
    assert found["probabilities"] == pytest.approx({"good": 1 / 3, "bad": 0.5 / 3, "neutral": 0.5})


def test_what_is_for_one_run_alone_says_so(folder: Path, tmp_path: Path) -> None:
    for asked in (["export", str(folder)], ["share", str(folder), str(tmp_path / "seeds.zip")]):
        answer = CliRunner().invoke(command, asked)
        assert answer.exit_code != 0
        said = answer.output + str(answer.exception)
        assert "name one of the runs in this folder, such as" in said and "seed-13" in said
