"""The lock: what a recipe was resolved to, written in one spelling, naming no machine."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lowres.errors import RecipeError
from lowres.recipe import Lock, read_lock, write_lock


def plain_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def a_lock(**other: Any) -> Lock:
    facts: dict[str, Any] = {
        "recipe_sha256": "1" * 64,
        "data_fingerprint": "12e3" + "4" * 60,
        "files": (("no", "0" * 64), ("dåta: 1.tsv", "a" * 64), ('quo"te\\', "b" * 64)),
        "base": "starter:encoder",
        "base_revision": None,
        "base_sha256": "c" * 64,
        "seed": 13,
        "versions": {"torch": "2.10", "python": "3.11", "lowres": "1e5"},
    }
    return Lock(**{**facts, **other})


def test_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    for lock in (a_lock(), a_lock(base_revision="0" * 40), a_lock(files=(), versions={})):
        write_lock(tmp_path / "recipe.lock", lock)
        assert read_lock(tmp_path / "recipe.lock") == lock


def test_lock_has_one_spelling(tmp_path: Path) -> None:
    other = a_lock(versions={"lowres": "1e5", "python": "3.11", "torch": "2.10"})
    assert a_lock().to_yaml() == other.to_yaml()
    write_lock(tmp_path / "recipe.lock", other)
    raw = (tmp_path / "recipe.lock").read_bytes()
    assert raw == a_lock().to_yaml().encode()
    assert b"\r" not in raw
    assert raw.startswith(b"lock: 1\nrecipe_sha256: ")
    assert plain_yaml(tmp_path / "recipe.lock")["versions"] == {"lowres": "1e5", "python": "3.11", "torch": "2.10"}


@pytest.mark.parametrize("name", ["/home/someone/train.tsv", "C:\\Users\\someone\\train.tsv", "\\\\host\\x\\train.tsv"])
def test_lock_names_no_machine(name: str) -> None:
    lock = a_lock(files=((name, "a" * 64), ("data/dev.tsv", "b" * 64)), base=name)
    assert lock.files == (("train.tsv", "a" * 64), ("data/dev.tsv", "b" * 64))
    assert lock.base == "train.tsv"
    assert "someone" not in lock.to_yaml()


def test_lock_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "recipe.lock"
    for text, words in (
        (
            a_lock().to_yaml().replace("lock: 1\n", "lock: 2\n"),
            "this lock is of format 2, and this lowres reads format 1",
        ),
        (a_lock().to_yaml().replace("seed: 13", "seed: many"), "seed: “many” is not a whole number"),
        (a_lock().to_yaml().replace("1" * 64, "11"), "recipe_sha256: “11” does not have the right form"),
        (a_lock().to_yaml() + "more: 1\n", "more: unknown key"),
        ("lock: 1\n", "base_sha256: is missing (of the base's weights and tokenizer)"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError) as refusal:
            read_lock(path)
        assert words in str(refusal.value)
