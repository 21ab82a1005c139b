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


class HubServer(ThreadingHTTPServer):
    """The hub: a user with a token, and repositories by name. `asked` lists method, path and token of every request."""

    def __init__(self, token: str, user: str = "siti", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answers)
        self.token, self.user, self.repositories, self.asked = token, user, {}, []  # type: ignore[var-annotated]
        self.refuses: set[str] = set()  # names of files that a commit leaves out, as .gitignore does
        self.daemon_threads = True
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """Add a repository, or a commit to it; returns the commit."""
        return self.repositories.setdefault(name, Repository(private)).commit(files)


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
            siblings = [{"rfilename": one, "size": len(data), "blobId": "0" * 40} for one, data in files.items()]
            return self.send_json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})
        data = files.get(file[3]) if file else None
        if data is None:
            return self.send(404, {"X-Error-Code": "EntryNotFound"})
        tag = hashlib.sha256(data).hexdigest()
        return self.send(200, {"ETag": f'"{tag}"', "X-Repo-Commit": commit}, data)

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
        sent = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/(preupload|commit)/main", path)
        if not sent or sent[1] not in self.server.repositories:
            return self.send(404, {"X-Error-Code": "RepoNotFound"})
        if sent[2] == "preupload":
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": one["path"] in self.server.refuses}
                for one in json.loads(body)["files"]
            ]
            return self.send_json({"files": files})
        repository = self.server.repositories[sent[1]]
        files = dict(repository.at("main")[1])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = repository.commit(files)
        return self.send_json({"commitUrl": f"{self.server.url}/{sent[1]}/commit/{commit}", "commitOid": commit})

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


if __name__ == "__main__":
    HubServer(sys.argv[2], port=int(sys.argv[1]))
    sys.stdin.read()  # until it is closed
