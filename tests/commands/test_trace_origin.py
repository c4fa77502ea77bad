"""What a trace says of where something came from: the commands can be typed as they are."""

import shlex
import subprocess
from pathlib import Path

import pytest

from frostline.commands import trace_origin
from frostline.pipeline.provenance import Origin


def test_commands_of_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a project and with images whose names hold spaces and quotes, each command names them whole."""
    root = tmp_path / "it's my project"
    root.mkdir()
    monkeypatch.chdir(root)
    subprocess.run(["git", "init", "--quiet"], check=True)
    raw = 'data/my "pics"'
    origin = Origin(path=raw, stage="preprocess@pets", commit="a" * 40, stages={})
    lines = [line.split("  ")[-1].strip() for line in trace_origin.commands(origin, raw)][1:]
    words = [shlex.split(line.removeprefix("images  ")) for line in lines[1:3]]
    assert words[0] == ["dvc", "get", ".", raw, "--rev", "a" * 7, "--out", 'data-my "pics"-aaaaaaa']
    assert words[1] == ["git", "worktree", "add", "../it's my project-aaaaaaa", "a" * 7]
