"""What a person reads when a score job has ended."""

from frostline.errors import FrostlineError
from frostline.files import printable
from frostline.scoring import job, output_paths
from frostline.scoring.job import Job
from frostline.scoring.merge import ScoreCounts
from frostline.scoring.plan import passed_over

SHOWN = 10  # predicted labels


def lines(done: Job) -> list[str]:
    """What was scored, how fast, where it lies, what was predicted; FrostlineError where nothing could be."""
    tally, where = done.merged.tally, printable(done.plan.out)
    if not tally.scored:
        raise FrostlineError(
            f"none of {done.merged.rows} images could be scored (first: {tally.first_error}); "
            f"{where} has a row with the reason for each"
        )
    abstained = f", {tally.abstained} of them below the confidence asked for" if tally.abstained else ""
    unreadable = f", {tally.unreadable} unreadable" if tally.unreadable else ""
    told = [
        f"{tally.scored} images scored{abstained}{unreadable}{passed_over(done.skipped)}: {done.rate:g} images/s "
        f"on {done.where}"
    ]
    if done.elsewhere and done.elsewhere.finished:
        told.append(done.elsewhere.told)
    if done.kept:
        told.append(
            f"{done.kept.reused} of them from features that were kept, {done.kept.forwarded} through the whole "
            "network, whose features are kept now"
        )
    if done.resumed:
        told.append(f"{done.resumed} of the rows were there when this job went on")
    told.append(f"one row an image in {where}, the job in {printable(output_paths.job_file(done.plan.out))}")
    told += labels(tally)
    return [*told, done.plan.session.contract.note] if done.plan.session.contract.note else told


def labels(tally: ScoreCounts) -> list[str]:
    """The most frequent predictions, each on a line."""
    told = [f"  {count:>8}  {job.one_line(label)}" for label, count in tally.labels.most_common(SHOWN)]
    if len(tally.labels) > SHOWN:
        told.append(f"  {'':>8}  and {len(tally.labels) - SHOWN} more labels")
    return told
