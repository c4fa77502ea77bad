"""Twelve thousand damaged files, each read in full: an answer or one line, in bounded memory and time."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from helpers.images import archive, encoded

CASES = 2_400  # of each kind
KINDS = ("jpeg", "png", "webp")
# In a process of its own, which the system ends beyond 3 GiB or ten minutes: a bomb or a hang fails the test.
RUN = """
import json, random, resource, sys, warnings
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (600,) * 2)
from frostline import images
from frostline.datasets import source
from frostline.errors import FrostlineError
warnings.simplefilter("ignore")
place, cases = Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(12)

def damaged(content):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, kind = rng.randrange(len(content)), rng.randrange(4)
        if kind == 0:
            content[at] = rng.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            content[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif len(content) > 8:
            del content[at : at + rng.randrange(1, 1 + len(content) // 4)]
    return bytes(content) or b"x"

def read(content):
    return images.decode(content, height=9, width=7, resize="pad").shape == (9, 7, 3)

def opened(content):
    path = place / "archive"
    path.write_bytes(content)
    with source.open_source(path) as found:
        return [attempted(read, found.read(name)) for name in found.names()].count(None) == 0

def attempted(call, content):
    try:
        return bool(call(content))
    except FrostlineError as error:
        assert str(error) and "\\n" not in str(error), repr(str(error))
        return False

found = {}
for path in sorted(place.glob("whole.*")):
    call = opened if path.suffix in {".zip", ".tar"} else read
    whole = path.read_bytes()
    assert attempted(call, whole), path
    answers = [attempted(call, damaged(whole)) for _ in range(cases)]
    found[path.suffix[1:]] = [answers.count(True), answers.count(False)]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_damaged_files(tmp_path: Path) -> None:
    """JPEG, PNG, WebP, zip and tar with bytes changed, flipped, put in and left out: no other exception, no crash."""
    photos = {f"a/{kind}.{kind}": encoded(3, kind=kind, height=30, width=40) for kind in KINDS}
    for kind in KINDS:
        (tmp_path / f"whole.{kind}").write_bytes(photos[f"a/{kind}.{kind}"])
    archive(tmp_path / "whole.zip", photos)
    with tarfile.open(tmp_path / "whole.tar", "w") as tar:
        for name, content in photos.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    command = [sys.executable, "-c", RUN, str(tmp_path), str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert set(found) == {*KINDS, "zip", "tar"}
    assert sum(map(sum, found.values())) == 5 * CASES
    for kind, (read, refused) in found.items():
        assert read, kind
        assert refused, kind
