"""`frostline search --download`: what is fetched, from a hub that a server on this machine stands in for."""

import math
import time
from pathlib import Path

import pytest

from frostline.commands import search_download
from frostline.commands.search_download import Offered
from frostline.pipeline import processes
from frostline.runtime import onnx_download
from frostline.template import weights
from helpers.downloads import serving
from helpers.onnx_networks import written

FIRST, SECOND = (
    Offered(f"hf:org/{name}/onnx/model.onnx", name, megabytes, "Apache-2.0", 32)
    for name, megabytes in (("first", 1.0), ("second", 2.0))
)
TIMM = Offered("timm:resnet18", "resnet18", 1.5, "Apache-2.0", 32)


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What DVC was asked to do, in a folder that has `pretrained/`, where two networks and one of timm are offered."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(processes, "run", lambda *command: calls.append(command))
    monkeypatch.setattr(search_download, "OFFERED", (FIRST, TIMM, SECOND))
    monkeypatch.setattr(search_download.importlib.util, "find_spec", lambda _: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pretrained").mkdir()
    return calls


def content(folder: Path) -> bytes:
    """Of a small network."""
    path = folder / "any.onnx"
    written(path, size=(32, 32))
    return path.read_bytes()


def soon() -> float:
    """When a search of two minutes ends."""
    return time.monotonic() + 120


def offered(tmp_path: Path, *some: Offered) -> dict[str, bytes]:
    """What the hub has."""
    return {f"/org/{one.name}/resolve/main/onnx/model.onnx": content(tmp_path) for one in some}


def test_what_comes_lies_in_pretrained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    added: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By a name of its own, under DVC, once; timm's networks need their extra, which is said."""
    with serving(offered(tmp_path, FIRST, SECOND)) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        assert search_download.run(until=soon()) == ["first", "second"]
        asked = len(site.asked)
        assert search_download.run(until=soon()) == []
        assert len(site.asked) == asked
    assert weights.recognise(Path("pretrained/first.onnx")).onnx is not None
    assert added == [("dvc", "add", "pretrained/first.onnx", "pretrained/second.onnx")]
    told = capsys.readouterr().err
    assert "frostline[train,timm]" in told
    assert "Apache-2.0" in told


def test_what_the_hub_has_not_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others come."""
    with serving(offered(tmp_path, SECOND)) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        assert search_download.run(until=soon()) == ["second"]
    assert "first is left out" in capsys.readouterr().err
    assert not Path("pretrained/first.onnx").exists()


def test_limits_of_time_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: list[tuple[str, ...]]
) -> None:
    """Nothing is asked for that is too large, or for which there is no time."""
    with serving(offered(tmp_path, FIRST, SECOND)) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        assert search_download.run(until=time.monotonic() - 1) == []
        assert search_download.run(until=soon(), most_mb=0.5) == []
        assert site.asked == []
    assert added == []


def test_a_download_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it."""
    with serving(offered(tmp_path, FIRST)) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        assert not search_download._fetched(FIRST, time.monotonic() - 1)
        assert search_download._fetched(FIRST, math.inf)


def test_without_internet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and no error."""
    with serving({}) as site:
        address = site.url
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert search_download.run(until=soon()) == []
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that `net fetch` takes, under names of their own, with a licence and a size."""
    monkeypatch.undo()
    names = [one.name for one in search_download.OFFERED]
    assert len(set(names)) == len(names) >= 5
    for one in search_download.OFFERED:
        assert one.licence
        assert 0 < one.megabytes < 500
        assert one.side % 14 == 0 or one.side % 32 == 0
        if not one.of_timm:
            assert onnx_download.source(one.source).descriptions
