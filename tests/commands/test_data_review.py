"""`frostline data review` as a person calls it: a real server that is killed and goes on, and the lists as files."""

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from frostline import files, paths
from frostline.commands import data_review
from frostline.datasets import decisions
from frostline.datasets.decision_log import DecisionLog
from frostline.errors import InputError
from helpers.reviews import project


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


@contextmanager
def served(place: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command as a process, and the address that it says."""
    command = [sys.executable, "-m", "frostline.cli", "data", "review", "pets", "--no-browser", *options]
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            yield running, _address(running)
        finally:
            running.kill()


def _address(running: "subprocess.Popen[str]") -> str:
    said = []
    for line in running.stdout or ():
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line):
            return found[0]
    raise AssertionError("".join(said))


def decide(address: str, number: int, action: str, label: str = "") -> dict[str, Any]:
    page = int(re.findall(r'name="page" content="(\d+)"', httpx.get(address).text)[0])
    asked = {"number": number, "action": action, "label": label, "page": page}
    answer: dict[str, Any] = httpx.post(f"{address}decide", json=asked).raise_for_status().json()
    return answer


def test_killed_and_opened_again_it_goes_on(here: Path) -> None:
    """Every answered decision is there; Ctrl-C ends in an orderly way, with what to do next."""
    with served(here) as (running, address):
        conflict = httpx.get(f"{address}items?start=0&count=1").json()[0]
        assert conflict["kind"] == "conflict"
        decide(address, 0, "label", "dog")
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert [one.new for one in decisions.read(paths.DECISIONS)] == ["dog"]
    with served(here) as (running, address):
        assert httpx.get(f"{address}state").json()["first"] == 1
        second = subprocess.run(
            [sys.executable, "-m", "frostline.cli", "data", "review", "pets"],
            cwd=here, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (second.returncode, "is reviewing pets since" in second.stderr) == (1, True)
        decide(address, 1, "keep")
        running.send_signal(signal.SIGINT)
        said = running.communicate()[0]
    assert running.returncode == 0
    assert "2 photos decided in decisions.csv: 1 given a class, 1 confirmed" in said
    assert "next: dvc repro" in said


def test_the_list_as_files(here: Path) -> None:
    """A page and a table, with what was decided so far."""
    log = DecisionLog(paths.DECISIONS, dataset="pets", who="Ada")
    log.decide("leave out", sha256=files.sha256_file(here / "data/pets/dog/same.png"), path="x", old="dog")
    lines = data_review.write_report("pets")
    rows = list(csv.DictReader(Path("reports/review/pets/review.csv").read_text().splitlines()))
    assert (rows[0]["kind"], rows[0]["decision"]) == ("conflict", "leave out")
    assert f"{len(rows)} photos to look at" in lines[0]
    assert "Conflicts" in Path("reports/review/pets/review.html").read_text()


def test_there_and_back_again(here: Path) -> None:
    """What Label Studio annotated becomes decisions; FiftyOne's labels, too."""
    data_review.export("pets", "label-studio", out=here / "out")
    tasks = json.loads((here / "out/pets/label-studio.json").read_text())
    assert tasks[0]["data"]["image"].startswith("/data/local-files/?d=data/pets/")
    choice = {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}
    tasks[0]["annotations"] = [{"result": [choice]}]
    (here / "back.json").write_text(json.dumps(tasks))
    assert "1 labels changed, 0 confirmed" in data_review.take_in("pets", here / "back.json")[0]
    [made] = decisions.read(paths.DECISIONS)
    assert (made.action, made.new, made.sha256) == ("label", "dog", tasks[0]["data"]["sha256"])
    data_review.export("pets", "fiftyone", out=here / "out")
    labels = json.loads((here / "out/pets/labels.json").read_text())
    assert labels["labels"][made.path]["label"] == "dog"


def test_nothing_to_look_at(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Said instead of an empty page, with what else there is to do."""
    monkeypatch.setattr("frostline.review.candidates.of_dataset", lambda *_, **__: [])
    with pytest.raises(InputError, match="--next FOLDER"):
        data_review.run("pets", browser=False)
