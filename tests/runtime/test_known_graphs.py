"""A graph is made once for a key, and anew where it is damaged."""

from pathlib import Path

import pytest

from frostline.runtime import known_graphs
from helpers.remarks import flip, remarks


def test_a_graph_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each key; what is damaged is made again, and that is said."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))
    made: list[str] = []

    def graph(name: str) -> bytes:
        def make() -> bytes:
            made.append(name)
            return name.encode() * 1000

        return known_graphs.keeper({"cut": name})(make)

    assert known_graphs.known({"cut": "a"}) is None
    assert graph("a") == graph("a") == known_graphs.known({"cut": "a"}) == b"a" * 1000
    assert graph("b") == b"b" * 1000
    assert made == ["a", "b"]
    for file in tmp_path.rglob(known_graphs.NAME):
        flip(file, 500)
    assert known_graphs.known({"cut": "a"}) is None
    with remarks() as lines:
        assert graph("a") == b"a" * 1000
    assert made == ["a", "b", "a"]
    assert any("damaged" in line for line in lines)
