"""Data sets of the Hugging Face hub, served from a local folder; offline nothing asks for the network."""

import socket
from pathlib import Path

import pytest
from readings import said

from lowres.data.corpus import SPLITS, Corpus
from lowres.data.pairs import pair_counts
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.sections import HubData
from lowres.recipe.task_section import Classification, Task, Translation

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLASSIFY = Classification(kind="classification")


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set with three splits, as the hub lays them out, where `datasets` looks for a local folder first."""
    folder = tmp_path / "someone" / "pets"
    folder.mkdir(parents=True)
    for number, name in enumerate(("train", "validation", "test")):
        rows = [f"ayam {number} {n},hens {number} {n},{'pn'[n % 2]},{'ab'[n % 4 // 2]}" for n in range(8)]
        (folder / f"{name}.csv").write_text("\n".join(["min,eng,mood,half", *rows]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every name that is looked up and every address that is connected to; none succeeds."""
    seen: list[object] = []

    def refuse(*asked: object, **_: object) -> None:
        seen.append(asked)
        raise OSError("no network in this test")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return seen


def read(data: HubData, near: Path, task: Task = CLASSIFY) -> Corpus:
    return read_corpus(data, task, Places(near, near / "cache", offline=True), seed=13)


def hub(**facts: object) -> HubData:
    return HubData.model_validate({"hub": "someone/pets", "revision": COMMIT, "licence": "MIT"} | facts)


def test_splits_and_columns_of_a_hub_data_set(pets: Path, calls: list[object]) -> None:
    data = hub(language="min-Latn", columns={"text": "min", "label": "mood"})
    found = read(data, pets)
    assert [len(found.split(split)) for split in SPLITS] == [8, 8, 8] and found.labels == ("n", "p")
    assert found.dev[3].fields == {"text": "ayam 1 3", "label": "n"} and found.licence == "MIT"
    assert found.files[0].name == f"someone/pets@{COMMIT[:12]} train"
    few = read(hub(language="min-Latn", columns={"text": "min", "label": "mood"}, rows={"half": "a"}), pets)
    assert [len(few.split(split)) for split in SPLITS] == [4, 4, 4]
    assert not calls


def test_a_hub_data_set_of_pairs(pets: Path, calls: list[object]) -> None:
    task = Translation(kind="translation", source="eng-Latn", target="min-Latn")
    found = read(hub(columns={"source": "eng", "target": "min"}), pets, task)
    assert {split: count.pairs for split, count in pair_counts(task, found).items()} == dict.fromkeys(SPLITS, 8)
    assert "there is no column “source”" in said(lambda: read(hub(), pets, task)) and not calls


def test_offline_a_data_set_that_is_not_there_asks_nobody(
    tmp_path: Path, calls: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = hub(hub="someone/elsewhere", language="min-Latn")
    message = said(lambda: read(data, tmp_path))
    assert f"someone/elsewhere@{COMMIT[:12]} train  cannot be read" in message
    assert "offline: run once with a connection" in message and calls == []


def test_the_libraries_may_use_the_network_again_afterwards(pets: Path) -> None:
    from huggingface_hub import constants

    read(hub(language="min-Latn", columns={"text": "min", "label": "mood"}), pets)
    assert not constants.HF_HUB_OFFLINE
