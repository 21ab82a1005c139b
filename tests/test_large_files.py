"""Large files of the hub, which lie with another host: sent there and fetched from there, never with the user's token, and by hash."""

import shutil
from pathlib import Path

import pytest
from hub_server import HubServer
from test_arrivals import MACHINE, TEXTS, refused, said
from test_arrivals import desk as desk
from test_publishing import TOKEN, share
from test_publishing import hub as hub

from lowres.errors import LowresError, ModelError
from lowres.models.checkpoint import find_base
from lowres.places import Places
from lowres.runs.run import Run
from lowres.starters.starters import STARTERS

SMALL_FILES = 4096  # what is larger is a large file here


@pytest.fixture(autouse=True)
def large(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most files of a bundle go to the storage; over xet, which hashes by itself, no small server can be asked."""
    hub.large = SMALL_FILES
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")


def test_a_model_goes_to_the_storage_and_comes_back(hub: HubServer, reviews: Run, desk: Path) -> None:
    shutil.copytree(reviews.folder.parent / "tiny", desk / "tiny")  # its base
    answer = share(reviews, "hub:siti/model", "--yes", "--public")
    assert answer.exit_code == 0, answer.output
    files = hub.repositories["siti/model"].at("main")[1]
    sent = [name for name, data in files.items() if hub.is_large(data)]
    assert any(name.endswith(".safetensors") for name in sent)
    assert {method for method, _, _ in hub.storage.asked} == {"PUT"} and len(hub.storage.asked) == len(sent)
    there = said("predict", "siti/model", *TEXTS, "--yes", *MACHINE)
    assert there.exit_code == 0 and "verified" in there.stderr, there.output
    fetched = [path for method, path, _ in hub.storage.asked if method == "GET"]
    assert len(set(fetched)) == len(sent)
    assert not [token for _, _, token in hub.storage.asked if TOKEN in token], "the token is for the hub alone"
    assert any(TOKEN in token for _, _, token in hub.asked)


def test_what_the_storage_does_not_take_is_not_published(hub: HubServer, reviews: Run) -> None:
    hub.storage.refuses = True
    error = share(reviews, "hub:siti/model", "--yes").exception
    assert isinstance(error, LowresError), error
    assert "a file could not be sent" in str(error) and "nothing was published" in str(error)
    assert "recipe.yaml" not in hub.repositories["siti/model"].at("main")[1]


def test_a_large_file_with_other_bytes_is_refused_and_fetched_again(
    hub: HubServer, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Size and name are right, one byte is not: huggingface_hub keeps it, and lowres removes it."""
    commit = hub.put("someone/tiny", {path.name: path.read_bytes() for path in tiny_encoder.iterdir()})
    weights = hub.repositories["someone/tiny"].at(commit)[1]["model.safetensors"]
    oid = next(oid for oid, data in hub.storage.objects.items() if data == weights)

    def base(*, offline: bool = False, build: bool = True) -> Path:
        places = Places(tmp_path, tmp_path, offline=offline)
        return find_base("someone/tiny", commit, places, STARTERS, build=build).folder

    base(build=False)
    assert sum(method == "GET" for method, _, _ in hub.storage.asked) > 0, "headers come from the storage, too"
    hub.storage.objects[oid] = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(
        ModelError, match=r"someone/tiny/model.safetensors  is not the file that the hub named: its sha256"
    ):
        base()
    hub.storage.objects[oid] = weights
    assert (base() / "model.safetensors").read_bytes() == weights
    kept = (base() / "model.safetensors").resolve()
    kept.write_bytes(b"x" + kept.read_bytes()[1:])  # a fault of the disk
    with pytest.raises(ModelError, match="it was removed; say the same again"):
        base(offline=True)
    assert (base() / "model.safetensors").read_bytes() == weights
    assert not [token for _, _, token in hub.storage.asked if TOKEN in token]


def test_a_shared_file_with_other_bytes_is_refused(hub: HubServer, reviews: Run, desk: Path) -> None:
    assert share(reviews, "hub:siti/model", "--yes", "--public").exit_code == 0
    files = hub.repositories["siti/model"].at("main")[1]
    name, data = max(files.items(), key=lambda item: len(item[1]))
    oid = next(oid for oid, one in hub.storage.objects.items() if one == data)
    hub.storage.objects[oid] = b"?" + data[1:]
    assert f"{name}  is not the file that the hub named" in refused("predict", "siti/model", "x", "--yes", *MACHINE)
    hub.storage.objects[oid] = data[:-1]
    told = refused("predict", "siti/model", "x", "--yes", *MACHINE)
    assert "should be of size" in told
