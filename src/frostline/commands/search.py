"""`frostline search DATASET`: the best frozen network for these photos, in the minutes given."""

import time
from collections.abc import Sequence
from pathlib import Path

from frostline import config, files, paths, tracking
from frostline.commands import search_plan
from frostline.commands.search_plan import AtHand, Seen
from frostline.config import OnnxWeights, entries
from frostline.errors import InputError
from frostline.evaluation import learning_curve, search_report, selection, style
from frostline.evaluation.comparison_report import aligned
from frostline.evaluation.search_report import SearchReport, SearchRow
from frostline.evaluation.study_plots import flat, measured
from frostline.progress import duration, note, say
from frostline.template import chosen as templates
from frostline.tracking import Child, Study
from frostline.training import search_after, search_heads, search_rounds
from frostline.training.search import Clock, Limits, Search
from frostline.training.search_rounds import Round, ScoredHead

# Seconds for what comes after the last photo, most of it MLflow's: at least so many, and so many times what it took to
# import scikit-learn, which tells how busy the machine is.
RESERVE, OF_IMPORT = 6.0, 3.0
STARTED = time.monotonic()


def run(  # noqa: PLR0913  # what a person may choose
    dataset: str,
    *,
    minutes: float = 10.0,
    trunks: str | None = None,
    sizes: str | None = None,
    max_ms: float | None = None,
    max_mb: float | None = None,
    out: Path = Path("reports/search"),
    since: float | None = None,
) -> list[str]:
    """Search, report below `out`, and write what was chosen into params.yaml; the lines that say so.

    The minutes count from `since` (of `time.monotonic`), None: from when this process began.

    InputError, before any photo is read, for what cannot be searched; also where no trunk could be judged in the time.
    """
    settings = config.load()
    hand = search_plan.at_hand(settings, trunks.split(",") if trunks else ())
    seen = search_plan.look(dataset, settings)
    found = Search(
        Clock((STARTED if since is None else since) + 60 * minutes - _reserve()),
        paths.cache(),
        settings.seed,
        limits=Limits(max_ms or float("inf"), max_mb or float("inf")),
        tell=note,
    )
    some = search_plan.trunks(hand, side=seen.side, sizes=_numbers(sizes))
    photos = f"{len(seen.photos.labels):,} photos of train and validation"
    say(f"{dataset}: {len(some)} trunk{'s' * (len(some) != 1)}, {photos}, {duration(60 * minutes)}")
    found.run(some, seen.photos)
    if not found.rounds:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.left_out.items())
        raise InputError(f"no trunk could be judged; give it more --minutes ({why})")
    return _concluded(dataset, found, hand, seen, out)


def _reserve() -> float:
    start = time.monotonic()
    search_heads.load()
    return RESERVE + OF_IMPORT * (time.monotonic() - start)


def _numbers(text: str | None) -> list[int]:
    try:
        return [int(word) for word in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"--sizes: {text!r} is no list of pixels; write it like 128,224") from None


def _concluded(dataset: str, found: Search, hand: Sequence[AtHand], seen: Seen, out: Path) -> list[str]:
    last = search_after.other_heads(found, search_rounds.decided(found.rounds))
    report = _report(dataset, found, last, seen)
    picked = {report.names[0]: last.candidates[report.chosen]}
    if len(report.names) > 1:
        picked[report.names[1]] = last.candidates[report.best]
    for one in picked.values():  # what `dvc repro` reads: no photo of these passes the network again
        found.opened[one.trunk.name].share(one.end, last.photos.images)
    _write_params(dataset, picked, report, hand)
    folder = out / dataset
    pictures = _write(folder, report)
    _to_mlflow(dataset, last, seen, pictures)
    rows, more = search_report.table(report), ", and learning.png" if report.curve else ""
    return [
        "",
        *aligned(rows, right=search_report.NUMBERS),
        "",
        *report.verdict,
        f"params.yaml: {' and '.join(report.names)} written; next: dvc repro",
        f"Wrote {files.printable(folder)}/search.html, .png, .csv and .json{more}",
    ]


def _report(dataset: str, found: Search, last: Round, seen: Seen) -> SearchReport:
    judged = last.judged()
    best, chosen = judged.best, judged.chosen
    rows = [_row(one, close=bool(judged.close[place])) for place, one in enumerate(last.candidates)]
    earlier = _earlier(found.rounds, last)
    names = [f"{dataset}-search"]
    if last.candidates[chosen].name == last.candidates[best].name:
        best = chosen  # with another strength
    else:
        names.append(f"{dataset}-search-best")
    return SearchReport(
        dataset=dataset,
        photos=len(last.photos.labels),
        of=len(seen.photos.labels),
        rows=rows,
        earlier=earlier,
        best=best,
        chosen=chosen,
        expected=selection.expected(judged, seed=last.photos.seed),
        names=names,
        left_out=found.left_out,
        misdescribed=frozenset[str]().union(*map(search_rounds.misdescribed, found.rounds)),
        course=_course(found.rounds, last.candidates[chosen]),
        neighbours=search_after.neighbours(found, last.candidates[chosen], last.photos),
        curve=search_after.curve(found, last.candidates[chosen], last.photos),
        seconds=time.monotonic() - STARTED,
        passing=found.passing,
    )


def _row(one: ScoredHead, *, close: bool) -> SearchRow:
    return SearchRow(
        classifier=one.name,
        head=one.kind,
        strength=one.strength,
        accuracy=measured(float(one.right.mean()), images=len(one.right)),
        loss=one.loss,
        milliseconds=one.milliseconds,
        megabytes=one.megabytes,
        photos=len(one.right),
        close=close,
    )


def _course(rounds: Sequence[Round], chosen: ScoredHead) -> list[tuple[int, float]]:
    """How accurate a network was in each round that it was in, with its best head."""
    shares = [
        (
            len(one.photos.labels),
            [float(head.right.mean()) for head in one.candidates if head.name == chosen.name],
        )
        for one in rounds
        if len(one.photos.labels) <= len(chosen.right)
    ]
    return [(count, max(some)) for count, some in shares if some]


def _earlier(rounds: Sequence[Round], last: Round) -> list[SearchRow]:
    """The best of each trunk that did not come to the last round, on the photos that it saw."""
    done, rows = {one.trunk.name for one in last.candidates}, list[SearchRow]()
    for round_ in reversed([one for one in rounds if len(one.photos.labels) <= len(last.photos.labels)]):
        by_trunk: dict[str, ScoredHead] = {}
        for one in sorted(round_.candidates, key=lambda one: (-one.right.mean(), one.milliseconds)):
            by_trunk.setdefault(one.trunk.name, one)
        for name, one in by_trunk.items():
            if name not in done:
                done.add(name)
                rows.append(_row(one, close=False))
    return rows


def _write_params(
    dataset: str, picked: dict[str, ScoredHead], report: SearchReport, hand: Sequence[AtHand]
) -> None:
    """Put the winners into params.yaml in place of those of an earlier search; the whole is checked first."""
    text = config.text()
    for name in (f"{dataset}-search", f"{dataset}-search-best"):
        text = entries.removed(text, "classifiers", name)
    texts = {one.name: one.text for one in hand if one.text}
    for name, one in picked.items():
        if one.trunk.weights in texts:
            text = entries.added(text, "weights", texts[one.trunk.weights])
        text = entries.added(text, "classifiers", templates.entry(_entry(name, dataset, one, report)))
    config.parse(config.plain(text))
    files.write_text(paths.PARAMS, text)


def _entry(name: str, dataset: str, one: ScoredHead, report: SearchReport) -> templates.Chosen:
    on = f"{one.right.mean():.1%} of {len(one.right):,} training and validation photos by cross-validation"
    return templates.Chosen(
        name=name,
        dataset=dataset,
        weights=one.trunk.weights,
        why=report.why(name),
        found=f"{on}, {one.milliseconds:.1f} ms per image.",
        height=one.trunk.height,
        width=one.trunk.width,
        end_at=one.end,
        onnx=isinstance(one.trunk.entry, OnnxWeights),
        kind=one.kind,
        strength=one.strength,
    )


def _write(folder: Path, report: SearchReport) -> tuple[Path, ...]:
    """search.html, search.png, search.csv, search.json; learning.png where there is a curve."""
    picture = style.png(search_report.picture(report))
    learning = _learning(report)
    files.write_text(folder / "search.html", search_report.page(report, picture, learning))
    files.write_text(folder / "search.csv", search_report.csv(report))
    files.write_json(folder / "search.json", search_report.record(report))
    pictures = {"search.png": picture, "learning.png": learning}
    for name, content in pictures.items():
        if content:
            with files.writing(folder / name) as temporary:
                temporary.write_bytes(content)
    written = [folder / name for name, content in pictures.items() if content]
    return (*written, folder / "search.csv", folder / "search.html")


def _learning(report: SearchReport) -> bytes:
    """The picture of the curve; nothing without one."""
    if report.curve is None:
        return b""
    name = report.rows[report.chosen].classifier
    return style.png(
        learning_curve.picture(report.curve, title=f"{report.dataset}: what more photos bring {name}")
    )


def _to_mlflow(dataset: str, last: Round, seen: Seen, pictures: Sequence[Path]) -> None:
    """A parent run, and a child for every trunk up to every end, with its best head."""
    common = tracking.shared(
        dataset=dataset,
        digest=seen.digest,
        weights={"name": "several", "source": "several"},
        recipe={"photos": len(last.photos.labels)},
    )
    study = Study(
        "search",
        f"{dataset}-search",
        common,
        pictures=tuple(map(str, pictures)),
    )
    best: dict[str, ScoredHead] = {}
    for one in sorted(last.candidates, key=lambda one: (-one.right.mean(), one.loss)):
        best.setdefault(one.name, one)
    with tracking.studying(study) as children:
        for name, one in best.items():
            figures = {
                **flat("val_accuracy", measured(float(one.right.mean()), images=len(one.right))),
                "val_loss": one.loss,
                "milliseconds": one.milliseconds,
                "megabytes": one.megabytes,
            }
            recipe = {
                "weights": one.trunk.weights,
                "size": f"{one.trunk.height}x{one.trunk.width}",
                "end_at": one.end,
                "head": one.kind,
                search_heads.HYPERPARAMETERS[one.kind]: one.strength,
            }
            children.append(Child(name, recipe, [], figures))
