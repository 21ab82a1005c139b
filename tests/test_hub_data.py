"""Data sets of the Hugging Face hub, from a small server that speaks as it does; offline nothing asks for the network."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from hub_server import Answering
from readings import said

from lowres.data.corpus import SPLITS, Corpus
from lowres.data.formats.columnar import read_hub
from lowres.data.pairs import pair_counts
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.data_section import HubData
from lowres.recipe.task_section import Classification, Task, Translation

NAME, OTHER = "someone/pets", "f" * 40
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLASSIFY = Classification(kind="classification")


class Hub(Answering):
    """One data set at one commit, the files of a folder, as the hub answers."""

    folder: Path

    def do_GET(self) -> None:
        """The facts, the listing, or a file."""
        path, files = self.path.split("?")[0], {file.name: file for file in sorted(self.folder.iterdir())}
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if path == f"/api/datasets/{NAME}/tree/{COMMIT}":
            sizes = {name: file.stat().st_size for name, file in files.items()}
            self.send_json([{"type": "file", "path": name, "size": size, "oid": "0"} for name, size in sizes.items()])
        elif path in (f"/api/datasets/{NAME}", f"/api/datasets/{NAME}/revision/{COMMIT}"):
            self.send_json({"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})
        elif name in files:
            data = files[name].read_bytes()
            self.send(200, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}, data)
        else:
            self.send(404, {"X-Error-Code": "EntryNotFound"})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder whose files the hub has; the user stands in another one."""
    import datasets.config

    Hub.folder = tmp_path / "repository"
    Hub.folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
    for name, value in {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    yield Hub.folder
    server.shutdown()


@pytest.fixture
def pets(repository: Path) -> Path:
    """The place of a user, where a data set with three splits is on the hub."""
    for number, name in enumerate(("train", "validation", "test")):
        rows = [f"ayam {number} {n},hens {number} {n},{'pn'[n % 2]},{'ab'[n % 4 // 2]}" for n in range(8)]
        (repository / f"{name}.csv").write_text("\n".join(["min,eng,mood,half", *rows]) + "\n", encoding="utf-8")
    return Path.cwd()


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


def read(data: HubData, near: Path, task: Task = CLASSIFY, *, offline: bool = False) -> Corpus:
    return read_corpus(data, task, Places(near, near / "cache", offline=offline), seed=13)


def hub(**facts: object) -> HubData:
    return HubData.model_validate({"hub": NAME, "revision": COMMIT, "licence": "MIT"} | facts)


def test_splits_and_columns_of_a_hub_data_set(pets: Path) -> None:
    data = hub(language="min-Latn", columns={"text": "min", "label": "mood"})
    found = read(data, pets)
    assert [len(found.split(split)) for split in SPLITS] == [8, 8, 8] and found.labels == ("n", "p")
    assert found.dev[3].fields == {"text": "ayam 1 3", "label": "n"} and found.licence == "MIT"
    assert found.files[0].name == f"someone/pets@{COMMIT[:12]} train"
    few = read(hub(language="min-Latn", columns={"text": "min", "label": "mood"}, rows={"half": "a"}), pets)
    assert [len(few.split(split)) for split in SPLITS] == [4, 4, 4]


def test_a_hub_data_set_of_pairs(pets: Path) -> None:
    task = Translation(kind="translation", source="eng-Latn", target="min-Latn")
    found = read(hub(columns={"source": "eng", "target": "min"}), pets, task)
    assert {split: count.pairs for split, count in pair_counts(task, found).items()} == dict.fromkeys(SPLITS, 8)
    assert "there is no column “source”" in said(lambda: read(hub(), pets, task))


def test_offline_a_data_set_that_is_not_there_asks_nobody(
    tmp_path: Path, calls: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = hub(hub="someone/elsewhere", language="min-Latn")
    message = said(lambda: read(data, tmp_path, offline=True))
    assert f"someone/elsewhere@{COMMIT[:12]} train  cannot be read" in message
    assert "offline: run once with a connection" in message and calls == []


def test_offline_what_was_read_before_is_read_again_and_no_other_commit(
    pets: Path, request: pytest.FixtureRequest
) -> None:
    data = hub(language="min-Latn", columns={"text": "min", "label": "mood"})
    found = read(data, pets)
    calls = request.getfixturevalue("calls")  # from now on there is no network
    assert read(data, pets, offline=True) == found
    other = data.model_copy(update={"revision": OTHER})
    assert f"only the commit {COMMIT[:12]} is in the cache" in said(lambda: read(other, pets, offline=True))
    assert not calls


def test_a_folder_that_is_called_as_a_data_set_is_never_read_in_its_place(pets: Path) -> None:
    folder = pets / NAME
    folder.mkdir(parents=True)
    for name in ("train", "validation", "test"):
        (folder / f"{name}.csv").write_text("min,mood\nanother text,p\nand more,n\n", encoding="utf-8")
    data = hub(language="min-Latn", columns={"text": "min", "label": "mood"})
    assert read(data, pets).dev[3].fields["text"] == "ayam 1 3"
    there = data.model_copy(update={"hub": "someone/elsewhere"})
    folder.rename(pets / "someone" / "elsewhere")
    assert "someone/elsewhere" in said(lambda: read(there, pets))
    assert "cannot be read" in said(lambda: read(there, pets, offline=True))


def test_a_hub_data_set_gives_class_labels_by_name(repository: Path) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    data = datasets.Dataset.from_dict({"text": ["iyo", "indak", ""], "label": [1, 0, -1]}, features=features)
    data.to_parquet(repository / "train.parquet")
    table = read_hub(NAME, COMMIT, None, "train", Path("cache"), offline=False)
    assert [tuple(record.fields.values()) for record in table.records] == [("iyo", "yes"), ("indak", "no")]
    assert table.read == 3


def test_the_libraries_may_use_the_network_again_afterwards(pets: Path) -> None:
    from huggingface_hub import constants

    data = hub(language="min-Latn", columns={"text": "min", "label": "mood"})
    read(data, pets)
    read(data, pets, offline=True)
    assert not constants.HF_HUB_OFFLINE
