"""What calibrated answers and `unknown` cost an export: seconds of processors with and without them, taking turns.

In a project whose CLASSIFIER is trained: `benchmarks/answers.py CLASSIFIER [--rounds 3]`. Nothing of the project is
changed: the exports go into a temporary folder. Each is a process of its own, as `dvc repro` makes it.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("fit", "graph", "proof")


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("classifier")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--one", choices=("with", "without"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print("RESULT" + json.dumps(_one(given.classifier, answers=given.one == "with")))
        return
    rounds = [
        {way: _process(given.classifier, way) for way in ("without", "with")} for _ in range(given.rounds)
    ]
    print("| | without, s | with, s | more, s | of it: fit | graph | proof |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for number, row in enumerate(rounds, start=1):
        print(_line(str(number), row["without"], row["with"]))
    middle = {
        way: {name: statistics.median(row[way].get(name, 0.0) for row in rounds) for name in ("all", *STEPS)}
        for way in ("without", "with")
    }
    print(_line("median", middle["without"], middle["with"]))


def _line(name: str, without: dict[str, float], with_: dict[str, float]) -> str:
    more = with_["all"] - without["all"]
    steps = " | ".join(f"{with_[step]:.2f}" for step in STEPS)
    return f"| {name} | {without['all']:.1f} | {with_['all']:.1f} | {more:+.1f} | {steps} |"


def _process(classifier: str, way: str) -> dict[str, float]:
    """One export in a process of its own: seconds of processors (user and system), all of it and by step."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, classifier, "--one", way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"all": spent, **json.loads(line.removeprefix("RESULT"))}


def _one(classifier: str, *, answers: bool) -> dict[str, float]:
    """Export here; without answers nothing is fitted, as before there were any."""
    from frostline import paths
    from frostline.evaluation import temperature
    from frostline.evaluation.temperature import Temperature
    from frostline.runtime import agreement, answers_graph
    from frostline.scoring import answer_fit
    from frostline.stages import export
    from frostline.training import unlike

    spent = dict.fromkeys(STEPS, 0.0)
    for step, place, name in (
        ("fit", unlike, "of"), ("fit", answer_fit, "fit"), ("graph", answers_graph, "add"),
        ("proof", agreement, "prove_unknown"),
    ):  # fmt: skip
        setattr(place, name, _timed(getattr(place, name), spent, step))
    if not answers:
        unlike.of = lambda *_: None
        temperature.of = lambda _: Temperature(1.0, 1.0, "not fitted", 0, None)
        temperature.calibrated = lambda trained: trained
    with tempfile.TemporaryDirectory() as folder:
        paths.model = lambda _: Path(folder)
        export.run(classifier)
    return spent


def _timed(function: Callable[..., Any], spent: dict[str, float], step: str) -> Callable[..., Any]:
    def timed(*args: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*args, **options)
        finally:
            spent[step] += time.process_time() - begun

    return timed


if __name__ == "__main__":
    main()
