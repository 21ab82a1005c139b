"""A run that is killed anywhere – before any file is opened, renamed or deleted – ends, by the same command, in the same bytes.

By default some of the places are tried; with LOWRES_FAULTS=all every one.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matrix import tried
from test_run_folder import prepared

from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.reload_check import ReloadSample, same, write_sample
from lowres.runs.run import load_predictor

POINTS = 10_000 if os.environ.get("LOWRES_FAULTS") == "all" else 16  # for each method
KILLED, FAILED = 9, 7
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink")
METHODS = {
    "lora": "{kind: lora, dropout: 0.1}",
    "head": "{kind: features}",
    "full": "{kind: full}",
}


def in_fork(action: Callable[[], object]) -> int:
    """The exit status of an action in a process of its own: 0, or FAILED where it raises."""
    child = os.fork()
    if not child:
        status = FAILED
        try:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_before(change: int, folder: Path) -> list[str]:
    """From now on this process ends before the change of that number below a folder; the list counts those before."""
    seen: list[str] = []
    home = str(folder)

    def watch(event: str, given: tuple[object, ...]) -> None:
        opened = event == "open" and isinstance(given[2], int) and bool(given[2] & WRITING)
        if (opened or event in CHANGES) and str(given[0]).startswith(home):
            seen.append(event)
            if len(seen) == change:
                os._exit(KILLED)

    sys.addaudithook(watch)
    return seen


def reloaded_here(run: Path, sample: ReloadSample, options: Options) -> None:
    """The reload check without the seconds that a fresh interpreter takes."""
    write_sample(run, sample)
    found = load_predictor(run / "model", options).raw_predictions(sample.inputs)
    assert all(same(expected, answer) for expected, answer in zip(sample.answers, found, strict=True))


def result(out: Path) -> dict[str, str]:
    """Whatever must be the same: all of the model, and the predictions."""
    files = [path for path in sorted((out / "model").rglob("*")) if path.is_file() and path.name != "README.md"]
    digests = {str(path.relative_to(out)): path.read_bytes() for path in (*files, out / "predictions.jsonl")}
    return {name: hashlib.sha256(content).hexdigest() for name, content in digests.items()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_is_killed_ends_in_the_same_bytes(
    method: str, tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowres.running.check_reload", reloaded_here)
    recipe = prepared(tmp_path, tiny_encoder)
    text = (
        recipe.read_text(encoding="utf-8")
        .replace("epochs: 1", "epochs: 2")
        .replace("batch_tokens: 256", "batch_tokens: 640")
    )
    recipe.write_text(f"{text}method: {METHODS[method]}\n", encoding="utf-8")

    def whole() -> None:
        seen = killed_before(-1, tmp_path / "whole")
        run_recipe(recipe, tmp_path / "whole", options=options)
        (tmp_path / "changes").write_text(str(len(seen)), encoding="utf-8")

    assert in_fork(whole) == 0
    expected, changes = result(tmp_path / "whole"), int((tmp_path / "changes").read_text(encoding="utf-8"))
    assert changes > 40
    stride = max(1, changes // POINTS)
    for change in range(1 + changes % stride, changes + 1, stride):
        out = tmp_path / "out"

        def cut(change: int = change, out: Path = out) -> None:
            killed_before(change, out)
            run_recipe(recipe, out, options=options)

        assert in_fork(cut) == KILLED, change
        with tried(f"kill -9 at a write, {method}", "the same command ends in the same bytes, without rubbish"):
            assert in_fork(lambda out=out: run_recipe(recipe, out, options=options)) == 0, change
            assert result(out) == expected, change
            assert json.loads((out / "record.json").read_bytes())["status"] == "done"
            rubbish = [path.name for path in out.rglob("*") if path.name.startswith((".", "merging-", "damaged-"))]
            assert not rubbish and not (out / "checkpoints").exists(), (change, rubbish)
        shutil.rmtree(out)
