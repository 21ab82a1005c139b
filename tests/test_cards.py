"""The shipped cards, and what reading a card refuses."""

import os
from pathlib import Path

import pytest
from readings import missing_package

from lowres.cards import Card, CardFile, available_cards, read_card
from lowres.cards.licences import SPDX
from lowres.data.files import card_file, fetch
from lowres.errors import CardError
from lowres.languages import language

HERE = Path("/")  # no card lies there
SHIPPED = available_cards()

CARD = """\
---
pretty_name: Weather
language: [min]
license: cc-by-4.0
task_categories: [text-classification]
lowres:
  homepage: https://example.org/weather
  citation: Nobody (2026), Weather.
  provenance: written for this test
  consent: given by the one who wrote it
  contact: nobody@example.org
  redistribute: yes
  known_problems: []
  format: tsv
  source: {folder: weather}
  subsets:
    min:
      language: min-Latn
      files:
        train: {path: train.tsv, sha256: %s}
---
What the sky looks like.
"""
SHA256 = "a" * 64


def written(folder: Path, text: str) -> Path:
    path = folder / "weather.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(params=SHIPPED)
def card(request: pytest.FixtureRequest) -> Card:
    return read_card(request.param, HERE)


def test_the_shipped_cards() -> None:
    assert {"nusax-sentiment", "django-messages"} <= set(SHIPPED)


def test_shipped_cards_name_real_languages(card: Card) -> None:
    codes = {language(tag).code for subset in card.lowres.subsets.values() for tag in subset.languages}
    assert set(card.language) == codes


def test_shipped_cards_have_a_licence_and_a_statement(card: Card) -> None:
    assert card.license in SPDX
    assert card.lowres.redistribute in ("yes", "no", "ask")
    assert len(card.statement.split()) > 150


def files_of(card: Card) -> list[CardFile]:
    return [
        file
        for subset in card.lowres.subsets.values()
        for files in (subset.files, *subset.sides.values())
        for file in files.values()
    ]


def test_shipped_cards_name_no_file_twice(card: Card) -> None:
    files = files_of(card)
    assert len({file.path for file in files}) == len(files) > 0
    # one English text may stand beside several translations
    assert len({file.sha256 for file in files}) == len(files) or card.name == "nllb-seed"


@pytest.mark.skipif("LOWRES_MIRROR" not in os.environ, reason="LOWRES_MIRROR names no folder that holds published data")
def test_shipped_cards_mean_files_that_there_are(card: Card, tmp_path: Path) -> None:
    if how := missing_package(card.name):
        pytest.skip(how)
    for file in files_of(card):
        assert fetch(card_file(card, file), tmp_path, [Path(os.environ["LOWRES_MIRROR"])], offline=True).exists()


def test_a_card_beside_the_recipe(tmp_path: Path) -> None:
    written(tmp_path, CARD % SHA256)
    card = read_card("weather", tmp_path)
    assert card.name == "weather"
    assert card.lowres.redistribute == "yes"
    assert card.statement == "What the sky looks like."
    assert read_card("weather.md", tmp_path) == card


def test_a_card_in_the_recipes_data_cards(tmp_path: Path) -> None:
    (tmp_path / "data_cards").mkdir()
    written(tmp_path / "data_cards", CARD % SHA256)
    assert read_card("weather", tmp_path).folder == tmp_path / "data_cards"


def test_an_unknown_card_names_those_there_are() -> None:
    with pytest.raises(CardError) as error:
        read_card("nusax-sentimen", HERE)
    message = str(error.value)
    assert "there is no card “nusax-sentimen”" in message
    assert "did you mean “nusax-sentiment”?" in message
    assert "django-messages" in message


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("  consent:", "  consnet:", 10, "consnet"),
        ("redistribute: yes", "redistribute: maybe", 12, "redistribute"),
        ("license: cc-by-4.0", "license: mit\nlicense: cc-by-4.0", 5, "license"),
        ("language: [min]", "language: &l [min]", 3, "“&l”"),
        (SHA256, "abc", 20, "sha256"),
        ("min-Latn", "Minangkabau", 18, "language"),
        ("{folder: weather}", "{folder: weather, url: https://example.org/}", 15, "exactly one of"),
        ("{folder: weather}", "{folder: ../weather}", 15, "must stay below the source of the card"),
        ("{folder: weather}", "{folder: /etc}", 15, "must stay below the source of the card"),
        ("path: train.tsv", "path: a/../../train.tsv", 20, "must stay below the source of the card"),
        ("{folder: weather}", "{url: https://127.0.0.1/x/}", 15, "must name a public host"),
        ("{folder: weather}", "{url: 'https://[::1]/x/'}", 15, "must name a public host"),
        ("{folder: weather}", "{url: https://localhost:8443/x/}", 15, "must name a public host"),
        ("{folder: weather}", "{url: https://192.168.0.1/x/}", 15, "must name a public host"),
        ("{folder: weather}", "{url: https://router/x/}", 15, "must name a public host"),
        ("{folder: weather}", "{url: https://me:secret@example.org/x/}", 15, "and no user"),
        ("path: train.tsv", "path: /etc/passwd", 20, "must stay below the source of the card"),
    ],
)
def test_faults_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = written(tmp_path, (CARD % SHA256).replace(old, new, 1))
    with pytest.raises(CardError) as error:
        read_card("weather", tmp_path)
    assert any(problem.where.startswith(f"{path}:{line}") and said in str(problem) for problem in error.value.problems)


def test_a_page_without_front_matter_is_no_card(tmp_path: Path) -> None:
    written(tmp_path, "# Weather\n")
    with pytest.raises(CardError, match=r"weather\.md:1"):
        read_card("weather", tmp_path)
