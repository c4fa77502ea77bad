"""Folders elsewhere: a real S3 server on loopback, and what happens when it is gone."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.images import ImageError
from frostline.scoring import remote_sources, sources
from helpers.images import encoded

FILES = {
    "photos/b/one.png": encoded(1),
    "photos/a.JPG": encoded(2, kind="jpeg", height=31),
    "photos/a.b/two.png": encoded(3),
    "photos/.hidden/x.png": b"x",
    "photos/notes.txt": b"no image",
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket with FILES on moto's server; its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "FSSPEC_S3_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            patch.setenv(name, value)
        remote_sources._system.cache_clear()
        system = remote_sources._system("s3")
        system.mkdir("here")
        for name, content in FILES.items():
            system.pipe_file(f"here/{name}", content)
        yield "s3://here"
    server.stop()
    remote_sources._system.cache_clear()


def names(word: str) -> list[str]:
    """The names that an address gives."""
    with contextlib.closing(sources.open_images([word])) as source:
        return [item.name for item in source.items()]


def test_a_bucket_is_a_folder(bucket: str) -> None:
    """Names, order, bytes and what is passed over are those of a folder on disk."""
    with contextlib.closing(sources.open_images([f"{bucket}/photos"])) as source:
        items = list(source.items())
        assert [item.name for item in items] == ["a.JPG", "a.b/two.png", "b/one.png"]
        assert [item.read() for item in items] == [
            FILES[f"photos/{name}"] for name in ("a.JPG", "a.b/two.png", "b/one.png")
        ]
        assert source.others == 1
        assert len({item.fingerprint() for item in items}) == 3
        assert source.readers > 1


def test_a_change_shows_in_the_mark(bucket: str) -> None:
    """The listing's checksum."""
    address = f"{bucket}/photos/b"
    [before] = sources.open_images([address]).items()
    remote_sources._system("s3").pipe_file("here/photos/b/one.png", encoded(9))
    [after] = sources.open_images([address]).items()
    remote_sources._system("s3").pipe_file("here/photos/b/one.png", FILES["photos/b/one.png"])
    [again] = sources.open_images([address]).items()
    assert before.fingerprint() == again.fingerprint() != after.fingerprint()


def test_patterns_objects_and_lists(bucket: str, tmp_path: Path) -> None:
    """A pattern, one object, and addresses in a list."""
    assert len(names(f"{bucket}/photos/*/*.png")) >= 2
    assert names(f"{bucket}/photos/a.JPG") == ["a.JPG"]
    (tmp_path / "list.txt").write_text(f"{bucket}/photos/a.JPG\n{bucket}/photos/gone.png\n")
    with contextlib.closing(sources.open_images([f"@{tmp_path}/list.txt"])) as source:
        present, gone = source.items()
    assert present.read() == FILES["photos/a.JPG"]
    with pytest.raises(ImageError, match="cannot be read: no such file"):
        gone.read()


def test_nothing_there(bucket: str) -> None:
    """An empty place is said before any work."""
    with pytest.raises(InputError, match="nothing at s3://here/nowhere; check the address"):
        sources.open_images([f"{bucket}/nowhere"])


def test_a_server_that_is_gone_ends_the_job(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a million rows that say so: one line."""
    [item] = sources.open_images([f"{bucket}/photos/a.JPG"]).items()

    def gone(*_: object) -> None:
        raise ConnectionError("Connection refused\nmore")

    system = remote_sources._system("s3")
    monkeypatch.setattr(system, "cat_file", gone)
    with pytest.raises(FrostlineError, match="cannot be reached: Connection refused; check address"):
        item.read()


def test_a_driver_that_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install has no driver for buckets."""
    import fsspec

    def absent(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    remote_sources._system.cache_clear()
    monkeypatch.setattr(fsspec, "filesystem", absent)
    with pytest.raises(FrostlineError, match=r"pip install 'frostline\[s3\]'"):
        sources.open_images(["s3://here/photos"])
    remote_sources._system.cache_clear()
