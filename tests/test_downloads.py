"""Downloads from a real server: cut, altered, redirected, missing."""

import hashlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lowres.data import files as downloading
from lowres.data.files import File, fetch
from lowres.errors import DataError

BODY = "".join(f"{number}\tkato\n" for number in range(20_000)).encode()
SHA256 = hashlib.sha256(BODY).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """/whole, /cut (breaks off once, then goes on where asked), /altered, /plain (redirects to http), else 404."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        begin = self.headers.get("Range", "")
        self.asked.append((self.path, begin))
        if self.path == "/plain":
            self.send_response(302)
            self.send_header("Location", "http://localhost/whole")
            self.end_headers()
            return
        if self.path not in ("/whole", "/cut", "/altered"):
            self.send_error(404)
            return
        start = int(begin.removeprefix("bytes=").removesuffix("-") or 0)
        body = BODY.swapcase()[start:] if self.path == "/altered" else BODY[start:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 3] if self.path == "/cut" and not begin else body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr(downloading, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Answers, "asked", [], raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answering = ThreadingHTTPServer(("localhost", 0), Answers)
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
