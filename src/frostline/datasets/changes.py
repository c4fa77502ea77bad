"""What became of a dataset's images between two manifests: matched by content, so that a new name is no new image."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from frostline.datasets.manifest import Manifest

# Every kind of change, in the order of summary and table; "restored" is quarantined before, not now.
KINDS = ("added", "removed", "relabelled", "moved split", "quarantined", "restored", "renamed")


@dataclass(frozen=True)
class State:
    """An image as a manifest has it; `split` is "" where it is quarantined, `reason` then says why."""

    path: str
    label: str
    split: str
    reason: str


@dataclass(frozen=True)
class ImageChange:
    """One image that differs between the two; `sha256` is "" for one that cannot be read.

    `before` is None where it was added, `after` where it was removed.
    """

    sha256: str
    kinds: tuple[str, ...]
    before: State | None
    after: State | None

    @property
    def path(self) -> str:
        """Its present name, or the last it had."""
        state = self.after or self.before
        return state.path if state else ""


def between(old: Manifest, new: Manifest) -> list[ImageChange]:
    """All changes from the one to the other, by the first kind of each, then by name.

    Copies of one content are matched by name first: of two copies that became one, one was removed.
    Images of the new = images of the old + added - removed. A file that could not be read has no
    content: its name counts.
    """
    before, after = _by_content(old), _by_content(new)
    changes = [
        ImageChange("" if content.startswith("?") else content, kinds, was, now)
        for content in before.keys() | after.keys()
        for was, now in _matched(before.get(content, ()), after.get(content, ()))
        if (kinds := tuple(_kinds(was, now)))
    ]
    return sorted(changes, key=lambda change: (KINDS.index(change.kinds[0]), change.path))


def counted(changes: Sequence[ImageChange]) -> dict[str, int]:
    """How many images changed in each of KINDS; one that moved class and split counts in both."""
    counts = Counter(kind for change in changes for kind in change.kinds)
    return {kind: counts[kind] for kind in KINDS}


def _by_content(manifest: Manifest) -> dict[str, list[State]]:
    """Rows by content hash; unreadable ones by "?", which no hash begins with, and their name."""
    by_content = defaultdict(list)
    columns = manifest.table.select(["sha256", "path", "label", "split", "reason"]).to_pydict()
    for content, path, label, split, reason in zip(*columns.values(), strict=True):
        state = State(path, manifest.classes[label], split, reason)
        by_content[content or f"?{path}"].append(state)
    return by_content


def _matched(old: Sequence[State], new: Sequence[State]) -> Iterator[tuple[State | None, State | None]]:
    """Rows of one content in pairs: those of one name, then the others in order; what is over stands alone."""
    same = {state.path: state for state in new}
    both = {state.path for state in old if state.path in same}
    yield from ((state, same[state.path]) for state in old if state.path in both)
    yield from zip_longest(
        (state for state in old if state.path not in both), (state for state in new if state.path not in both)
    )


def _kinds(before: State | None, after: State | None) -> Iterator[str]:
    if not before or not after:
        yield "removed" if before else "added"
        return
    if before.label != after.label:
        yield "relabelled"
    if before.split != after.split:
        yield "quarantined" if not after.split else "restored" if not before.split else "moved split"
    if before.path != after.path:
        yield "renamed"
