"""What a recipe needs is fetched in advance; a machine without a connection, packages and caches then reads it from one folder."""

import importlib.metadata
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from readings import said
from test_hub_bases import NAME, REVISION, Hub, hub  # noqa: F401 a fixture

from lowres.cli import lowres as command
from lowres.fetching import fetch_into, fetch_needs
from lowres.planning import Options
from lowres.recipe import open_recipe

RECIPE = """\
lowres: 2
name: Far away
task: {kind: classification}
data:
  - {files: {train: train.tsv, dev: dev.tsv, test: test.tsv}, language: eng-Latn, licence: CC0-1.0, source: ours}
BASE
vocabulary: {extend: off, trim: off}
method: {kind: features}
training: {max_length: 60}
"""
PACKAGED = """\
lowres: 2
name: Far away
task: {kind: classification}
data: {card: django-messages, subset: [hsb, dsb], limit: 20}
BASE
vocabulary: {extend: off, trim: off}
method: {kind: features}
training: {max_length: 60}
"""
OF_HUB = f"base: {{name: {NAME}, revision: '{REVISION}'}}"


def test_a_folder_holds_all_that_a_recipe_needs(
    hub: type[Hub],  # noqa: F811
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Data, recipe and base of the hub are carried to a machine that has none of them and no network."""
    near, stick, far = tmp_path / "near", tmp_path / "stick", tmp_path / "far"
    near.mkdir()
    for split in ("train", "dev", "test"):
        shutil.move(small_data / f"{split}.tsv", near)
    (near / "recipe.yaml").write_text(RECIPE.replace("BASE", OF_HUB), encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(stick / "huggingface" / "hub"))
    for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE"):  # which the command sets for its own process
        monkeypatch.setenv(name, "")
    told = CliRunner().invoke(
        command, ["fetch", str(near / "recipe.yaml"), "--into", str(stick), "--cache", str(tmp_path / "c")]
    )
    assert told.exit_code == 0, told.output
    assert "base someone/tiny" in told.output and hub.sent > 4_000_000
    shutil.rmtree(near)
    stick.rename(far)
    monkeypatch.setattr(Hub, "do_GET", None)  # whoever asks the server now fails
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(far / "huggingface" / "hub"))
    plan, corpus = fetch_needs(open_recipe(far / "recipe.yaml"), Options(far / "cache", offline=True, device="cpu"))
    assert (len(corpus.train), plan.checkpoint.revision) == (48, REVISION)
    assert plan.checkpoint.folder.is_relative_to(far) and (plan.checkpoint.folder / "model.safetensors").exists()
    readme = (far / "README.txt").read_text(encoding="utf-8")
    assert "HF_HOME=huggingface lowres run recipe.yaml --cache cache --offline\n" in readme


def test_data_of_packages_and_local_bases_come_along(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, stick = tmp_path / "near", tmp_path / "stick"
    shutil.copytree(tiny_encoder, near / "models" / "tiny")
    recipe = near / "recipe.yaml"
    recipe.write_text(PACKAGED.replace("BASE", "base: {name: models/tiny}"), encoding="utf-8")
    here = fetch_into(stick, open_recipe(recipe), Options(tmp_path / "cache", device="cpu"))[1]

    def nothing(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    shutil.rmtree(near)
    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    away = Options(stick / "cache", (stick / "data",), offline=True, device="cpu")
    plan, there = fetch_needs(open_recipe(stick / "recipe.yaml"), away)
    assert there.fingerprint == here.fingerprint and there.train
    assert plan.checkpoint.folder.is_relative_to(stick)
    assert "lowres run recipe.yaml --cache cache --mirror data --offline" in (stick / "README.txt").read_text()


def test_other_folders_and_files_elsewhere_are_refused(small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    (small_data / "inner").mkdir()
    recipe = small_data / "inner" / "recipe.yaml"
    recipe.write_text(
        RECIPE.replace("train.tsv", "../train.tsv").replace("BASE", f'base: {{name: "{tiny_encoder}"}}'),
        encoding="utf-8",
    )
    options = Options(tmp_path / "cache", device="cpu")
    told = said(lambda: fetch_into(tmp_path / "stick", open_recipe(recipe), options))
    assert "lies outside the folder of the recipe (copy it beside the recipe" in told
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    assert "holds something else" in said(lambda: fetch_into(tmp_path / "full", open_recipe(recipe), options))
