"""Prefect's own notification blocks, sent to receivers on loopback in the form of Slack and of a mail server."""

import email
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from frostline.automation import notifications

# Apprise asks Python's own imghdr, where there is one, what kind of image an attachment is.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SUBJECT, BODY = "retrained", "cats: version 2 promoted\nin git as retraining-x"
SLACK = "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


class Slack(http.server.BaseHTTPRequestHandler):
    """Keeps what it gets and answers as hooks.slack.com does."""

    got: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        """One message."""
        self.got.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What came where Slack's host would be."""
    from apprise.plugins.slack import NotifySlack

    got: list[tuple[str, dict[str, Any]]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Slack,), {"got": got})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/services"
        monkeypatch.setattr(NotifySlack, "webhook_url", address)
        yield got
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[tuple[int, list[bytes]]]:
    """The port of a mail server that takes one message, and what it took."""
    got: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb") as lines:

            def answer(code: str) -> None:
                lines.write(code.encode() + b"\r\n")
                lines.flush()

            answer("220 here")
            for line in lines:
                match line[:4].upper().strip():
                    case b"DATA":
                        answer("354 go on")
                        text = iter(lines.readline, b".\r\n")
                        got.append(b"".join(text))
                        answer("250 taken")
                    case b"QUIT":
                        answer("221 bye")
                        return
                    case _:
                        answer("250 ok")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1], got


def told(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """What `notify` says of a block as the page *Blocks* would have saved it."""
    from prefect.blocks.core import Block
    from prefect.blocks.notifications import SlackWebhook

    monkeypatch.setattr(Block, "load", lambda _: SlackWebhook(url=url))
    return notifications.notify("slack-webhook/frostline", subject=SUBJECT, body=BODY)


def test_slack(monkeypatch: pytest.MonkeyPatch, slack: list[tuple[str, dict[str, Any]]]) -> None:
    """The address from Slack's own page is all that the block needs."""
    assert told(monkeypatch, f"https://hooks.slack.com{SLACK}") == ""
    [(path, message)] = slack
    assert path == SLACK
    [part] = message["attachments"]
    assert (part["title"], part["text"]) == (SUBJECT, BODY)


def test_mail(monkeypatch: pytest.MonkeyPatch, mail: tuple[int, list[bytes]]) -> None:
    """The same block takes the address of a mail server, as the docs say."""
    port, got = mail
    url = f"mailto://127.0.0.1:{port}?from=night@example.org&to=me@example.org&mode=insecure&format=text"
    assert told(monkeypatch, url) == ""
    message = email.message_from_bytes(got[0])
    assert message["Subject"] == SUBJECT
    assert message["To"].strip("<>") == "me@example.org"
    text = next(part.get_payload(decode=True) for part in message.walk() if not part.is_multipart())
    assert text.decode().split() == BODY.split()


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is not taken fails nothing: one line says so, without the address and what is secret in it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    said = told(monkeypatch, f"mailto://127.0.0.1:{port}?from=a@example.org&to=b@example.org&mode=insecure")
    assert said == "no message could be sent through slack-webhook/frostline: NotificationError"
