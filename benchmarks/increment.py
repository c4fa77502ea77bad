"""What each stage costs after a little news, in shares of its first run, all in one run.

    python benchmarks/increment.py ~/photos/cats_dogs ~/mobilenet.weights.h5 [--images 20000] [--times 4] [--shards]

A project of small photos (windows of 80x72 pixels, see `preprocess.py`; `--times` enlarges them) with a frozen network
of those weights; then 1% more of them, ten relabelled, another head, and nothing new, each followed by `dvc repro`.
With `--shards` the photos lie in archives, `frostline data add --shards` brings the new ones, and decisions.csv
relabels; without it they are files of a folder. What is shown is processor time with that of all that was started,
which other work on the machine changes little; `DVC itself` is what `dvc repro` took beside its stages. With `--stages`
those alone are run, without DVC, in the order given. In a folder that is given (`--folder`) everything stays, and a run
that was ended between two kinds of news goes on there.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import preprocess
import yaml

from frostline.datasets import decisions, manifest
from frostline.datasets.decisions import PhotoDecision

STAGES = ("preprocess", "train", "evaluate", "export", "compare")
KINDS = ("cold", "1% new", "ten relabelled", "another head", "nothing new")
# In place of `frostline` while DVC runs: `times` of a shell gives user and system time of what it started.
SHIM = """#!/bin/bash
"{program}" "$@"
code=$?
times > "{log}.last"
echo "$1 $(tail -1 "{log}.last")" >> "{log}"
exit $code
"""


def processors(root: Path, *command: str, path: str = "") -> float:
    """Seconds of processor time of a command of this environment and of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(
        [program, *command[1:]], cwd=root, capture_output=True, text=True, check=False,
        env=os.environ | {"FROSTLINE_CACHE": str(root / "cache"), "DVC_SITE_CACHE_DIR": str(root.parent / "site")}
        | {"PATH": path + os.environ["PATH"]},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def relabel(root: Path, count: int) -> None:
    """Give some photos of the first class to the second: in archives by decisions, in a folder by moving them."""
    folder = root / "data" / "photos"
    if any(folder.glob("*.zip")):
        known = manifest.read(root / "artifacts" / "datasets" / "photos" / "manifest.parquet")
        some = [row for row in known.table.to_pylist() if not row["label"]][:count]
        with (root / "decisions.csv").open("a") as table:
            for row in some:
                what = ("label", *known.classes[:2], row["path"], row["sha256"])
                table.write(decisions.line(PhotoDecision("2026-01-01T00:00:00Z", "me", "photos", *what)))
        return
    first, second = sorted(path for path in folder.iterdir() if path.is_dir())[:2]
    for path in sorted(first.glob("*.jpg"))[:count]:
        path.rename(second / path.name)


def another_head(params: Path) -> None:
    """Leave out the strongest penalty that its solver tries."""
    text = params.read_text()
    changed = text.replace("C: [0.0001, ", "C: [")
    if changed == text:
        raise SystemExit(f"{params}: no head of a logistic regression from C 0.0001 on")
    params.write_text(changed)


def news(kind: str, root: Path, photos: list[Path], asked: argparse.Namespace) -> None:
    """Bring a kind of news into the project."""
    if kind == "1% new":
        end = asked.images * 101 // 100
        given = root.parent / "given" / "new" if asked.shards else (root / "data" / "photos").resolve()
        preprocess.make(given, photos, asked.images, end, times=asked.times)
        if asked.shards:
            processors(root, "frostline", "data", "add", str(given), "--shards", "--name", "photos")
    if kind == "ten relabelled":
        relabel(root, 10)
    if kind == "another head":
        another_head(root / "params.yaml")


def measured(root: Path, stages: list[str]) -> dict[str, float]:
    """Processor time of each stage, run by itself in the order given."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    names = {"preprocess": ["photos"], "compare": []}
    classifier = list(params["classifiers"])
    if not (root / "artifacts" / "weights").exists():
        processors(root, "frostline", "weights", next(iter(params["weights"])))
    return {stage: processors(root, "frostline", stage, *names.get(stage, classifier)) for stage in stages}


def reproduced(root: Path) -> dict[str, float]:
    """Processor time of `dvc repro`, by stage: of those that it ran, and of DVC itself."""
    log, shim = root.parent / "times.log", root.parent / "shim" / "frostline"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(SHIM.format(program=Path(sys.executable).with_name("frostline"), log=log))
    shim.chmod(0o755)
    log.write_text("")
    total = processors(root, "dvc", "repro", path=f"{shim.parent}{os.pathsep}")
    took = dict.fromkeys(STAGES, 0.0)
    for line in log.read_text().splitlines():
        stage, *clock = line.split()
        took[stage] = took.get(stage, 0.0) + sum(map(_seconds, clock))
    return took | {"DVC itself": total - sum(took.values())}


def _seconds(clock: str) -> float:
    """Of 1m2.345s."""
    minutes, seconds = clock.rstrip("s").split("m")
    return 60 * int(minutes) + float(seconds)


def made(place: Path, photos: list[Path], asked: argparse.Namespace) -> Path:
    """The project, made by `frostline init`."""
    given, root = place / "given" / "photos", place / "photos"
    if not (root / "params.yaml").exists():
        preprocess.make(given, photos, 0, asked.images, times=asked.times)
        options = ["--data", str(given), "--weights", str(asked.weights.resolve())]
        processors(place, "frostline", "init", "photos", *options, *(["--shards"] if asked.shards else []))
    return root


def main() -> None:
    """A line a stage: seconds of the first run, and the shares of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of JPEG photos")
    parser.add_argument("weights", type=Path, help="weights of a backbone, or an ONNX file")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument(
        "--times", type=int, default=1, help="how many times as wide and high the windows are"
    )
    parser.add_argument("--shards", action="store_true", help="photos in archives, not in a folder")
    parser.add_argument("--stages", nargs="+", choices=STAGES, help="these alone, without DVC")
    parser.add_argument("--folder", type=Path, help="an empty folder, or that of a run which was ended")
    asked = parser.parse_args()
    photos = sorted(asked.photos.resolve().rglob("*.jpg"))
    random.Random(1).shuffle(photos)
    with tempfile.TemporaryDirectory() as folder:
        place = (asked.folder or Path(folder)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        root, known = made(place, photos, asked), place / "rounds.json"
        rounds = json.loads(known.read_text()) if known.exists() else {}
        if None in rounds.values():
            raise SystemExit(f"{place}: ended while a kind of news was measured; take an empty folder")
        for kind in KINDS[len(rounds) :]:
            known.write_text(json.dumps(rounds | {kind: None}))
            news(kind, root, photos, asked)
            rounds[kind] = measured(root, asked.stages) if asked.stages else reproduced(root)
            known.write_text(json.dumps(rounds))
        report(rounds)


def report(rounds: dict[str, dict[str, float]]) -> None:
    """A table in Markdown, and the sum; a stage that takes no share was not run."""
    cold = rounds["cold"] | {"together": sum(rounds["cold"].values())}
    print("| stage | cold, s |", " | ".join(f"{kind}, s | share" for kind in rounds if kind != "cold"), "|")
    print("|:--|--:|" + "--:|--:|" * (len(rounds) - 1))
    for stage, first in cold.items():
        cells = []
        for kind, took in rounds.items():
            seconds = sum(took.values()) if stage == "together" else took.get(stage, 0.0)
            if kind != "cold":
                cells.append(f"{seconds:.1f} | {seconds / first:.1%}" if first else f"{seconds:.1f} |")
        print(f"| {stage} | {first:.1f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
