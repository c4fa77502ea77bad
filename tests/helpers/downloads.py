"""A server on this machine that stands in for the Hugging Face hub, or for anybody who offers files."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40


@dataclass
class Site:
    """What it offers, by path; who asked for what (method, path, Authorization)."""

    url: str
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@contextlib.contextmanager
def serving(
    offered: Mapping[str, bytes], *, moved: Mapping[str, str] | None = None, short: int = 0
) -> Iterator[Site]:
    """Files by path; `moved` paths lead to other addresses; `short`: so many bytes less come than are promised."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            site.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
            if target := (moved or {}).get(self.path):
                self.send_response(302)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = offered.get(self.path)
            self.send_response(404 if content is None else 200)
            found = content or b""
            self.send_header("Content-Length", str(len(found)))
            self.send_header("ETag", f'"{sha256(found).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(found[: len(found) - short])

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
