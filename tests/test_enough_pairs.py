"""What `lowres check` says where a phrase table will probably translate as well as the model."""

from pathlib import Path

import pytest

from lowres.planning import Options, examine
from lowres.planning.enough_pairs import CROSSINGS
from lowres.starters.starters import TABLE

RECIPE = """\
lowres: 2
name: Numbers
task: {{kind: translation, source: {source}, target: {target}}}
data:
  files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
vocabulary: {{extend: off}}
"""


def said(folder: Path, cache: Path, source: str, target: str, base: str, count: int) -> list[str]:
    """What is said of so many training pairs."""
    for split, size in (("train", count), ("dev", 20), ("test", 20)):
        rows = [f"{split} nuomor {number}\t{split} number {number}" for number in range(size)]
        (folder / f"{split}.tsv").write_text("\n".join(["source\ttarget", *rows]) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(source=source, target=target, base=base), encoding="utf-8")
    found = examine(recipe, Options(cache=cache, offline=True, device="cpu")).findings
    return [finding.what for finding in found if finding.code == "few-pairs"]


def test_bases_are_starters() -> None:
    assert {*CROSSINGS} <= {*TABLE}


@pytest.mark.parametrize(
    ("source", "target", "base", "count", "expected"),
    [
        ("eng-Latn", "min-Latn", "starter:translation", 40, "with 40 pairs a phrase table will probably translate as well"),
        ("eng-Latn", "min-Latn", "starter:translation", 4801, None),
        ("min-Latn", "eng-Latn", "starter:translation", 40, "better than a phrase table into eng-Latn from ell-Grek, fry-Latn"),
        ("min-Latn", "eng-Latn", "starter:multilingual-decoder", 40, None),
        ("eng-Latn", "min-Latn", "starter:multilingual-decoder", 1801, None),
        ("eng-Latn", "est-Latn", "starter:multilingual-decoder", 600, "with 600 pairs a phrase table will probably"),
        ("eng-Latn", "tur-Latn", "starter:multilingual-decoder", 600, None),
        ("eng-Latn", "tur-Latn", "starter:translation", 600, "better than a phrase table into tur-Latn from eng-Latn"),
        ("gle-Latn", "eng-Latn", "starter:multilingual-decoder", 40, "with 40 pairs a phrase table will probably translate as well"),
        ("gle-Latn", "eng-Latn", "starter:translation", 40, "translate as well as the adapted starter:translation"),
    ],
)  # fmt: skip
def test_the_number_of_pairs_the_base_and_the_target_decide(
    source: str, target: str, base: str, count: int, expected: str | None, tmp_path: Path, cache: Path
) -> None:
    found = said(tmp_path, cache, source, target, base, count)
    assert len(found) == bool(expected)
    assert not expected or expected in found[0]
    if source == "gle-Latn":
        assert "try" not in found[0], "from Irish no base was better"
