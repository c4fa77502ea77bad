"""The files of a project: all there, none of the library's source, kept up to date unless somebody edited them."""

from pathlib import Path

import pytest
import yaml

from frostline.template import project


def test_contents() -> None:
    """Graph, flows, requirements and words of a project; nothing of the library but its commands."""
    texts = project.contents("flowers", "flowers-mobilenet")
    assert {"dvc.yaml", "decisions.csv", "calibration.csv", "prefect.yaml",
            ".gitattributes", ".gitignore", ".dvcignore", "README.md",
            "requirements.txt",
            "flows/nightly.py", "flows/scoring.py", "flows/training.py", "flows/__init__.py",
            "pretrained/imagenet", "pretrained/random", "pretrained/scratch"} == set(texts)  # fmt: skip
    assert not [path for path, text in texts.items() if "src/" in text]
    assert "--model flowers-mobilenet" in texts["README.md"]
    assert "models:/flowers-mobilenet@champion" in texts["prefect.yaml"]
    for name in ("dvc.yaml", "prefect.yaml"):
        yaml.safe_load(texts[name])


def test_requirements_are_hashed() -> None:
    """Every package of the file that a project comes with is pinned, with its hashes, and no address of a registry."""
    text = project.contents("x", "y")["requirements.txt"]
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pins) > 100
    assert all("==" in line for line in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


@pytest.mark.parametrize("name", project.recipes())
def test_recipes_name_themselves(name: str) -> None:
    """The recipes that come with frostline say how they are used."""
    if name != "sample":
        assert f"--recipe {name}" in project.recipe(name)


def test_refresh(tmp_path: Path) -> None:
    """New files come, old ones follow, edited ones stay with the new one beside, removed ones stay away."""
    before = {"a": "1", "b": "1", "c": "1", "same": "1"}
    written = project.digests(before)
    for name, text in {**before, "b": "mine"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "c").unlink()
    now = {"a": "2", "b": "2", "c": "2", "same": "1", "flows/new": "2"}
    assert project.refresh(now, written, tmp_path) == (["a", "flows/new"], ["b"])
    found = {
        path.relative_to(tmp_path).as_posix(): path.read_text()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert found == {"a": "2", "b": "mine", "b.new": "2", "same": "1", "flows/new": "2"}


def test_an_edited_file_is_told_of_once(tmp_path: Path) -> None:
    """Where this version's file is the one that was edited, there is nothing new to look at."""
    (tmp_path / "a").write_text("mine")
    assert project.refresh({"a": "1"}, project.digests({"a": "1"}), tmp_path) == ([], [])


def test_a_table_that_grows_is_left_alone(tmp_path: Path) -> None:
    """Decisions that were made before a project's first lock are no edit of the empty table; a missing one is made."""
    head = project.contents("x", "y")["decisions.csv"]
    assert project.refresh({"decisions.csv": head}, {}, tmp_path) == (["decisions.csv"], [])
    (tmp_path / "decisions.csv").write_text(head + "a row\n")
    assert project.refresh({"decisions.csv": head}, {}, tmp_path) == ([], [])
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.csv"]
