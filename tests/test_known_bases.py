"""The table of known bases: what it says agrees with the families, and the command shows it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lowres.cli import lowres
from lowres.models.checkpoint import find_base
from lowres.models.known_bases import BASES, close_name, known_base
from lowres.models.known_languages import SEEN
from lowres.places import Places
from lowres.planning import Machine, make_plan
from lowres.planning.better_bases import better_bases
from lowres.recipe import parse_recipe
from lowres.starters.starters import STARTERS

TRANSLATION = "{{kind: translation, source: ind-Latn, target: {tag}}}"
CLASSIFICATION = "{{kind: classification, language: {tag}}}"
RECIPE = """\
lowres: 2
name: Advice
task: {task}
data: {{card: nusax-sentiment}}
base: {{name: "{base}"}}
"""


def test_names_are_those_of_the_hub_and_stand_once() -> None:
    names = [base.name for base in BASES]
    assert len({*names}) == len(names) and all(name.count("/") == 1 for name in names)
    assert all(base.architecture.family for base in BASES)
    nllb = known_base("facebook/nllb-200-3.3B")
    assert nllb is not None and nllb.non_commercial
    assert [base.name for base in BASES if base.architecture.family.startswith("MADLAD")] == [
        "google/madlad400-3b-mt",
        "google/madlad400-10b-mt",
    ]


@pytest.mark.parametrize(
    ("name", "tag", "seen"),
    [
        ("facebook/nllb-200-distilled-600M", "min-Latn", True),
        ("facebook/nllb-200-distilled-600M", "sat-Olck", True),
        ("facebook/nllb-200-distilled-600M", "zsm-Latn", True),
        ("FacebookAI/xlm-roberta-base", "zsm-Latn", True),  # by its macrolanguage
        ("FacebookAI/xlm-roberta-base", "min-Latn", False),
        ("cis-lmu/glot500-base", "min-Latn", True),
        ("facebook/m2m100_418M", "kor-Hang", True),
        ("Davlan/afro-xlmr-base", "zul-Latn", True),
        ("Davlan/afro-xlmr-base", "ind-Latn", True),  # which XLM-R knew
        ("Davlan/afro-xlmr-base", "lug-Latn", False),
        ("google/rembert", "haw-Latn", True),
        ("google/rembert", "min-Latn", False),
        ("jhu-clsp/mmBERT-base", "min-Latn", None),
    ],
)
def test_the_table_knows_the_languages_of_some_bases(name: str, tag: str, seen: bool | None) -> None:
    base = known_base(name)
    assert base is not None and base.has_seen(tag) is seen


def test_every_language_is_a_tag() -> None:
    assert {base.seen for base in BASES} == {"", *SEEN}
    assert not [tag for tags in SEEN.values() for tag in tags if not re.fullmatch(r"[a-z]{3}-[A-Z][a-z]{3}", tag)]
    assert len(SEEN["NLLB"]) == 202 and len(SEEN["M2M100"]) == 100 and len(SEEN["mBART-50"]) == 52


def advised(tag: str, task: str = CLASSIFICATION, base: str = "starter:encoder", gib: float = 16.0) -> list[str]:
    """What is said of a base for texts in a language, on a machine with so much memory."""
    checkpoint = find_base(base, None, Places(Path(), Path("cache"), offline=True), STARTERS, build=False)
    recipe = parse_recipe(RECIPE.format(task=task.format(tag=tag), base=base), "recipe.yaml")
    plan = make_plan(recipe, checkpoint, Machine("cpu", "here", 1, gib, False))
    return [finding.what for finding in better_bases(plan, [tag])]


def test_a_base_that_saw_the_language_is_named_if_it_fits() -> None:
    (said,) = advised("min-Latn")
    assert said.startswith(
        "starter:encoder was not trained on min-Latn; of those that lowres bases lists, cis-lmu/glot500-base (395 M"
    )
    assert not advised("ind-Latn"), "a language that it knows"
    assert not advised("min-Latn", gib=2.8), "no memory for another"
    assert not advised("jav-Java"), "no encoder in the table saw its script"
    assert not advised("min-Latn", base="starter:decoder"), "no decoder in the table saw it"
    assert (
        "bigscience/bloom-560m (559 M, BigScience-BLOOM-RAIL-1.0) was" in advised("ind-Latn", base="starter:decoder")[0]
    )
    assert not advised("min-Latn", task=TRANSLATION, base="starter:translation"), "of which the table says nothing"


def test_a_base_that_saw_the_script_is_named_where_none_saw_the_language() -> None:
    (said,) = advised("lbj-Tibt")  # Ladakhi
    assert said.startswith(
        "starter:encoder was trained on no text in the script Tibt; cis-lmu/glot500-base (395 M, Apache-2.0) was"
    )


def test_a_name_nearly_right_is_mended() -> None:
    assert close_name("xlm-roberta-base") == "did you mean FacebookAI/xlm-roberta-base?"
    assert close_name("facebook/nllb-200-distiled-600M") == "did you mean facebook/nllb-200-distilled-600M?"
    assert close_name("someone/tiny") == ""


def test_the_command_lists_bases_by_shape() -> None:
    shown = CliRunner().invoke(lowres, ["bases", "--shape", "encoder"])
    assert shown.exit_code == 0
    seen = CliRunner().invoke(lowres, ["bases", "--language", "min-Latn"])
    assert "nllb-200-3.3B" in seen.output and "FacebookAI/xlm-roberta-base" not in seen.output
    assert "of jhu-clsp/mmBERT-small, jhu-clsp/mmBERT-base" in seen.output
    assert "jhu-clsp/mmBERT-base" in shown.output and "nllb" not in shown.output
    assert "ModernBERT, 307 M, 1,833 languages, MIT" in shown.output
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(lowres, ["bases", "--json"]).output)}
    assert rows["facebook/nllb-200-distilled-600M"]["commercial"] is False
    assert rows["google/madlad400-3b-mt"]["family"] == "MADLAD-400 (T5)"
