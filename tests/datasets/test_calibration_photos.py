"""Which photos calibrate int8: a table that is read as it was written, and stays as photos come and go."""

from pathlib import Path

import pytest

from frostline.datasets import calibration_photos
from frostline.errors import FrostlineError, InputError

IDS = [f"{number:064x}" for number in range(300)]
LISTED = {"pets": {IDS[3]: "cats/=1.jpg", IDS[1]: "dogs/a, b.jpg"}, "=scenes": {IDS[2]: "sea.jpg"}}


def test_written_and_read(tmp_path: Path) -> None:
    """Names that a spreadsheet would run, and commas; datasets and photos in one order; no file is an empty table."""
    path = tmp_path / "calibration.csv"
    assert calibration_photos.read(path) == {}
    path.write_text(calibration_photos.text(LISTED))
    assert calibration_photos.read(path) == LISTED
    again = {name: dict(reversed(rows.items())) for name, rows in reversed(LISTED.items())}
    assert calibration_photos.text(again) == path.read_text()
    assert calibration_photos.text({}) == "dataset,path,sha256\n"


def test_rows_of_two_branches(tmp_path: Path) -> None:
    """git keeps the rows of both sides of a merge: a photo of both counts once."""
    one, other = (calibration_photos.text({"pets": dict.fromkeys(IDS[at : at + 3], "x")}) for at in (0, 2))
    path = tmp_path / "calibration.csv"
    path.write_text(one + "".join(other.splitlines(keepends=True)[1:]))
    assert list(calibration_photos.read(path)["pets"]) == IDS[:5]


@pytest.mark.parametrize(
    "content", ["pets,a.jpg," + IDS[0], "dataset,path,sha256\npets,a.jpg,12", "x\n", "<<<<<<< a"]
)
def test_a_damaged_table(tmp_path: Path, content: str) -> None:
    """One line that names the row and brings the file back."""
    path = tmp_path / "calibration.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"calibration\.csv: line [12] .*git checkout -- calibration\.csv"):
        calibration_photos.read(path)


def test_the_first_choice_is_by_content() -> None:
    """As many as settle ranges, or all; copies once, in any order."""
    assert calibration_photos.choice([*reversed(IDS), *IDS]) == IDS[: calibration_photos.COUNT]
    assert calibration_photos.choice(IDS[5:8]) == IDS[5:8]


def test_a_choice_outlives_new_photos_and_the_loss_of_some() -> None:
    """What is left of it counts; it is worn where less than half of what could be left is."""
    listed = IDS[100:200]
    assert calibration_photos.standing(listed, IDS) == listed
    assert calibration_photos.standing(listed, IDS[150:]) == listed[50:]
    assert not calibration_photos.worn(listed, IDS[150:])
    assert calibration_photos.worn(listed, IDS[151:])
    assert calibration_photos.worn([], IDS)
    assert not calibration_photos.worn(listed, listed[:4])


@pytest.mark.parametrize("listed", [[], IDS[:5]])
def test_nothing_listed_is_refused(listed: list[str]) -> None:
    """With the command that chooses."""
    with pytest.raises(FrostlineError, match=r"^small: no training photos of 'pets' .*: frostline lock"):
        calibration_photos.require(listed, IDS[5:], classifier="small", dataset="pets")
    calibration_photos.require([*listed, IDS[7]], IDS[5:], classifier="small", dataset="pets")
