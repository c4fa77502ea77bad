"""What each stage costs after a little news, in shares of its first run, all in one run.

    python benchmarks/increment.py ~/photos/cats_dogs ~/mobilenet.weights.h5 [--images 20000] [--stages preprocess]

A project of small photos (windows of 80x72 pixels, see `preprocess.py`) with a frozen network of those weights; then
1% more of them, ten relabelled, another head, and nothing new. Every stage is a process of its own, called in order as
`dvc repro` would; what is shown is its processor time with that of what it started, which other work on the machine
changes little. `--dvc` adds `dvc repro` itself, whose time holds that of the stages and DVC's own.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import preprocess
import yaml

STAGES = ("preprocess", "train", "evaluate", "export", "compare")


def processors(root: Path, *command: str) -> float:
    """Seconds of processor time of a command of this environment and of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(
        [program, *command[1:]], cwd=root, capture_output=True, text=True, check=False,
        env=os.environ | {"FROSTLINE_CACHE": str(root / "cache"), "DVC_SITE_CACHE_DIR": str(root.parent / "site")},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def relabel(folder: Path, count: int) -> None:
    """Move some photos of the first class into the second."""
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


def name_of(root: Path) -> str:
    """The one classifier of the project."""
    return str(next(iter(yaml.safe_load((root / "params.yaml").read_text())["classifiers"])))


def measured(root: Path, stages: list[str], *, with_dvc: bool) -> dict[str, float]:
    """Processor time of each stage."""
    if with_dvc:
        return {"dvc repro": processors(root, "dvc", "repro")}
    names = {"preprocess": ["photos"], "compare": []}
    classifier = [name_of(root)]
    return {stage: processors(root, "frostline", stage, *names.get(stage, classifier)) for stage in stages}


def main() -> None:
    """A line a stage: seconds of the first run, and the shares of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="folder of JPEG photos")
    parser.add_argument("weights", type=Path, help="weights of a backbone, or an ONNX file")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--dvc", action="store_true", help="`dvc repro` as a whole, instead of each stage")
    asked = parser.parse_args()
    photos = sorted(asked.photos.resolve().rglob("*.jpg"))
    random.Random(1).shuffle(photos)
    with tempfile.TemporaryDirectory() as folder:
        place, given = Path(folder), Path(folder) / "given" / "photos"
        preprocess.make(given, photos, 0, asked.images)
        processors(
            place,
            "frostline",
            "init",
            "photos",
            "--data",
            str(given),
            "--weights",
            str(asked.weights.resolve()),
        )
        root = place / "photos"
        data = root / "data" / "photos"
        if not asked.dvc:
            weights = next(iter(yaml.safe_load((root / "params.yaml").read_text())["weights"]))
            processors(root, "frostline", "weights", weights)
        rounds = {}
        for kind in ("cold", "1% new", "ten relabelled", "another head", "nothing new"):
            if kind == "1% new":
                preprocess.make(data, photos, asked.images, asked.images * 101 // 100)
            if kind == "ten relabelled":
                relabel(data, 10)
            if kind == "another head":
                another_head(root / "params.yaml")
            rounds[kind] = measured(root, asked.stages, with_dvc=asked.dvc)
        report(rounds)


def report(rounds: dict[str, dict[str, float]]) -> None:
    """A table in Markdown, and the sum."""
    cold = rounds["cold"]
    print("| stage | cold, s |", " | ".join(kind for kind in rounds if kind != "cold"), "|")
    print("|:--|--:|" + "--:|" * (len(rounds) - 1))
    for stage in cold:
        shares = " | ".join(
            f"{took[stage] / cold[stage]:.1%}" for kind, took in rounds.items() if kind != "cold"
        )
        print(f"| {stage} | {cold[stage]:.1f} | {shares} |")
    total = sum(cold.values())
    shares = " | ".join(
        f"{sum(took.values()) / total:.1%}" for kind, took in rounds.items() if kind != "cold"
    )
    print(f"| together | {total:.1f} | {shares} |")


if __name__ == "__main__":
    main()
