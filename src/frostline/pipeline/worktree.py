"""The state of the project's tree and the remotes it names."""

from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from frostline import files
from frostline.pipeline.processes import run

DATA = Path("data.dvc")


def changes() -> list[str]:
    """Tracked files of the project that differ from the last commit, as paths in it; FrostlineError without git.

    Others may change the rest of a bigger repository that the project is a folder of.
    """
    # Paths are the repository's own, and only between NULs are they never quoted.
    status = run("git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", ".")
    prefix = _prefix()
    return [entry[3:].removeprefix(prefix) for entry in status.split("\0") if entry]


def committed(names: Iterable[str]) -> bool:
    """Whether the last commit has all of these files of the project as they are here; FrostlineError without git."""
    tracked = run("git", "ls-files", "-z", "--", *names).split("\0")
    return set(names) <= set(tracked) - set(changes())


def place() -> Path:
    """The project's folder in its git repository: `.` where it is the whole of it."""
    return Path(_prefix())


def _prefix() -> str:
    return run("git", "rev-parse", "--show-prefix").rstrip("\n")


def forget_sample_remote(path: Path = DATA) -> bool:
    """Take the name of the sample's remote out of data.dvc; whether it was there.

    That remote lies inside the repository: whoever pushes their own photos must not push them into git.
    """
    if not path.is_file():
        return False
    yaml = YAML()
    content = yaml.load(path.read_text(encoding="utf-8"))
    named = [out for out in content["outs"] if out.pop("remote", None)]
    if named:
        with files.writing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
    return bool(named)


def remote() -> str:
    """The default DVC remote's name and address, "" where none is set."""
    name = run("dvc", "config", "core.remote", check=False).strip()
    address = run("dvc", "config", f"remote.{name}.url", check=False).strip() if name else ""
    return f"{name} ({address})" if name else ""
