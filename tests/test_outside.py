"""Names that lead out of a recipe's folder: refused in a recipe that others gave, unread; told in one's own, which works."""

import shutil
from pathlib import Path

import pytest
from matrix import tried
from test_run_folder import RECIPE, prepared

from lowres.errors import LowresError, PlanError
from lowres.export.bundle import share
from lowres.export.verification import reproduce
from lowres.planning import Options, examine
from lowres.running import run as run_recipe

OUTSIDE = {
    "data by ..": ("train.tsv", "../secret.tsv"),
    "data by .. in the middle": ("train.tsv", "data/../../secret.tsv"),
    "data by an absolute path": ("train.tsv", "{folder}/secret.tsv"),
    "data through a link": ("train.tsv", "link.tsv"),
    "data in a linked folder": ("train.tsv", "linked/secret.tsv"),
    "one of several files": ("train: train.tsv", "train: [train.tsv, ../secret.tsv]"),
    "a card": ("files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}", "card: ../weather"),
    "a protected text": ("{{extend: off}}", "{{extend: off, protect: [../secret.tsv]}}"),
    "a lexicon": ("{{extend: off}}", "{{extend: auto, lexicon: ../secret.tsv}}"),
    "a glossary": (
        "{{kind: classification}}",
        "{{kind: translation, source: eng-Latn, target: ind-Latn, glossary: ../secret.tsv}}",
    ),
    "a base": ('"{base}"', "../tiny"),
    "a base by its absolute path": ('"{base}"', '"{folder}/tiny"'),
    "a stage": (
        "ensemble:",
        "first: [{{kind: texts, data: {{files: {{train: ../secret.tsv}}, language: eng-Latn, licence: x, source: x}}}}]\n"
        "ensemble:",
    ),
    "runs": ("ensemble:", "method: {{kind: lora, combine: {{runs: [a, ../b]}}}}\nensemble:"),
}  # fmt: skip


def project(folder: Path, base: Path, kind: str = "") -> Path:
    """A recipe in a folder, beside which a secret lies."""
    recipe = prepared(folder / "given", base)
    shutil.copytree(base, folder / "tiny")
    (folder / "secret.tsv").write_text((folder / "given" / "train.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "given" / "link.tsv").symlink_to("../secret.tsv")
    (folder / "given" / "linked").symlink_to("..")
    old, new = OUTSIDE.get(kind, ("", ""))
    assert old in RECIPE
    text = RECIPE.replace(old, new, 1) if old else RECIPE
    if "card" in new:
        text = "\n".join(
            line for line in text.splitlines() if not line.startswith(("  language", "  licence", "  source"))
        )
    recipe.write_text(text.format(base="tiny", epochs=1, folder=folder), encoding="utf-8")
    return recipe


@pytest.mark.parametrize("mark", ["bundle.json", "record.json"])
@pytest.mark.parametrize("kind", OUTSIDE)
def test_a_recipe_from_others_stays_in_its_folder(
    kind: str, mark: str, tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    recipe = project(tmp_path, tiny_encoder, kind)
    (recipe.parent / mark).write_text("{}", encoding="utf-8")
    (tmp_path / "secret.tsv").write_bytes(b"whoever reads this fails: \xff")
    for action in (lambda: examine(recipe, options), lambda: run_recipe(recipe, tmp_path / "out", options=options)):
        with tried("names that leave a foreign recipe's folder", "refused in a line, nothing read"):
            with pytest.raises(PlanError, match="lies outside the folder of this recipe") as caught:
                action()
            (problem,) = caught.value.problems
            assert problem.where.startswith(f"{recipe}:") and "secret.tsv:" not in str(problem)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "kind", ["data by ..", "data by an absolute path", "data through a link", "a base by its absolute path"]
)
def test_ones_own_recipe_may_name_files_anywhere_and_it_is_told(
    kind: str, tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    found = examine(project(tmp_path, tiny_encoder, kind), options)
    told = [finding.what for finding in found.findings if "outside" in finding.what]
    name = OUTSIDE[kind][1].rpartition("/")[2]
    texts = "texts of it may come to stand in model and report"
    assert told == ([] if "base" in kind else [f"“{name}” lies outside the recipe's folder; {texts}"])


def test_a_recipe_from_others_runs_where_it_stays_inside(tmp_path: Path, tiny_encoder: Path, options: Options) -> None:
    recipe = project(tmp_path, tiny_encoder)
    (recipe.parent / "bundle.json").write_text("{}", encoding="utf-8")
    assert not [finding for finding in examine(recipe, options).findings if "outside" in finding.what]


def test_a_bundle_is_reproduced_with_files_of_the_named_folder_alone(
    tmp_path: Path, tiny_encoder: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = project(tmp_path, tiny_encoder, "data by ..")
    monkeypatch.chdir(recipe.parent)
    run = run_recipe(recipe, tmp_path / "out", options=options)
    share(run, tmp_path / "bundle", agreed="us, for this test")
    with pytest.raises(LowresError, match=r"secret\.tsv” lies outside the folder of this recipe"):
        reproduce(tmp_path / "bundle", options, recipe.parent)
