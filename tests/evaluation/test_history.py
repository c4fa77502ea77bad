"""The training history: written, read back, refused."""

import dataclasses

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.evaluation import history
from helpers.results import course

HEAD = "epoch,phase,loss,accuracy,val_loss,val_accuracy\n"


def test_round_trip_is_exact(tmp_path) -> None:
    """Floats come back bit for bit, infinities and NaN included."""
    written = dataclasses.replace(course(3), loss=np.array([0.1 + 0.2, np.inf, np.nan]))
    history.write(written, tmp_path / "h.csv")
    found = history.read(tmp_path / "h.csv", made_by="x")
    assert found.phases == written.phases
    for name in history.FIGURES:
        np.testing.assert_array_equal(getattr(found, name), getattr(written, name))
    assert (tmp_path / "h.csv").read_text().startswith(HEAD + "1,head,0.30000000000000004,")


@pytest.mark.parametrize(
    ("phases", "spans"),
    [
        (("a",), [("a", 1, 1)]),
        (("a", "a", "b"), [("a", 1, 2), ("b", 3, 3)]),
        (("a", "b", "b", "a"), [("a", 1, 1), ("b", 2, 3), ("a", 4, 4)]),
    ],
)
def test_spans(phases: tuple[str, ...], spans: list[tuple[str, int, int]]) -> None:
    """Each stretch of one phase with its first and last epoch."""
    assert course(len(phases), phases=phases).spans == spans


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD, "no epochs"),
        ("", "no epochs"),
        (HEAD + "2,all,1,1,1,1\n", "epochs do not count from 1 to 1"),
        (HEAD + "1,all,1,1,1,1\n1,all,1,1,1,1\n", "epochs do not count from 1 to 2"),
        (HEAD + "1,all,much,1,1,1\n", "could not convert"),
        (HEAD + "1,all,1\n", "is not a training history"),
        ("epoch,loss\n1,2\n", "is not a training history"),
        ('epoch,phase\n"1', "is not a training history"),
    ],
)
def test_refused(tmp_path, text: str, reason: str) -> None:
    """A damaged file is one line that names the stage to run again."""
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(FrostlineError, match=reason) as caught:
        history.read(tmp_path / "h.csv", made_by="dvc repro train@x")
    assert str(caught.value).endswith("run `dvc repro train@x` again")
    assert "\n" not in str(caught.value)


def test_missing(tmp_path) -> None:
    """A missing file is answered with the command that makes it."""
    with pytest.raises(FrostlineError, match=r"h\.csv is missing; run `t`"):
        history.read(tmp_path / "h.csv", made_by="t")
