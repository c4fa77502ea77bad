"""`frostline data review DATASET`: the photos that are worth a look, on a page where a person decides about them."""

import getpass
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from frostline import config, files, paths
from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.decisions import KEEP, LABEL, LEAVE_OUT
from frostline.datasets.source import ImageSource, open_source
from frostline.errors import InputError
from frostline.files import printable
from frostline.pipeline import commits
from frostline.progress import note, say
from frostline.review import entering, exporting, gathering, importing, report, serving
from frostline.review.gathering import Gathered
from frostline.review.session import About, ReviewSession


def run(  # noqa: PLR0913  # what a person may choose
    dataset: str,
    *,
    next_folder: Path | None = None,
    count: int = 100,
    classifier: str | None = None,
    port: int = 0,
    browser: bool = True,
) -> list[str]:
    """Serve the page until it is ended, then put new photos where they belong; what to do next.

    With `next_folder` the photos are the `count` of that folder to label next, else those of the dataset itself that
    something speaks against. InputError for what cannot be reviewed, FrostlineError while another review is open.
    """
    settings, who = config.load(), reviewer()
    place = gathering.source_of(dataset, settings)
    with ExitStack() as stack:
        stack.enter_context(serving.alone(who, dataset))
        source = stack.enter_context(open_source(place))
        log = DecisionLog(paths.DECISIONS, dataset=dataset, who=who)
        if next_folder is None:
            found = gathering.of_dataset(dataset, settings, source, classifier=classifier)
            serving.serve(_session(found, dataset, log, source), port=port, browser=browser)
            return [*_done(dataset, log), *_next(log)]
        into = entering.folders(source, place)
        new = stack.enter_context(open_source(next_folder))
        note("choosing among the new photos …")
        found = gathering.to_label(
            dataset, settings, source, new, classifier=classifier, count=count, decided=log.standing
        )
        serving.serve(_session(found, dataset, log, new), port=port, browser=browser)
        entered = entering.enter(
            log.standing,
            names={sha256: name for name, sha256 in gathering.hashes(new).items()},
            read=new.read,
            into=into,
            root=place,
            here=gathering.ids_of(found.manifest).values(),
        )
    return [*_done(dataset, log), *_about_entered(entered, place), *_next(log)]


def reviewer() -> str:
    """Who decides: as git knows the person, else the name of the account."""
    return commits.committer() or getpass.getuser()


def _session(found: Gathered, dataset: str, log: DecisionLog, source: ImageSource) -> ReviewSession:
    for remark in (*found.remarks, *_unread_by_dvc()):
        say(remark)
    if not found.candidates:
        raise InputError(f"{dataset}: nothing to look at; new photos to label: --next FOLDER")
    return ReviewSession(About(dataset, reviewer(), found.classes), found.candidates, log, source.read)


def _unread_by_dvc() -> Iterator[str]:
    """A line where a project's graph does not know the table, as one that was edited before it existed."""
    if str(paths.DECISIONS) not in Path("dvc.yaml").read_text(encoding="utf-8"):
        yield f"dvc.yaml does not name {paths.DECISIONS}: `dvc repro` takes no notice of it; run frostline lock"


def _done(dataset: str, log: DecisionLog) -> list[str]:
    actions = Counter(one.action for one in log.standing.values())
    words = f"{actions[LABEL]} given a class, {actions[KEEP]} confirmed, {actions[LEAVE_OUT]} left out"
    return [f"{dataset}: {len(log.standing)} photos decided in {paths.DECISIONS}: {words}"]


def _about_entered(entered: entering.Entered, place: Path) -> Iterator[str]:
    if entered.paths:
        first = printable(entered.paths[0])
        yield f"{len(entered.paths)} labelled photos are now in {printable(place)}, the first {first}"
    if entered.gone:
        yield (
            f"{len(entered.gone)} labelled photos are not in this folder, the first {entered.gone[0]!r}: "
            "run this again with --next and the folder that has them"
        )


def _next(log: DecisionLog) -> list[str]:
    if not log.standing:
        return []
    return [
        "next: dvc repro",
        f"then: git add {paths.DECISIONS} dvc.lock '*.dvc' && git commit; a git revert takes it back",
    ]


def write_report(
    dataset: str, *, classifier: str | None = None, out: Path = Path("reports/review")
) -> list[str]:
    """Write the candidates as a page and as CSV into `out`/DATASET."""
    settings = config.load()
    decided = gathering.standing(dataset)
    with open_source(gathering.source_of(dataset, settings)) as source:
        found = gathering.of_dataset(dataset, settings, source, classifier=classifier)
        html = report.page(dataset, found.candidates, decided, source.read)
    folder = out / dataset
    files.write_text(folder / "review.csv", report.table(found.candidates, decided))
    files.write_text(folder / "review.html", html)
    lines = [f"{len(found.candidates):,} photos to look at", *found.remarks]
    return [*lines, f"Wrote {printable(folder / 'review.html')}, review.csv"]


def export(
    dataset: str, form: str, *, classifier: str | None = None, out: Path = Path("reports/review")
) -> list[str]:
    """Write the candidates for Label Studio or FiftyOne into `out`/DATASET."""
    settings = config.load()
    decided = gathering.standing(dataset)
    place = gathering.source_of(dataset, settings)
    with open_source(place) as source:
        found = gathering.of_dataset(dataset, settings, source, classifier=classifier)
    folder = out / dataset
    if form == "fiftyone":
        path = folder / "labels.json"
        exporting.write(path, exporting.labels_json(found.candidates, decided, found.classes))
        return [f"Wrote {printable(path)}: FiftyOneImageClassificationDataset, data_path {printable(place)}"]
    path = folder / "label-studio.json"
    prefix = f"/data/local-files/?d={place.as_posix()}/"
    exporting.write(path, exporting.tasks(found.candidates, decided, prefix=prefix))
    exporting.write(folder / "label-studio.xml", exporting.interface(found.classes))
    return [
        f"Wrote {printable(path)}, label-studio.xml",
        "Label Studio's local storage reads the photos: LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT is this folder",
    ]


def take_in(dataset: str, file: Path) -> list[str]:
    """Make decisions of what Label Studio or FiftyOne wrote: where a class differs from the present one, or a person
    confirmed it."""
    settings, who = config.load(), reviewer()
    with serving.alone(who, dataset), open_source(gathering.source_of(dataset, settings)) as source:
        manifest = gathering.of_dataset(dataset, settings, source, classifier=None).manifest
        log = DecisionLog(paths.DECISIONS, dataset=dataset, who=who)
        counts = importing.decide(importing.read(file), manifest, log)
    return [f"{printable(file)}: {counts.changed} labels changed, {counts.confirmed} confirmed, "
            f"{counts.same} as they were", *counts.lines(), *_next(log)]  # fmt: skip
