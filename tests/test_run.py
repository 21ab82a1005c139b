"""The whole story on real, tiny input: a recipe becomes a folder that answers the same in another process."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel

import lowres
from lowres.errors import DataError, LowresError, ModelError, PlanError
from lowres.planning import Machine, Options, make_plan, prepare
from lowres.recipe import parse_recipe
from lowres.record import Record
from lowres.running import run as run_recipe
from lowres.runs.run import Run, read_record
from lowres.runs.writing import Stage
from lowres.training.loop import Step
from lowres.vocabulary.saving import load_rows

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
method: {method}
training: {{epochs: 30, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 30}}
evaluation: {{resamples: 100}}
"""
METHODS = {
    "lora": "{kind: lora, rank: 8}",
    "bottleneck": "{kind: bottleneck, reduction_factor: 4}",
    "full": "{kind: full}",
}


def write_recipe(folder: Path, base: Path, method: str = "lora", **changes: str) -> Path:
    text = RECIPE.format(base=base, method=METHODS[method])
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(params=METHODS)
def finished(request: pytest.FixtureRequest, small_data: Path, tiny_encoder: Path, options: Options) -> Run:
    return run_recipe(write_recipe(small_data, tiny_encoder, request.param), small_data / "out", options=options)


def test_a_run_learns_is_complete_and_answers_the_same_elsewhere(finished: Run, tiny_encoder: Path) -> None:
    record, folder = finished.record, finished.folder
    assert record.status == "done"
    assert record.scores[0].name == "macro-F1"
    assert record.scores[0].value > 80
    assert record.scores[0].low <= record.scores[0].value <= record.scores[0].high
    alone = next(baseline for baseline in record.baselines if baseline.name == "encoder alone")
    assert alone.scores[0].value > 80, "the vote may not be carried by the n-gram classifier"
    assert record.training is not None
    assert record.training.steps[-1].loss < record.training.steps[0].loss
    assert {baseline.name for baseline in record.baselines} == {
        "encoder alone", "majority class", "TF-IDF + logistic regression",
    }  # fmt: skip
    assert (folder / "recipe.yaml").read_bytes() == (folder.parent / "recipe.yaml").read_bytes()
    for name in ("recipe.lock", "record.json", "report.html", "predictions.jsonl", "log.jsonl"):
        assert (folder / name).stat().st_size > 0
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 24

    texts = [line["text"] for line in lines]
    here = [(p.label, p.probabilities) for p in finished.predict(texts)]
    assert [label for label, _ in here] == [line["prediction"] for line in lines]
    script = (
        "import json, sys, lowres; from pathlib import Path\n"
        "from lowres.planning import Options\n"
        "run = lowres.load(sys.argv[1], options=Options(cache=Path(sys.argv[2]), device='cpu', threads=1))\n"
        "print(json.dumps([(p.label, p.probabilities) for p in run.predict(json.loads(sys.argv[3]))]))\n"
        "print(json.dumps('peft' in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(folder / "cache"), json.dumps(texts)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    there, has_peft = map(json.loads, answer.stdout.splitlines()[-2:])
    assert record.plan is not None and has_peft == (record.plan.method != "full"), "only adapters need PEFT"
    assert [(label, pytest.approx(p, abs=1e-6)) for label, p in here] == [(label, p) for label, p in there]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "vocabulary", ["{extend: 12, initialise: mean, trim: used}", "{replace: 150, initialise: distil}"]
)
def test_new_rows_are_trained_saved_and_found_again(
    method: str, vocabulary: str, small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    for name in ("train.tsv", "dev.tsv", "test.tsv"):  # words that the base has never seen
        text = (small_data / name).read_text().replace("good", "lamakbana").replace("village", "nagariko")
        (small_data / name).write_text(text)
    changes = {"evaluation:": f"vocabulary: {vocabulary}\nevaluation:", "epochs: 30": "epochs: 4"}
    run = run_recipe(write_recipe(small_data, tiny_encoder, method, **changes), small_data / "out", options=options)
    facts = run.record.vocabulary
    assert facts is not None and facts.added > 0 and facts.tokens != facts.tokens_before
    start, rows = load_rows(run.folder / "model" / "rows.safetensors")
    assert len(rows.inputs) == facts.added and len(start) == facts.tokens
    asked = ["lamakbana in the nagariko", "bad rice", ""]
    again = Run(run.folder, options=options).predict(asked)
    assert [answer.probabilities for answer in again] == [answer.probabilities for answer in run.predict(asked)]
    saved = [json.loads(line) for line in (run.folder / "predictions.jsonl").read_text().splitlines()]
    fresh = Run(run.folder, options=options).predict([row["text"] for row in saved], language="eng-Latn")
    for row, answer in zip(saved, fresh, strict=True):
        assert row["probabilities"] == pytest.approx(answer.probabilities, abs=1e-5)


def test_the_same_recipe_and_seed_give_the_same_bytes(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = write_recipe(small_data, tiny_encoder)
    folders = [run_recipe(recipe, small_data / name, options=options).folder / "model" for name in ("one", "two")]
    assert digest(folders[0]) == digest(folders[1])
    assert any(name.startswith("adapter/") for name in digest(folders[0]))
    another = write_recipe(small_data, tiny_encoder, **{"patience: 30": "patience: 30, seed: 14"})
    assert digest(run_recipe(another, small_data / "three", options=options).folder / "model") != digest(folders[0])


def test_plain_peft_loads_the_adapter(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    folder = run_recipe(write_recipe(small_data, tiny_encoder), small_data / "out", options=options).folder / "model"
    base = AutoModel.from_pretrained(tiny_encoder, add_pooling_layer=False)
    model = PeftModel.from_pretrained(base, folder / "adapter")
    saved = load_file(folder / "adapter" / "adapter_model.safetensors")
    loaded = {name: weight for name, weight in model.named_parameters() if "lora_" in name}
    assert len(loaded) == len(saved) > 0
    assert set(load_file(folder / "head.safetensors")) == {"weight", "bias"}


def test_events_tell_the_story_in_order(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    seen: list[object] = []
    run_recipe(write_recipe(small_data, tiny_encoder), small_data / "out", options=options, notify=seen.append)
    stages = [event.name for event in seen if isinstance(event, Stage)]
    assert stages == [
        "plan",
        "data",
        "base",
        "vocabulary",
        "training",
        "n-grams",
        "evaluation",
        "baselines",
        "reload check",
        "report",
    ]
    assert next(event.update for event in seen if isinstance(event, Step)) == 1
    assert isinstance(seen[-1], Record)


def test_a_folder_is_never_written_over(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = write_recipe(small_data, tiny_encoder)
    run_recipe(recipe, small_data / "out", options=options)
    before = digest(small_data / "out")
    with pytest.raises(DataError, match="already holds a run"):
        run_recipe(recipe, small_data / "out", options=options)
    assert digest(small_data / "out") == before


def test_a_failed_run_says_so_in_its_record(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    (small_data / "test.tsv").write_text("text\tlabel\nfine\tpositiv\n", encoding="utf-8")
    with pytest.raises(DataError):
        run_recipe(write_recipe(small_data, tiny_encoder), small_data / "out", options=options)
    record = read_record(small_data / "out" / "record.json")
    assert record.status == "failed"
    assert "positiv" in record.error


def test_an_interrupted_run_says_so_in_its_record(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Step) and event.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recipe(write_recipe(small_data, tiny_encoder), small_data / "out", options=options, notify=stop)
    assert read_record(small_data / "out" / "record.json").status == "interrupted"


def cut_off(recipe: Path, out: Path | None, update: int, options: Options) -> None:
    def stop(event: object) -> None:
        if isinstance(event, Step) and event.update == update:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, out, options=options, notify=stop)


@pytest.mark.usefixtures("eager")
def test_a_run_cut_off_twice_ends_like_one_that_was_not(
    small_data: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_data)
    recipe = write_recipe(small_data, tiny_encoder)
    whole = run_recipe(
        recipe, small_data / "uncut" / "whole", options=options
    )  # as deep as runs/NAME: the base is named from there
    assert not (whole.folder / "checkpoints").exists()
    cut_off(recipe, None, 5, options)
    cut_off(recipe, None, 9, options)
    finished = run_recipe(recipe, options=options)
    assert [path.name for path in Path("runs").iterdir()] == [finished.folder.name]
    assert finished.record.status == "done"
    mine, theirs = finished.record.training, whole.record.training
    assert mine and theirs
    assert mine.resumed_after == [5, 9]
    assert theirs.resumed_after == []
    assert "resumed after update 5, 9" in finished.report().read_text(encoding="utf-8")
    assert [(s.update, s.loss, s.dev) for s in mine.steps] == [(s.update, s.loss, s.dev) for s in theirs.steps]
    assert finished.record.scores == whole.record.scores
    left, right = digest(finished.folder), digest(whole.folder)
    assert left.keys() == right.keys()
    assert {name for name in left if left[name] != right[name]} <= {
        "record.json",
        "report.html",
        "log.jsonl",
        "model/README.md",
    }
    assert run_recipe(recipe, options=options).folder != finished.folder


@pytest.mark.usefixtures("eager")
def test_what_cannot_be_taken_up_is_refused_or_begun_afresh(
    small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    out, recipe = small_data / "out", write_recipe(small_data, tiny_encoder)
    cut_off(recipe, out, 5, options)
    with (small_data / "dev.tsv").open("a", encoding="utf-8") as file:
        file.write("the bread was warm and good\tpositive\n")
    with pytest.raises(LowresError, match=r"written with other data than there is now .*--restart"):
        run_recipe(recipe, out, options=options)
    run = run_recipe(recipe, out, options=options, restart=True)
    assert run.record.training
    assert run.record.training.resumed_after == []
    other = small_data / "other"
    cut_off(recipe, other, 5, options)
    with pytest.raises(DataError, match="unfinished run of another recipe"):
        run_recipe(write_recipe(small_data, tiny_encoder, **{"rank: 8": "rank: 4"}), other, options=options)


def test_two_processes_do_not_write_one_run(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = write_recipe(small_data, tiny_encoder)

    def again(event: object) -> None:
        if isinstance(event, Stage) and event.name == "data":
            with pytest.raises(DataError, match="being written by another process"):
                run_recipe(recipe, small_data / "out", options=options)

    assert run_recipe(recipe, small_data / "out", options=options, notify=again).record.status == "done"


def test_a_base_beside_the_recipe_is_found_again(
    small_data: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder, small_data / "bases" / "tiny")
    recipe = write_recipe(small_data, Path("bases/tiny"), **{"epochs: 30": "epochs: 1"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = run_recipe(recipe, Path("out"), options=options)
    assert lowres.load("out", options=options).predict(["the soup was warm"]) == run.predict(["the soup was warm"])


def test_another_base_of_the_same_name_is_refused(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    base = small_data / "base"
    shutil.copytree(tiny_encoder, base)
    run = run_recipe(write_recipe(small_data, base), small_data / "out", options=options)
    weights = base / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(bytes(raw))
    with pytest.raises(ModelError, match="was trained over another"):
        lowres.load(run.folder, options=options).predict("good soup")


def test_what_does_not_fit_together_is_refused_before_training(
    small_data: Path, tiny_mt5: Path, tiny_encoder: Path, options: Options
) -> None:
    from lowres.recipe import open_recipe

    with pytest.raises(PlanError, match="is mT5, an encoder-decoder; classification needs an encoder"):
        prepare(open_recipe(write_recipe(small_data, tiny_mt5)), options)
    too_long = write_recipe(small_data, tiny_encoder, **{"max_length: 64": "max_length: 65"})
    with pytest.raises(PlanError, match="65 is more than the 64 positions"):
        prepare(open_recipe(too_long), options)
    plan = prepare(open_recipe(write_recipe(small_data, tiny_encoder)), options)
    small = Machine("cpu", "a toy", 1, 0.0, bf16=False)
    with pytest.raises(PlanError, match="needs about"):
        make_plan(plan.recipe, plan.checkpoint, small)


def test_many_languages_are_reported_one_by_one(tiny_encoder: Path, tmp_path: Path, options: Options) -> None:
    from conftest import rows

    card = [
        "---",
        "pretty_name: two",
        "language: [eng, sco]",
        "license: cc0-1.0",
        "task_categories: [text-classification]",
        "lowres:",
    ]
    card += [
        "  homepage: https://example.org",
        "  citation: none",
        "  provenance: written for this test",
        "  consent: given",
    ]
    card += [
        "  contact: us",
        "  redistribute: 'yes'",
        "  known_problems: [none known]",
        "  columns: {id: id, cluster: id}",
    ]
    card += ["  format: tsv", "  source: {folder: .}", "  subsets:"]
    for language in ("eng", "sco"):
        card += [f"    {language}:", f"      language: {language}-Latn", "      files:"]
        for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
            path = tmp_path / f"{language}-{split}.tsv"
            lines = [f"{split}-{n}\t{text} {language}\t{label}" for n, (text, label) in enumerate(rows(start, stop))]
            path.write_text("\n".join(["id\ttext\tlabel", *lines]) + "\n", encoding="utf-8")
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            card.append(f"        {split}: {{path: {path.name}, sha256: {sha256}}}")
    (tmp_path / "two.md").write_text("\n".join([*card, "---", "", "Two languages."]) + "\n", encoding="utf-8")
    start, end = RECIPE.index("data:"), RECIPE.index("base:")
    text = (RECIPE[:start] + "data: {{card: two}}\n" + RECIPE[end:]).format(base=tiny_encoder, method=METHODS["lora"])
    parse_recipe(text, "two.yaml")
    (tmp_path / "two.yaml").write_text(text, encoding="utf-8")
    run = run_recipe(tmp_path / "two.yaml", tmp_path / "out", options=options)
    primary_metric = {
        score.language: score.value for score in run.scores if score.name == "macro-F1" and score.label is None
    }
    assert set(primary_metric) == {None, "eng-Latn", "sco-Latn"}
    assert primary_metric[None] == pytest.approx((primary_metric["eng-Latn"] + primary_metric["sco-Latn"]) / 2)
    assert "clusters:24" in run.scores[0].signature
    assert run.predict("good soup", language="sco-Latn")[0].label == "positive"
    with pytest.raises(LowresError, match="is not a language of this run"):
        run.predict("good soup", language="deu-Latn")
