"""The state of the project's tree and the remotes it names."""

from pathlib import Path

from ruamel.yaml import YAML

from frostline import files
from frostline.pipeline.processes import run

DATA = Path("data.dvc")


def changes() -> list[str]:
    """Tracked files that differ from the last commit, as git prints them; FrostlineError without git."""
    return [line for line in run("git", "status", "--porcelain", "--untracked-files=no").splitlines() if line]


def forget_sample_remote(path: Path = DATA) -> bool:
    """Take the name of the sample's remote out of data.dvc; whether it was there.

    That remote lies inside the repository: whoever pushes their own photos must not push them into git.
    """
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
