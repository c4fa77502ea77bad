"""score on many images: memory does not grow with their number."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.images import encoded
from helpers.models import model

SEVERAL, MANY = 1_000, 20_000


def peak(place: Path, count: int) -> float:
    """Peak memory of the command on so many images, in KiB."""
    source = place / str(count)
    source.mkdir()
    for number in range(count):
        (source / f"{number:06}.png").hardlink_to(place / "one.png")
    words = ["score", source, "--model", place / "model.onnx", "--out", place / f"{count}.parquet"]
    command = [
        sys.executable,
        "-m",
        "frostline.cli",
        *map(str, words),
        "--device",
        "cpu",
        "--batch-size",
        "32",
    ]
    # Between this process, whose own memory would count as a child's, and the command.
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """Twenty times as many, at most 3% more."""
    (tmp_path / "one.png").write_bytes(encoded(1))
    (tmp_path / "model.onnx").write_bytes(model())
    assert peak(tmp_path, MANY) <= 1.03 * peak(tmp_path, SEVERAL)
