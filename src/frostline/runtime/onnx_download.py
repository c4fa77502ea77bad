"""ONNX files from the Hugging Face hub or any address, whole or not at all, and what the hub says of their images."""

import json
import math
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import Request, urlopen

from pydantic import ValidationError

from frostline.config import OnnxInput
from frostline.errors import FrostlineError, InputError
from frostline.files import printable, writing
from frostline.progress import note
from frostline.runtime import onnx_file

HUB = "https://huggingface.co"
CONNECTING = 5.0  # seconds
SECONDS = 60.0  # without a byte, after which nothing more is awaited
PIECE = 1 << 20
MOST = 1 << 20  # bytes of a hub's description
_HUB_FILE = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[^@]+\.onnx)(@(?P<revision>[\w./-]+))?")
_OWN_MACHINE = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class OnnxSource:
    """An ONNX file elsewhere: its address; those of files that may describe its images; a token, "" for none."""

    url: str
    descriptions: tuple[str, ...] = ()
    token: str = ""

    @property
    def name(self) -> str:
        """The file's own name, as params.yaml can have it."""
        return urlsplit(self.url).path.rpartition("/")[2].lstrip(".")


@dataclass(frozen=True)
class OnnxInputFound:
    """How a hub's file says that pixels become input, and their height and width where it says so."""

    input: OnnxInput
    side: tuple[int, int] | None


def source(text: str) -> OnnxSource:
    """What `hf:OWNER/REPOSITORY/FILE.onnx[@REVISION]` or `https://…/FILE.onnx` stands for; InputError for others."""
    if match := _HUB_FILE.fullmatch(text):
        root = f"{hub()}/{match['repo']}/resolve/{quote(match['revision'] or 'main', safe='')}/"
        _require_safe(root, text)
        described = tuple(root + name for name in ("preprocessor_config.json", "config.json"))
        return OnnxSource(root + quote(match["file"]), described, os.environ.get("HF_TOKEN", ""))
    if urlsplit(text).scheme in {"http", "https"} and urlsplit(text).path.endswith(".onnx"):
        _require_safe(text, text)
        return OnnxSource(text)
    raise InputError(
        f"{text}: write timm:NAME, hf:OWNER/REPOSITORY/FILE.onnx or an address https://…/FILE.onnx"
    )


def _require_safe(url: str, text: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _OWN_MACHINE:
        raise InputError(f"{text}: downloads must be encrypted; use an https address")


def hub() -> str:
    """The address of the Hugging Face hub, or of another that `HF_ENDPOINT` names."""
    return os.environ.get("HF_ENDPOINT", HUB).rstrip("/")


def reachable() -> bool:
    """Whether the hub takes a connection within some seconds."""
    parts = urlsplit(hub())
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECTING):
            return True
    except OSError:
        return False


def download(given: OnnxSource, to: Path, *, digest: str | None = None, until: float = math.inf) -> str:
    """Bring a file, and those of its weights beside it, into an empty folder `to`; the file's SHA-256.

    InputError where its hash is another than `digest` (64 hex digits), FrostlineError where it cannot be downloaded,
    or is not whole at the time `until` (of `time.monotonic`).
    """
    path = to / given.name
    note(f"downloading {given.url} …")
    found = _file(given, given.url, path, until=until)
    if digest and found != digest.lower():
        path.unlink()
        raise InputError(
            f"{given.url} has the SHA-256 {found}, not {digest}; nothing is kept: it is another file"
        )
    for name in onnx_file.beside(path):
        if Path(name).name != name:
            raise InputError(f"{given.url} keeps weights in {printable(name)}, which is not beside it")
        note(f"downloading {name}, its weights …")
        _file(given, urljoin(given.url, quote(name)), to / name, until=until)
    return found


def _file(given: OnnxSource, url: str, path: Path, *, until: float) -> str:
    hashed, size, most = sha256(), 0, onnx_file.MOST_BYTES
    with writing(path) as temporary, temporary.open("wb") as file:
        for piece in _pieces(given, url):
            size += len(piece)
            if size > most:
                raise InputError(f"{url} has more than {most / 2**30:.0f} GiB; take a smaller network")
            if time.monotonic() > until:
                raise FrostlineError(f"{url} is not here in the time given: {size / 1e6:.0f} MB came")
            hashed.update(piece)
            file.write(piece)
    return hashed.hexdigest()


def _pieces(given: OnnxSource, url: str) -> Iterator[bytes]:
    """The bytes of an address; what ends too early is an error."""
    try:
        with _answer(given, url) as answer:
            expected, size = answer.headers.get("Content-Length"), 0
            while piece := answer.read(PIECE):
                size += len(piece)
                yield piece
            if expected is not None and size != int(expected):
                raise FrostlineError(f"{url} ended after {size:,} of {int(expected):,} bytes; try again")
    except HTTPError as error:
        advice = {401: "set HF_TOKEN", 403: "set HF_TOKEN", 404: "compare the name with the page"}
        text = advice.get(error.code, "try again later")
        raise FrostlineError(f"{url} answers {error.code} {error.reason}; {text}") from None
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise FrostlineError(
            f"{url} cannot be downloaded: {reason}; check the connection, then try again"
        ) from None


def _answer(given: OnnxSource, url: str) -> HTTPResponse:
    request = Request(url, headers={"User-Agent": "frostline"})
    if given.token:  # not for a host that it leads to
        request.add_unredirected_header("Authorization", f"Bearer {given.token}")
    answer: HTTPResponse = urlopen(request, timeout=SECONDS)
    return answer


def described(given: OnnxSource) -> OnnxInputFound | None:
    """What files beside a hub's ONNX file say of its images; None where they are none, or say nothing."""
    for url in given.descriptions:
        try:
            content = b"".join(_limited(_pieces(given, url)))
            values = json.loads(content)
        except (FrostlineError, ValueError):
            continue
        if found := _input(values):
            return found
    return None


def _limited(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST:
            raise ValueError("too long")
        yield piece


def _input(values: Any) -> OnnxInputFound | None:
    """By a processor of transformers, or the `pretrained_cfg` of timm."""
    try:
        if "pretrained_cfg" in values:
            given = values["pretrained_cfg"]
            return _found(1 / 255, given["mean"], given["std"], given.get("input_size", [None])[1:])
        rescaled, normalized = values.get("do_rescale", True), values.get("do_normalize", True)
        mean, std = (values["image_mean"], values["image_std"]) if normalized else ([0.0] * 3, [1.0] * 3)
        scale = values.get("rescale_factor", 1 / 255) if rescaled else 1.0
        return _found(scale, mean, std, _side(values))
    except (KeyError, TypeError, AttributeError, ValueError, ValidationError):
        return None


def _side(values: Any) -> list[Any]:
    given = values.get("crop_size") if values.get("do_center_crop") else None
    given = given or values.get("size")
    if isinstance(given, dict):
        given = [given.get(name, given.get("shortest_edge")) for name in ("height", "width")]
    return [given, given] if isinstance(given, int) else list(given or [])


def _found(scale: Any, mean: Any, std: Any, side: list[Any]) -> OnnxInputFound:
    given = OnnxInput.model_validate(
        {
            "channels": "RGB",
            "scale": float(scale),
            "mean": [float(value) for value in mean],
            "std": [float(value) for value in std],
        }
    )
    sized = len(side) == 2 and all(isinstance(value, int) and value > 0 for value in side)
    return OnnxInputFound(given, (side[0], side[1]) if sized else None)
