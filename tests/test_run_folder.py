"""The folder of a run: it spares what is foreign, survives cuts, names no machine, and moves; nothing asks the network."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import rows, write_tsv
from matrix import tried

import lowres
from lowres.atomic import write_whole
from lowres.errors import DataError, Interrupted, ModelError
from lowres.planning import Options
from lowres.recipe import open_recipe, read_lock
from lowres.running import run as run_recipe
from lowres.runs.interruption import SIGNALS
from lowres.runs.run import Run, read_record
from lowres.runs.writing import RunWriter, Stage, completed, silent
from lowres.training.checkpoints import Checkpoints, CheckpointState
from lowres.training.loop import Step

RECIPE = """\
lowres: 2
name: Small reviews
task: {{kind: classification}}
data:
  files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}
  language: eng-Latn
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
vocabulary: {{extend: off}}
training: {{epochs: {epochs}, learning_rate: 0.003, batch_tokens: 256, max_length: 64, patience: 100}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100}}
"""


def write_recipe(folder: Path, base: str = "tiny", epochs: int = 1) -> Path:
    (folder / "recipe.yaml").write_text(RECIPE.format(base=base, epochs=epochs), encoding="utf-8")
    return folder / "recipe.yaml"


def prepared(folder: Path, base: Path) -> Path:
    """A folder with tables, a base and a recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    shutil.copytree(base, folder / "tiny", dirs_exist_ok=True)
    return write_recipe(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Path:
    """A project with a finished run beside its base, made from another folder, with a module in the way that must not be imported."""
    desk = tmp_path_factory.mktemp("desk")
    recipe = prepared(desk / "project", tiny_encoder)
    (desk / "statistics.py").write_text("raise SystemExit('a file of the user was executed')\n", encoding="utf-8")
    before = Path.cwd()
    os.chdir(desk)
    try:
        options = Options(cache=cache, offline=True, device="cpu", threads=1)
        run_recipe(recipe.relative_to(desk), Path("project/out"), options=options)
    finally:
        os.chdir(before)
    return desk / "project"


def in_project(project: Path, tmp_path: Path) -> Path:
    """A copy of the project folder."""
    return Path(shutil.copytree(project, tmp_path / "project"))


def test_a_run_and_its_base_move_together(finished: Path, tmp_path: Path, options: Options) -> None:
    project = in_project(finished, tmp_path)
    assert lowres.load(project / "out", options=options).predict("good soup")[0].label in ("positive", "negative")
    (project / "tiny").rename(project / "other")
    with pytest.raises(
        ModelError, match=r"its base “tiny” was in the folder \.\./\.\./tiny, seen from here, and is not there"
    ):
        lowres.load(project / "out", options=options).predict("good soup")


def test_a_run_names_no_folder_of_the_machine(finished: Path, tmp_path: Path) -> None:
    project = in_project(finished, tmp_path)
    where = str(finished.parent)
    for path in (project / "out").rglob("*"):
        if path.suffix in (".json", ".lock", ".html", ".jsonl", ".md", ".yaml"):
            assert where not in path.read_text(encoding="utf-8"), path.name
    record = read_record(project / "out" / "record.json")
    assert record.data and {file.name for file in record.data.files} == {"train.tsv", "dev.tsv", "test.tsv"}
    assert {name for name, _ in read_lock(project / "out" / "recipe.lock").files} == {
        "train.tsv",
        "dev.tsv",
        "test.tsv",
    }


def test_the_lock_is_the_same_from_every_folder(
    finished: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = in_project(finished, tmp_path)
    before = read_lock(project / "out" / "recipe.lock")
    monkeypatch.chdir(project)
    run_recipe(Path("recipe.yaml"), Path("again"), options=options)
    after = read_lock(project / "again" / "recipe.lock")
    assert after.model_copy(update={"versions": {}}) == before.model_copy(update={"versions": {}})
    assert {"python", "torch", "safetensors", "scikit-learn"} <= after.versions.keys()


def test_nothing_asks_the_network(
    finished: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = in_project(finished, tmp_path)
    asked: list[object] = []

    def refused(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: refused(socket.socket(), host))
    monkeypatch.chdir(project)
    from lowres.planning import examine

    examine(Path("recipe.yaml"), options)
    run_recipe(Path("recipe.yaml"), Path("again"), options=options)
    monkeypatch.chdir(project / "again")  # a run is at home in its own folder, too
    lowres.load(".", options=options).predict(["good soup"])
    assert not asked


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    file = open_recipe(write_recipe(tmp_path))
    (tmp_path / "mine").mkdir()
    for name in ("recipe.yaml", "report.html"):
        (tmp_path / "mine" / name).write_text("not to be lost", encoding="utf-8")
    with (
        pytest.raises(
            DataError, match=r"is not empty and holds no run of this recipe .*\(name a new folder with --out\)"
        ),
        RunWriter(file, tmp_path / "mine", silent),
    ):
        pass
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "mine").iterdir()} == {
        "recipe.yaml": "not to be lost", "report.html": "not to be lost",
    }  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "killed").mkdir()
    for name in (".busy", ".recipe.yaml.part"):  # of a process that was killed in its first write
        (tmp_path / "killed" / name).write_bytes(b"")
    for name in ("empty", "killed"):
        with RunWriter(file, tmp_path / name, silent):
            assert read_record(tmp_path / name / "record.json").status == "running"


def test_a_link_in_a_run_is_not_written_through(finished: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("precious", encoding="utf-8")
    project = in_project(finished, tmp_path)
    (project / "out" / "report.html").unlink()
    (project / "out" / "report.html").symlink_to(precious)
    assert Run(project / "out").report().read_text(encoding="utf-8").startswith("<!")
    file = open_recipe(write_recipe(tmp_path))
    for name in ("log.jsonl", "model", "model/adapter/adapter_model.safetensors", "checkpoints/00000001.json"):
        link = tmp_path / "new" / name
        link.parent.mkdir(parents=True)
        link.symlink_to(precious)
        words = f"holds a link, {re.escape(name)}, and nothing is written through links"
        with tried("links in the folder of a run", "refused, nothing written"), pytest.raises(DataError, match=words):
            RunWriter(file, tmp_path / "new", silent).__enter__()
        shutil.rmtree(tmp_path / "new")
    assert precious.read_text(encoding="utf-8") == "precious"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "record.json", "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "record.json", "half \ud83d")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert (tmp_path / "record.json").read_text(encoding="utf-8") == "old"


def test_what_a_power_cut_leaves_is_understood(tmp_path: Path) -> None:
    file, folder = open_recipe(write_recipe(tmp_path)), tmp_path / "out"
    with pytest.raises(RuntimeError), RunWriter(file, folder, silent) as writer:
        writer.step(Step(1, 9, 0.1, 1.0, 0.1, 1, 1, 1.0, 0.0))
        raise RuntimeError("the power is cut")
    kept = Checkpoints(folder / "checkpoints", {"recipe": file.sha256})
    kept.write(CheckpointState({"update": 1}, {"x": torch.ones(2)}))
    with (folder / "log.jsonl").open("ab") as log:
        log.write('{"update": 2, "what": "…'.encode()[:-1])  # cut inside a character
    with pytest.raises(RuntimeError), RunWriter(file, folder, silent) as writer:
        assert [step.update for step in writer.steps] == [1]
        writer.resume(1)
        raise RuntimeError("the power is cut again")
    lines = (folder / "log.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1]) == {"resumed after": 1}
    for content, words in (
        (b"", "is empty"),
        (b'{"record": 2, "sta', "it is damaged"),
        (b'{"record": 99}', "version 2"),
    ):
        (folder / "record.json").write_bytes(content)
        (folder / "recipe.yaml").write_bytes(b"")
        (folder / ".record.json.part").write_bytes(b"half")
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / ".tmpAb3xZ").write_bytes(b"half of the weights")
        (folder / "making-x1").mkdir()
        with RunWriter(file, folder, silent) as writer:
            assert [step.update for step in writer.steps] == [1], "the checkpoint says what run this is"
            assert words in writer.record.findings[0].what and "set aside" in writer.record.findings[0].what
        assert read_record(folder / "record.json").status == "running"
        assert (folder / "damaged-record.json").read_bytes() == content
        assert (folder / "recipe.yaml").read_text(encoding="utf-8") == file.text
        assert not {path.name for path in folder.rglob("*")} & {".record.json.part", ".tmpAb3xZ", "making-x1"}
    (folder / "record.json").write_bytes(b"")
    with RunWriter(file, folder, silent, restart=True) as writer:
        assert not writer.steps and not (folder / "checkpoints").exists()
    (folder / "record.json").write_bytes(b"")
    (folder / "recipe.yaml").write_bytes(b"another recipe")
    with pytest.raises(DataError, match="is empty"), RunWriter(file, folder, silent):
        pass


def test_a_record_of_another_version_is_refused(finished: Path, tmp_path: Path) -> None:
    project = in_project(finished, tmp_path)
    facts = json.loads((project / "out" / "record.json").read_text(encoding="utf-8"))
    (project / "out" / "record.json").write_text(json.dumps({**facts, "record": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="is not a record of version 2"):
        Run(project / "out")


@pytest.fixture
def heard() -> Iterator[None]:
    """The signals that end a run are heard: a job in the background, or one under nohup, is left deaf to some of them."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_training_goes_on_from_the_very_update(
    number: signal.Signals, tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path, tiny_encoder)
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(tmp_path, epochs=2)
    seen: list[Step] = []

    def stop(event: object) -> None:
        if isinstance(event, Step):
            seen.append(event)
            if event.update == 3:
                signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="stopped after update 3; the same command resumes it") as caught:
        run_recipe(recipe, options=options, notify=stop)
    assert caught.value.number == number
    (cut,) = Path("runs").iterdir()
    assert read_record(cut / "record.json").status == "interrupted"
    assert [step.update for step in seen] == [1, 2, 3]
    resumed = run_recipe(recipe, options=options)
    assert resumed.record.training and resumed.record.training.resumed_after == [3]
    whole = run_recipe(recipe, tmp_path / "whole", options=options)
    assert whole.record.training
    assert [step.loss for step in whole.record.training.steps] == [step.loss for step in resumed.record.training.steps]
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("heard")
def test_a_signal_beside_training_ends_a_run_at_once_and_a_second_one_aborts(
    tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    monkeypatch.chdir(tmp_path)

    def stopping(stage: str, update: int = 0) -> Callable[[object], None]:
        def stop(event: object) -> None:
            if (stage and getattr(event, "name", "") == stage) or (update and getattr(event, "update", 0) == update):
                signal.raise_signal(signal.SIGTERM)
                if update:
                    signal.raise_signal(signal.SIGINT)

        return stop

    for stage, update, number, words in (
        ("data", 0, 15, "stopped before training; the same command begins again"),
        ("", 2, 2, "stopped after update 2; the same command resumes it"),
        ("report", 0, 15, r"stopped after update \d+; the same command resumes it"),
    ):
        with pytest.raises(Interrupted, match=words) as caught:
            run_recipe(recipe, tmp_path / "out", options=options, notify=stopping(stage, update))
        assert caught.value.number == number
        assert read_record(tmp_path / "out" / "record.json").status == "interrupted"
    assert run_recipe(recipe, tmp_path / "out", options=options).record.status == "done"


@pytest.mark.usefixtures("one_process")
def test_a_run_whose_log_is_gone_is_ended_all_the_same(tmp_path: Path, tiny_encoder: Path, options: Options) -> None:
    """Cut off when all was trained, so that no step is made from which the curve could begin."""
    recipe = prepared(tmp_path, tiny_encoder)

    def stop(event: object) -> None:
        if event == Stage("evaluation"):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"stopped after update \d+") as caught:
        run_recipe(recipe, tmp_path / "out", options=options, notify=stop)
    (tmp_path / "out" / "log.jsonl").unlink()
    record = run_recipe(recipe, tmp_path / "out", options=options).record
    assert record.status == "done" and record.training is not None and str(record.training.updates) in str(caught.value)
    assert any("are missing from the log" in finding.what for finding in record.findings)


def test_a_run_that_was_cut_off_when_all_was_done_is_done(
    tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    monkeypatch.chdir(tmp_path)

    def cut(*given: object) -> None:
        raise OSError("the power is cut")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "remove", cut)
        with pytest.raises(OSError, match="the power"):
            run_recipe(recipe, options=options)
    (folder,) = Path("runs").iterdir()
    facts = json.loads((folder / "record.json").read_bytes())
    (folder / "record.json").write_text(json.dumps({**facts, "status": "done", "error": ""}), encoding="utf-8")
    stages: list[object] = []
    assert run_recipe(recipe, options=options, notify=stages.append).folder == folder
    assert not stages and not (folder / "checkpoints").exists()
    assert (folder / "report.html").exists()


@pytest.mark.parametrize("rests", [["checkpoints/00000001.safetensors"], ["checkpoints/.tmpAb3"], [".busy"]])
def test_a_done_run_with_rests_is_done(rests: list[str], tmp_path: Path) -> None:
    file, folder = open_recipe(write_recipe(tmp_path)), tmp_path / "out"
    with RunWriter(file, folder, silent) as writer:
        writer.write(status="done")
    for name in rests:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    with tried("a kill in the last writes of a run", "the run is done"):
        assert completed(file, folder) == folder
        assert not (folder / "checkpoints").exists() and not (folder / ".busy").exists()
    other = open_recipe(write_recipe(tmp_path, epochs=2))
    (folder / "checkpoints").mkdir()
    assert completed(other, folder) is None


def test_two_writers_are_refused_to_the_end(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom lowres.recipe import open_recipe\n"
        "from lowres.runs.writing import RunWriter, silent\n"
        "with RunWriter(open_recipe('recipe.yaml'), Path('out'), silent): print('writing', flush=True); time.sleep(20)\n"
    )
    file = open_recipe(write_recipe(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline().strip() == "writing"
        with (
            pytest.raises(DataError, match="being written by another process"),
            RunWriter(file, tmp_path / "out", silent),
        ):
            pass
        assert (tmp_path / "out" / ".busy").exists()
        other.kill()
    time.sleep(0.1)
    with RunWriter(file, tmp_path / "out", silent):
        assert (tmp_path / "out" / ".busy").exists()
    assert not (tmp_path / "out" / ".busy").exists()
