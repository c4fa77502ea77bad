"""A score job's images compared with those that its model was tested on: files, lines, the alarm."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from frostline import files, pages
from frostline.errors import FrostlineError, LimitError
from frostline.files import printable
from frostline.progress import say
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import drift_baseline, output_paths
from frostline.scoring.drift import Drift, Limits, Shift, Tally, count
from frostline.scoring.drift_baseline import INDICES, Baseline
from frostline.scoring.drift_stats import PROJECTIONS
from frostline.scoring.plan import Plan
from frostline.scoring.sources import Source
from frostline.scoring.strangest import MEASURES, photos

NO_BASELINE = "drift is not measured: the model has no baseline of its test images; export it again"
FULL = 0.5  # of all images: the whole width of a bar on the page


def require_packages() -> None:
    """FrostlineError where a scorer lacks what is not in the base install; before hours of work."""
    missing = [name for name in ("scipy", "jinja2") if find_spec(name) is None]
    if missing:
        raise FrostlineError(
            f"drift needs {' and '.join(missing)}, not installed here; pip install 'frostline[drift]'"
        )


def baseline_of(session: Session) -> Baseline | None:
    """The baseline in a model's metadata; None where there is none."""
    text = session.metadata.get(drift_baseline.KEY)
    return drift_baseline.from_json(text) if text else None


@dataclass(frozen=True)
class Comparison:
    """The images of a score file by a model, counted beside the model's test images."""

    tally: Tally
    limits: Limits
    out: Path
    model: str
    source: Source | None = None  # where the strangest images can be seen again

    def counted(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables of a job as they pass, their scored images counted."""
        for table in tables:
            count(table, self.tally)
            yield table

    def write(self, classes: Iterable[str]) -> dict[str, Any] | None:
        """Write OUT.drift.json and OUT.drift.html; the values for the job file, None without one scored image."""
        if not self.tally.images:
            return None
        measured = values(self.tally.drift(self.limits), classes=classes)
        files.write_json(output_paths.drift_file(self.out), measured)
        pictures = photos(self.source, [image.path for image in self.tally.strangest])
        html = page(measured, scores=printable(self.out), model=self.model, pictures=pictures)
        files.write_text(output_paths.drift_page(self.out), html)
        return measured


def comparison(plan: Plan, limits: Limits, *, model: str) -> Comparison | None:
    """The comparison of a planned job; None where its model has no baseline."""
    whole = open_session(plan.model, device="cpu") if plan.head else plan.session  # a head has no baseline
    baseline = baseline_of(whole)
    return Comparison(Tally(baseline), limits, plan.out, model, plan.source) if baseline else None


def values(drift: Drift, *, classes: Iterable[str]) -> dict[str, Any]:
    """What stands in the job file: the score, each index with its limit, its histogram before and now."""
    names = list(classes)
    return {
        "score": round(drift.score, 6),
        "alarm": drift.alarm,
        "images": drift.images,
        "baseline": drift.baseline,
        "indices": {shift.index: _index(shift, names) for shift in drift.shifts},
        "strange_by": MEASURES.get(drift.measure, ""),
        "strangest": [
            {
                "path": one.path,
                "strangeness": one.strangeness,
                "predicted": names[one.predicted],
                "prob": one.prob,
            }
            for one in drift.strangest
        ],
    }


def _index(shift: Shift, classes: list[str]) -> dict[str, Any]:
    kind = _kind(shift.index, shift.place)
    return {
        "title": INDICES[shift.index],
        "measure": kind.measure,
        "psi": round(shift.psi, 6),
        "p_value": float(f"{shift.p_value:.3g}"),
        "limit": shift.limit,
        "significant": shift.significant,
        "above_limit": shift.above_limit,
        "shares": [
            {"bin": name, "baseline": round(before, 6), "job": round(now, 6)}
            for name, before, now in zip(
                _bins(shift, kind, classes),
                _shares(shift.histogram.counts),
                _shares(shift.counts),
                strict=True,
            )
        ],
    }


@dataclass(frozen=True)
class Kind:
    """What a histogram counts, in words, and how its numbers are written."""

    measure: str
    form: str = "{:.0f}"
    factor: float = 1.0


_SIZES = (
    Kind("side of a square of the same area, in pixels", "{:.0f} px"),
    Kind("width divided by height", "{:.2f}"),
)
_KINDS = {
    "brightness": Kind("mean grey, from 0 (black) to 255 (white)"),
    "sharpness": Kind("variance of the grey's Laplacian: low is blurred or plain, high is detailed or noisy"),
    "confidence": Kind("probability of the predicted class", "{:.3g}%", 100),
    "answers": Kind("share of the images by predicted class"),
}
_DIRECTION = Kind("one of 16 random directions of the features; each tenth holds a tenth of the test images")
_DISTANCE = Kind("distance of the features from those of the test images; each tenth holds a tenth of those")


def _kind(index: str, place: int) -> Kind:
    if index == "size":
        return _SIZES[place]
    if index == "embedding":
        return _DIRECTION if place < PROJECTIONS else _DISTANCE
    return _KINDS[index]


def _bins(shift: Shift, kind: Kind, classes: list[str]) -> list[str]:
    """Bins by name: classes; tenths of numbers that mean nothing by themselves; ranges of all others."""
    if shift.index == "answers":
        return classes
    if shift.index == "embedding":
        return _tenths(
            len(shift.counts), ("nearest", "farthest") if kind is _DISTANCE else ("lowest", "highest")
        )
    return _ranges(shift.histogram.edges, lambda value: kind.form.format(kind.factor * value))


def _tenths(count: int, ends: tuple[str, str]) -> list[str]:
    """Bins in order; where many images share a number there are fewer or more than ten."""
    if count < 2:
        return ["all"]
    what = "tenth" if count == 10 else "part"
    return [f"{ends[0]} {what}", *(f"{number}" for number in range(2, count)), f"{ends[1]} {what}"]


def _ranges(edges: tuple[float, ...], form: Callable[[float], str]) -> list[str]:
    """Bins by name; where an edge follows the one before at once, the bin is that one number."""
    if not edges:
        return ["all"]
    pairs = list(itertools.pairwise(edges))
    between = [
        f"exactly {form(low)}" if _next(low, high) else f"{form(low)} to {form(high)}" for low, high in pairs
    ]
    last = "above" if pairs and _next(*pairs[-1]) else "from"
    return [f"below {form(edges[0])}", *between, f"{last} {form(edges[-1])}"]


def _next(low: float, high: float) -> bool:
    """Whether no float32 lies between."""
    return bool(np.nextafter(np.float32(low), np.float32(np.inf)) == np.float32(high))


def _shares(counts: tuple[int, ...]) -> list[float]:
    return [number / max(1, sum(counts)) for number in counts]


def page(
    measured: Mapping[str, Any], *, scores: str, model: str, pictures: Mapping[str, np.ndarray] | None = None
) -> str:
    """The HTML of a job file's `drift`, for scores of a model; `pictures` (H, W, 3) uint8 of strange images by path."""
    indices = sorted(measured["indices"].values(), key=lambda index: -index["psi"])
    shares = [share[of] for index in indices for share in index["shares"] for of in ("baseline", "job")]
    return pages.render(
        "frostline.scoring",
        "drift.html.j2",
        marks={"drift": f"{measured['score']:g}"},
        drift=measured,
        indices=indices,
        scores=scores,
        model=model,
        full=max([FULL, *shares]),
        pictures={path: pages.photo(pixels) for path, pixels in (pictures or {}).items()},
    )


def put_into_job(measured: Mapping[str, Any], out: Path) -> None:
    """The values into the job file, if there is one."""
    job = output_paths.job_file(out)
    if job.is_file():
        before = files.read_json(job, made_by="frostline score")
        if not isinstance(before, dict):
            raise FrostlineError(f"{printable(job)} is no job file; score again")
        files.write_json(job, {**before, "drift": dict(measured)})


def report(measured: Mapping[str, Any] | None, out: Path) -> None:
    """Say one line per index and where the page lies; LimitError where an index is above its limit."""
    if measured is None:
        say(NO_BASELINE)
        return
    for index in measured["indices"].values():
        say(f"{index['title']}: {_text(index)}")
    html = printable(output_paths.drift_page(out))
    where = f"{_summary(measured)}: see {html}"
    if measured["alarm"]:
        above = [str(index["title"]) for index in measured["indices"].values() if index["above_limit"]]
        raise LimitError(f"{', '.join(above)} above the limit; {where}")
    say(where)


def _summary(measured: Mapping[str, Any]) -> str:
    """The drift in a few words; no number where none is more than chance."""
    indices, images = measured["indices"].values(), measured["images"]
    if any(index["significant"] for index in indices):
        return f"drift {measured['score']:.3f} of {images} images"
    return f"none of {len(indices)} measures is significant in {images} images"


def _text(index: Mapping[str, Any]) -> str:
    psi = f"PSI {index['psi']:.3f}"
    if not index["significant"]:
        return f"{psi}, not significant"
    if index["limit"] is None:
        return psi
    return f"{psi}, {'above' if index['above_limit'] else 'within'} the limit {index['limit']:g}"
