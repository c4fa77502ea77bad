"""Files: whole or not at all, one text and one digest for equal values."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import files, system
from frostline.errors import FrostlineError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def reordered(value: Any) -> Any:
    """The same value with every mapping's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(each) for each in value] if isinstance(value, list) else value


def test_writing_makes_folders_and_leaves_one_file(tmp_path: Path) -> None:
    """The content stands under the final name, in folders that were not there, and nothing else does."""
    path = tmp_path / "a/b/c.bin"
    with files.writing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith("c.bin")
        assert not path.exists()
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["c.bin"]


def test_writing_replaces(tmp_path: Path) -> None:
    """A file that is there is replaced, whole; until then it reads as before."""
    path = tmp_path / "c.bin"
    path.write_bytes(b"old and longer")
    with files.writing(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old and longer"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["c.bin"]


WRITER = """
import sys, time
from pathlib import Path
from frostline import files

with files.writing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def writer(path: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing a file."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process of ours, as nothing in it can hinder."""
    process.kill()
    process.communicate()


def test_what_a_killed_process_left_goes_at_the_next_writing(tmp_path: Path) -> None:
    """Its half of a file is removed by whoever writes that file next; other files of other names stay."""
    others = [".0123abcd.other.bin", ".c.bin", ".0123ABCD.c.bin", ".0123abcd.c.bin.txt", "0123abcd.c.bin"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".01234567.c.bin").mkdir()
    end(writer(tmp_path / "c.bin"))
    assert len(names(tmp_path)) == len(others) + 2
    files.write_text(tmp_path / "c.bin", "new")
    assert names(tmp_path) == sorted([*others, ".01234567.c.bin", "c.bin"])


def test_what_a_process_is_writing_stays(tmp_path: Path) -> None:
    """While one process writes there another removes nothing, whatever it writes; afterwards it does."""
    alive = writer(tmp_path / "c.bin")
    end(writer(tmp_path / "c.bin"))
    files.write_text(tmp_path / "c.bin", "new")
    files.sweep(tmp_path)
    assert len(names(tmp_path)) == 3
    end(alive)
    files.sweep(tmp_path)
    assert names(tmp_path) == ["c.bin"]


def test_where_folders_have_no_locks_age_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has not changed for an hour is swept, and writing works."""
    monkeypatch.setattr(system, "fcntl", None)
    for name, age in ((".01234567.c.bin", files.ABANDONED + 60), (".89abcdef.c.bin", 60)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    files.write_text(tmp_path / "c.bin", "new")
    assert names(tmp_path) == [".89abcdef.c.bin", "c.bin"]


def test_sweeping_what_is_not_there(tmp_path: Path) -> None:
    """A folder that is missing holds nothing to sweep."""
    files.sweep(tmp_path / "missing")
    assert names(tmp_path) == []


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_keeps_the_former_content(
    tmp_path: Path, before: bytes | None, error: BaseException
) -> None:
    """Whatever ends the block, the error comes through, the old file stays and no piece is left."""
    path = tmp_path / "c.bin"
    if before is not None:
        path.write_bytes(before)

    def write() -> None:
        with files.writing(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert names(tmp_path) == ([] if before is None else ["c.bin"])
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "No space left on device"),
        (errno.EROFS, "Read-only file system"),
        (errno.EDQUOT, "Disk quota exceeded"),
    ],
)
def test_a_disk_that_refuses(tmp_path: Path, number: int, reason: str) -> None:
    """A full disk is one line that names the file and what to do; the old file stays."""
    path = tmp_path / "c.bin"
    path.write_bytes(b"old")

    def write() -> None:
        with files.writing(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(FrostlineError) as caught:
        write()
    assert str(caught.value) == (
        f"cannot write {path}: {reason}; "
        "free the disk or choose a folder you may write to, then run the command again"
    )
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["c.bin"]


def test_a_disk_that_fills_when_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems report a full disk only at fsync: then nothing is replaced either."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FrostlineError, match="No space left on device"):
        files.write_text(tmp_path / "c.txt", "new")
    assert names(tmp_path) == []


def test_it_is_synced_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut the final name never holds an empty file."""
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append((tmp_path / "c.txt").exists()))
    files.write_text(tmp_path / "c.txt", "new")
    assert seen == [False]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """A file where a folder should be made is a message too."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FrostlineError, match=r"cannot write .*/a/c\.txt: "):
        files.write_text(tmp_path / "a" / "c.txt", "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    """A folder that the user may not write to."""
    tmp_path.chmod(0o500)
    with pytest.raises(FrostlineError, match="Permission denied"):
        files.write_text(tmp_path / "c.txt", "new")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no /proc to be refused by")
def test_a_folder_that_takes_no_files() -> None:
    """Even an administrator may not write into the kernel's own folder."""
    with pytest.raises(
        FrostlineError, match=r"^cannot write /proc/c\.txt: .*; free the disk or choose a folder"
    ):
        files.write_text(Path("/proc/c.txt"), "new")


def test_a_block_that_writes_nothing(tmp_path: Path) -> None:
    """Forgetting to write is an error, not an empty file."""

    def write() -> None:
        with files.writing(tmp_path / "c.txt"):
            pass

    with pytest.raises(FrostlineError, match="No such file"):
        write()


def test_text_is_written_the_same_everywhere(tmp_path: Path) -> None:
    """UTF-8 and line feeds, whatever the system's habits."""
    files.write_text(tmp_path / "c.txt", "a\nä\n")
    assert (tmp_path / "c.txt").read_bytes() == b"a\n\xc3\xa4\n"


def test_canonical_json() -> None:
    """Sorted keys, two spaces, text as it is, a final newline."""
    assert files.canonical_json({"b": [1, 0.1], "a": {"ä": None}}) == (
        '{\n  "a": {\n    "ä": null\n  },\n  "b": [\n    1,\n    0.1\n  ]\n}\n'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_json_has_no_nan(value: Any) -> None:
    """What JSON cannot say is refused instead of written as something no parser reads."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.canonical_json(value)


@given(VALUES)
def test_digest_is_independent_of_key_order(value: Any) -> None:
    """Equal values have equal texts and digests, and the text reads back as the value."""
    assert files.canonical_json(reordered(value)) == files.canonical_json(value)
    assert files.digest(reordered(value)) == files.digest(value)
    assert json.loads(files.canonical_json(value)) == value


@given(VALUES, VALUES)
def test_digest_tells_values_apart(one: Any, other: Any) -> None:
    """Different texts never share a digest; order within a list matters."""
    same = files.canonical_json(one) == files.canonical_json(other)
    assert (files.digest(one) == files.digest(other)) == same
    assert files.digest([1, 2]) != files.digest([2, 1])


@given(st.binary(max_size=200))
def test_sha256_of_bytes_and_of_a_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Both are the standard's digest."""
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    assert files.sha256(content) == files.sha256_file(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a/ä.png", "a/ä.png"),
        (os.fsdecode(b"a/\xe4.png"), "a/\\xe4.png"),
        (Path(os.fsdecode(b"\xff\xfe")), "\\xff\\xfe"),
        (os.fsdecode("日本".encode() + b"\x80"), "日本\\x80"),
    ],
)
def test_printable(path: str | Path, text: str) -> None:
    """Names that are not UTF-8 are shown escaped, all others as they are."""
    assert files.printable(path) == text


@given(st.binary(min_size=1, max_size=40))
def test_printable_is_always_text(name: bytes) -> None:
    """Whatever bytes a file system holds, the text can be written as UTF-8."""
    assert files.printable(os.fsdecode(name)).encode("utf-8")


def test_json_round_trip(tmp_path: Path) -> None:
    """What a stage writes the next one reads; a missing file names the stage to run."""
    files.write_json(tmp_path / "a.json", {"b": [1.5, "ü"]})
    assert files.read_json(tmp_path / "a.json", made_by="x") == {"b": [1.5, "ü"]}
    with pytest.raises(FrostlineError, match=r"b\.json is missing; run `dvc repro x`$"):
        files.read_json(tmp_path / "b.json", made_by="dvc repro x")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_damaged_json(tmp_path: Path, content: bytes) -> None:
    """A file that is no JSON is one line that names the stage to run again."""
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FrostlineError, match=r"a\.json is damaged; run `dvc repro x` again$"):
        files.read_json(tmp_path / "a.json", made_by="dvc repro x")


def test_empty(tmp_path: Path) -> None:
    """All files go, hidden ones too; the folder stays, and one that is missing is empty already."""
    for name in ("a.json", ".0123abcd.a.json"):
        (tmp_path / name).write_text("{}")
    files.empty(tmp_path)
    files.empty(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """A folder that someone put there is not ours to remove."""
    (tmp_path / "notes").mkdir()
    with pytest.raises(FrostlineError, match=r"^cannot empty .*; remove what is in it, then run"):
        files.empty(tmp_path)
