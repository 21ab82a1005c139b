"""A recipe over local files needs no network: the command line works in a network namespace of its own, without a route."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import rows, write_tsv

RECIPE = """\
lowres: 2
name: Without a network
task: {{kind: classification}}
data: {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, licence: CC0-1.0, source: this test}}
base: {{name: "{base}"}}
training: {{epochs: 1, max_length: 64}}
evaluation: {{resamples: 100}}
"""
LOWRES = [sys.executable, "-m", "lowres"]
REACHES = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"  # even the machine itself is not there


def namespace() -> list[str]:
    """The command that starts another one without a network; skips the test where that is not allowed."""
    for options in (["--net"], ["--net", "--map-root-user"]):
        command = ["unshare", *options]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip("unshare --net is refused here: it needs Linux, and root or user namespaces")


def test_a_local_recipe_runs_and_predicts_without_a_network(tmp_path: Path, tiny_encoder: Path) -> None:
    alone = namespace()
    refused = subprocess.run([*alone, sys.executable, "-c", REACHES], capture_output=True, text=True)
    assert "unreachable" in refused.stderr
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(base=tiny_encoder), encoding="utf-8")
    for words in (["run", "recipe.yaml", "--out", "out", "--threads", "1"], ["predict", "out", "good soup"]):
        done = subprocess.run(
            [*alone, *LOWRES, *words, "--device", "cpu", "--offline"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "good soup" in done.stdout
