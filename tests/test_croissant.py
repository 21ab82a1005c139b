"""Data cards as Croissant: read by its own reference implementation, which finds the files, their hashes and their columns."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lowres.cards import available_cards, read_card
from lowres.cards.croissant import croissant
from lowres.cli import lowres
from lowres.data.card_data import from_card
from lowres.errors import CardError
from lowres.places import Places
from lowres.recipe.sections import CardData
from lowres.recipe.task_section import Classification

ELSEWHERE = [name for name in available_cards() if read_card(name, Path()).lowres.source.package is None]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_card_is_valid_croissant(name: str, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed: pip install lowres[dev]")
    card = read_card(name, Path())
    (tmp_path / "card.json").write_text(json.dumps(croissant(card)), encoding="utf-8")
    found = mlcroissant.Dataset(jsonld=tmp_path / "card.json").metadata
    assert not found.ctx.issues.errors and found.ctx.is_v1_1()
    assert found.url == card.lowres.homepage and card.lowres.consent.strip() in json.dumps(
        croissant(card), ensure_ascii=False
    )
    digests = {entry.sha256 for entry in found.distribution}
    assert digests == {
        file.sha256
        for subset in card.lowres.subsets.values()
        for files in (subset.files, *subset.sides.values())
        for file in files.values()
    }


def test_a_card_beside_its_files_gives_their_rows(here: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed: pip install lowres[dev]")
    table = b"text,label\nrancak bana,good\nburuak,bad\n"
    (here / "all.csv").write_bytes(table)
    card = f"""---
pretty_name: Ours
language: [min]
license: noodl
task_categories: [text-classification]
lowres:
  homepage: https://example.org/ours
  citation: Ours (2026)
  provenance: written down in Padang
  consent: the writers agreed
  contact: us@example.org
  redistribute: ask
  community: the Minangkabau of Padang; its council speaks for it
  benefit: a spell checker for its schools
  traditional_knowledge: [tk-non-commercial]
  known_problems: []
  labels: [good, bad]
  format: csv
  source: {{folder: "."}}
  subsets: {{min: {{language: min-Latn, files: {{all: {{path: all.csv, sha256: {hashlib.sha256(table).hexdigest()}}}}}}}}}
  split: {{by: text, train: 80, dev: 10}}
---
Reviews.
"""
    (here / "ours.md").write_text(card, encoding="utf-8")
    answer = CliRunner().invoke(lowres, ["croissant", "ours.md"], catch_exceptions=False)
    facts = json.loads(answer.stdout)
    assert facts["license"].startswith("NOODL-1.0 Nwulite Obodo") and "only if their owners agree" in facts["usageInfo"]
    wishes = "Community: the Minangkabau of Padang; its council speaks for it Benefit: a spell checker for its schools Traditional"
    assert wishes in facts["usageInfo"] and "https://localcontexts.org/label/tk-non-commercial/" in facts["usageInfo"]
    table = from_card(CardData(card="ours.md"), Classification(kind="classification"), Places(here, here))
    assert any(one.what.startswith("ours, community: the Minangkabau of Padang") for one in table.findings)
    (here / "ours.md").write_text(card.replace("tk-non-commercial", "tk-for-free"), encoding="utf-8")
    with pytest.raises(CardError, match=r"traditional_knowledge.0: Input should be 'tk-attribution'"):
        read_card("ours.md", here)
    (here / "card.json").write_text(answer.stdout, encoding="utf-8")
    rows = list(mlcroissant.Dataset(jsonld=here / "card.json").records("min/all"))
    assert [row["min/all/text"] for row in rows] == [b"rancak bana", b"buruak"]


def test_data_in_a_package_are_refused() -> None:
    with pytest.raises(CardError, match="its files lie in the package"):
        croissant(read_card("django-messages", Path()))
