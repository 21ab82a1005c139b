"""Recipes: what is read, what is refused and in which words."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from lowres.errors import RecipeError
from lowres.recipe import Lock, open_recipe, parse_recipe, read_lock, recipe_schema, schema_text, write_lock
from lowres.recipe.strict import MAX_BYTES

TOP = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "recipe"
SHIPPED = sorted((TOP / "recipes").glob("*.yaml"))
GOOD = """\
lowres: 1
name: "a: b"
task: {kind: classification, language: nno-Latn, labels: [no, "yes", "007"]}
data: {card: some-card, subset: no}
training: {learning_rate: 1e-4, epochs: 3}
"""


@pytest.mark.parametrize("recipe", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_fault_has_its_words(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the texts anew with WRITE_GOLDEN=1, then read every one of them."""
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(RecipeError) as caught:
        open_recipe(recipe.name)
    expected = recipe.with_suffix(".txt")
    if os.environ.get("WRITE_GOLDEN"):
        expected.write_text(str(caught.value) + "\n", encoding="utf-8")
    assert str(caught.value) + "\n" == expected.read_text(encoding="utf-8")


def test_a_good_recipe_is_read_as_it_is_written() -> None:
    recipe = parse_recipe(GOOD, "good.yaml")
    assert recipe.name == "a: b"
    assert recipe.task.labels == ("no", "yes", "007")
    assert recipe.training.learning_rate == 1e-4
    assert recipe.method.kind == "lora"
    with pytest.raises(ValidationError):
        recipe.name = "another"  # type: ignore[misc]


def test_missing_folder_and_large_files(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * MAX_BYTES)
    for path, words in (
        (tmp_path / "none.yaml", "there is no such file (this folder has large.yaml)"),
        (tmp_path / "nowhere" / "none.yaml", "there is no folder"),
        (tmp_path, "is a folder (name the file in it)"),
        (large, "bytes (at most 262,144; is this the right file?)"),
    ):
        with pytest.raises(RecipeError) as caught:
            open_recipe(path)
        assert words in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        parse_recipe(text, "any.yaml")
    except RecipeError as error:
        assert all(problem.what for problem in error.problems)


def test_the_committed_schema_is_current() -> None:
    assert (TOP / "docs" / "recipe.schema.json").read_text(encoding="utf-8") == schema_text(), "run: make schema"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_fit_format_and_schema(path: Path) -> None:
    file = open_recipe(path)
    assert file.text.startswith("# yaml-language-server: $schema=../docs/recipe.schema.json\n")
    jsonschema.Draft202012Validator(recipe_schema()).validate(json.loads(json.dumps(YAML(typ="safe").load(file.text))))


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    refused = json.loads(json.dumps(YAML(typ="safe").load((GOLDEN / "unknown-key.yaml").read_text())))
    with pytest.raises(jsonschema.ValidationError, match="trainning"):
        jsonschema.Draft202012Validator(recipe_schema()).validate(refused)


def test_a_lock_comes_back_as_it_was(tmp_path: Path) -> None:
    lock = Lock(
        recipe_sha256="a" * 64, data_fingerprint="b" * 64, files={"no.tsv": "c" * 64, "007": "d" * 64}, base="starter:encoder",
        base_revision=None, base_sha256="e" * 64, seed=13, versions={"torch": "2.13.0"},
    )  # fmt: skip
    write_lock(tmp_path / "recipe.lock", lock)
    assert read_lock(tmp_path / "recipe.lock") == lock
