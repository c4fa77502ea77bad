"""`frostline data add`: another dataset in this project, with a classifier on it."""

import re
import shlex
from pathlib import Path

from frostline import config, files, paths
from frostline.errors import InputError
from frostline.files import printable
from frostline.pipeline import processes, worktree
from frostline.progress import note
from frostline.template import photos, recipe, weights


def run(data: Path, *, name: str | None = None, pretrained: str | None = None) -> list[str]:
    """Link the photos under data/, add their dataset and a classifier to params.yaml, version them with DVC.

    The weights are those that params.yaml names first for a backbone, unless `pretrained` names others. Comments
    and all other entries stay as they are. InputError for a name that is taken and for photos that are no dataset.
    """
    text = config.text(paths.PARAMS)
    settings = config.parse(config.plain(text))
    slug = recipe.slug(name or data.name.partition(".")[0])
    if slug in settings.datasets:
        raise InputError(f"params.yaml has a dataset {slug} already; choose another name: --name NAME")
    facts = photos.look(data)
    place = Path(f"data/{slug}{photos.ending(data)}")
    if place.exists() or place.is_symlink():
        raise InputError(f"{place} exists; remove it, or choose another name: --name NAME")
    found = weights.find(pretrained) if pretrained else weights.named(settings.weights)
    entries = {
        "weights": recipe.weights_entries(found, cnn=False),
        "datasets": recipe.dataset_entry(slug, facts, path=place.as_posix()),
        "classifiers": recipe.classifier_entries(slug, facts, weights=found, cnn=False),
    }
    for section, entry in entries.items():
        text = _with_entry(text, section, entry)
    added = config.parse(config.plain(text))
    photos.link(data.absolute(), place)
    if found and found.file and not (local := paths.PRETRAINED / found.source).exists():
        photos.link(found.file, local)
        processes.run("dvc", "add", "--quiet", str(local))
    files.write_text(paths.PARAMS, text)
    worktree.forget_sample_remote()
    note("copying the photos into DVC's cache …")
    processes.run("dvc", "add", "--quiet", "data")
    new = next(iter(added.classifiers.keys() - settings.classifiers.keys()))
    return [
        f"{facts.total} photos in {len(facts.classes)} classes: {printable(place)}",
        f"params.yaml: dataset {slug} and classifier {new} added",
        "next: dvc repro",
        f"undo: rm -r {shlex.quote(str(place))} && git checkout params.yaml data.dvc",
    ]


def _with_entry(text: str, section: str, entry: str) -> str:
    """The text of params.yaml with an entry at the end of a section; unchanged where its key is there already."""
    key = re.search(r"^  ([a-z0-9][a-z0-9_-]*):", entry, re.M)
    start = re.search(rf"^{section}:[ ]*(#.*)?\n", text, re.M)
    if not start or not key:
        raise InputError(f"params.yaml: write `{section}:` on a line of its own, its entries below it")
    after = re.compile(r"^\S", re.M)
    following = next((m for m in after.finditer(text, start.end()) if text[m.start()] != "#"), None)
    end = following.start() if following else len(text)
    body = text[start.end() : end]
    if re.search(rf"^  {key[1]}:", body, re.M):
        return text
    kept = _without_trailing_remarks(body)
    gap = "\n" if section != "weights" else ""
    return f"{text[: start.end()]}{kept}{gap}{entry}{body[len(kept) :] or ''}{text[end:]}"


def _without_trailing_remarks(body: str) -> str:
    """A section's body up to its last entry: what follows is said of the next section."""
    lines = body.splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "".join(lines)
