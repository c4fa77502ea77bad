"""What is known of code is known until a file of it changes."""

from pathlib import Path

import pytest

from frostline.pipeline import known_code


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(known_code, "SETTLED", -(10**12))


def asked(sources: list[Path], module: str = "one") -> bool:
    """Whether it had to be computed."""
    computed = []

    def compute() -> known_code.Reached:
        computed.append(True)
        return "".join(path.read_text() for path in sources), frozenset({"numpy", "frostline"})

    found = known_code.remembered(module, sources, compute)
    assert found == ("".join(path.read_text() for path in sources), {"numpy", "frostline"})
    return bool(computed)


def test_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a file changes, comes or goes; for each module; not where a file has just changed."""
    sources = [tmp_path / name for name in ("a.py", "b.py")]
    for path in sources:
        path.write_text(path.name)
    assert [asked(sources), asked(sources), asked(sources, "two")] == [True, False, True]
    sources[1].write_text("c.py")  # of the same length
    assert [asked(sources), asked(sources)] == [True, False]
    assert [asked(sources[:1]), asked(sources[:1])] == [True, False]
    monkeypatch.setattr(known_code, "SETTLED", 10**12)
    sources[0].write_text("d.py")
    assert [asked(sources), asked(sources)] == [True, True]


def test_a_cache_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs only time."""
    (tmp_path / "file").write_text("")
    source = tmp_path / "a.py"
    source.write_text("a")
    kept = known_code.Snapshot
    monkeypatch.setattr(kept, "write", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    assert [asked([source]), asked([source])] == [True, True]
