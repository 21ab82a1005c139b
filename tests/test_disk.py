"""A full disk: seen before training where it can be, else told in one line; what was trained is saved by the same command."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from forks import in_fork
from matrix import tried
from test_run_folder import prepared
from test_stages import ROWS, write_project

from lowres.errors import Interrupted, ModelError, PlanError
from lowres.export import export
from lowres.export.bundle import share
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run, model_files
from lowres.runs.writing import Stage
from lowres.training.loop import Step


class Usage(NamedTuple):
    """What shutil.disk_usage tells."""

    total: int
    used: int
    free: int


def test_a_disk_that_is_too_full_is_seen_before_training(
    tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    steps: list[object] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 0, 5 << 20))
    with tried("a full disk", "one line, nothing lost"):
        with pytest.raises(
            PlanError, match=r"out  the disk has 5 MiB left, and the trained model takes about 32 MiB .*--out"
        ):
            run_recipe(recipe, tmp_path / "out", options=options, notify=steps.append)
        assert not [step for step in steps if isinstance(step, Step)]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 0, (32 << 20) + 200_000))
    found = run_recipe(recipe, tmp_path / "out", options=options).record.findings
    assert any("too little for checkpoints" in finding.what for finding in found)


def test_what_was_trained_is_saved_when_there_is_room_again(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    recipe = prepared(tmp_path, tiny_encoder)
    steps: list[Step] = []

    def watch(event: object) -> None:
        steps.extend([event] if isinstance(event, Step) else [])

    def full(self: Path, *given: Any, **named: Any) -> None:
        if self == tmp_path / "out" / "model":
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        make(self, *given, **named)

    make = Path.mkdir
    with tried("a full disk", "one line, nothing lost"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "mkdir", full)
            with pytest.raises(
                ModelError, match=r"model  cannot be written: No space left .*the same command saves what was trained"
            ):
                run_recipe(recipe, tmp_path / "out", options=options, notify=watch)
        trained = len(steps)
        run = run_recipe(recipe, tmp_path / "out", options=options, notify=watch)
        assert run.record.status == "done" and len(steps) == trained, "nothing was trained again"
        assert run.record.training and run.record.training.resumed_after == [trained]


@pytest.mark.usefixtures("one_process")
def test_what_a_stage_has_led_to_is_kept_in_its_checkpoint_where_it_has_no_room(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    """One and the same number of updates each, so that the steps of one training could be taken for those of another."""
    recipe = write_project(tmp_path, tiny_encoder, ROWS.replace("epochs: 16", "epochs: 1"))
    steps: list[Step] = []

    def watch(event: object) -> None:
        steps.extend([event] if isinstance(event, Step) else [])
        if event == Stage("evaluation") and full:
            raise KeyboardInterrupt

    def make(self: Path, *given: Any, **named: Any) -> None:
        if full and self.name.endswith("-done"):
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        mkdir(self, *given, **named)

    mkdir, full = Path.mkdir, True
    with tried("a full disk", "one line, nothing lost"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "mkdir", make)
            with pytest.raises(Interrupted):
                run_recipe(recipe, tmp_path / "out", options=options, notify=watch)
            trained, full = len(steps), False
            run = run_recipe(recipe, tmp_path / "out", options=options, notify=watch)
        assert trained > 3 and len(steps) == trained, "nothing was trained again"
        whole = run_recipe(recipe, tmp_path / "whole", options=options)
        assert run.record.first == [
            facts.model_copy(update={"seconds": own.seconds})
            for facts, own in zip(whole.record.first, run.record.first, strict=True)
        ]
        assert model_files(run.folder / "model") == model_files(whole.folder / "model")


MAKES: dict[str, Callable[[Run, Path], object]] = {
    "merged": lambda run, out: export(run, "merged", out=out),
    "onnx": lambda run, out: export(run, "onnx", out=out),
    "bundle": share,
    "bundle.zip": share,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("most", [2_000, 20_000])
@pytest.mark.parametrize("name", MAKES)
def test_what_has_no_room_is_told_in_a_line_and_leaves_nothing(
    name: str, most: int, reviews: Run, tmp_path: Path
) -> None:
    """The system writes no file of more than so many bytes: Python, tokenizers and safetensors each say it in another way."""

    def limited() -> None:
        import resource  # which Windows does not have

        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        try:
            MAKES[name](reviews, tmp_path / name)
        except ModelError as error:
            (tmp_path / "told").write_text(str(error), encoding="utf-8")

    with tried("a full disk", "one line, nothing lost"):
        assert in_fork(limited) == 0
        told = (tmp_path / "told").read_text(encoding="utf-8")
        assert told.startswith(f"{tmp_path / name}  cannot be written: File too large (make room"), told
        assert len(told.splitlines()) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["told"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_one_line() -> None:
    command = [sys.executable, "-m", "lowres", "schema"]
    with open("/dev/full", "w") as full, tried("a full disk", "one line, nothing lost"):
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "the disk is full: make room" in done.stderr
