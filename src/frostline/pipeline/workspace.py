"""The project's git repository: its tree, what stages wrote at other revisions, and the DVC remotes it names.

Content of other revisions comes from DVC's cache or a remote, without touching the tree.
"""

import re
import warnings
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from frostline import files
from frostline.errors import FrostlineError, InputError, first_line
from frostline.pipeline.processes import RemoteError, run

DATA = Path("data.dvc")
# `refs/exps/` and the commit that it began from, in two parts; DVC keeps other things beside them.
_EXPERIMENT = re.compile(r"(?P<commit>[0-9a-f]+) refs/exps/[0-9a-f]{2}/[0-9a-f]{38,}/(?P<name>.+)")


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


def is_tracked(path: Path) -> bool:
    """Whether DVC or git knows a file of the project; without git, whether DVC does."""
    known = run("git", "ls-files", "-z", "--", str(path), check=False)
    return bool(known) or path.with_name(f"{path.name}.dvc").is_file()


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
    listed = run("dvc", "config", "--list", check=False).splitlines()  # from the system's to this clone's own
    settings = dict(line.split("=", 1) for line in listed if "=" in line)
    name = settings.get("core.remote", "")
    return f"{name} ({settings.get(f'remote.{name}.url', '')})" if name else ""


def content(path: Path, *, revision: str) -> bytes:
    """The bytes of a stage output (or a file in one) at a git revision, branch, tag or experiment.

    FrostlineError where the revision, the file in it, or its content cannot be had.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.api import read

    try:
        return bytes(read((place() / path).as_posix(), rev=revision, mode="rb"))
    except Exception as error:  # what the libraries of remotes raise shares no base
        raise FrostlineError(
            f"{path} at {revision}: {first_line(error)}; `git log` and `dvc exp list` name revisions, "
            "`dvc fetch --all-commits` brings their files"
        ) from None


def experiments(*options: str) -> list[tuple[str, str]]:
    """Name and commit of each of DVC's experiments, as `git for-each-ref` lists them with options."""
    refs = run("git", "for-each-ref", *options, "--format=%(objectname) %(refname)", "refs/exps").splitlines()
    found = [match for line in refs if (match := _EXPERIMENT.fullmatch(line))]
    return [(match["name"], match["commit"]) for match in found]


def require_revision(revision: str) -> None:
    """InputError for what is no commit, branch, tag or experiment here."""
    if any(name == revision for name, _ in experiments()):
        return
    asked = ("git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not run(*asked, check=False).strip():
        raise InputError(f"no revision {revision!r}; `git log`, `git tag` and `dvc exp list` name them")


def pull(path: Path = DATA) -> str:
    """Bring what the remotes have and this machine lacks; says what it did in a few words.

    Results of stages come into DVC's cache only, from where `dvc repro` restores what fits. Data is put
    into the workspace only where it is not there at all: photos that were added since are never touched.
    RemoteError where the place does not answer.
    """
    absent = path.is_file() and not _output(path).exists()
    if absent:
        _ask("dvc", "pull", path.name)
    name = remote()
    if name:
        _ask("dvc", "fetch", "--run-cache")
    parts = [f"{_output(path)} was fetched"] if absent else []
    return ", ".join([*parts, f"looked at {name}" if name else "no default remote to look at"])


def push() -> str:
    """Put data, results and the run cache on the default remote; RemoteError where it does not answer."""
    name = remote()
    if not name:
        raise InputError("there is no default DVC remote to push to: dvc remote add -d NAME URL")
    _ask("dvc", "push", "--run-cache")
    return f"pushed to {name}"


def _output(path: Path) -> Path:
    """The folder that a .dvc file tracks."""
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return path.parent / str(content["outs"][0]["path"])


def _ask(*command: str) -> None:
    """A command that talks to a remote: what fails there may work later."""
    try:
        run(*command)
    except FrostlineError as error:
        raise RemoteError(f"{error}; is the remote reachable?") from None
