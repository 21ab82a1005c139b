"""A finished run on other data: seen rows are left out, baselines are fitted on the run's own rows, and a report is written."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import rows, write_tsv

import lowres
from lowres.cli import lowres as command
from lowres.errors import CardError, DataError
from lowres.other_data import OtherData
from lowres.planning import Options
from lowres.running import run as run_recipe

RECIPE = """\
lowres: 2
name: Small reviews
task: {{kind: classification}}
data:
  files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}
  language: eng-Latn
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}", pooling: mean}}
method: {{kind: lora, rank: 8}}
training: {{epochs: 3, learning_rate: 0.003, batch_tokens: 256, max_length: 64}}
evaluation: {{resamples: 100}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Path:
    """A folder with a recipe, its tables and its finished run."""
    folder = tmp_path_factory.mktemp("project")
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    (folder / "recipe.yaml").write_text(RECIPE.format(base=tiny_encoder), encoding="utf-8")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    run_recipe(folder / "recipe.yaml", folder / "out", options=options)
    return folder


def test_the_own_test_rows_give_the_own_scores(project: Path, options: Options) -> None:
    found = lowres.evaluate(project / "out", str(project / "test.tsv"), options=options)
    own = lowres.load(project / "out").record
    assert found.folder.parent == project / "out" / "evaluations"
    assert found.record.status == "done" and found.record.scores == own.scores
    assert found.record.comparisons == own.comparisons, "baselines are fitted on the run's own rows"
    assert found.record.transfer == own.transfer
    assert found.record.evaluated and found.record.evaluated.own_rows_found and not found.record.evaluated.left_out
    lines = (found.folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == [
        json.loads(line)["prediction"]
        for line in (project / "out" / "predictions.jsonl").read_text("utf-8").splitlines()
    ]
    page = (found.folder / "report.html").read_text(encoding="utf-8")
    assert str(project) not in page, "no folder of the machine is named"
    assert "evaluation on other data" in page and "lowres evaluate out --data" in page and "lowres run" not in page
    again = lowres.evaluate(project / "out", str(project / "test.tsv"), options=options)
    assert again.folder != found.folder and again.folder.name.endswith("-2")


def test_rows_that_the_run_has_seen_are_left_out(project: Path, tmp_path: Path, options: Options) -> None:
    new = [(f"abeg {word} rice {number}", label) for number in range(10)
           for word, label in (("good", "positive"), ("bad", "negative"))]  # fmt: skip
    known = rows(0, 2)
    longer = [("abeg " + text.replace("number", "again"), label) for text, label in rows(36, 37)]
    write_tsv(tmp_path / "pcm.tsv", [*known, *new, *longer])
    data = OtherData(str(tmp_path / "pcm.tsv"), language="pcm-Latn")
    found = lowres.evaluate(project / "out", data, tmp_path / "eval", options=options).record
    assert found.evaluated and found.evaluated.left_out == {"seen by the run": 6}
    told = " | ".join(finding.what for finding in found.findings)
    assert (
        "6 of 26 rows were seen by the run in training or on dev (4 for the same text, 2 for eight words in a row)"
        in told
    )
    assert "the run was not trained in pcm-Latn" in told
    assert found.confusion and sum(map(sum, found.confusion.counts)) == 20
    data = OtherData(str(tmp_path / "pcm.tsv"), language="pcm-Latn", seen="keep")
    kept = lowres.evaluate(project / "out", data, tmp_path / "kept", options=options).record
    assert kept.confusion and sum(map(sum, kept.confusion.counts)) == 26
    assert any("too good to expect" in finding.what and finding.level == "warning" for finding in kept.findings)
    with pytest.raises(
        DataError, match=r"has only rows that the run has seen .* \(score them all the same with --seen keep"
    ):
        lowres.evaluate(project / "out", str(project / "dev.tsv"), tmp_path / "dev", options=options)


def test_without_the_own_rows_nothing_is_claimed_of_leaks(project: Path, tmp_path: Path, options: Options) -> None:
    (project / "train.tsv").rename(project / "moved.tsv")
    try:
        found = lowres.evaluate(project / "out", str(project / "test.tsv"), tmp_path / "eval", options=options).record
        assert found.evaluated and not found.evaluated.own_rows_found
        assert any("nothing was checked for rows that it has seen" in finding.what for finding in found.findings)
        assert [one.name for one in found.baselines] == ["encoder alone"]
        assert found.transfer and found.transfer.verdict == "not tested"
        with pytest.raises(DataError, match="does not hold the rows that the run was trained on"):
            data = OtherData(str(project / "test.tsv"), near=tmp_path)
            lowres.evaluate(project / "out", data, tmp_path / "other", options=options)
    finally:
        (project / "moved.tsv").rename(project / "train.tsv")


def test_what_does_not_fit_the_run_is_refused(project: Path, tmp_path: Path, options: Options) -> None:
    write_tsv(tmp_path / "odd.tsv", [("good soup", "Positive"), ("bad soup", "negative")])
    with pytest.raises(
        DataError, match=r"odd\.tsv:2  the label “Positive” is not one of negative, positive \(did you mean “positive”"
    ):
        lowres.evaluate(project / "out", str(tmp_path / "odd.tsv"), tmp_path / "odd", options=options)
    with pytest.raises(CardError, match="there is no card “nusax-feeling”"):
        lowres.evaluate(project / "out", "nusax-feeling/min", tmp_path / "card", options=options)


def test_the_command_takes_other_columns(
    project: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["kalimaik\traso", *(f"lamak bana {n}\t{label}" for n, label in enumerate(["positive", "negative"] * 6))]
    Path("min.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    given = ["--column", "text=kalimaik", "--column", "label=raso", "--language", "min-Latn", "--out", "min"]
    where = ["--cache", str(cache), "--device", "cpu", "--threads", "1", "--offline"]
    answer = CliRunner().invoke(command, ["evaluate", str(project / "out"), "--data", "min.tsv", *given, *where])
    assert answer.exit_code == 0, answer.output
    assert "TF-IDF + logistic regression" in answer.output and "report: min/report.html" in answer.output
