"""The files of a project: what `frostline init` writes beside params.yaml, and `frostline lock` keeps up to date."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from frostline import __version__, files

FILES = Path(__file__).parent / "files"
# git and DVC would obey these where they lie here.
NAMES = {
    "gitignore": ".gitignore", "gitattributes": ".gitattributes", "dvcignore": ".dvcignore",
    "pipeline.yaml": "dvc.yaml",
}  # fmt: skip
RECIPES = "recipes"
# Written once, then the user's own.
GIVEN_AWAY = (".gitignore", "README.md", "pretrained/imagenet", "pretrained/random", "pretrained/scratch")
GROWING = ("decisions.csv", "calibration.csv")  # made empty, then added to by commands, which is no edit


def contents(name: str, classifier: str) -> dict[str, str]:
    """Path → text of every file of a project but params.yaml, code.yaml and what DVC writes.

    `classifier` is the one that scheduled scoring and the README name.
    """
    values = {"name": name, "classifier": classifier, "version": __version__}
    found = {}
    for path in sorted(FILES.rglob("*")):
        relative = path.relative_to(FILES)
        if path.is_file() and relative.parts[0] != RECIPES and "__pycache__" not in relative.parts:
            text = path.read_text(encoding="utf-8")
            if relative.name in {"README.md", "prefect.yaml"}:
                text = Template(text).substitute(values)
            found[NAMES.get(relative.name, relative.as_posix())] = text
    return found


def managed(texts: Mapping[str, str]) -> dict[str, str]:
    """Of a project's files, those that a later version of frostline may rewrite."""
    return {path: text for path, text in texts.items() if path not in GIVEN_AWAY}


def digests(texts: Mapping[str, str]) -> dict[str, str]:
    """Path → SHA-256 of the text, as code.yaml remembers what was written."""
    return {path: files.sha256(text.encode()) for path, text in texts.items()}


def recipes() -> list[str]:
    """The names of the recipes that come with frostline."""
    return sorted(path.stem for path in (FILES / RECIPES).glob("*.yaml"))


def recipe(name: str) -> str:
    """The text of one of them."""
    return (FILES / RECIPES / f"{name}.yaml").read_text(encoding="utf-8")


def refresh(
    texts: Mapping[str, str], written: Mapping[str, str], root: Path = Path()
) -> tuple[list[str], list[str]]:
    """Write the files that differ from this version's and were neither edited nor removed since `written` (path →
    SHA-256).

    The paths that were written, and those that somebody edited: beside these, this version's lie as `NAME.new`. What
    GROWING names is only made where it is missing.
    """
    new, edited = [], []
    for path, text in texts.items():
        here = root / path
        now = files.sha256_file(here) if here.is_file() else None
        if now == files.sha256(text.encode()) or (now is None and path in written):  # somebody removed it
            continue
        if now is not None and path in GROWING:
            continue
        if now in (None, written.get(path)):
            new.append(path)
            files.write_text(here, text)
        elif written.get(path) != files.sha256(text.encode()):  # this version's differs from what was edited
            edited.append(path)
            files.write_text(here.with_name(f"{here.name}.new"), text)
    return new, edited
