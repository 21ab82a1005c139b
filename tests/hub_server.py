"""A small Hugging Face hub on this machine, which keeps in memory what it is sent: enough of one to share and to fetch.

python tests/hub_server.py 8077 hf_token   # HF_ENDPOINT=http://127.0.0.1:8077 HF_TOKEN=hf_token lowres share …
"""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

import yaml


@dataclass
class Repository:
    """The files after each commit, oldest first, and who may read them."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit that a revision stands for, and its files."""
        newest = next(reversed(self.commits))
        commit = newest if revision == "main" else revision
        return (commit, self.commits[commit]) if commit in self.commits else None

    def commit(self, files: dict[str, bytes]) -> str:
        """A new commit with these files."""
        content = repr(
            (len(self.commits), sorted((name, hashlib.sha1(data).hexdigest()) for name, data in files.items()))
        )
        name = hashlib.sha1(content.encode()).hexdigest()
        self.commits[name] = files
        return name


class Storage(ThreadingHTTPServer):
    """Where the hub keeps large files, by their sha256: another host, to which addresses lead that need no token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StorageAnswers)
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path and token of every request
        self.refuses = False
        self.daemon_threads = True
        Thread(target=self.serve_forever, daemon=True).start()

    def address(self, oid: str) -> str:
        """The address of a large file."""
        return f"http://127.0.0.1:{self.server_port}/{oid}"


class HubServer(ThreadingHTTPServer):
    """The hub: a user with a token, and repositories by name. `asked` lists method, path and token of every request.

    Files of `large` bytes and more are kept in its storage (git LFS), and their addresses lead there.
    """

    def __init__(self, token: str, user: str = "siti", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answers)
        self.token, self.user, self.repositories, self.asked = token, user, {}, []  # type: ignore[var-annotated]
        self.large, self.storage = 10 << 20, Storage()
        self.refuses: set[str] = set()  # names of files that a commit leaves out, as .gitignore does
        self.daemon_threads = True
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """Add a repository, or a commit to it; returns the commit."""
        self.storage.objects |= {
            hashlib.sha256(data).hexdigest(): data for data in files.values() if self.is_large(data)
        }
        return self.repositories.setdefault(name, Repository(private)).commit(files)

    def is_large(self, data: bytes) -> bool:
        """Whether a file is kept in the storage."""
        return len(data) >= self.large


class Answering(BaseHTTPRequestHandler):
    """What every small server here does: it keeps connections open, says nothing, and answers HEAD as GET without the body."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()  # type: ignore[attr-defined]

    def send(self, status: int, headers: Mapping[str, str] | None = None, data: bytes = b"") -> None:
        """Send an answer."""
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_json(self, content: object, status: int = 200) -> None:
        """Send an answer in JSON."""
        self.send(status, {"Content-Type": "application/json"}, json.dumps(content).encode())


class Answers(Answering):
    """The endpoints that huggingface_hub asks."""

    server: HubServer

    def do_GET(self) -> None:
        """Who the user is, what a repository holds, and its files."""
        path = self._noted()
        if path == "/api/whoami-v2":
            return (
                self.send_json({"name": self.server.user, "type": "user", "orgs": []})
                if self._known()
                else self.send(401)
            )
        about = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(?:/(?:revision|tree)/(.+))?", path)
        file = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path)
        name, revision = (about or file).groups()[:2] if about or file else ("", "")
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and not self._known()):
            return self.send(404, {"X-Error-Code": "RepoNotFound"})
        found = repository.at(unquote(revision or "main"))
        if found is None:
            return self.send(404, {"X-Error-Code": "RevisionNotFound"})
        commit, files = found
        if about and "/tree/" in path:
            return self.send_json(
                [{"type": "file", "path": one, "size": len(data), "oid": "0" * 40} for one, data in files.items()]
            )
        if about:
            siblings = [{"rfilename": one, "size": len(data), **self._blob(data)} for one, data in files.items()]
            return self.send_json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})
        data = files.get(file[3]) if file else None
        if data is None:
            return self.send(404, {"X-Error-Code": "EntryNotFound"})
        if self.server.is_large(data):
            oid = hashlib.sha256(data).hexdigest()
            linked = {
                "X-Linked-Etag": f'"{oid}"',
                "X-Linked-Size": str(len(data)),
                "Location": self.server.storage.address(oid),
            }
            return self.send(302, {"ETag": f'"{git_oid(data)}"', "X-Repo-Commit": commit, **linked})
        return self.send(200, {"ETag": f'"{git_oid(data)}"', "X-Repo-Commit": commit}, data)

    def _blob(self, data: bytes) -> dict[str, object]:
        """What a listing says of a file: the digest that git knows, and of a large one its sha256."""
        large = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return {"blobId": git_oid(data)} | ({"lfs": large} if self.server.is_large(data) else {})

    def do_POST(self) -> None:
        """A new repository, the reading of its card, how its files are to be sent, and a commit."""
        path = self._noted()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        if path == "/api/validate-yaml":
            return self.send_json(self._card_problems(json.loads(body)["content"]))
        if not self._known():
            return self.send(401)
        if path == "/api/repos/create":
            asked = json.loads(body)
            owner = asked.get("organization") or self.server.user
            if owner != self.server.user:
                return self.send_json(
                    {"error": f"You don't have the rights to create a model under the namespace {owner}"}, 403
                )
            name = f"{owner}/{asked['name']}"
            if name in self.server.repositories:
                return self.send_json({"error": "You already created this model repo"}, 409)
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.server.put(name, {".gitattributes": b""}, private=private)
            return self.send_json({"url": f"{self.server.url}/{name}", "name": name})
        if re.fullmatch(r"/[\w.-]+/[\w.-]+\.git/info/lfs/objects/batch", path):
            asked = json.loads(body)["objects"]
            return self.send_json({"transfer": "basic", "objects": [self._place(one) for one in asked]})
        sent = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/(preupload|commit)/main", path)
        if not sent or sent[1] not in self.server.repositories:
            return self.send(404, {"X-Error-Code": "RepoNotFound"})
        if sent[2] == "preupload":
            files = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["size"] >= self.server.large else "regular",
                    "shouldIgnore": one["path"] in self.server.refuses,
                }
                for one in json.loads(body)["files"]
            ]
            return self.send_json({"files": files})
        repository = self.server.repositories[sent[1]]
        files = dict(repository.at("main")[1])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.storage.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = repository.commit(files)
        return self.send_json({"commitUrl": f"{self.server.url}/{sent[1]}/commit/{commit}", "commitOid": commit})

    def _place(self, asked: dict[str, object]) -> dict[str, object]:
        """Where a large file is to be sent; nowhere, if it is there already."""
        oid = str(asked["oid"])
        upload = {"actions": {"upload": {"href": self.server.storage.address(oid)}}}
        return asked | ({} if oid in self.server.storage.objects else upload)

    def _card_problems(self, card: str) -> dict[str, list[dict[str, str]]]:
        """The front matter must be YAML; the hub itself reads more in it."""
        _, front, _ = card.split("---\n", 2)
        return {
            "errors": [],
            "warnings": [] if isinstance(yaml.safe_load(front), dict) else [{"message": "no metadata"}],
        }

    def _chunks(self) -> list[bytes]:
        found = []
        while size := int(self.rfile.readline(), 16):
            found.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _noted(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((self.command, path, self.headers.get("Authorization", "")))
        return path

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.token}"


class StorageAnswers(Answering):
    """Large files, sent and fetched."""

    server: Storage

    def do_GET(self) -> None:
        """A file, or the asked part of it."""
        data = self.server.objects.get(self._noted())
        if data is None:
            return self.send(404)
        start, _, end = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not start:
            return self.send(200, {}, data)
        part = data[int(start) : int(end) + 1 if end else None]
        return self.send(206, {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"}, part)

    def do_PUT(self) -> None:
        """A file that has the sha256 of its name."""
        oid, data = self._noted(), self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses or hashlib.sha256(data).hexdigest() != oid:
            return self.send(403)
        self.server.objects[oid] = data
        return self.send(200)

    def _noted(self) -> str:
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        return self.path[1:]


def git_oid(data: bytes) -> str:
    """The digest by which git knows a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


if __name__ == "__main__":
    HubServer(sys.argv[2], port=int(sys.argv[1]))
    sys.stdin.read()  # until it is closed
