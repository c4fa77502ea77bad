"""pyarrow and scikit-learn without pandas: not at the first array, and there when somebody asks for a data frame."""

import gc
import subprocess
import sys

import pytest

from frostline import memory

CODE = """
import sys
import pyarrow as pa
from frostline import memory

{before}
memory.spare_pandas()
column = pa.array([1.5, None])
assert ("pandas" in sys.modules) == {loaded}, "pandas"
assert len(pa.table([column], ["a"]).to_pandas()) == 2
import pandas as pd

memory.spare_pandas()
assert pa.array(pd.Series([1.5, float("nan")])).null_count == 1
"""


def run(before: str, *, loaded: bool) -> None:
    """The code above, in a process of its own: pyarrow looks for pandas once in each."""
    code = CODE.format(before=before, loaded=loaded)
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_pandas_waits_until_it_is_wanted() -> None:
    """Arrays and solvers of heads come without it, data frames bring it."""
    run("from frostline.training import head_fits; head_fits.load()", loaded=False)


def test_pandas_that_is_there_is_found() -> None:
    """Whoever loaded it before keeps it."""
    run("import pandas", loaded=True)


GIVING = """
import re
from pathlib import Path
from frostline import memory

def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

kept, gone = [], []
for number in range(40_000):
    (gone if number % 100 else kept).append(bytes(2000 + number % 7))
full = own()
gone.clear()
between = own()
memory.give_back()
assert own() < full - 30_000, (full, between, own())
"""


def test_what_is_free_between_what_is_not_is_given_back() -> None:
    """Of 80 MB in small pieces one piece in a hundred stays, here and there."""
    subprocess.run([sys.executable, "-c", GIVING], check=True)


MAPPING = """
import re
from pathlib import Path
import numpy as np
from frostline import memory

def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

{told}
large = np.ones(2**24, np.uint8)
del large  # from now on glibc, untold, takes smaller arrays from its heap
several = [np.ones(2**20, np.uint8) for _ in range(20)]
pin = bytes(2**17)
before = own()
del several
print(before - own())
"""


@pytest.mark.parametrize(("told", "goes"), [("memory.map_large()", True), ("", False)])
def test_large_arrays_go_back_at_once(told: str, goes: bool) -> None:
    """Also after a larger one was freed, and with something small behind them."""
    done = subprocess.run(
        [sys.executable, "-c", MAPPING.format(told=told)], check=True, capture_output=True, text=True
    )
    assert (int(done.stdout) > 15_000) == goes


REUSING = """
import resource
import numpy as np
from frostline import memory

memory.map_large()
keep = [np.ones(300_000, np.uint8) for _ in range(4)]
del keep
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    keep = [np.ones(300_000, np.uint8) for _ in range(4)]
    del keep
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_smaller_arrays_take_the_memory_of_those_before() -> None:
    """They are not given back and asked for each time, which would be 74 pages for each."""
    done = subprocess.run([sys.executable, "-c", REUSING], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 1000


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_again_as_before(*, collects: bool) -> None:
    """Whoever had switched it off finds it off."""
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        with memory.uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == collects
    finally:
        (gc.enable if before else gc.disable)()
