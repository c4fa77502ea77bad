"""The data report: one page that holds all it shows, the same bytes for the same dataset."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from frostline import files, pages, system
from frostline.datasets.findings import KINDS, Finding
from frostline.datasets.layout import SPLITS
from frostline.datasets.manifest import Manifest, texts
from frostline.datasets.page_pictures import Key, PagePictures
from frostline.datasets.source import ImageSource
from frostline.datasets.thumbnails import shrunk
from frostline.images import ImageError, decode

_SHOWN = 24  # findings of a kind
_OTHERS = 1  # images beside the one a finding is about
_SHEETS = 600  # pictures in all contact sheets
_SHEET = 24  # pictures in one
_SIDE = 112  # pixels of a picture
_QUALITY = 72
_BINS = 32


@dataclass(frozen=True)
class Report:
    """What the page shows: the manifest, all findings in it, the policy of each kind, and what was passed over."""

    name: str
    manifest: Manifest
    findings: Sequence[Finding]
    policies: Mapping[str, str]
    audited: bool
    remarks: Sequence[str] = ()


def render(report: Report, source: ImageSource) -> str:
    """The page as HTML; pictures are read from the source."""
    kinds, sheets = _kinds(report), _sheets(report.manifest)
    shown = [one["pictures"] for kind in kinds for one in kind["shown"]] + [
        sheet["shown"] for sheet in sheets
    ]
    pictures = _pictures(source, _wanted(report.manifest, {name for names in shown for name in names}))
    usable = int(report.manifest.usable.sum())
    return pages.render(
        "frostline.datasets",
        "data_report.html.j2",
        marks={"dataset": report.name, "dataset_digest": report.manifest.digest},
        name=report.name,
        images=usable,
        quarantined=report.manifest.table.num_rows - usable,
        decode=report.manifest.decode,
        audited=report.audited,
        remarks=report.remarks,
        splits=SPLITS,
        classes=_classes(report.manifest),
        charts=_charts(report.manifest),
        kinds=kinds,
        sheets=sheets,
        pictures=pictures,
    )


def _wanted(manifest: Manifest, names: set[str]) -> dict[str, Key]:
    """The picture of each image: its content, and height and width in its own proportions; square where they are not
    known."""
    among = manifest.table.filter(pc.is_in(manifest.table["path"], pa.array(names, pa.string())))
    return {
        row["path"]: (row["sha256"], *shrunk(row["height"] or 1, row["width"] or 1, _SIDE))
        for row in among.select(["path", "sha256", "height", "width"]).to_pylist()
    }


def _pictures(source: ImageSource, wanted: Mapping[str, Key]) -> dict[str, str]:
    """Name → a small JPEG as a data address, "" where there is none to be had."""
    store = PagePictures(quality=_QUALITY)
    known = store.find({key for key in wanted.values() if key[0]})
    missing = {name: key for name, key in wanted.items() if key not in known}
    with ThreadPoolExecutor(system.processors()) as pool:
        made = dict(zip(missing, pool.map(partial(_picture, source), missing, missing.values()), strict=True))
    store.add({missing[name]: content for name, (content, kept) in made.items() if kept})
    return {
        name: pages.embedded_jpeg(content) if content else ""
        for name, key in wanted.items()
        for content in [known[key] if key in known else made[name][0]]
    }


def _picture(source: ImageSource, name: str, key: Key) -> tuple[bytes, bool]:
    """A small JPEG, b"" where there is none to be had; and whether it is one of that content."""
    digest, height, width = key
    try:
        content = source.read(name)
        pixels = decode(content, height=height, width=width, resize="squash")
    except ImageError:
        return b"", False
    return pages.jpeg(pixels, quality=_QUALITY), files.sha256(content) == digest


def _classes(manifest: Manifest) -> list[dict[str, Any]]:
    """One row per class: images in each split, quarantined, and its share of the largest class in percent."""
    counts = manifest.counts()
    totals = [sum(counts[split][label] for split in SPLITS) for label in range(len(manifest.classes))]
    return [
        {
            "name": name,
            "counts": [counts[split][label] for split in SPLITS],
            "out": counts[""][label],
            "share": round(100 * totals[label] / max(totals), 1),
        }
        for label, name in enumerate(manifest.classes)
    ]


def _charts(manifest: Manifest) -> list[dict[str, Any]]:
    """Histograms of usable images: width, height, aspect ratio, file size."""
    usable = manifest.usable
    height, width, size = (
        manifest.table[name].to_numpy()[usable].astype(float) for name in ("height", "width", "bytes")
    )
    return [
        _histogram("width, pixels", width, "{:.0f}"),
        _histogram("height, pixels", height, "{:.0f}"),
        _histogram("width / height", width / height, "{:.2f}"),
        _histogram("file size, KB", size / 1000, "{:.1f}"),
    ]


def _histogram(title: str, values: npt.NDArray[np.float64], form: str) -> dict[str, Any]:
    """Bars on a drawing of 320x144, the tallest 100 high; values that are all alike are one in the middle."""
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, bins=_BINS)
    width = 316 / _BINS
    bars = [
        {
            "x": round(2 + place * width, 2),
            "y": round(113 - 100 * count / counts.max(), 2),
            "width": round(width - 1, 2),
            "height": round(100 * count / counts.max(), 2),
            "text": f"{form.format(edges[place])} to {form.format(edges[place + 1])}: {count}",
        }
        for place, count in enumerate(counts.tolist())
        if count
    ]
    return {
        "title": title, "bars": bars, "low": form.format(low), "high": form.format(high),
        "alike": low == high, "top": f"highest bar: {counts.max():,}",
    }  # fmt: skip


def _kinds(report: Report) -> list[dict[str, Any]]:
    """Each kind of finding with its first images, the one beside the other."""
    kinds, usable = [], report.manifest.usable
    for kind in KINDS:
        of_kind = sorted(finding for finding in report.findings if finding.kind == kind)
        if of_kind:
            out = len({one.row for one in of_kind if not usable[one.row]})
            kinds.append(
                {
                    "name": kind,
                    "title": kind.replace("_", " "),
                    "meaning": f"images that {KINDS[kind]}",
                    "images": len({one.row for one in of_kind}),
                    "out": out,
                    "policy": report.policies.get(kind, "keep"),
                    "shown": [_shown(one, report.manifest) for one in of_kind[:_SHOWN]],
                }
            )
    return kinds


def _shown(finding: Finding, manifest: Manifest) -> dict[str, Any]:
    row = manifest.row(finding.row)
    names = [row["path"], *(manifest.row(other)["path"] for other in finding.others[:_OTHERS])]
    return {
        "pictures": names,
        "name": row["path"],
        "label": manifest.classes[row["label"]],
        "split": row["split"],
        "out": row["status"] != "ok",
        "text": finding.text,
    }


def _sheets(manifest: Manifest) -> list[dict[str, Any]]:
    """Some images of each class and split, fewer each where there are many classes.

    Those of the lowest digests: a draw that stays nearly as it is when a few images come or go.
    """
    limit = max(2, min(_SHEET, _SHEETS // (len(SPLITS) * len(manifest.classes))))
    sheets = []
    labels, names = manifest.table["label"].to_numpy(), manifest.table["path"]
    digests = np.array([digest[:16] for digest in texts(manifest.table["sha256"])], "S16")
    splits = {split: pc.equal(manifest.table["split"], split).to_numpy() for split in SPLITS}
    for label, name in list(enumerate(manifest.classes))[: _SHEETS // (2 * len(SPLITS))]:
        for split in SPLITS:
            rows = np.flatnonzero(splits[split] & (labels == label))
            drawn = np.sort(rows[np.argsort(digests[rows], kind="stable")[:limit]])
            shown = [names[row].as_py() for row in drawn.tolist()]
            sheets.append({"label": name, "split": split, "count": len(rows), "shown": shown})
    return sheets
