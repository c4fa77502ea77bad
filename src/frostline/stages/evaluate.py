"""evaluate: a trained classifier's figures, pictures and report, from its predictions of every image."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from frostline import files, known_arrays, paths
from frostline.datasets import manifest as manifests
from frostline.datasets import thumbnails
from frostline.datasets.known_images import KnownImages
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError, weights_note
from frostline.evaluation import (
    classifier_page,
    explanations,
    gallery,
    history,
    label_issues,
    metrics,
    prediction_sets,
    predictions,
    results,
    slices,
    stage_outputs,
    tables,
    temperature,
    unlike_training,
)
from frostline.evaluation.explanations import Explanations
from frostline.evaluation.metrics import Metrics
from frostline.evaluation.prediction_sets import SetCoverage
from frostline.evaluation.predictions import SPLITS, Predictions
from frostline.evaluation.rejections import Rejection
from frostline.evaluation.results import Results
from frostline.pipeline import code_digest


def run(name: str) -> str:
    """Write the metrics, plots and report of one classifier; returns its test accuracy in words.

    FrostlineError where train's outputs are missing, or do not hold exactly the dataset's images.
    """
    made_by = f"dvc repro train@{name}"
    folder = paths.classifier(name)
    record = stage_outputs.read(
        folder / "record.json", keys=(*stage_outputs.RECORD, "recipe.image"), made_by=made_by
    )
    trained = predictions.read(folder / "predictions.parquet", made_by=made_by)
    manifest = manifests.read(paths.dataset(record["dataset"]) / "manifest.parquet")
    problem = _mismatch(trained, record=record, manifest=manifest)
    if problem:
        raise FrostlineError(f"{folder}/predictions.parquet {problem}; run `{made_by}` again")
    with KnownImages(Path(manifest.root)) as source:
        evaluated = _results(name, trained, record=record, manifest=manifest, source=source)
    _write(name, evaluated)
    report = _report(name, evaluated)
    files.write_json(paths.headline(name), _headline(report))
    files.write_json(paths.metrics(name), report)
    summary = _summary(name, evaluated.metrics["test"], note=evaluated.note)
    digest = f"dataset {record['dataset']}, digest {record['dataset_digest']}"
    return f"{summary}\n{digest}\nWrote {paths.report(name) / 'report.html'}"


def _results(
    name: str, trained: Predictions, *, record: Mapping[str, Any], manifest: Manifest, source: KnownImages
) -> Results:
    """All metrics of an evaluation, and the photos of `source` that it shows.

    Of the probabilities that the exported model gives: the network's own, by the temperature that export will find too.
    """
    made_by, folder = f"dvc repro train@{name}", paths.classifier(name)
    every = temperature.calibrated(trained)
    rows = {split: every.split(split) for split in SPLITS}
    test = rows["test"]
    measured = {split: _measure(rows[split], split=split, record=record) for split in SPLITS}
    unseen = _out_of_fold(name, manifest=manifest)
    issues = _label_issues(unseen) if unseen else None
    photos = results.shown(test, issues or ())
    explained = explanations.read(folder / "explanations.npz", made_by=made_by)
    return Results(
        record=record,
        note=weights_note(record["weights"]["source"]),
        history=history.read(folder / "history.csv", made_by=made_by),
        rows=rows,
        metrics=measured,
        temperature=temperature.of(trained),
        uncalibrated=metrics.measure(trained.split("test")),
        sets=_sets(rows),
        unlike=unlike_training.read(folder / "unknown.parquet", test, made_by=made_by),
        slices=slices.slices(test.right, _kinds(test, manifest, source)),
        label_issues=issues,
        checked=len(unseen) if unseen else 0,
        photos=dict(zip(photos, thumbnails.thumbnails(source, manifest, photos), strict=True)),
        neighbours=_neighbours(folder, made_by=made_by),
        overlays=_overlays(explained, record=record, manifest=manifest, source=source),
        layer=explained.layer,
        views=list(explained.views),
        hashes={"predictions (SHA-256)": files.sha256_file(folder / "predictions.parquet")},
    )


def _neighbours(folder: Path, *, made_by: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The training images nearest to test images that the page shows, where train wrote them."""
    path = folder / "neighbours.json"
    return dict(files.read_json(path, made_by=made_by)) if path.is_file() else {}


def _sets(rows: Mapping[str, Predictions]) -> list[SetCoverage]:
    """What prediction sets whose thresholds validation gives do on test."""
    held_out, test = rows["validation"], rows["test"]
    return list(prediction_sets.measured(test, prediction_sets.thresholds(held_out.labels, held_out.probs)))


def _overlays(
    explained: Explanations, *, record: Mapping[str, Any], manifest: Manifest, source: KnownImages
) -> dict[str, np.ndarray]:
    """Photos by path, (H, W, 3) uint8, under the heat that train kept of them.

    As the network takes them, for it may see a part of a photo; in their own proportions where it sees all of it.
    """
    rule, asked = record["recipe"]["image"], explained.paths
    whole = rule["resize"] == "squash"
    photos = (
        thumbnails.thumbnails(source, manifest, asked)
        if whole
        else thumbnails.resized(source, manifest, asked, rule=rule)
    )
    pairs = zip(explained.paths, photos, explained.heat, strict=True)
    return {path: gallery.overlay(photo, heat / 255) for path, photo, heat in pairs}


def _write(name: str, evaluated: Results) -> None:
    """Pictures, tables and the page."""
    drawn = results.pictures(name, evaluated)
    for key, png in drawn.items():
        with files.writing(paths.plots(name) / f"{key}.png") as temporary:
            temporary.write_bytes(png)
    history.write(evaluated.history, paths.plots(name) / "curves.csv")
    # Not every classifier has it, so that it is no plot of its own for DVC.
    if (unlike := results.unlike_picture(name, evaluated)) is not None:
        drawn[results.UNLIKE] = unlike
        with files.writing(paths.report(name) / f"{results.UNLIKE}.png") as temporary:
            temporary.write_bytes(unlike)
    for folder, texts in (
        (paths.plots(name), results.plotted_tables(evaluated)),
        (paths.report(name), results.report_tables(evaluated)),
    ):
        for file, text in texts.items():
            files.write_text(folder / file, text)
    files.write_text(paths.report(name) / "report.html", classifier_page.page(name, evaluated, drawn))


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
    predicted = {
        path: (id_, split, int(label))
        for path, id_, split, label in zip(rows.paths, rows.ids, rows.splits, rows.labels, strict=True)
    }
    for what, paths_ in (
        ("lacks", expected.keys() - predicted.keys()),
        ("has rows unknown to the dataset:", predicted.keys() - expected.keys()),
        ("has another content, split or label for", {p for p in expected if predicted.get(p) != expected[p]}),
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


def _report(name: str, evaluated: Results) -> dict[str, Any]:
    return {
        "classifier": name,
        **{key: evaluated.record[key] for key in ("key", "dataset", "dataset_digest", "weights")},
        "note": evaluated.note,
        "temperature": evaluated.temperature.value,
        "unknown": tables.records(evaluated.rejections, kind=Rejection),
        **{split: figures.as_json() for split, figures in evaluated.metrics.items()},
    }


def _headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """What fits side by side: DVC prints a column for every figure and every text of a metrics file."""
    chosen = {"test": ("accuracy", "loss"), "validation": ("accuracy",)}
    figures = {split: {key: report[split][key] for key in keys} for split, keys in chosen.items()}
    return figures | ({"note": report["note"]} if report["note"] else {})


def _kinds(test: Predictions, manifest: Manifest, source: KnownImages) -> dict[str, list[str]]:
    """Which part of each kind a test image belongs to."""
    return {
        "class": [test.classes[label] for label in test.labels],
        "image size": slices.thirds(
            thumbnails.areas(manifest, test.paths), names=("small", "medium", "large")
        ),
        "brightness": slices.thirds(
            thumbnails.brightness(source, manifest, test.paths), names=("dark", "medium", "bright")
        ),
        "folder": [path.rpartition("/")[0] for path in test.paths],
    }


def _out_of_fold(name: str, *, manifest: Manifest) -> Predictions | None:
    """Cross-validated predictions, each by a classifier that never saw the image, where train wrote them."""
    made_by = f"dvc repro train@{name}"
    path = paths.classifier(name) / "out_of_fold.parquet"
    if not path.is_file():
        return None
    rows = predictions.read(path, made_by=made_by)
    if set(rows.paths) != {path for split in SPLITS for path in manifest.split(split).paths}:
        raise FrostlineError(f"{path} is of other images than the dataset; run `{made_by}` again")
    return rows


def _label_issues(unseen: Predictions) -> list[label_issues.LabelIssue]:
    """Likely label errors, searched for once in the same predictions, whatever head was trained beside them."""
    content = files.sha256(unseen.probs.tobytes() + unseen.labels.tobytes())
    made_by = {**code_digest.module(label_issues.__name__), "scikit-learn": version("scikit-learn")}
    key = {"probs": content, "classes": len(unseen.classes), "made_by": made_by}
    with known_arrays.kept("label_issues", key) as known:
        if "rows" not in known:
            known["rows"] = label_issues.ranked(unseen)
    return label_issues.label_issues(unseen, known["rows"])


def _summary(name: str, test: Metrics, *, note: str) -> str:
    right, loss = test.accuracy, test.loss
    count = f"{round(right.value * test.images):,}/{test.images:,}"
    interval = f"95% interval {right.low:.1%} to {right.high:.1%}"
    figures = f"test accuracy {right.value:.1%} ({count}), {interval}, loss {loss.value:.3f}"
    return f"{name}: {figures}" + (f"; {note}" if note else "")
