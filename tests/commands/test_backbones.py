"""backbones: the table at once, and times that were taken here."""

import re

import pytest

from frostline.commands import backbones
from frostline.config import BACKBONES
from frostline.errors import InputError


def test_the_whole_table() -> None:
    """A line for each backbone, with what it takes and holds."""
    lines = backbones.run()
    assert [line.split()[0] for line in lines[2:-1]] == list(BACKBONES)
    assert next(line for line in lines if line.startswith("vgg19")).split() == [
        "vgg19", "224x224", "32x32", "20,024,384", "76.4", "MiB", "16", "caffe",
    ]  # fmt: skip


def test_unknown() -> None:
    """Refused with the nearest name, before anything is measured."""
    with pytest.raises(InputError, match="no backbone 'vgg18'; did you mean 'vgg1"):
        backbones.run(("mobilenet", "vgg18"), measure=True)


@pytest.mark.slow
def test_measured() -> None:
    """Both ways are timed in one run, and a network of a ninth of the work takes less on both."""
    rows = [re.split(r"  +", line) for line in backbones.run(("mobilenet", "resnet50"), measure=True)[2:4]]
    times = [[float(cell) for cell in row[-2:]] for row in rows]
    assert all(0 < small < large for small, large in zip(*times, strict=True))
