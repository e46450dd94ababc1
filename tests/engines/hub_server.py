"""A small Hub on this machine: the part of its API that huggingface_hub asks for when a model is fetched."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

PIECE = 16 * 1024


@dataclass
class Repository:
    """Files by revision: `commits` from the commit to its files, `refs` from a branch or tag to a commit.

    Attributes:
        status: what the API answers with, if not with the repository; `error` is the Hub's name for it.
        file_status: the same for its files.
        tells_parameters: the parameters that the Hub counts in its safetensors; 0: it does not say.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    status: int = 200
    error: str = ""
    file_status: int = 200
    tells_parameters: int = 0

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        name = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[name], self.refs[ref] = files, name
        return name


@dataclass
class FakeHub:
    """What it holds, how it behaves, and what was asked of it.

    Attributes:
        breaks: bytes of a large file (more than a megabyte) after which the line goes dead; each is used once.
        rate: bytes a second; 0: as fast as it goes.
        asked: every request, as "GET path range".
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    rate: float = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def of(self, method: str, ending: str) -> list[str]:
        return [one for one in self.asked if one.startswith(method) and one.split(" ")[1].endswith(ending)]


@contextmanager
def served() -> Iterator[FakeHub]:
    """A Hub at `url`, until the block ends."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given: Any) -> None:
            return

        def do_HEAD(self) -> None:
            self.answer(is_head=True)

        def do_GET(self) -> None:
            self.answer(is_head=False)

        def answer(self, is_head: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
            if path.startswith("/api/models/"):
                self.info(path.removeprefix("/api/models/"))
            else:
                self.file(path.removeprefix("/"), is_head)

        def info(self, path: str) -> None:
            name, _, revision = path.partition("/revision/")
            repository = hub.repositories.get(name)
            if repository is None:
                self.refuse(401, "RepoNotFound")  # as the Hub answers whoever has no token
                return
            if repository.status != 200:
                self.refuse(repository.status, repository.error)
                return
            commit = self.commit_of(repository, revision or "main")
            if commit is None:
                self.refuse(404, "RevisionNotFound")
                return
            files = repository.commits[commit]
            told: dict[str, Any] = {
                "id": name, "sha": commit,
                "siblings": [{"rfilename": one, "size": len(content)} for one, content in files.items()],
            }  # fmt: skip
            if repository.tells_parameters:
                count = repository.tells_parameters
                told["safetensors"] = {"parameters": {"F32": count}, "total": count}
            content = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def file(self, path: str, is_head: bool) -> None:
            name, _, rest = path.partition("/resolve/")
            revision, _, file = rest.partition("/")
            repository = hub.repositories.get(name)
            if repository is None:
                self.refuse(401, "RepoNotFound")
                return
            if repository.file_status != 200:
                self.refuse(repository.file_status, repository.error)
                return
            commit = self.commit_of(repository, revision)
            content = repository.commits[commit].get(file) if commit else None
            if content is None:
                self.refuse(404, "EntryNotFound" if commit else "RevisionNotFound")
                return
            given = self.headers.get("Range")
            begin = int(given.removeprefix("bytes=").split("-")[0]) if given else 0
            self.send_response(206 if given else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", str(commit))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - begin))
            if given:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not is_head:
                self.pour(content, begin)

        def pour(self, content: bytes, begin: int) -> None:
            stop = hub.breaks.pop(0) if hub.breaks and len(content) > 2**20 else len(content)
            for at in range(begin, stop, PIECE):
                piece = content[at : min(at + PIECE, stop)]
                try:
                    self.wfile.write(piece)
                except OSError:  # whoever asked has gone
                    break
                if hub.rate:
                    time.sleep(len(piece) / hub.rate)
            if stop < len(content):
                self.close_connection = True

        @staticmethod
        def commit_of(repository: Repository, revision: str) -> str | None:
            found = repository.refs.get(revision, revision)
            return next((one for one in repository.commits if one.startswith(found)), None)

        def refuse(self, status: int, error: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", error)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
