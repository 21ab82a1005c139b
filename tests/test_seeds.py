"""One recipe with several seeds: a folder of runs, each with a recipe of its own, and what they say together."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import rows, write_tsv
from sklearn.metrics import f1_score

import lowres as package
from lowres.cli import lowres
from lowres.ensemble import TOGETHER
from lowres.errors import DataError, Interrupted, RecipeError
from lowres.planning import Options
from lowres.recipe import open_recipe, parse_recipe
from lowres.recipe.reseeding import with_seed
from lowres.running import run as run_recipe
from lowres.runs.layout import PREDICTIONS
from lowres.runs.run import read_record
from lowres.runs.writing import Stage
from lowres.seeds import run_seeds
from lowres.summary import Summary
from lowres.tasks.classification.job import _vectors_by
from lowres.training.loop import Step

RECIPE = """\
# reviews of two kinds
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
training: {{epochs: {epochs}, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 30}}
evaluation: {{resamples: 100}}
"""


def write_recipe(folder: Path, base: Path, epochs: int = 3) -> Path:
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    (folder / "recipe.yaml").write_text(RECIPE.format(base=base, epochs=epochs), encoding="utf-8")
    return folder / "recipe.yaml"


HEAD = "lowres: 2\nname: Reviews\ntask: {kind: classification}\ndata: {card: nusax-sentiment}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "training: {seed: 15}\n"),
        ("training: {}\n", "training: {seed: 15}\n"),
        ("training: {epochs: 2}  # few\n", "training: {seed: 15, epochs: 2}  # few\n"),
        ("training: {epochs: 2, seed: 7}\n", "training: {epochs: 2, seed: 15}\n"),
        ("training:\n  # long\n  epochs: 2\nmethod: {kind: full}\n",
         "training:\n  # long\n  seed: 15\n  epochs: 2\nmethod: {kind: full}\n"),
        ("training:\n  epochs: 2\n  seed: 7 # lucky\n", "training:\n  epochs: 2\n  seed: 15 # lucky\n"),
    ],
)  # fmt: skip
def test_another_seed_changes_one_place_of_the_recipe(before: str, after: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(HEAD + before, encoding="utf-8")
    found = with_seed(open_recipe(tmp_path / "recipe.yaml"), 15)
    assert found.text == HEAD + after
    assert found.recipe.training.seed == 15 and parse_recipe(found.text, "again") == found.recipe


def test_the_own_seed_changes_nothing_and_braces_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(HEAD, encoding="utf-8")
    file = open_recipe(path)
    assert with_seed(file, 13) is file
    path.write_text("{lowres: 2, name: R, task: {kind: classification}, data: {card: nusax-sentiment}}", "utf-8")
    with pytest.raises(RecipeError, match=r"the seed 14 cannot be put into this recipe \(write training: {seed: 13}"):
        with_seed(open_recipe(path), 14)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Path:
    """A folder with a recipe, and `out` with three finished seeds of it."""
    folder = tmp_path_factory.mktemp("project")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    run_seeds(write_recipe(folder, tiny_encoder), 3, folder / "out", options=options)
    return folder


def test_seeds_are_runs_in_one_folder_with_a_summary(project: Path) -> None:
    folder = project / "out"
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.html", "seed-13", "seed-14", "seed-15", "summary.json",
    ]  # fmt: skip
    texts = [(folder / f"seed-{seed}" / "recipe.yaml").read_text(encoding="utf-8") for seed in (13, 14, 15)]
    assert texts[0] == (project / "recipe.yaml").read_text(encoding="utf-8")
    assert "training: {seed: 14, epochs: 3" in texts[1]
    records = [read_record(folder / f"seed-{seed}" / "record.json") for seed in (13, 14, 15)]
    assert len({record.training.best_dev for record in records if record.training}) > 1, "seeds differ"
    summary = Summary.model_validate_json((folder / "summary.json").read_text(encoding="utf-8"))
    for place, record in enumerate(records):
        for name, scores in [("Small reviews", record.scores), *((one.name, one.scores) for one in record.baselines)]:
            assert summary.ranking.system(name).by_seed[place] == pytest.approx(scores[0].value), name
    ours = summary.ranking.system("Small reviews")
    assert ours.seed_spread is not None and "|seeds:3|" in ours.score.signature
    assert ours.score.low <= ours.score.value <= ours.score.high
    assert summary.ranking.system("majority class").seed_spread == 0
    runs = [
        [json.loads(line) for line in (folder / f"seed-{seed}" / PREDICTIONS).read_text("utf-8").splitlines()]
        for seed in (13, 14, 15)
    ]
    labels = []
    for several in zip(*runs, strict=True):
        sums = {label: sum(row["probabilities"][label] for row in several) for label in several[0]["probabilities"]}
        labels.append(max(sums, key=sums.__getitem__))
    expected = 100 * f1_score([row["reference"] for row in runs[0]], labels, average="macro")
    together = summary.ranking.system(TOGETHER)
    assert together.score.value == pytest.approx(expected) and together.by_seed == []
    found = package.load(folder, options=Options(device="cpu", threads=1)).predict([row["text"] for row in runs[0]])
    assert [one.label for one in found] == labels
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Over 3 seeds the macro-F1 is" in page and 'href="seed-14/report.html"' in page
    assert "standard deviation over seeds" in page and page.count('class="seed"') == 3 * (
        len(summary.ranking.systems) - 1
    )
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    (folder / "report.html").unlink()
    assert CliRunner().invoke(lowres, ["report", str(folder)]).exit_code == 0
    assert (folder / "report.html").read_text(encoding="utf-8") == page


def test_an_interrupted_seed_is_resumed_and_finished_ones_are_kept(
    project: Path, tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(tmp_path, tiny_encoder)
    monkeypatch.chdir(tmp_path)
    seed = ""

    def stop_in_the_second(event: object) -> None:
        nonlocal seed
        if isinstance(event, Stage) and event.name.startswith("seed"):
            seed = event.name
        if isinstance(event, Step) and seed == "seed 14" and event.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped after update 3"):
        run_seeds(recipe, 2, options=options, notify=stop_in_the_second)
    (begun,) = Path("runs").iterdir()
    done = (begun / "seed-13" / "record.json").stat().st_mtime_ns
    folder, summary = run_seeds(recipe, 2, options=options)
    assert folder == begun and (folder / "seed-13" / "record.json").stat().st_mtime_ns == done
    resumed = read_record(folder / "seed-14" / "record.json")
    assert resumed.training is not None and resumed.training.resumed_after == [3]
    straight = Summary.model_validate_json((project / "out" / "summary.json").read_text(encoding="utf-8"))
    assert [one.value for one in summary.runs] == [one.value for one in straight.runs[:2]]
    again = run_seeds(recipe, 2, folder, options=options)[1]
    assert again.ranking == summary.ranking
    assert (folder / "seed-14" / "record.json").read_text(encoding="utf-8") == resumed.model_dump_json(indent=1) + "\n"


def test_other_folders_are_refused(tmp_path: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = write_recipe(tmp_path, tiny_encoder)
    with pytest.raises(DataError, match=r"holds other things than runs of several seeds, such as dev\.tsv"):
        run_seeds(recipe, 2, tmp_path, options=options)


def test_the_command_runs_seeds_and_compares_their_folders(
    project: Path, tmp_path: Path, tiny_encoder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, tiny_encoder, epochs=1)
    where = ["--cache", str(cache), "--device", "cpu", "--threads", "1", "--offline"]
    answer = CliRunner().invoke(lowres, ["run", "recipe.yaml", "--seeds", "2", "--out", "short", *where])
    assert answer.exit_code == 0, answer.output
    assert "seed 14 …" in answer.output and "2 seeds, standard deviation" in answer.output
    systems = [str(project / "out"), "short"]
    answer = CliRunner().invoke(lowres, ["compare", *systems, "--resamples", "100", "--html", "page.html"])
    assert answer.exit_code == 0, answer.output
    page = Path("page.html").read_text(encoding="utf-8")
    assert "2 seeds, standard deviation" in answer.output and "3 seeds, standard deviation" in answer.output
    assert "24 independent test texts are too few to rank these systems" in answer.output
    assert "24 independent test texts are too few" in page and "Two seeds say little" in page
    given = ["--data", str(project / "test.tsv"), "--out", "evaluated"]
    answer = CliRunner().invoke(lowres, ["evaluate", "short", *given, *where])
    assert answer.exit_code == 0, answer.output
    assert "2 seeds, standard deviation" in answer.output and Path("evaluated/seed-14/report.html").exists()
    answer = CliRunner().invoke(lowres, ["compare", "short", "--parts", "--resamples", "100", "--json"])
    assert answer.exit_code == 0, answer.output
    assert {one["name"] for one in json.loads(answer.output)["systems"]} == {
        "short", "short: encoder alone", "short: majority class", "short: TF-IDF + logistic regression",
    }  # fmt: skip


def test_the_next_seed_over_an_untrained_base_reads_no_text_again(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    path = write_recipe(tmp_path, tiny_encoder)
    path.write_text(
        path.read_text(encoding="utf-8").replace("{kind: lora, rank: 8}", "{kind: features}"), encoding="utf-8"
    )
    _vectors_by.cache_clear()
    folder, _ = run_seeds(path, 2, tmp_path / "out", options=options)
    assert (_vectors_by.cache_info().hits, _vectors_by.cache_info().misses) == (1, 1)
    _vectors_by.cache_clear()
    alone = run_recipe(with_seed(open_recipe(path), 14), tmp_path / "alone", options=options)
    assert (folder / "seed-14" / PREDICTIONS).read_bytes() == (alone.folder / PREDICTIONS).read_bytes()
