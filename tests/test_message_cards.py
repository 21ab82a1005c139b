"""Cards of messages: JSON of a program beside the English that it translates, and one split for the messages of all programs."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from readings import needs_packages, said

from lowres.cards import read_card
from lowres.data.corpus import Corpus, Row
from lowres.data.formats.catalogues import read_catalogues
from lowres.data.formats.message_folders import messages_beside
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.data_section import CardData
from lowres.recipe.task_section import Classification, Translation

ENGLISH = {
    "lamp": {"title": "Lamp", "state": {"on": "On", "off": "Off"}, "error": "[%key:common::error%]"},
    "oven": {"title": "Oven", "state": {"on": "On", "hot": "{name} is hot"}},
}
IRISH = {
    "lamp": {"title": "Lampa", "state": {"on": "Ar siúl", "off": "Off"}, "error": "Earráid", "old": "Sean"},
    "oven": {"state": {"on": "Lasta", "hot": "Tá {name} te"}},
}
CARD = """---
pretty_name: Messages
language: [eng, gle]
license: mit
task_categories: [translation]
lowres:
  homepage: https://example.org
  citation: ours
  provenance: written for this test
  consent: ours
  contact: https://example.org
  redistribute: "yes"
  known_problems: []
  columns: {text: target, label: language, id: id, cluster: group}
  format: messages
  originals: en
  source: {package: no-such-program, version: 1.0.0, alone: true}
  split: {by: source, train: 80, dev: 10}
  subsets:
    en: {language: eng-Latn, files: {all: {path: "rooms/*/en.json", sha256: ENGLISH}}}
    ga: {language: gle-Latn, files: {all: {path: "rooms/*/ga.json", sha256: IRISH}}}
---
What a house says.
"""


def written(folder: Path, language: str, messages: dict[str, object]) -> list[tuple[Path, str]]:
    files = []
    for room, texts in messages.items():
        path = folder / "rooms" / room / f"{language}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(texts, indent=1), encoding="utf-8")
        files.append((path, f"rooms/{room}/{language}.json"))
    return files


def test_a_message_translates_the_one_with_its_keys(tmp_path: Path) -> None:
    english, irish = written(tmp_path, "en", ENGLISH), written(tmp_path, "ga", IRISH)
    table = read_catalogues(irish, "ga", messages_beside(english))
    rows = [(record.fields["source"], record.fields["target"], record.where) for record in table.records]
    assert rows == [
        ("Lamp", "Lampa", "rooms/lamp/ga.json:2"),
        ("On", "Ar siúl", "rooms/lamp/ga.json:4"),  # the oven says it otherwise; the first stays
        ("{name} is hot", "Tá {name} te", "rooms/oven/ga.json:4"),
    ]
    assert table.notes == {
        "repeated": 1, "same as the source": 1, "refers to another message": 1, "without an original": 1,
    }  # fmt: skip
    assert table.read == 7
    own = read_catalogues(english, "en", messages_beside(english))
    assert [record.fields["target"] for record in own.records] == ["Lamp", "On", "Off", "Oven", "{name} is hot"]
    groups = {record.fields["source"]: record.fields["group"] for record in own.records}
    assert all(groups[record.fields["source"]] == record.fields["group"] for record in table.records)


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    english, irish = written(tmp_path, "en", ENGLISH), written(tmp_path, "ga", IRISH)
    irish[1][0].write_text('{\n "state": {\n  "on": "Lasta",\n }\n}', encoding="utf-8")
    message = said(lambda: read_catalogues(irish, "ga", messages_beside(english)))
    assert message.startswith("rooms/oven/ga.json:") and "is not JSON" in message


def manifest(files: Sequence[tuple[Path, str]]) -> str:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for path, name in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    many = {f"room-{n}": {"title": f"Room {n}", "state": f"Room {n} is open"} for n in range(60)}
    english = written(tmp_path / "files", "en", many)
    irish = written(tmp_path / "files", "ga", {
        name: {"title": f"Seomra {n}", "state": f"Tá seomra {n} oscailte"} for n, name in enumerate(many)
    })  # fmt: skip
    text = CARD.replace("ENGLISH", manifest(sorted(english, key=lambda file: file[1])))
    path = tmp_path / "house.md"
    path.write_text(text.replace("IRISH", manifest(sorted(irish, key=lambda file: file[1]))), encoding="utf-8")
    return path


def test_a_card_of_messages_is_read_from_a_folder(card: Path) -> None:
    places = Places(card.parent, card.parent / "cache", [card.parent / "files"], offline=True)
    task = Translation(kind="translation", source="eng-Latn", target="gle-Latn")
    found = read_corpus(CardData(card="house"), task, places, 13)
    texts = {row.fields["text"] for rows in (found.train, found.dev, found.test) for row in rows}
    assert {"Room 7", "Seomra 7", "Room 7 is open", "Tá seomra 7 oscailte"} <= texts and len(texts) == 240
    assert {entry.path for entry in read_card("house", card.parent).entries("ga")} == {
        "rooms/*/en.json", "rooms/*/ga.json",  # what a copy of the subset needs, too
    }  # fmt: skip


def test_what_is_missing_can_be_installed_alone(card: Path) -> None:
    places = Places(card.parent, card.parent / "cache", [], offline=True)
    message = said(lambda: read_corpus(CardData(card="house"), Classification(kind="classification"), places, 13))
    assert 'pip install --no-deps --ignore-requires-python "no-such-program==1.0.0"' in message


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("  originals: en\n", "", "the format messages needs `originals`"),
        ("originals: en", "originals: english", "there is no subset “english”"),
        ("format: messages", "format: gettext", "no other format has it"),
        ("rooms/*/ga.json", "rooms/lamp/ga.json", "named by patterns"),
    ],
)
def test_a_card_says_what_its_messages_translate(card: Path, old: str, new: str, what: str) -> None:
    card.write_text(card.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert what in said(lambda: read_card("house", card.parent))


PROGRAMS = ("django-messages", "homeassistant-messages", "wagtail-messages", "allauth-messages")
LANGUAGES = ("en", "cs", "de")
LEAST_SHARED = 8  # words in a row


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The messages of four programs in three languages, as a recipe that lists the cards reads them."""
    here = tmp_path_factory.mktemp("mixed")
    data = tuple(CardData(card=name, subset=LANGUAGES, contaminated="leave-out") for name in PROGRAMS)
    task = Translation(kind="translation", source=("eng-Latn", "ces-Latn"), target="deu-Latn")
    return read_corpus(data, task, Places(here, here / "cache", [], offline=True), 13)


@needs_packages(*PROGRAMS)
def test_no_text_of_test_or_dev_is_in_train_of_any_program(mixed: Corpus) -> None:
    train = {plain(row.fields["text"]) for row in mixed.train}
    assert len(train) > 40_000
    for rows in (mixed.dev, mixed.test):
        assert len(rows) > 5_000
        assert not train & {plain(row.fields["text"]) for row in rows}


@needs_packages(*PROGRAMS)
def test_no_training_text_shares_eight_words_with_another_programs_test(mixed: Corpus) -> None:
    tested: dict[tuple[str, ...], set[str]] = {}
    for row in mixed.test:
        for words in runs_of(row.fields["text"]):
            tested.setdefault(words, set()).add(program(row))
    assert {program(row) for row in mixed.train} == set(PROGRAMS) and len(tested) > 1_000
    for row in mixed.train:  # within a program near copies stay: they are other messages of it
        assert not {other for words in runs_of(row.fields["text"]) for other in tested.get(words, ())} - {program(row)}


@needs_packages(*PROGRAMS)
def test_the_same_message_is_in_one_split_in_all_programs(mixed: Corpus) -> None:
    splits: dict[str, set[str]] = {}
    programs: dict[str, set[str]] = {}
    for split, rows in (("train", mixed.train), ("dev", mixed.dev), ("test", mixed.test)):
        for row in rows:
            message = row.cluster.partition(":")[2]
            splits.setdefault(message, set()).add(split)
            programs.setdefault(message, set()).add(program(row))
    assert sum(len(names) > 1 for names in programs.values()) > 100
    assert all(len(found) == 1 for found in splits.values())


def program(row: Row) -> str:
    """The card that a row is from: in a mixture ids begin with the number of the source."""
    return PROGRAMS[int(row.id.partition(":")[0]) - 1]


def plain(text: str) -> str:
    """A text without capitals, spaces and the sign at its end."""
    return "".join(text.casefold().split()).rstrip(".!?…:") or text


def runs_of(text: str) -> Iterator[tuple[str, ...]]:
    words = text.casefold().split()
    return (tuple(words[at : at + LEAST_SHARED]) for at in range(len(words) - LEAST_SHARED + 1))
