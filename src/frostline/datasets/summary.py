"""What a manifest amounts to: counts, sizes and what was quarantined."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow.compute as pc

from frostline.datasets.findings import Finding
from frostline.datasets.layout import SPLITS
from frostline.datasets.manifest import Manifest, texts

_LISTED = 100  # quarantined files named; the manifest has them all

_BALANCED = "add images, or let all classes count alike (training.class_weights: balanced)"


def summarize(manifest: Manifest) -> dict[str, Any]:
    """Plain values for JSON: usable images by split and class, quarantined ones by reason, sizes."""
    counts = manifest.counts()
    splits = {name: _by_class(manifest, counts[name]) for name in SPLITS}
    return {
        "images": sum(split["images"] for split in splits.values()),
        "classes": list(manifest.classes),
        "splits": splits,
        "quarantined": _quarantined(manifest),
        "findings": _findings(manifest),
        "sizes": _sizes(manifest),
        "decode": manifest.decode,
        "digest": manifest.digest,
    }


def report(name: str, summary: dict[str, Any], findings: Iterable[Finding] = ()) -> str:
    """The same in a few lines for people, with those findings that are about classes, not about one image."""
    splits = ", ".join(f"{split} {counts['images']}" for split, counts in summary["splits"].items())
    lines = [f"{name}: {summary['images']} images, {len(summary['classes'])} classes", f"  {splits}"]
    if out := summary["quarantined"]["images"]:
        reasons = ", ".join(f"{kind} {count}" for kind, count in summary["quarantined"]["reasons"].items())
        lines.append(f"  quarantined {out}: {reasons}")
    kept = {kind: count["images"] - count["quarantined"] for kind, count in summary["findings"].items()}
    if counted := [f"{kind.replace('_', ' ')} {count}" for kind, count in kept.items() if count]:
        lines.append(f"  kept with a finding: {', '.join(counted)}")
    lines += [f"  {finding.text}; {_BALANCED}" for finding in findings if finding.kind == "imbalance"]
    return "\n".join(lines)


def _by_class(manifest: Manifest, counts: list[int]) -> dict[str, Any]:
    return {"images": sum(counts), "classes": dict(zip(manifest.classes, counts, strict=True))}


def _quarantined(manifest: Manifest) -> dict[str, Any]:
    """Reasons are counted by what stands before the colon: the rest differs from file to file."""
    out = manifest.table.filter(pc.not_equal(manifest.table["reason"], "")).select(["path", "reason"])
    kinds = Counter(reason.split(": ")[0] for reason in texts(out["reason"]))
    first = out.slice(0, _LISTED).to_pylist()
    return {"images": len(out), "reasons": dict(sorted(kinds.items())), "first": first}


def _findings(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Kind → how many images it is about, and how many of those are quarantined."""
    rows = manifest.table.filter(pc.not_equal(manifest.table["flags"], "")).select(["flags", "status"])
    flagged = [(kind, row["status"]) for row in rows.to_pylist() for kind in row["flags"].split()]
    counts, out = (
        Counter(kind for kind, _ in flagged),
        Counter(kind for kind, status in flagged if status != "ok"),
    )
    return {kind: {"images": counts[kind], "quarantined": out[kind]} for kind in sorted(counts)}


def _sizes(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Smallest, median and largest height and width in pixels and file size in bytes, of usable images."""
    usable = manifest.usable
    columns = {name: manifest.table[name].to_numpy()[usable] for name in ("height", "width", "bytes")}
    return {
        name: {"min": int(values.min()), "median": int(np.median(values)), "max": int(values.max())}
        for name, values in columns.items()
    }
