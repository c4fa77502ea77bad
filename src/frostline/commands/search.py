"""`frostline search DATASET`: the best frozen network for these photos, in the minutes given."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from frostline import config, files, paths
from frostline.commands import search_download, search_plan, search_weights, search_writing
from frostline.commands.search_plan import Seen
from frostline.commands.search_weights import AtHand
from frostline.datasets import manifest
from frostline.errors import InputError
from frostline.evaluation import search_report, selection
from frostline.evaluation.comparison_report import aligned
from frostline.evaluation.search_report import SearchReport, SearchRow
from frostline.evaluation.study_plots import measured
from frostline.progress import duration, note, say
from frostline.training import search_after, search_heads, search_rounds, search_thawed
from frostline.training.search import Search
from frostline.training.search_limits import Clock, LeftOutError, Limits
from frostline.training.search_rounds import Round, ScoredHead
from frostline.training.search_thawed import ThawedResult

# Seconds for what comes after the last photo, most of it MLflow's: at least so many, and so many times what it took to
# import scikit-learn, which tells how busy the machine is.
RESERVE, OF_IMPORT = 6.0, 3.0
MOST_RESERVED = 0.3  # of all the time: on a machine that does much else something is judged too
STARTED = time.monotonic()


def run(  # noqa: PLR0913  # what a person may choose
    dataset: str,
    *,
    minutes: float = 10.0,
    trunks: str | None = None,
    sizes: str | None = None,
    max_ms: float | None = None,
    max_mb: float | None = None,
    download: bool = False,
    include_thawed: bool = False,
    out: Path = Path("reports/search"),
    since: float | None = None,
    guessed: str = "",
) -> list[str]:
    """Search, report below `out`, and write what was chosen into params.yaml; the lines that say so.

    The minutes count from `since` (of `time.monotonic`), None: from when this process began. `guessed`: weights of
    params.yaml whose input nobody has looked up; the description that fits the photos takes the place of the guess.

    InputError, before any photo is read, for what cannot be searched; also where no trunk could be judged in the time.
    """
    settings = config.load()
    end = (STARTED if since is None else since) + 60 * minutes
    if download:
        config.entry(settings.datasets, dataset, what="dataset")
        search_download.run(until=end, most_mb=max_mb or float("inf"))
    hand = search_weights.at_hand(settings, trunks.split(",") if trunks else ())
    seen = search_plan.look(dataset, settings)
    found = Search(
        Clock(end - min(_reserve(), MOST_RESERVED * 60 * minutes)),
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
    return _concluded(dataset, found, hand, seen, out, guessed, thaw=include_thawed)


def _reserve() -> float:
    start = time.monotonic()
    search_heads.load()
    return RESERVE + OF_IMPORT * (time.monotonic() - start)


def _numbers(text: str | None) -> list[int]:
    try:
        return [int(word) for word in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"--sizes: {text!r} is no list of pixels; write it like 128,224") from None


def _concluded(  # noqa: PLR0913  # what was searched, and where it goes
    dataset: str,
    found: Search,
    hand: Sequence[AtHand],
    seen: Seen,
    out: Path,
    guessed: str,
    *,
    thaw: bool,
) -> list[str]:
    last = search_after.other_heads(found, search_rounds.decided(found.rounds))
    report = _report(dataset, found, last, seen)
    picked = {report.names[0]: last.candidates[report.chosen]}
    if len(report.names) > 1:
        picked[report.names[1]] = last.candidates[report.best]
    for one in picked.values():  # what `dvc repro` reads: no photo of these passes the network again
        found.opened[one.trunk.name].share(one.end, last.photos.images)
    fits = search_weights.fitting(guessed, found.rounds)
    thawed = None
    if thaw:
        thawed, line = _thawed(dataset, found, picked[report.names[0]], last)
        report = replace(report, thawed=line)
    search_writing.write_params(
        dataset, picked, report, hand, corrected={fits: guessed} if fits != guessed else {},
        thawed=thawed if thawed and thawed.better else None,
    )  # fmt: skip
    pictures = search_writing.write(out / dataset, report)
    more = [search_writing.thawed_child(picked[report.names[0]], thawed)] if thawed else []
    search_writing.to_mlflow(dataset, last, seen, pictures, more)
    return _said(
        report, out / dataset, f"weights.{guessed} takes the input of {fits}" if fits != guessed else ""
    )


def _said(report: SearchReport, folder: Path, corrected: str) -> list[str]:
    """The table, the verdict, and what was written; `corrected`: what became of a guessed input."""
    more = ", and learning.png" if report.curve else ""
    return [
        "",
        *aligned(search_report.table(report), right=search_report.NUMBERS),
        "",
        *report.verdict,
        *([f"params.yaml: {corrected}, not the guess"] if corrected else []),
        f"params.yaml: {' and '.join(report.names)} written; next: dvc repro",
        f"Wrote {files.printable(folder)}/search.html, .png, .csv and .json{more}",
    ]


def _thawed(dataset: str, found: Search, one: ScoredHead, last: Round) -> tuple[ThawedResult | None, str]:
    """The chosen network with its last block thawed, where it was tried; and a line that says what came of it."""
    whole = manifest.read(paths.dataset(dataset) / "manifest.parquet")
    try:
        result = search_thawed.tried(found, one, last.photos, whole)
    except LeftOutError as why:
        return None, f"thawed: left out: {why}"
    if not result.better:
        return result, f"{result.line}: not significantly better, not written"
    return result, f"{result.line}: written as {dataset}-search-thawed"


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
        for one in sorted(round_.candidates, key=lambda one: (-one.right.mean(), one.loss)):
            by_trunk.setdefault(one.trunk.name, one)
        for name, one in by_trunk.items():
            if name not in done:
                done.add(name)
                rows.append(_row(one, close=False))
    return rows
