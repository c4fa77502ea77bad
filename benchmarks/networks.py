"""What networks are worth below a head, and what they cost: each frozen, on each folder of photos, in one run.

    python benchmarks/networks.py ~/photos/cats_dogs ~/photos/intel --weights mobilenet.weights.h5 lite0.onnx \\
        --onnx-input 1 127 128

For each pair a new project, as `frostline init` writes it, with an empty cache. `first` is `frostline train` with every
photo's pass through the network, `again` the same with one strength of the head left out. Accuracy is that on test
photos; the classifier's strength was chosen on validation. `score` passes the test photos through the exported model,
whole, on the device that it takes by itself. An ONNX file does not say how its input is normalised; `--onnx-input`
does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

NAME = "photos"


def command(root: Path, *words: str) -> float:
    """Seconds of a command of frostline in a project."""
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}", "FROSTLINE_CACHE": str(root.parent / "cache")
    }  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(
        [str(programs / words[0]), *words[1:]], cwd=root, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return time.perf_counter() - started


def measured(folder: Path, photos: Path, weights: Path, onnx_input: list[float]) -> str:
    """A row of the table."""
    root = folder / NAME
    command(folder, "frostline", "init", NAME, "--data", str(photos), "--weights", str(weights), "--yes")
    params = yaml.safe_load((root / "params.yaml").read_text())
    ((name, entry),) = params["classifiers"].items()
    given = params["weights"][entry["weights"]]
    if onnx_input and given["backbone"] == "onnx":
        scale, mean, std = onnx_input
        given["input"] |= {"scale": scale, "mean": [mean] * 3, "std": [std] * 3}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    command(root, "frostline", "lock")
    for stage in ("weights", "preprocess"):
        command(root, "frostline", stage, entry["weights"] if stage == "weights" else NAME)
    first = command(root, "frostline", "train", name)
    entry["phases"]["head"]["C"].pop(0)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    again = command(root, "frostline", "train", name)
    for stage in ("evaluate", "export"):
        command(root, "frostline", stage, name)
    test = json.loads((root / "metrics" / f"{name}.json").read_text())["test"]
    command(root, "frostline", "score", str(photos / "test"), "--model", name, "--out", "scores.parquet")
    job = json.loads((root / "scores.parquet.job.json").read_text())
    rate = job["counts"]["found"] / (job["seconds"]["score"] + job["seconds"]["merge"])
    size = entry["image"]["size"]["height"]
    accuracy = f"{test['accuracy']:.1%} ({test['accuracy_low']:.1%} to {test['accuracy_high']:.1%})"
    return (
        f"| {photos.name} | {weights.name}, {size} | {accuracy} | {first:.1f} | {again:.1f} "
        f"| {rate:.1f} ({job['provider']}) |"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--weights", nargs="+", type=Path, required=True)
    parser.add_argument("--onnx-input", nargs=3, type=float, metavar=("SCALE", "MEAN", "STD"))
    given = parser.parse_args()
    print("| photos | network | test accuracy | first, s | again, s | score, images/s |")
    print("|:--|:--|--:|--:|--:|--:|")
    for photos in given.photos:
        for weights in given.weights:
            with tempfile.TemporaryDirectory() as folder:
                print(
                    measured(Path(folder), photos.resolve(), weights.resolve(), given.onnx_input), flush=True
                )


if __name__ == "__main__":
    main()
