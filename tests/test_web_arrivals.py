"""Shared recipes and bundles on a web server, asked over TLS: resumed, bounded, by hash, and at the commit where there is one."""

import hashlib
import io
import json
import re
import shutil
import ssl
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from matrix import tried
from test_arrivals import DATA, MACHINE, SPLITS, TEXTS, files, refused, said
from test_arrivals import desk as desk
from test_cards import CARD
from test_downloads import certificate as certificate
from test_run_folder import RECIPE, prepared

from lowres.data import connections
from lowres.data import files as downloading
from lowres.export.bundle import share
from lowres.runs.run import Run
from lowres.shared import addresses, sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Web(BaseHTTPRequestHandler):
    """Files by their paths, and redirects; what lies below /cut/ breaks off in the middle unless a part is asked for."""

    protocol_version = "HTTP/1.1"
    content: dict[str, bytes]
    moved: dict[str, str]
    asked: list[tuple[str, str]]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """One file, or the rest of it."""
        self.asked.append((self.command, self.path))
        if self.path in self.moved:
            return self._send(302, b"", {"Location": self.moved[self.path]})
        data = self.content.get(self.path)
        if data is None:
            return self._send(404, b"")
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if self.path.startswith("/cut/") and self.command == "GET" and not first:
            self._send(200, data, half=True)
            self.close_connection = True
            return None
        about = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
        return self._send(206 if first else 200, data[first:], about)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None, half: bool = False) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if half else data)


@pytest.fixture
def web(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server; it stands for GitHub, too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr(connections, "PUBLIC_ALONE", False)
    monkeypatch.setattr(downloading, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(addresses, "LOCAL_ALLOWED", frozenset({"localhost"}))
    for name in ("content", "moved"):
        monkeypatch.setattr(Web, name, {}, raising=False)
    monkeypatch.setattr(Web, "asked", [], raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = ThreadingHTTPServer(("localhost", 0), Web)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_address[1]}"
    monkeypatch.setattr(sources, "GITHUB_API", f"{url}/api")
    monkeypatch.setattr(sources, "FILES_OF_GITHUB", f"{url}/raw")
    yield url
    server.shutdown()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, bytes]:
    """A recipe over the starter that is checked alone, and its tables."""
    folder = tmp_path_factory.mktemp("project")
    prepared(folder, tiny_encoder)
    recipe = RECIPE.format(base="starter:encoder", epochs=1).encode()
    return {"recipe.yaml": recipe, **{name: (folder / name).read_bytes() for name in SPLITS}}


@pytest.fixture
def bundle(reviews: Run, tmp_path: Path, desk: Path) -> bytes:
    """The .zip of a run, whose base is in the current folder."""
    share(reviews, tmp_path / "b.zip")
    shutil.copytree(reviews.folder.parent / "tiny", desk / "tiny")
    return (tmp_path / "b.zip").read_bytes()


def put(folder: str, content: dict[str, bytes]) -> None:
    Web.content |= {f"{folder}/{name}": data for name, data in content.items()}


def test_a_recipe_on_a_web_server_comes_with_the_files_that_it_names(
    web: str, project: dict[str, bytes], desk: Path
) -> None:
    put("/a/reviews", {**project, "other.tsv": b"x"})
    answer = said("check", f"{web}/a/reviews/recipe.yaml", *MACHINE)
    assert answer.exit_code == 0, answer.output
    assert {*SPLITS, "recipe.yaml"} <= set(answer.output.split()) and "4 files" in answer.output
    assert not list(desk.iterdir()) and ("GET", "/a/reviews/other.tsv") not in Web.asked
    del Web.content["/a/reviews/dev.tsv"]
    assert "the recipe reads dev.tsv, which was not shared" in refused(
        "check", f"{web}/a/reviews/recipe.yaml", *MACHINE
    )


def test_a_card_comes_with_the_data_beside_it(web: str, project: dict[str, bytes], desk: Path) -> None:
    card = CARD.replace("min-Latn", "eng-Latn").replace("format: tsv", "format: tsv\n  labels: [negative, positive]")
    entries = "".join(
        f"        {name[:-4]}: {{path: {name}, sha256: {hashlib.sha256(project[name]).hexdigest()}}}\n"
        for name in SPLITS
    )
    card = re.sub(r"        train: .*\n", lambda _: entries, card)
    recipe = project["recipe.yaml"].decode().replace(DATA, "data: {card: weather}\n")
    put("/a", {"recipe.yaml": recipe.encode(), "cards/weather.md": card.encode()})
    put("/a/cards/weather", {name: project[name] for name in SPLITS})
    answer = said("check", f"{web}/a/recipe.yaml", *MACHINE)
    assert answer.exit_code == 0, answer.output
    assert "card weather: its data come from beside it" in answer.output and "data: Weather, CC-BY-4.0" in answer.output
    assert {"cards/weather.md", *(f"cards/weather/{name}" for name in SPLITS)} <= set(answer.output.split())


def test_a_recipe_of_github_is_taken_at_a_commit(web: str, project: dict[str, bytes], desk: Path) -> None:
    Web.content["/api/repos/siti/x/commits/main"] = COMMIT.encode()
    put(f"/raw/siti/x/{COMMIT}/a", project)
    answer = said("check", "https://github.com/siti/x/tree/main/a", *MACHINE)
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith(f"{web}/raw/siti/x/{COMMIT}/a/recipe.yaml\n")
    assert f"ready: lowres run {web}/raw/siti/x/{COMMIT}/a/recipe.yaml" in answer.output
    Web.asked.clear()
    assert said("check", f"https://github.com/siti/x/blob/{COMMIT}/a/recipe.yaml", *MACHINE).exit_code == 0
    assert not [path for _, path in Web.asked if path.startswith("/api")]
    assert "no public repository of that name with the revision v2" in refused(
        "check", "https://github.com/siti/x/tree/v2/a"
    )


def test_a_bundle_on_a_web_server_answers_and_is_verified(web: str, bundle: bytes, reviews: Run, desk: Path) -> None:
    Web.content["/cut/reviews.zip"] = bundle  # the connection breaks, and the download goes on
    Web.moved["/latest.zip"] = f"{web}/cut/reviews.zip"
    with tried("recipes from others", "verified by the manifest's hashes"):
        assert "all as they were shared" in said("verify", f"{web}/latest.zip").output
    answer = said("predict", f"{web}/cut/reviews.zip", TEXTS[0], "--yes", "--json", *MACHINE)
    assert answer.exit_code == 0, answer.output
    (fetched,) = desk.glob("reviews-*")
    assert json.loads(answer.stdout)["probabilities"] == Run(reviews.folder).predict(TEXTS[0])[0].probabilities
    assert "model/model.json" in files(fetched)


def test_a_zip_of_a_whole_repository_is_taken_for_the_recipe_in_it(
    web: str, project: dict[str, bytes], desk: Path
) -> None:
    inside = {f"reviews-main/{name}": data for name, data in {**project, ".gitignore": b"*", "setup.py": b"x"}.items()}
    Web.content["/main.zip"] = altered(b"", **inside)
    answer = said("check", f"{web}/main.zip", *MACHINE)
    assert answer.exit_code == 0, answer.output
    assert {*SPLITS, "recipe.yaml"} <= set(answer.output.split()) and "4 files" in answer.output


def altered(data: bytes, **changes: bytes) -> bytes:
    """A .zip with other, further or fewer files."""
    out = io.BytesIO()
    content = {}
    if data:
        with zipfile.ZipFile(io.BytesIO(data)) as before:
            content = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        content |= changes
        for name, one in content.items():
            if one:
                after.writestr(name, one)
    return out.getvalue()


HARM = {
    "a changed recipe": ({"recipe.yaml": b"lowres: 2\nname: other\n"}, "recipe.yaml  was changed: sha256"),
    "a changed model": ({"model/model.json": b"{}"}, "model/model.json  was changed: sha256"),
    "a missing file": ({"model/model.json": b""}, "model/model.json  is missing"),
    "a way out": ({"../evil.txt": b"x"}, "which leads out of the bundle"),
    "no recipe": ({"recipe.yaml": b""}, "holds no recipe.yaml"),
    "a file of no bundle": ({"bundle.json": json.dumps({"bundle": 1, "files": {"x.py": "0" * 64}}).encode()}, "which no bundle holds"),
    "no digests": ({"bundle.json": b'{"bundle": 1, "files": {"recipe.yaml": 7}}'}, "is no bundle"),
    "a card that never ends": ({"bundle.json": b" " * (1 << 24)}, "is larger than it may be"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HARM)
def test_what_is_wrong_with_a_bundle_is_found_before_it_is_used(kind: str, web: str, bundle: bytes, desk: Path) -> None:
    changes, told = HARM[kind]
    Web.content["/b.zip"] = altered(bundle, **changes)
    with tried("recipes from others", "refused in a line, nothing run"):
        assert told in refused("predict", f"{web}/b.zip", "x", "--yes", *MACHINE)
    assert [path.name for path in desk.iterdir()] == ["tiny"]


def test_servers_that_lead_astray_are_refused(
    web: str, project: dict[str, bytes], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("/a", project)
    for name, (target, told) in {
        "plain": (web.replace("https", "http") + "/a/recipe.yaml", "is not https"),
        "machine": ("https://127.0.0.1/recipe.yaml", "is not an address of the public web"),
        "file": ("file:///etc/passwd", "is not allowed"),
    }.items():
        Web.moved[f"/{name}/recipe.yaml"] = target
        with tried("recipes from others", "redirects elsewhere refused"):
            assert told in refused("check", f"{web}/{name}/recipe.yaml", *MACHINE)
    Web.moved["/moved/recipe.yaml"] = f"{web}/a/recipe.yaml"
    put("/moved", {name: project[name] for name in SPLITS})
    assert said("check", f"{web}/moved/recipe.yaml", *MACHINE).exit_code == 0
    put("/large", {**project, "recipe.yaml": b"#" * 300_000})
    assert "sends more than 256 KiB" in refused("check", f"{web}/large/recipe.yaml", *MACHINE)
    assert "holds no recipe.yaml" in refused("check", f"{web}/nowhere/recipe.yaml", *MACHINE)
    assert "the server answers 404" in refused("check", f"{web}/nowhere.zip", *MACHINE)
    assert "the network is not to be used" in refused("check", f"{web}/a/recipe.yaml", "--offline", *MACHINE)
