"""A score job's images beside those that its model was tested on."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from frostline import files, paths
from frostline.errors import FrostlineError, InputError, LimitError
from frostline.files import printable
from frostline.runtime.sessions import Session
from frostline.scoring import drift_baseline, output_paths
from frostline.scoring.drift_baseline import QUESTIONS, Baseline
from frostline.scoring.drift_indices import Drift, Limits, Shift, Tally
from frostline.scoring.drift_stats import LOOKS, PROJECTIONS, sample

Page = Callable[[Mapping[str, Any]], str]  # of `values`
NO_BASELINE = "drift is not measured: the model has no baseline of its test images; export it again"


def require_packages() -> None:
    """FrostlineError where a scorer lacks what is not in the base install; before hours of work."""
    missing = [name for name in ("scipy", "jinja2") if find_spec(name) is None]
    if missing:
        raise FrostlineError(
            f"drift needs {' and '.join(missing)}, not installed here; pip install 'frostline[drift]'"
        )


def limits(one: float | None) -> Limits:
    """`one` limit for every question, or those that params.yaml names; InputError where there is none."""
    if one is not None:
        return dict.fromkeys(QUESTIONS, one)
    if not paths.PARAMS.is_file():
        raise InputError(
            f"there is no {paths.PARAMS} here to say how much drift is too much; name one limit, such as 0.25"
        )
    from frostline import config  # only here: a scorer has none

    return config.load().drift.model_dump()


def baseline_of(session: Session) -> Baseline | None:
    """The baseline in a model's metadata; None where there is none."""
    text = session.metadata.get(drift_baseline.KEY)
    return drift_baseline.from_json(text) if text else None


def counted(tables: Iterable[pa.Table], into: Tally) -> Iterator[pa.Table]:
    """The tables of a job as they pass, their scored images counted."""
    for table in tables:
        count(table, into)
        yield table


def count(table: pa.Table, into: Tally) -> None:
    """Count the scored images of a table with `probs`; what was looked at only where its columns are there."""
    good = table.filter(table["probs"].is_valid())
    if not len(good):
        return
    looks = {name: good[name].to_numpy() for name in LOOKS if name in good.column_names}
    few = "embedding" in good.column_names and not good["embedding"].null_count
    into.add(
        sample(
            probs=_matrix(good["probs"], len(good["probs"][0])),
            looks=looks if len(looks) == len(LOOKS) else {},
            embedding=_matrix(good["embedding"], PROJECTIONS) if few else None,
        )
    )


def _matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """(n, width) of lists of that many numbers."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(-1, width)


def values(found: Drift, *, classes: Iterable[str]) -> dict[str, Any]:
    """What stands in the job file: the score, each question with its limit, its histogram before and now."""
    names = list(classes)
    return {
        "score": round(found.score, 6),
        "alarm": found.alarm,
        "images": found.images,
        "baseline": found.baseline,
        "questions": {each.what: _question(each, names) for each in found.shifts},
    }


def _question(shift: Shift, classes: list[str]) -> dict[str, Any]:
    bins = classes if shift.what == "answers" else _ranges(shift.histogram.edges)
    return {
        "how": QUESTIONS[shift.what],
        "psi": round(shift.psi, 6),
        "chance": float(f"{shift.chance:.3g}"),
        "limit": shift.limit,
        "real": shift.real,
        "beyond": shift.beyond,
        "shares": [
            {"bin": name, "baseline": round(before, 6), "found": round(now, 6)}
            for name, before, now in zip(
                bins, _shares(shift.histogram.counts), _shares(shift.counts), strict=True
            )
        ],
    }


def _ranges(edges: tuple[float, ...]) -> list[str]:
    """Bins by name; where an edge follows the one before at once, the bin is that one number."""
    if not edges:
        return ["all"]
    pairs = list(itertools.pairwise(edges))
    between = [f"{low:.4g}" if _next(low, high) else f"{low:.4g} to {high:.4g}" for low, high in pairs]
    last = "above" if pairs and _next(*pairs[-1]) else "from"
    return [f"below {edges[0]:.4g}", *between, f"{last} {edges[-1]:.4g}"]


def _next(low: float, high: float) -> bool:
    """Whether no float32 lies between."""
    return bool(np.nextafter(np.float32(low), np.float32(np.inf)) == np.float32(high))


def _shares(counts: tuple[int, ...]) -> list[float]:
    return [each / max(1, sum(counts)) for each in counts]


@dataclass(frozen=True)
class Watched:
    """A job that is compared while its rows are merged; `page` makes the HTML of `values`."""

    tally: Tally
    limits: Limits
    page: Page

    def finish(self, out: Path, classes: Iterable[str]) -> dict[str, Any] | None:
        """Write what was found beside the output, and give it for the job file; None without one scored image."""
        if not self.tally.images:
            return None
        said = values(self.tally.drift(self.limits), classes=classes)
        write(said, out, page=self.page)
        return said


def write(said: Mapping[str, Any], out: Path, *, page: Page) -> None:
    """Write OUT.drift.json and OUT.drift.html."""
    files.write_json(json_file(out), dict(said))
    with files.writing(page_file(out)) as temporary:
        temporary.write_text(page(said), encoding="utf-8")


def put_into_job(said: Mapping[str, Any], out: Path) -> None:
    """The values into the job file, if there is one."""
    job = output_paths.job_file(out)
    if job.is_file():
        before = files.read_json(job, made_by="frostline score")
        if not isinstance(before, dict):
            raise FrostlineError(f"{printable(job)} is no job file; score again")
        files.write_json(job, {**before, "drift": dict(said)})


def json_file(out: Path) -> Path:
    """Beside the scores."""
    return out.with_name(f"{out.name}.drift.json")


def page_file(out: Path) -> Path:
    """Beside the scores."""
    return out.with_name(f"{out.name}.drift.html")


def tell(said: Mapping[str, Any], out: Path, say: Callable[[str], None]) -> None:
    """Say what was found, a line a question; LimitError beyond a limit."""
    for each in said["questions"].values():
        say(f"{each['how']}: {_told(each)}")
    where = f"drift {said['score']:.3f} of {said['images']} images: see {printable(page_file(out))}"
    if said["alarm"]:
        beyond = [name for name, each in said["questions"].items() if each["beyond"]]
        raise LimitError(f"{', '.join(beyond)} beyond the limit; {where}")
    say(where)


def _told(question: Mapping[str, Any]) -> str:
    if not question["real"]:
        return f"{question['psi']:.3f}, as chance alone can be"
    limit = question["limit"]
    if limit is None:
        return f"{question['psi']:.3f}"
    return f"{question['psi']:.3f}, {'above' if question['beyond'] else 'within'} the limit {limit:g}"
