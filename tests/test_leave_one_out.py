"""What the rows of each training language are worth, by dev."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import rows, write_tsv

from lowres.cli import lowres
from lowres.errors import LowresError
from lowres.leave_one_out import leave_one_out
from lowres.models.checkpoint import Checkpoint
from lowres.planning import Options

RECIPE = """\
lowres: 2
name: Reviews
task: {{kind: classification}}
data:
  - {{files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}, language: eng-Latn, {facts}}}
  - {{files: {{train: more.tsv}}, language: sco-Latn, use: [train], {facts}}}
  - {{files: {{train: wrong.tsv}}, language: deu-Latn, use: [train], {facts}}}
base: {{name: starter:encoder}}
method: {{kind: features}}
training: {{batch_tokens: 256, epochs: 12, patience: 4, seed: 3}}
"""
FACTS = "licence: CC0-1.0, source: written for this test"
OTHER = {"positive": "negative", "negative": "positive"}


def apart(text: str) -> str:
    """The same words with others between them, so that no eight in a row stand in another text."""
    words = text.split()
    return " ".join(" ".join([*words[start : start + 4], "then"]) for start in range(0, len(words), 4))


@pytest.fixture
def recipe(tmp_path: Path, starter: Checkpoint) -> Path:
    for split, (start, stop) in {"train": (0, 2), "dev": (40, 56), "test": (56, 64)}.items():
        write_tsv(tmp_path / f"{split}.tsv", rows(start, stop))
    write_tsv(tmp_path / "more.tsv", [(apart(text), label) for text, label in rows(12, 16)])
    write_tsv(tmp_path / "wrong.tsv", [(apart(text), OTHER[label]) for text, label in rows(64, 84)])
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(facts=FACTS), encoding="utf-8")
    return path


def test_rows_with_wrong_labels_are_worth_less_than_nothing(recipe: Path, options: Options) -> None:
    found = leave_one_out(recipe, seeds=1, options=options)
    assert found.seeds == 1 and [one.language for one in found.languages][-1] == "deu-Latn"
    worth = {one.language: one for one in found.languages}
    assert {tag: one.rows for tag, one in worth.items()} == {"eng-Latn": 4, "sco-Latn": 8, "deu-Latn": 40}
    assert worth["eng-Latn"].worth > 5 and worth["deu-Latn"].worth < -5
    for one in found.languages:
        assert one.low <= one.worth <= one.high and one.worth == pytest.approx(found.whole - one.without)


def test_the_command_tells_it(recipe: Path, cache: Path) -> None:
    asked = [
        "advise",
        "leave-one-out",
        str(recipe),
        "--seeds",
        "1",
        "--cache",
        str(cache),
        "--offline",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    told = CliRunner().invoke(lowres, asked, catch_exceptions=False)
    assert told.exit_code == 0 and "deu-Latn" in told.output.splitlines()[-1]
    found = json.loads(CliRunner().invoke(lowres, [*asked, "--json"], catch_exceptions=False).stdout)
    assert f"macro-F1 on dev with all languages {found['whole']:.1f}" in told.output


def test_one_language_cannot_be_left_out(recipe: Path, options: Options) -> None:
    recipe.write_text(
        recipe.read_text(encoding="utf-8").replace("deu-Latn", "eng-Latn").replace("sco-Latn", "eng-Latn")
    )
    with pytest.raises(LowresError, match="train is in eng-Latn alone"):
        leave_one_out(recipe, options=options)
