"""Downloads from a real server: cut, altered, redirected, missing."""

import hashlib
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from matrix import tried

from lowres.data import connections
from lowres.data import files as downloading
from lowres.data.files import File, fetch
from lowres.errors import DataError
from lowres.shared import addresses, web

BODY = "".join(f"{number}\tkato\n" for number in range(20_000)).encode()
SHA256 = hashlib.sha256(BODY).hexdigest()
ELSEWHERE = {
    "/loopback": "https://127.0.0.1/whole",
    "/other": "https://other.example.org/whole",
    "/file": "file:///etc/passwd",
}


class Answers(BaseHTTPRequestHandler):
    """Each path is a fault, see below; /whole has none, and what is not there is answered by 404."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        begin = self.headers.get("Range", "")
        self.asked.append((self.path, begin))
        if self.path == "/plain":
            self.send_response(302)
            self.send_header("Location", "http://localhost/whole")
            self.end_headers()
            return
        if self.path in ELSEWHERE:
            self.send_response(302)
            self.send_header("Location", ELSEWHERE[self.path])
            self.end_headers()
            return
        if self.path == "/slow-head":
            with suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-More: " + b"x" * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.01)
            return
        if self.path == "/flood":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(BODY)
            return
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # the other side has hung up
                while True:
                    self.wfile.write(BODY)
            return
        if self.path == "/trickle":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            with suppress(OSError):
                for byte in BODY:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.01)
            return
        if self.path not in ("/whole", "/cut", "/altered", "/busy", "/stalling", "/shifted", "/dripping"):
            self.send_error(404)
            return
        start = int(begin.removeprefix("bytes=").removesuffix("-") or 0)
        if start >= len(BODY):
            self.send_error(416)
            return
        if self.path == "/busy" and len(self.asked) in (2, 3):
            self.send_error(503)
            return
        body = BODY.swapcase()[start:] if self.path == "/altered" else BODY[start:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        if begin:
            self.send_header("Content-Range", f"bytes {start + (self.path == '/shifted')}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        if not begin and self.path in ("/cut", "/shifted"):
            body = body[: len(body) // 3]
        if not begin and self.path == "/busy":
            body = body[: len(body) * 97 // 100]
        if self.path in ("/stalling", "/dripping"):
            self.wfile.write(body[:1000] if self.path == "/stalling" and not begin else body[:20_000])
            if self.path == "/dripping" or not begin:
                self.wfile.flush()
                time.sleep(0.4 if self.path == "/stalling" else 0)
                return
            body = body[20_000:]
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def server(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr(connections, "PUBLIC_ALONE", False)
    monkeypatch.setattr(downloading, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Answers, "asked", [], raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    answering = ThreadingHTTPServer(("localhost", 0), Answers)
    answering.daemon_threads = True
    answering.socket = context.wrap_socket(answering.socket, server_side=True)
    thread = threading.Thread(target=answering.serve_forever)
    thread.start()
    yield f"https://localhost:{answering.server_address[1]}"
    answering.shutdown()
    thread.join()
    answering.server_close()


def test_a_whole_download_is_kept(server: str, tmp_path: Path) -> None:
    file = File("card:x.tsv", SHA256, f"{server}/whole")
    path = fetch(file, tmp_path / "cache")
    assert path.read_bytes() == BODY
    assert fetch(file, tmp_path / "cache", offline=True) == path
    assert Answers.asked == [("/whole", "")]
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_cut_download_goes_on_where_it_broke(server: str, tmp_path: Path) -> None:
    path = fetch(File("card:x.tsv", SHA256, f"{server}/cut"), tmp_path / "cache")
    assert path.read_bytes() == BODY
    assert Answers.asked == [("/cut", ""), ("/cut", f"bytes={len(BODY) // 3}-")]


def test_a_server_that_is_busy_near_the_end_costs_nothing(server: str, tmp_path: Path) -> None:
    with tried("downloads", "resumed where they broke off"):
        path = fetch(File("card:x.tsv", SHA256, f"{server}/busy"), tmp_path / "cache")
        assert path.read_bytes() == BODY
        have = len(BODY) * 97 // 100
        assert Answers.asked == [("/busy", ""), *[("/busy", f"bytes={have}-")] * 3]


def test_what_came_before_a_stall_is_kept(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "TIMEOUT_SECONDS", 0.2)
    with tried("downloads", "resumed where they broke off"):
        path = fetch(File("card:x.tsv", SHA256, f"{server}/stalling"), tmp_path / "cache")
        assert path.read_bytes() == BODY
        assert Answers.asked == [("/stalling", ""), ("/stalling", "bytes=1000-")]


def test_attempts_are_counted_only_where_nothing_comes(server: str, tmp_path: Path) -> None:
    with tried("downloads", "resumed where they broke off"):
        path = fetch(File("card:x.tsv", SHA256, f"{server}/dripping"), tmp_path / "cache")
        assert path.read_bytes() == BODY
        assert len(Answers.asked) == -(-len(BODY) // 20_000) > downloading.ATTEMPTS


def test_a_server_that_only_drips_is_not_waited_for(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(downloading, "SLOWEST", 2_000)
    with (
        tried("downloads", "refused in a line"),
        pytest.raises(DataError, match=r"/trickle \(sends fewer than 2,000 bytes a second\)"),
    ):
        fetch(File("card:x.tsv", SHA256, f"{server}/trickle"), tmp_path / "cache")
    assert len(Answers.asked) == downloading.ATTEMPTS
    monkeypatch.setattr(downloading, "SLOW_SECONDS", 0)  # looked at after every block
    assert fetch(File("card:x.tsv", SHA256, f"{server}/whole"), tmp_path / "cache").read_bytes() == BODY


def test_a_server_that_drips_its_headers_is_not_waited_for(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(addresses, "LOCAL_ALLOWED", frozenset({"localhost"}))
    words = r"the head of the answer did not come within 0.2 seconds"
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match=words):
        fetch(File("card:x.tsv", SHA256, f"{server}/slow-head"), tmp_path / "cache")
    assert len(Answers.asked) == downloading.ATTEMPTS
    for ask in (web.size_of, lambda url: web.answer_of(url, "text/plain")):
        with tried("downloads", "refused in a line"), pytest.raises(DataError, match=words):
            ask(f"{server}/slow-head")
    monkeypatch.setattr(downloading, "SLOW_SECONDS", 0.2)
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match="the answer did not come within"):
        web.answer_of(f"{server}/trickle", "text/plain")


def test_a_name_that_leads_to_this_machine_is_not_asked(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PUBLIC_ALONE", True)
    words = r"localhost leads to (127\.0\.0\.1|::1), which is not an address of the public internet"
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match=words):
        fetch(File("card:x.tsv", SHA256, f"{server}/whole"), tmp_path / "cache")
    assert not Answers.asked


def test_what_stands_beside_a_redirect_is_not_read(server: str, tmp_path: Path) -> None:
    with tried("downloads", "what stands beside a redirect is not read"):
        assert fetch(File("card:x.tsv", SHA256, f"{server}/flood"), tmp_path / "cache").read_bytes() == BODY


def test_a_part_that_does_not_fit_is_begun_again(server: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "files" / SHA256).mkdir(parents=True)
    (cache / "files" / SHA256 / "x.tsv.part").write_bytes(BODY + b"more")
    with tried("downloads", "begun again"):
        assert fetch(File("card:x.tsv", SHA256, f"{server}/whole"), cache).read_bytes() == BODY
        assert Answers.asked == [("/whole", f"bytes={len(BODY) + 4}-"), ("/whole", "")]


def test_another_part_than_was_asked_for_is_not_taken(server: str, tmp_path: Path) -> None:
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match="another part of the file was sent"):
        fetch(File("card:x.tsv", SHA256, f"{server}/shifted"), tmp_path / "cache")


@pytest.mark.parametrize("path", ELSEWHERE)
def test_redirects_elsewhere_are_refused(path: str, server: str, tmp_path: Path) -> None:
    words = "is not allowed" if path == "/file" else "is another host than the card names"
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match=words):
        fetch(File("card:x.tsv", SHA256, f"{server}{path}"), tmp_path / "cache")
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file() and file.suffix != ".lock"]


def test_an_endless_answer_is_cut_off(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "MAX_BYTES", 4 << 20)
    with tried("downloads", "refused in a line"), pytest.raises(DataError, match=r"/endless  sends more than 4 MiB"):
        fetch(File("card:x.tsv", SHA256, f"{server}/endless"), tmp_path / "cache")
    assert Answers.asked == [("/endless", "")]
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_full_disk_is_no_fault_of_the_network(server: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "files" / SHA256).mkdir(parents=True)
    (cache / "files" / SHA256 / "x.tsv.part").symlink_to("/dev/full")
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with (
        tried("downloads", "refused in a line"),
        pytest.raises(DataError, match=r"part  cannot be written: No space left"),
    ):
        fetch(File("card:x.tsv", SHA256, f"{server}/whole"), cache)
    assert len(Answers.asked) == 1


def test_files_of_the_cache_can_be_read_as_the_umask_says(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "y.tsv").write_bytes(BODY)
    before = os.umask(0o027)
    try:
        path = fetch(File("card:x.tsv", SHA256, "https://example.org/x.tsv"), tmp_path / "cache", [tmp_path / "mirror"])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert {found.name for found in path.parent.iterdir()} <= {"x.tsv", "x.tsv.lock"}


def test_wrong_bytes_of_the_right_length_are_refused(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/altered \(its sha256 is [0-9a-f]{12}…, the card says"):
        fetch(File("card:x.tsv", SHA256, f"{server}/altered"), tmp_path / "cache")
    assert Answers.asked == [("/altered", "")]
    assert not list((tmp_path / "cache").rglob("x.tsv*.part"))


def test_a_redirect_to_http_is_refused(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="redirected to http://localhost/whole, which is not https"):
        fetch(File("card:x.tsv", SHA256, f"{server}/plain"), tmp_path / "cache")


def test_what_is_not_there_is_asked_for_once(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/gone \(HTTP 404 Not Found\)") as error:
        fetch(File("card:x.tsv", SHA256, f"{server}/gone"), tmp_path / "cache")
    assert "--mirror FOLDER" in str(error.value)
    assert Answers.asked == [("/gone", "")]
