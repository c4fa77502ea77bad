"""A retraining in git: what DVC wrote becomes one commit with one tag; nobody's own changes are in it."""

import contextlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from frostline import files
from frostline.errors import FrostlineError, InputError
from frostline.pipeline.processes import RemoteError, run
from frostline.pipeline.workspace import changes

# What DVC writes by itself, and files that end in .dvc. Between a stage and the commit these differ from git, and
# nobody's work is lost when they are committed: an interrupted retraining, or photos or weights that were put in
# the place of others, left them so.
WRITTEN = ("dvc.lock", ".gitignore")
TRACKS = ".dvc"
TAG = "retraining-"
INTRODUCE = 'git config --global user.name "YOU"; git config --global user.email "YOU@HOST"'


@dataclass(frozen=True)
class Record:
    """Where a retraining is in git: a commit (hex) and the tag on it."""

    commit: str
    tag: str


@dataclass(frozen=True)
class Author:
    """Who commits: `Name <address>`, taken apart."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> "Author":
        """InputError for anything but `Name <address>`."""
        name, opened, rest = text.strip().partition("<")
        if not (name.strip() and opened and rest.endswith(">") and len(rest) > 1):
            raise InputError(f"author {text!r}: write it as 'Name <address>'")
        return cls(name.strip(), rest[:-1].strip())

    @property
    def settings(self) -> dict[str, str]:
        """The identity as git's variables: they go before its configuration, and before anybody's own."""
        return {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", self.name), ("EMAIL", self.address))
        }


def own_changes() -> list[str]:
    """Tracked files that somebody changed and did not commit: all but those that DVC writes."""
    return [name for name in changes() if not (name in WRITTEN or name.endswith(TRACKS))]


def committer() -> str:
    """Who git would say commits here, as `Name <address>`; "" where git would refuse for not knowing."""
    name, closed, _ = run("git", "var", "GIT_COMMITTER_IDENT", check=False).rpartition(">")
    return name + closed


def require_clean(*, set_aside: bool) -> str:
    """Refuse a tree with somebody's uncommitted changes, or put them into git's stash.

    Returns "" or one line that says how to get them back. InputError where they are refused.
    """
    mine = own_changes()
    if not mine:
        return ""
    shown = ", ".join(mine[:3]) + (", …" if len(mine) > 3 else "")
    if not set_aside:
        raise InputError(
            f"uncommitted changes ({shown}): commit them, or let the flow put them into git's stash (set_aside)"
        )
    outside = [f":(exclude){name}" for name in (*WRITTEN, f"*{TRACKS}")]
    run("git", "stash", "push", "--message", "set aside before a retraining", "--", ".", *outside)
    commit = run("git", "rev-parse", "refs/stash").strip()
    return f"uncommitted changes ({shown}) were set aside; back with `git stash apply {commit[:12]}`"


def record(message: str, *, author: Author, day: date) -> Record | None:
    """Commit what DVC wrote on the current branch and tag the commit; None where nothing changed.

    The tag's name holds the day and a digest of dvc.lock. It may be called again after a kill: a commit
    without its tag gets it then.
    """
    # A file that `dvc add` made and nobody committed too: without it no other clone finds the weights.
    tracking = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f"*{TRACKS}")
    written = [name for name in (*WRITTEN, *dict.fromkeys(tracking.split("\0"))) if Path(name).is_file()]
    tag = f"{TAG}{day.isoformat()}-{files.sha256_file(Path('dvc.lock'))[:8]}"
    run("git", "add", "--", *written)
    if run("git", "diff", "--cached", "--name-only", "--", *written):
        text = f"{message}\n\n{_trailer(tag)}"
        run("git", "commit", "--quiet", "--message", text, "--", *written, settings=author.settings)
    elif not (tag := _untagged()):
        return None
    with contextlib.suppress(FrostlineError):  # a tag of that name: this very retraining, on this very day
        title = message.splitlines()[0]
        run("git", "tag", "--annotate", "--message", title, tag, settings=author.settings)
    return Record(run("git", "rev-parse", "HEAD").strip(), tag)


def _trailer(tag: str) -> str:
    return f"Retraining: {tag}"


def _untagged() -> str:
    """The tag that the last commit asks for and does not have; "" if there is none."""
    tag = run("git", "log", "-1", "--format=%(trailers:key=Retraining,valueonly)").strip()
    return tag if tag and not run("git", "tag", "--list", tag).strip() else ""


def share(done: Record, *, remote: str) -> str:
    """Push the current branch and the tag to a git remote; RemoteError where it does not take them."""
    branch = run("git", "branch", "--show-current").strip()
    refs = [f"refs/tags/{done.tag}", *([f"HEAD:refs/heads/{branch}"] if branch else [])]
    try:
        run("git", "push", "--quiet", remote, *refs)
    except FrostlineError as error:
        raise RemoteError(f"{error}; is the remote reachable, and may this machine push?") from None
    return f"{done.tag} is on {remote}"
