"""Bases on the hub, from a small server that speaks as the hub does: a check fetches headers, a run the weights."""

import hashlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hub_server import Answering
from safetensors.torch import load_file, save_file
from untrained import CLASSIFICATION, plan_of

from lowres.errors import ModelError
from lowres.models.checkpoint import Checkpoint, describe, find_base
from lowres.places import Places
from lowres.planning import make_plan
from lowres.starters.starters import STARTERS

NAME, REVISION = "someone/tiny", "0123456789012345678901234567890123456789"


class Hub(Answering):
    """One repository, the files of a folder; counts the bytes of weights that it sends."""

    folder: Path
    sent = 0

    def do_GET(self) -> None:
        """The listing, or a file or the asked part of it."""
        path = self.path.split("?")[0]
        files = sorted(str(found.relative_to(self.folder)) for found in self.folder.rglob("*") if found.is_file())
        name = path.partition(f"/resolve/{REVISION}/")[2]
        if path.startswith(f"/api/models/{NAME}/tree/"):
            return self.send_json([{"type": "file", "path": file, "size": 1, "oid": "0"} for file in files])
        if path.startswith(f"/api/models/{NAME}"):
            siblings = [{"rfilename": file, "size": (self.folder / file).stat().st_size} for file in files]
            return self.send_json({"id": NAME, "sha": REVISION, "siblings": siblings})
        if name not in files:
            return self.send(404, {"X-Error-Code": "EntryNotFound"})
        data = (self.folder / name).read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        status = 200
        if "Range" in self.headers:
            start, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
            headers["Content-Range"] = f"bytes {start}-{end or len(data) - 1}/{len(data)}"
            data, status = data[int(start) : int(end) + 1 if end else None], 206
        if self.command == "GET" and name.endswith((".safetensors", ".bin")):
            Hub.sent += len(data)
        return self.send(status, headers, data)


@pytest.fixture
def hub(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """The server, and a cache of its own."""
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "repository"))
    weights = load_file(folder / "model.safetensors")
    save_file(
        weights | {"lm_head.decoder.weight": torch.zeros(1000, 1000)}, folder / "model.safetensors", {"format": "pt"}
    )
    Hub.folder, Hub.sent = folder, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield Hub
    server.shutdown()


def found(tmp_path: Path, *, build: bool, offline: bool = False) -> Checkpoint:
    """The base on the hub."""
    return find_base(NAME, REVISION, Places(tmp_path, tmp_path, offline=offline), STARTERS, build=build)


def test_a_check_fetches_headers_and_a_run_the_weights(hub: type[Hub], tmp_path: Path) -> None:
    size = (hub.folder / "model.safetensors").stat().st_size
    checked = found(tmp_path, build=False)
    assert hub.sent < size / 10
    assert not list((tmp_path / "hub").rglob("*.safetensors"))
    assert (checked.folder / "tokenizer.json").exists()
    base = found(tmp_path, build=True)
    assert (base.parameters, base.architecture, base.positions) == (
        checked.parameters,
        checked.architecture,
        checked.positions,
    )
    assert found(tmp_path, build=False, offline=True) == base


def test_an_adapter_on_the_hub_is_refused_with_what_to_do(hub: type[Hub], tmp_path: Path) -> None:
    (hub.folder / "adapter_config.json").write_text('{"base_model_name_or_path": "jhu-clsp/mmBERT-small"}')
    with pytest.raises(
        ModelError, match=r"a PEFT adapter over jhu-clsp/mmBERT-small, not a model \(fetch it .*and name that folder"
    ):
        found(tmp_path, build=False)


def test_a_pinned_base_is_never_a_folder_of_its_name(
    hub: type[Hub], tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_encoder, tmp_path / NAME)
    monkeypatch.chdir(tmp_path)
    base = found(tmp_path, build=True)
    assert base.revision == REVISION and base.folder.is_relative_to(tmp_path / "hub")
    local = find_base(f"./{NAME}", None, Places(tmp_path, tmp_path, offline=True), STARTERS)
    assert local.folder.samefile(tmp_path / NAME)


def test_a_folder_that_is_called_like_a_hub_model_is_told(tmp_path: Path, tiny_encoder: Path) -> None:
    base = replace(describe(NAME, tiny_encoder), revision=None)
    plan = plan_of(tiny_encoder, CLASSIFICATION)
    said = [finding.what for finding in make_plan(plan.recipe, base, plan.machine).findings]
    assert any("the folder someone/tiny is taken" in what for what in said), said
