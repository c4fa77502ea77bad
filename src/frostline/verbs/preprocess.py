"""`frostline preprocess`: look at every image once; write down what it is and where it belongs."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from frostline import files, params, paths
from frostline.data import audit, layout, splits
from frostline.data import manifest as manifests
from frostline.data.manifest import Manifest
from frostline.data.source import Source, open_source
from frostline.data.summary import report, summarize
from frostline.errors import InputError
from frostline.progress import progress

_CHUNK = 512  # images given to the pool at once: enough to keep it busy, too few to fill memory


def run(name: str) -> None:
    """Write the manifest and the summary of the dataset named in params.yaml."""
    settings = params.load()
    dataset = params.entry(settings.datasets, name, what="dataset")
    manifest = examine(dataset, key=f"datasets.{name}", seed=settings.seed)
    folder = paths.dataset(name)
    summary = summarize(manifest)
    manifests.write(manifest, folder / "manifest.parquet")
    files.write_json(folder / "summary.json", {"dataset": name, **summary})
    print(report(name, summary))


def examine(dataset: params.Dataset, *, key: str, seed: int) -> Manifest:
    """Read, check and split a dataset; `key` is its dotted params key. InputError as its policies say."""
    with _open(dataset.path) as source:
        placed = layout.place(source.names(), where=dataset.path)
        _check_classes({image.label for image in placed}, where=dataset.path)
        scans = list(_scan(source))
    reasons = audit.bad_images(placed, scans, policy=dataset.on_bad_image, key=key)
    reasons = audit.duplicates(placed, scans, reasons, policy=dataset.on_duplicate, key=key)
    try:
        chosen = splits.assign(
            ["" if reason else scan.sha256 for scan, reason in zip(scans, reasons, strict=True)],
            labels=[image.label for image in placed],
            given=[image.split for image in placed],
            shares=dataset.splits.model_dump(),
            seed=seed,
        )
    except InputError as error:
        raise InputError(f"{error}{_left_out(placed, reasons)}") from None
    return manifests.build(dataset.path, placed, scans, splits=chosen, reasons=reasons)


def _open(path: str) -> Source:
    if not Path(path).exists():
        raise InputError(
            f"{path} is missing; put or link your images there, one folder a class, "
            "or fetch the sample with `dvc pull data.dvc`"
        )
    return open_source(Path(path))


def _left_out(placed: list[layout.Placed], reasons: list[str]) -> str:
    """Why a class may be too small: no manifest is written that would say it."""
    out = [(image.name, reason) for image, reason in zip(placed, reasons, strict=True) if reason]
    return f" ({len(out)} images left out, the first {out[0][0]!r}: {out[0][1]})" if out else ""


def _check_classes(classes: set[str], *, where: str) -> None:
    if len(classes) < 2:
        raise InputError(
            f"{where}: only one class, {classes.pop()!r}; a classifier needs two or more class folders"
        )


def _scan(source: Source) -> Iterator[audit.Scan]:
    """Every image in order, decoded by a pool of threads (Pillow works outside the GIL)."""
    names = source.names()
    # Pillow warns about odd metadata in whole images; what matters becomes a row.
    with (
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor() as pool,
        progress(len(names), "checked") as advance,
    ):
        for start in range(0, len(names), _CHUNK):
            for scan in pool.map(partial(audit.scan, source), names[start : start + _CHUNK]):
                advance(1)
                yield scan
