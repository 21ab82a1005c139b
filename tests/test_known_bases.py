"""The table of known bases: what it says agrees with the families, and the command shows it."""

import json

from click.testing import CliRunner

from lowres.cli import lowres
from lowres.models.known_bases import BASES, close_name, known_base


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


def test_a_name_nearly_right_is_mended() -> None:
    assert close_name("xlm-roberta-base") == "did you mean FacebookAI/xlm-roberta-base?"
    assert close_name("facebook/nllb-200-distiled-600M") == "did you mean facebook/nllb-200-distilled-600M?"
    assert close_name("someone/tiny") == ""


def test_the_command_lists_bases_by_shape() -> None:
    shown = CliRunner().invoke(lowres, ["bases", "--shape", "encoder"])
    assert shown.exit_code == 0
    assert "jhu-clsp/mmBERT-base" in shown.output and "nllb" not in shown.output
    assert "ModernBERT, 307 M, 1,833 languages, MIT" in shown.output
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(lowres, ["bases", "--json"]).output)}
    assert rows["facebook/nllb-200-distilled-600M"]["commercial"] is False
    assert rows["google/madlad400-3b-mt"]["family"] == "MADLAD-400 (T5)"
