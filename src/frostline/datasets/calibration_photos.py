"""calibration.csv: the training photos that int8 is calibrated on, chosen once and kept in git.

No rule that sees the photos alone could keep them: whichever k of n photos it takes, a share s of new ones changes the
choice with a chance of about k s, and with it every feature. Rows are by content; `path` is for readers.
"""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from frostline import csv_text
from frostline.errors import FrostlineError, InputError, shell_command

COLUMNS = ("dataset", "path", "sha256")
COUNT = 64  # photos of a dataset; ranges of activations settle long before
Listed = dict[str, dict[str, str]]  # dataset → SHA-256 (hex) → path


def read(path: Path) -> Listed:
    """The table; {} where there is no file. InputError where a row cannot be understood."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read ({error}); {_bring_back(path)}") from None
    listed: Listed = {}
    for number, row in enumerate(rows, start=1):
        if number == 1 and tuple(row) == COLUMNS:
            continue
        if number == 1 or len(row) != len(COLUMNS) or len(row[-1]) != 64:
            raise InputError(
                f"{path.name}: line {number} is no row of {','.join(COLUMNS)}; {_bring_back(path)}"
            )
        dataset, name, sha256 = map(csv_text.unescape, row)
        listed.setdefault(dataset, {})[sha256] = name
    return listed


def _bring_back(path: Path) -> str:
    return f"bring it back: {shell_command('git', 'checkout', '--', path.name)}"


def text(listed: Mapping[str, Mapping[str, str]]) -> str:
    """The table's one text: datasets by name, their photos by hash."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(COLUMNS)
    for dataset in sorted(listed):
        writer.writerows(
            [csv_text.escape(cell) for cell in (dataset, listed[dataset][sha256], sha256)]
            for sha256 in sorted(listed[dataset])
        )
    return made.getvalue()


def choice(ids: Iterable[str]) -> list[str]:
    """The photos of the lowest hashes: a sample that neither names nor order decide."""
    return sorted(set(ids))[:COUNT]


def standing(listed: Collection[str], ids: Iterable[str]) -> list[str]:
    """Those of a list that are among the training photos, in the order of their hashes."""
    return sorted(set(listed) & set(ids))


def worn(listed: Collection[str], ids: Sequence[str]) -> bool:
    """Whether less than half of a list is left among the training photos, so that it is time for another."""
    return 2 * len(standing(listed, ids)) < min(len(listed), len(set(ids))) or not listed


def require(listed: Collection[str], ids: Iterable[str], *, classifier: str, dataset: str) -> None:
    """FrostlineError where no photo of a list is among the training photos."""
    if not standing(listed, ids):
        raise FrostlineError(
            f"{classifier}: no training photos of '{dataset}' are listed to calibrate int8 on; run: frostline lock "
            "(it writes calibration.csv: commit it), then `dvc repro`"
        )
