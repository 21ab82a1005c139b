"""`lowres audit CARD` reads every shipped card, whatever its task and splits; what a card says of its data is told."""

import os
from pathlib import Path

import pytest
from readings import corpus, missing_package, needs_mirror, said

from lowres.cards import available_cards
from lowres.cli.auditing import Request, of_card
from lowres.planning import Options
from lowres.recipe.data_section import CardData

ALL = available_cards()


def read(card: str, cache: Path, *subsets: str, against: str | None = None, language: str | None = None):  # type: ignore[no-untyped-def]
    mirrors = [Path(os.environ["LOWRES_MIRROR"])] if "LOWRES_MIRROR" in os.environ else []
    options = Options(cache=cache, mirrors=tuple(mirrors), offline=True)
    return of_card(Request((card,), subsets, "text", language, against, False), options)


@needs_mirror
@pytest.mark.parametrize(
    ("card", "subset", "tags"),
    [
        ("afrisenti", "tso", {"tso-Latn": ["train", "dev"]}),
        ("allauth-messages", "ht", {"hat-Latn": ["train", "dev"]}),
        ("django-messages", "hsb", {"hsb-Latn": ["train", "dev"]}),
        ("homeassistant-messages", "fy", {"fry-Latn": ["train", "dev"]}),
        ("mafand", "hau", {"eng-Latn": ["train", "dev"], "hau-Latn": ["train", "dev"]}),
        ("minangnlp", "all", {"ind-Latn": ["train", "dev"], "min-Latn": ["train", "dev"]}),
        ("nllb-seed", "ace", {"eng-Latn": ["train"], "ace-Latn": ["train"]}),
        ("nusatranslation", "min", {"ind-Latn": ["train", "dev"], "min-Latn": ["train", "dev"]}),
        ("nusax-sentiment", "min", {"min-Latn": ["train", "dev"]}),
        ("smsa", "all", {"ind-Latn": ["train", "dev"]}),
        ("talpco", "all", {tag: ["train", "dev"] for tag in ("eng-Latn", "ind-Latn", "zsm-Latn", "jav-Latn")}),
        ("tico19", "eng-hau", {"eng-Latn": ["dev"], "hau-Latn": ["dev"]}),
        ("wagtail-messages", "mi", {"mri-Latn": ["train", "dev"]}),
    ],
)
def test_every_card_can_be_audited(tmp_path: Path, card: str, subset: str, tags: dict[str, list[str]]) -> None:
    if how := missing_package(card):
        pytest.skip(how)
    texts, _, notes = read(card, tmp_path, subset)
    assert {tag: list(parts) for tag, parts in texts.items()} == tags
    assert any(note.startswith("known problem of") for note in notes) and len(notes) == len(set(notes))


def test_no_card_is_forgotten() -> None:
    marks = test_every_card_can_be_audited.pytestmark
    tried = {row[0] for mark in marks if mark.name == "parametrize" for row in mark.args[1]}
    assert tried == set(ALL)


@needs_mirror
def test_a_card_with_test_rows_only_says_so(tmp_path: Path) -> None:
    assert "has only test rows of these subsets" in said(lambda: read("tico19", tmp_path, "eng-amh"))
    assert "holds no texts in deu-Latn (did you mean “ind-Latn”?)" in said(
        lambda: read("talpco", tmp_path, language="deu-Latn")
    )


@needs_mirror
def test_a_reference_is_taken_from_the_same_split(tmp_path: Path) -> None:
    _, reference, _ = read("nusax-sentiment", tmp_path, "min", against="ind")
    assert reference.parallel and len(reference.texts) == 500


@needs_mirror
def test_what_a_card_says_of_its_data_reaches_whoever_uses_them(tmp_path: Path) -> None:
    found = {f.what: f.level for f in corpus(CardData(card="nusax-sentiment", subset="min"), tmp_path).findings}
    assert any("217 of the 400 Indonesian test sentences stand in SmSA" in what for what in found)
    assert any(what.startswith("consent, nusax-sentiment: Not described") for what in found)
    from lowres.data.reading import read_corpus
    from lowres.places import Places
    from lowres.recipe.task_section import Translation

    task = Translation(kind="translation", source="eng-Latn", target="hau-Latn")
    places = Places(tmp_path, tmp_path / "cache", [Path(os.environ["LOWRES_MIRROR"])], offline=True)
    hausa = read_corpus(CardData(card="mafand", subset="hau"), task, places, 13)
    first = [finding for finding in hausa.findings if "may not be redistributed" in finding.what]
    assert first and first[0].level == "warning"
