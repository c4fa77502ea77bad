"""`frostline lock`: bring a project to the version of frostline and of the packages that are installed.

It also writes down what a stage may not choose anew each time: the photos that int8 is calibrated on.
"""

from frostline import config, files, paths
from frostline.config import Params, migration
from frostline.datasets import calibration_photos
from frostline.errors import FrostlineError
from frostline.pipeline import code_file, dvc_lock
from frostline.template import project


def run(*, check: bool = False) -> list[str]:
    """Migrate params.yaml, write code.yaml, refresh dvc.yaml, prefect.yaml and flows/ where they were not edited.

    What re-runs afterwards is what `dvc repro` finds out of date: the stages whose code, packages or values differ.
    With `check` nothing is written, and FrostlineError names what would be.
    """
    text = config.text(paths.PARAMS)
    migrated, changes = migration.migrate(text)
    before, sections = code_file.read(), code_file.installed()
    lines = [f"params.yaml: {change.text}" for change in changes]
    lines += [
        f"{stage}: {', '.join(differences)}"
        for stage, section in sections.items()
        if (differences := code_file.differences(before.get(stage), section))
    ]
    texts = project.managed(project.contents("", scored(migrated)))
    table, chosen = calibrated(config.parse(config.plain(migrated)))
    lines += chosen
    if check:
        _refuse_stale(lines, code_file.text(sections, project.digests(texts)))
        return ["code.yaml is up to date"]
    if changes:
        files.write_text(paths.PARAMS, migrated)
        dvc_lock.carry(migration.migrate_values)
    new, edited = project.refresh(texts, before.get("files") or {})
    code_file.write(sections, project.digests(texts))
    if chosen:
        files.write_text(paths.CALIBRATION, table)
        new = sorted({*new, paths.CALIBRATION.name})
    written = [*(["params.yaml"] if changes else []), code_file.CODE.name, *new]
    lines += [f"{path} was edited and stays as it is; this version's own is {path}.new" for path in edited]
    if not (lines or new):
        return ["code.yaml is up to date"]
    return [*lines, f"Wrote {', '.join(written)}", "next: dvc repro"]


def calibrated(settings: Params) -> tuple[str, list[str]]:
    """calibration.csv with photos for each dataset of an int8 classifier, and a line for each that is listed anew.

    A dataset without a manifest waits for its preprocess; one whose photos are mostly gone gets others.
    """
    listed, lines = calibration_photos.read(paths.CALIBRATION), []
    for name in sorted(
        {entry.dataset for entry in settings.classifiers.values() if entry.precision == "int8"}
    ):
        train = _training_photos(name)
        if train and calibration_photos.worn(listed.get(name, {}), list(train)):
            listed[name] = {id_: train[id_] for id_ in calibration_photos.choice(train)}
            count = len(listed[name])
            lines.append(f"calibration.csv: {count} training photos of '{name}' calibrate int8; commit it")
    return calibration_photos.text(listed), lines


def _training_photos(dataset: str) -> dict[str, str]:
    """SHA-256 → path; {} where preprocess has not seen them."""
    from frostline.datasets import manifest

    path = paths.dataset(dataset) / "manifest.parquet"
    if not path.is_file():
        return {}
    train = manifest.read(path).split("train")
    return dict(zip(train.ids, train.paths, strict=True))


def scored(text: str) -> str:
    """The classifier that a params.yaml's schedule and README score with: the first on a backbone, else the first."""
    settings = config.parse(config.plain(text))
    order = sorted(settings.classifiers, key=lambda name: settings.classifiers[name].network.type == "cnn")
    return next(iter(order), "NAME")


def _refuse_stale(lines: list[str], text: str) -> None:
    current = code_file.CODE.read_text(encoding="utf-8") if code_file.CODE.is_file() else ""
    if lines or text != current:
        shown = "; ".join(lines) or "the files that frostline writes differ"
        raise FrostlineError(f"code.yaml is out of date ({shown}); run: frostline lock")
