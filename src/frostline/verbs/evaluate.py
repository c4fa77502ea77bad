"""evaluate: a trained classifier's figures and pictures, from its predictions of every image."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from frostline import files, images, notes, paths
from frostline.data import manifest as manifests
from frostline.data.manifest import Manifest
from frostline.data.source import Source, open_source
from frostline.errors import FrostlineError
from frostline.images import ImageError
from frostline.records import history, predictions, reports
from frostline.records.predictions import SPLITS, Predictions
from frostline.results import gallery, metrics, plots, style
from frostline.results.gallery import Mistake
from frostline.results.metrics import Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THUMBNAIL = 256  # pixels of the longer side, at most


def run(name: str) -> None:
    """Write the metrics and plots of one classifier, and print its test accuracy.

    FrostlineError where train's outputs are missing, or do not hold exactly the dataset's images.
    """
    made_by = f"dvc repro train@{name}"
    folder = paths.classifier(name)
    record = reports.read(folder / "record.json", keys=reports.RECORD, made_by=made_by)
    rows = predictions.read(folder / "predictions.parquet", made_by=made_by)
    manifest = manifests.read(paths.dataset(record["dataset"]) / "manifest.parquet")
    problem = _mismatch(rows, record=record, manifest=manifest)
    if problem:
        raise FrostlineError(f"{folder}/predictions.parquet {problem}; run `{made_by}` again")
    measured = {split: _measure(rows.split(split), split=split, record=record) for split in SPLITS}
    note = notes.note(record["weights"]["source"])
    _draw(name, rows.split("test"), manifest=manifest, note=note)
    classes = metrics.class_rows(measured["test"].per_class)
    _write_csv(paths.plots(name) / "classes.csv", metrics.CLASS_COLUMNS, classes)
    _draw_curves(name, history.read(folder / "history.csv", made_by=made_by), note=note)
    report = _report(name, record=record, measured=measured, note=note)
    files.write_json(paths.headline(name), _headline(report))
    files.write_json(paths.metrics(name), report)
    print(_summary(name, measured["test"], note=note))


def _mismatch(rows: Predictions, *, record: Mapping[str, Any], manifest: Manifest) -> str:
    """Why the predictions are not those of exactly this dataset's images; "" where they are."""
    if record["dataset_digest"] != manifest.digest:
        return f"is of another version of dataset {record['dataset']}"
    if not rows.classes == tuple(record["classes"]) == manifest.classes:
        return f"has other classes than dataset {record['dataset']}"
    expected = {
        path: (id_, split, int(label))
        for split in SPLITS
        for part in [manifest.split(split)]
        for path, id_, label in zip(part.paths, part.ids, part.labels, strict=True)
    }
    found = {
        path: (id_, split, int(label))
        for path, id_, split, label in zip(rows.paths, rows.ids, rows.splits, rows.labels, strict=True)
    }
    for what, paths_ in (
        ("lacks", expected.keys() - found.keys()),
        ("has rows unknown to the dataset:", found.keys() - expected.keys()),
        ("has another content, split or label for", {p for p in expected if found.get(p) != expected[p]}),
    ):
        if paths_:
            return f"{what} {_some(paths_)}"
    return ""


def _some(names: set[str]) -> str:
    first, more = min(names), len(names) - 1
    return f"'{first}'" + (f" and {more:,} more" if more else "")


def _measure(rows: Predictions, *, split: str, record: Mapping[str, Any]) -> Metrics:
    if not len(rows):
        raise FrostlineError(
            f"dataset {record['dataset']} has no {split} images; give it some, or a share in "
            f"datasets.{record['dataset']}.splits, and run `dvc repro`"
        )
    return metrics.measure(rows)


def _report(
    name: str, *, record: Mapping[str, Any], measured: Mapping[str, Metrics], note: str
) -> dict[str, Any]:
    return {
        "classifier": name,
        **{key: record[key] for key in ("key", "dataset", "dataset_digest", "weights")},
        "note": note,
        **{split: figures.as_json() for split, figures in measured.items()},
    }


def _headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """What fits side by side: DVC prints a column for every figure and every text of a metrics file."""
    chosen = {"test": ("accuracy", "loss"), "validation": ("accuracy",)}
    figures = {split: {key: report[split][key] for key in keys} for split, keys in chosen.items()}
    return figures | ({"note": report["note"]} if report["note"] else {})


def _draw(name: str, test: Predictions, *, manifest: Manifest, note: str) -> None:
    """Confusion matrix and gallery, with the data that DVC's own plots are made of."""
    folder = paths.plots(name)
    actual, predicted = (
        [test.classes[label] for label in labels] for labels in (test.labels, test.predicted)
    )
    _write_csv(folder / "confusion.csv", ("actual", "predicted"), zip(actual, predicted, strict=True))
    matrix = metrics.confusion(test.labels, test.predicted, classes=len(test.classes))
    _write_png(folder / "confusion.png", plots.confusion(matrix, test.classes, classifier=name, note=note))
    shown = _mistakes(test.take(gallery.worst(test)), manifest)
    wrong = int((~test.right).sum())
    figure = gallery.mistakes(shown, classifier=name, wrong=wrong, total=len(test), note=note)
    _write_png(folder / "mistakes.png", figure)


def _draw_curves(name: str, course: history.History, *, note: str) -> None:
    history.write(course, paths.plots(name) / "curves.csv")
    _write_png(paths.plots(name) / "curves.png", plots.curves(course, classifier=name, note=note))


def _mistakes(shown: Predictions, manifest: Manifest) -> list[Mistake]:
    """The images of these rows with what was made of them, in the same order."""
    if not len(shown):
        return []
    sizes = _sizes(manifest, shown.paths)
    with open_source(Path(manifest.root)) as source:
        return [
            Mistake(
                pixels=_thumbnail(source, path, id_=shown.ids[row], size=sizes[path]),
                actual=shown.classes[shown.labels[row]],
                predicted=shown.classes[shown.predicted[row]],
                probability=float(shown.probs[row].max()),
                path=path,
            )
            for row, path in enumerate(shown.paths)
        ]


def _sizes(manifest: Manifest, wanted: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """(height, width) in pixels of these paths."""
    import pyarrow.compute as pc

    found = manifest.table.filter(pc.field("path").isin(list(wanted))).select(["path", "height", "width"])
    return {row["path"]: (row["height"], row["width"]) for row in found.to_pylist()}


def _thumbnail(source: Source, path: str, *, id_: str, size: tuple[int, int]) -> np.ndarray:
    """The image in its own proportions, (H, W, 3) uint8; refused if it changed since preprocess."""
    scale = min(1.0, THUMBNAIL / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    try:
        content = source.read(path)
        if files.sha256(content) != id_:
            raise ImageError("changed since it was read first")
        return images.decode(content, height=height, width=width, resize="squash")
    except ImageError as error:
        raise FrostlineError(f"{path}: {error}; run `dvc repro` to take the dataset in again") from None


def _write_csv(path: Path, head: tuple[str, ...], rows: Any) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    files.write_text(path, text.getvalue())


def _write_png(path: Path, figure: "Figure") -> None:
    with files.writing(path) as temporary:
        temporary.write_bytes(style.png(figure))


def _summary(name: str, test: Metrics, *, note: str) -> str:
    interval = f"{test.interval.low:.1%} to {test.interval.high:.1%}"
    figures = (
        f"{test.accuracy:.1%} of {test.images:,} test images right (95%: {interval}), loss {test.loss:.3f}"
    )
    return f"{name}: {figures}" + (f"; {note}" if note else "")
