"""Nights on a real server and worker: `frostline serve` in a tiny project, a cron that fires by itself."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from helpers.browser import chromium
from helpers.nights import SECRET, Nights, served, wait
from helpers.projects import call
from test_end_to_end import photo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Nights that come every minute."""
    with served(tmp_path_factory.mktemp("nights"), cron="* * * * *") as found:
        yield found


def test_a_night(nights: Nights) -> None:
    """The schedule fires by itself: it retrains, promotes, records, tells; the next night has nothing to do."""
    first = wait(
        lambda: next((run for run in nights.runs("nightly") if run["state_type"] == "COMPLETED"), None),
        why="a night",
    )
    assert first["auto_scheduled"] is True
    tags = call("git", "tag", "--list", "retraining-*", cwd=nights.root).stdout.split()
    assert len(tags) == 1
    assert (
        call("git", "log", "-1", "--format=%an|%cn", cwd=nights.root).stdout.strip() == "frostline|frostline"
    )
    assert nights.clean()
    [message] = nights.messages
    assert (message["subject"], message["token"]) == ("retrained", SECRET)
    assert "cnn: version 1 promoted" in message["body"]
    assert tags[0] in message["body"]
    second = wait(
        lambda: next((run for run in nights.runs("nightly") if run["state_name"] == "Nothing to do"), None),
        why="a night without work",
    )
    assert second["auto_scheduled"] is True
    assert len(call("git", "tag", "--list", cwd=nights.root).stdout.split()) == 1
    nights.prefect("deployment", "schedule", "pause", "--all")


def test_the_page_of_a_run(nights: Nights) -> None:
    """Tables, pictures and links are there; every stage is a task with what happened to it."""
    artifacts = nights.artifacts()
    assert {"stages", "results", "pictures-cnn", "gate-cnn", "links"} <= set(artifacts)
    assert "/#/experiments/" in artifacts["links"]["data"]
    rows = json.loads(artifacts["stages"]["data"])
    assert [row["result"] for row in rows if row["stage"] == "train@cnn"] == ["ran"]
    checks = json.loads(artifacts["gate-cnn"]["data"])
    assert [(row["check"], row["passed"]) for row in checks][:2] == [
        ("better than nothing", "yes"), ("agreement", "yes"),
    ]  # fmt: skip
    tasks = {each["name"] for each in nights.ask("/task_runs/filter", limit=200)}
    assert {"train@cnn", "evaluate@cnn", "export@cnn", "compare", "data.dvc", "promote cnn"} <= {
        name.rsplit("-", 1)[0] if name.rsplit("-", 1)[-1].isdigit() else name for name in tasks
    }


def test_the_page_in_a_browser(nights: Nights, tmp_path: Path) -> None:
    """Prefect's own page of the run and of its pictures: they are there to be seen, not only in the API."""
    from playwright.sync_api import expect

    artifacts = nights.artifacts()
    pictures = artifacts["pictures-cnn"]["id"]
    run = nights.run(artifacts["gate-cnn"]["flow_run_id"])  # the retraining that the night began
    site = nights.api.removesuffix("/api")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(site)
        page.locator("input").fill(nights.login)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Dashboard").first).to_be_visible(timeout=60_000)
        page.goto(f"{site}/runs/flow-run/{run['id']}")
        expect(page.get_by_text(run["name"]).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("no uncommitted changes")).to_be_visible(timeout=60_000)  # its log
        page.screenshot(path=tmp_path / "run.png")
        page.goto(f"{site}/artifacts/artifact/{pictures}")
        shown = page.locator("img[src^='data:image']")
        expect(shown.first).to_be_visible(timeout=60_000)
        assert shown.evaluate_all("all => all.every(image => image.complete && image.naturalWidth > 0)")
        page.screenshot(path=tmp_path / "pictures.png", full_page=True)
    assert min((tmp_path / name).stat().st_size for name in ("run.png", "pictures.png")) > 10_000


def test_new_images_are_scored_once(nights: Nights) -> None:
    """By the champion; with nothing new there is nothing to do; what came since is scored alone."""
    inbox = nights.root / "inbox"
    inbox.mkdir()
    for number in range(3):
        (inbox / f"{number}.png").write_bytes(photo("red", 900 + number))
    how = {"folder": "inbox", "model": "models:/cnn@champion"}
    nights.became(nights.start("scoring/scoring", **how), "COMPLETED")
    [scores] = (nights.root / "scores").glob("*.parquet")
    assert pq.read_table(scores)["label"].to_pylist() == ["red"] * 3
    again = nights.became(nights.start("scoring/scoring", **how), "COMPLETED")
    assert again["state_name"] == "Nothing to do"
    (inbox / "later.png").write_bytes(photo("blue", 950))
    nights.became(nights.start("scoring/scoring", **how), "COMPLETED")
    [later] = set((nights.root / "scores").glob("*.parquet")) - {scores}
    assert pq.read_table(later)["label"].to_pylist() == ["blue"]


def test_a_night_that_only_scores(nights: Nights) -> None:
    """It ends with the scoring's name and words, not as if nothing had been done; without new images it says so."""
    idle = nights.became(nights.start("nightly/nightly", folder="inbox"), "COMPLETED")
    assert idle["state_name"] == "Nothing to do"
    (nights.root / "inbox/tonight.png").write_bytes(photo("blue", 951))
    night = nights.became(nights.start("nightly/nightly", folder="inbox"), "COMPLETED")
    assert night["state_name"] != "Nothing to do"
    said = night["state"]["message"]
    assert said.startswith("1 images scored into scores/")
    assert said.endswith("no retraining: data, params and code are as they were")


def test_no_secret_is_anywhere(nights: Nights) -> None:
    """Neither the block's token, the password of the environment nor the login: logs, params, MLflow, git."""
    login = nights.login.partition(":")[2]
    logs = json.dumps(nights.ask("/logs/filter", limit=200))
    assert SECRET not in logs
    assert login not in logs
    told = [
        nights.ask(f"/{kind}/filter", limit=200)
        for kind in ("flow_runs", "task_runs", "artifacts", "deployments")
    ]
    assert SECRET not in json.dumps(told)
    assert login not in json.dumps(told)
    tests = nights.root / "tests"  # which make the secret up
    looked = [p for p in nights.root.rglob("*") if p.is_file() and not p.is_relative_to(tests)]
    assert {"mlflow.db", "prefect.db", "worker.log"} <= {path.name for path in looked}
    for path in looked:
        assert SECRET.encode() not in path.read_bytes(), path
        assert login.encode() not in path.read_bytes() or path.name == "credential", path


def test_all_ends(nights: Nights) -> None:
    """SIGTERM to the one command: no process of it is left, whatever it had started."""
    family = psutil.Process(nights.process.pid).children(recursive=True)
    assert len(family) >= 3
    nights.process.send_signal(signal.SIGTERM)
    assert nights.process.wait(200) == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
