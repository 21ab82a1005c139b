"""A full disk: seen before training where it can be, else told in one line; what was trained is saved by the same command."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from matrix import tried
from test_run_folder import prepared

from lowres.errors import ModelError, PlanError
from lowres.planning import Options
from lowres.running import run as run_recipe
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_one_line() -> None:
    command = [sys.executable, "-m", "lowres", "schema"]
    with open("/dev/full", "w") as full, tried("a full disk", "one line, nothing lost"):
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "the disk is full: make room" in done.stderr
