"""score end to end: one true row per image file, or one line before any work."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from frostline import images
from frostline.commands import score
from frostline.errors import RANDOM_WEIGHTS, FrostlineError, InputError
from frostline.files import sha256, sha256_file
from frostline.runtime import providers
from frostline.runtime.contract import WeightsSource, to_values
from frostline.runtime.providers import NO_DRIVER
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import job_record, plan, sources
from frostline.scoring.rows import SCHEMA
from frostline.scoring.writers import FORMATS, ScoreCounts
from helpers.foreign_models import VALUES as FOREIGN
from helpers.foreign_models import network as foreign_network
from helpers.images import archive, encoded, folder
from helpers.models import CLASSES, contract, model

PHOTOS = {
    f"{place}/{seed}.{kind}": encoded(seed, kind=kind, height=21 + seed, width=47 - seed)
    for seed, (place, kind) in enumerate(
        [("b", "png"), ("a", "jpeg"), ("a", "webp"), ("c d", "bmp"), ("é", "gif")]
    )
}
BAD = {
    "a/empty.jpg": b"",
    "a/page.jpg": b"<!DOCTYPE html><html>not found</html>",
    "b/half.jpg": encoded(9, kind="jpeg", height=90, width=110)[:1500],
}


OPTIONS: dict[str, Any] = {
    "device": "cpu", "precision": "auto", "batch_size": 4, "threads": None, "top_k": 2,
    "min_confidence": 0.0, "features": False,
}  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A tiny model file."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model())
    return path


def run(source: Path, network: Path | str, out: Path, **changes: Any) -> list[dict[str, Any]]:
    """Score on the CPU and read the rows back (Parquet)."""
    score.run([str(source)], model=str(network), out=out, **(OPTIONS | changes))
    return list(pq.read_table(out).to_pylist()) if out.suffix == ".parquet" else []


def test_photos_alone_need_no_file(tmp_path: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Image files without an output are answered on the screen, as their rows would be; nothing is written."""
    root = folder(tmp_path / "photos", PHOTOS | BAD)
    before = sorted(tmp_path.rglob("*"))
    photos = [str(root / name) for name in ("a/1.jpeg", "b/0.png")]
    score.run(photos, model=str(network), device="cpu", top_k=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")][:2] == photos
    session = open_session(network, device="cpu")
    pixels = images.decode(PHOTOS["a/1.jpeg"], height=20, width=28, resize="squash")
    probs = session.run(pixels[None])["probs"][0]
    best = int(probs.argmax())
    assert lines[1] == f"  {probs[best]:6.1%}  {CLASSES[best]}"
    with pytest.raises(FrostlineError, match="1 of 2 images could not be read"):
        score.run([photos[0], str(root / "a/empty.jpg")], model=str(network), device="cpu")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "options", "named"),
    [
        (["photos"], {}, "photos is not an image file: say where its rows go, such as --out"),
        (["photos/b/0.png", "photos"], {}, "--out"),
        (["photos/b/0.png"], {"drift": True}, "name --out"),
        (["photos/b/0.png"], {"resume": True}, "name --out"),
        ([""], {}, "empty"),
        (["photos", ""], {"out": Path("s.csv")}, "empty"),
    ],
)
def test_what_needs_a_file(
    words: list[str], options: dict[str, Any], named: str, tmp_path: Path, network: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Anything else than image files is refused without an output; an unset variable of a shell always."""
    folder(tmp_path / "photos", PHOTOS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=named):
        score.run(words, model=str(network), **options)


def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first few with their reasons, and how many there are."""
    more = {f"z/{number}.png": b"" for number in range(4)}
    run(folder(tmp_path / "photos", PHOTOS | BAD | more), network, tmp_path / "scores.parquet")
    said = capsys.readouterr().out
    assert "could not be read:\n  a/empty.jpg: " in said
    assert "  and 2 more, with status error in their rows" in said


def test_every_row_is_the_model_s_own_answer(tmp_path: Path, network: Path) -> None:
    """Each row equals decoding that file and running the model on it alone, by hand."""
    rows = run(folder(tmp_path / "photos", PHOTOS), network, tmp_path / "scores.parquet")
    assert [row["path"] for row in rows] == sorted(PHOTOS)
    session = open_session(network, device="cpu")
    for row in rows:
        pixels = images.decode(PHOTOS[row["path"]], height=20, width=28, resize="squash")
        probs = session.run(pixels[None])["probs"][0]
        np.testing.assert_allclose(row["probs"], probs, atol=1e-6)
        assert row["status"] == "ok"
        assert row["error"] is None
        assert row["label"] == row["topk_labels"][0] == CLASSES[int(probs.argmax())]
        assert row["prob"] == row["topk_probs"][0] == max(row["probs"])
        assert len(row["topk_labels"]) == 2
        assert row["model"] == sha256_file(network)
    assert len({row["label"] for row in rows}) > 1, "inputs all alike would prove little"
    assert pq.read_schema(tmp_path / "scores.parquet").equals(SCHEMA)


def test_unreadable_files_are_rows(tmp_path: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Truncated, empty and HTML files get their reason; the others are scored; others are counted."""
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD, "notes.txt": b"x", "a/more.json": b"{}"})
    rows = run(source, network, tmp_path / "scores.parquet")
    assert [row["path"] for row in rows] == sorted([*PHOTOS, *BAD])
    errors = {row["path"]: row["error"] for row in rows if row["status"] == "error"}
    assert errors == {
        "a/empty.jpg": "empty file",
        "a/page.jpg": "not an image: starts with '<!DOCTYPE'",
        "b/half.jpg": "truncated JPEG",
    }
    assert all(row["probs"] is None and row["label"] is None for row in rows if row["path"] in errors)
    counts = json.loads((tmp_path / "scores.parquet.job.json").read_text())["counts"]
    assert counts == {
        "found": 8,
        "scored": 5,
        "unreadable": 3,
        "skipped": 2,
        "abstained": 0,
        "resumed": 0,
        "unknown": 0,
    }
    said = capsys.readouterr().out
    assert "5 images scored, 3 unreadable, 2 other files skipped: " in said
    assert "images/s on CPUExecutionProvider" in said


@pytest.mark.parametrize(("batch_size", "top_k"), [(1, 1), (2, 3), (3, 99), (64, 2)])
def test_batch_size_does_not_change_rows(tmp_path: Path, network: Path, batch_size: int, top_k: int) -> None:
    """Only speed may depend on it, whatever lies unreadable in between."""
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    reference = run(source, network, tmp_path / "one.parquet", batch_size=4, top_k=top_k)
    rows = run(source, network, tmp_path / "two.parquet", batch_size=batch_size, top_k=top_k)
    for row, expected in zip(rows, reference, strict=True):
        for key in ("path", "status", "error", "label", "topk_labels"):
            assert row[key] == expected[key]
        if row["status"] == "ok":
            np.testing.assert_allclose(row["probs"], expected["probs"], atol=1e-6)
            assert len(row["topk_labels"]) == min(top_k, 3)


def test_three_formats_agree(tmp_path: Path, network: Path) -> None:
    """The same rows whichever suffix is asked for, bit for bit."""
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    rows = run(source, network, tmp_path / "scores.parquet")
    run(source, network, tmp_path / "scores.jsonl")
    run(source, network, tmp_path / "scores.csv")
    lines = (tmp_path / "scores.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    for record, row in zip(records, rows, strict=True):
        assert (record["path"], record["error"], record["label"]) == (
            row["path"], row["error"] or "", row["label"] or "",
        )  # fmt: skip
        assert (json.loads(record["probs"]) if record["probs"] else None) == row["probs"]


def test_names_that_are_hard_to_write(tmp_path: Path, network: Path) -> None:
    """Newlines, quotes, markup and bytes that are no UTF-8 keep their own rows in every format."""
    source = tmp_path / "photos"
    source.mkdir()
    names = [
        b"new\nline.png",
        b"not-utf8-\xff\xfe.png",
        b'quote"comma,.png',
        b"[bold]markup.png",
        b" space .png",
    ]
    for seed, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(encoded(seed, height=22 + seed))
    rows = run(source, network, tmp_path / "scores.parquet")
    expected = {
        "new\nline.png",
        "not-utf8-\\xff\\xfe.png",
        'quote"comma,.png',
        "[bold]markup.png",
        " space .png",
    }
    assert {row["path"] for row in rows} == expected
    assert {row["status"] for row in rows} == {"ok"}
    for suffix in ("jsonl", "csv"):
        run(source, network, tmp_path / f"scores.{suffix}")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        assert [record["path"] for record in csv.DictReader(file)] == [row["path"] for row in rows]
    assert len((tmp_path / "scores.jsonl").read_text("utf-8").splitlines()) == len(names)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_an_output_whose_name_is_not_utf8(tmp_path: Path, network: Path, suffix: str) -> None:
    """The file has the bytes that were asked for, in every format."""
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff." + suffix.encode()))
    source = folder(tmp_path / "photos", PHOTOS)
    score.run([str(source)], model=str(network), out=out, **OPTIONS)
    assert out.stat().st_size > 100
    if suffix == "parquet":
        with out.open("rb") as file:
            assert len(pq.read_table(file)) == len(PHOTOS)


def test_a_link_to_itself_is_no_source(tmp_path: Path, network: Path) -> None:
    """A loop is a path that leads nowhere, not a crash."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="no such file or folder"):
        run(loop, network, tmp_path / "scores.csv")


def test_archive_and_single_image(tmp_path: Path, network: Path) -> None:
    """A zip gives the folder's rows; one image gives one row."""
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    rows = run(source, network, tmp_path / "folder.parquet")
    assert run(archive(tmp_path / "p.zip", {**PHOTOS, **BAD}), network, tmp_path / "zip.parquet") == rows
    [single] = run(source / "b/0.png", network, tmp_path / "single.parquet")
    [same] = [row for row in rows if row["path"] == "b/0.png"]
    assert single["path"] == "0.png"
    np.testing.assert_allclose(single["probs"], same["probs"], atol=1e-6)


def test_an_output_that_is_replaced(
    tmp_path: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said; of one that is new, nothing."""
    source = folder(tmp_path / "photos", PHOTOS)
    said = []
    for _ in range(2):
        run(source, network, tmp_path / "s.parquet")
        said.append("will be replaced" in capsys.readouterr().err)
    assert said == [False, True]


def test_job_file(tmp_path: Path, network: Path) -> None:
    """What an audit needs: the model, the output, the listing, the provider, counts and speed."""
    source = folder(tmp_path / "photos", PHOTOS)
    out = tmp_path / "deep/er/scores.parquet"
    rows = run(source, network, out, device="auto")
    job = json.loads((tmp_path / "deep/er/scores.parquet.job.json").read_text())
    assert job["model"] == {
        "path": str(network),
        "sha256": sha256(model()),
        "contract": to_values(contract()),
    }
    assert job["output"] == {"path": str(out), "sha256": sha256_file(out), "rows": 5}
    assert job["listing"] == sha256("".join(f"{name}\0" for name in sorted(PHOTOS)).encode())
    assert job["options"] == OPTIONS | {
        "device": "auto",
        "keep_features": False,
        "engine": "local",
        "ray_address": None,
        "drift": False,
        "drift_limit": None,
        "escape_formulas": True,
        "coverage": None,
        "unknown": None,
        "page": False,
    }
    assert job["feature_cache"] is None
    assert job["precision"] == "float32"
    assert job["provider"]["asked"] == "auto"
    assert job["provider"]["why"]
    if providers.missing("cuda"):
        used, device = (
            ("CPUExecutionProvider", "cpu") if providers.missing("openvino") else ("OpenVINO", "openvino")
        )
        assert (job["provider"]["used"], job["device"]) == (used, "cpu")
        assert job["provider"]["engine"] == providers.runtime(device)
    assert job["labels"] == {label: [row["label"] for row in rows].count(label) for label in job["labels"]}
    assert sum(job["labels"].values()) == 5
    assert job["images_per_second"] > 0
    assert set(job["seconds"]) == {"open", "tune", "skip", "score", "merge"}
    assert job["host"]["name"]
    assert job["host"]["packages"]["pillow"]


def test_the_listing_hash_tells_sources_apart(tmp_path: Path, network: Path) -> None:
    """One file more is another listing; the same names are the same."""
    hashes = []
    for name, more in [("x", {}), ("y", {}), ("z", {"more.png": encoded(8)})]:
        run(folder(tmp_path / name, {**PHOTOS, **more}), network, tmp_path / f"{name}.parquet")
        hashes.append(json.loads((tmp_path / f"{name}.parquet.job.json").read_text())["listing"])
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(("source", "said"), [("random", True), ("imagenet", False)])
def test_random_weights_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, said: bool
) -> None:
    """A model of drawn weights says so wherever its numbers show."""
    weights = WeightsSource(name="w", source=source, sha256=None)
    path = tmp_path / "model.onnx"
    path.write_bytes(model(contract(weights=weights)))
    run(folder(tmp_path / "photos", PHOTOS), path, tmp_path / "scores.parquet")
    assert (RANDOM_WEIGHTS in capsys.readouterr().out) is said
    assert json.loads((tmp_path / "scores.parquet.job.json").read_text())["note"] == (
        RANDOM_WEIGHTS if said else ""
    )


def test_a_doubtful_answer_has_no_label(
    tmp_path: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the confidence asked for, a row keeps its ranks and says that it abstained."""
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    every = run(source, network, tmp_path / "all.parquet")
    middle = sorted(row["prob"] for row in every if row["prob"])[2]
    rows = run(source, network, tmp_path / "some.parquet", min_confidence=middle)
    for row, before in zip(rows, every, strict=True):
        doubtful = before["prob"] is not None and before["prob"] < middle
        assert row == before | ({"status": "abstained", "label": None} if doubtful else {})
    counts = json.loads((tmp_path / "some.parquet.job.json").read_text())["counts"]
    assert (counts["scored"], counts["abstained"], counts["unreadable"]) == (5, 2, 3)
    assert "5 images scored, 2 abstained (confidence below " in capsys.readouterr().out


def test_features_are_a_column_where_asked_for(tmp_path: Path) -> None:
    """What stands at the frost line, one flat list a row, null where nothing was read; other columns the same."""
    network = tmp_path / "with.onnx"
    network.write_bytes(model(features=True))
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    plain = run(source, network, tmp_path / "plain.parquet")
    rows = run(source, network, tmp_path / "features.parquet", features=True)
    for row, before in zip(rows, plain, strict=True):
        values = row.pop("features")
        assert row == before
        if row["status"] == "error":
            assert values is None
        else:
            pixels = images.decode(PHOTOS[row["path"]], height=20, width=28, resize="squash")
            np.testing.assert_allclose(values, pixels.mean(axis=(0, 1)), rtol=1e-4)
    run(source, network, tmp_path / "features.csv", features=True)
    with (tmp_path / "features.csv").open(newline="", encoding="utf-8") as file:
        cells = {row["status"]: row["features"] for row in csv.DictReader(file)}
    assert cells["error"] == ""
    assert len(json.loads(cells["ok"])) == 3


def test_a_model_of_other_origin(tmp_path: Path) -> None:
    """A description beside a model that frostline did not make; without it, what to name."""
    network = tmp_path / "theirs.onnx"
    network.write_bytes(foreign_network())
    about = tmp_path / "birds.json"
    about.write_text(json.dumps(FOREIGN))
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    rows = run(source, network, tmp_path / "scores.parquet", contract=about)
    assert {row["label"] for row in rows if row["status"] == "ok"} <= {"cat", "dog", "owl"}
    assert [row["status"] for row in rows].count("error") == 3
    with pytest.raises(InputError, match="describe it with --contract FILE"):
        run(source, network, tmp_path / "other.parquet")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_batch_size_is_measured_once(
    tmp_path: Path,
    network: Path,
    threads: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Left out, it is found by a short measurement, remembered, and told in the job file; rows stay the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = folder(tmp_path / "photos", {**PHOTOS, **BAD})
    given = run(source, network, tmp_path / "given.parquet", threads=threads)
    for when in ("now", "earlier"):
        rows = run(source, network, tmp_path / "tuned.parquet", batch_size=None, threads=threads)
        assert [row["label"] for row in rows] == [row["label"] for row in given]
        job = json.loads((tmp_path / "tuned.parquet.job.json").read_text())
        assert str(job["batch_size"]) in job["tuning"]
        said = capsys.readouterr().out
        assert f"autotuned batch size {job['batch_size']}: " in said
        assert f"(measured {when})" in said


def test_many_labels_are_cut() -> None:
    """A thousand classes do not fill the terminal; what is left out is counted."""
    tally = ScoreCounts()
    tally.labels.update({f"label {number}": 20 - number for number in range(13)})
    tally.labels["line\nbreak"] = 50
    lines = job_record.labels(tally)
    assert [line.split() for line in lines[:2]] == [["50", "'line\\nbreak'"], ["20", "label", "0"]]
    assert len(lines) == 11
    assert lines[-1].strip() == "and 4 more labels"


def test_nothing_readable_is_a_failure_with_rows(tmp_path: Path, network: Path) -> None:
    """The command fails, and the reasons are in the output all the same."""
    source = folder(tmp_path / "photos", {**BAD, "a/\n.png": b""})
    with pytest.raises(
        FrostlineError, match=r"none of 4 images could be scored \(first: 'a/\\n.png': empty"
    ) as caught:
        run(source, network, tmp_path / "scores.parquet")
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, InputError)
    assert len(pq.read_table(tmp_path / "scores.parquet")) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "missing"}, "no such file or folder"),
        ({"source": "nothing"}, "no images in nothing, 1 other file skipped; name"),
        ({"source": "tiny.onnx"}, "neither a folder nor a zip, tar"),
        ({"model": "missing.onnx"}, "no model file missing.onnx"),
        ({"model": "missing"}, "no model file missing, and no project here"),
        ({"model": "photos/b/0.png"}, "cannot load it as a model"),
        ({"model": "old.onnx"}, "needs images decoded by frostline-0"),
        ({"out": "scores"}, "unknown suffix ''; use one of .parquet"),
        ({"out": "scores.xlsx"}, "unknown suffix '.xlsx'"),
        ({"out": "folder.csv"}, "is a folder; name a file in it"),
        ({"out": "/dev/null/scores.csv"}, "cannot write there: "),
        ({"out": "/proc/scores.csv"}, "cannot write there: "),
        ({"out": "tiny.onnx/scores.csv"}, "cannot write there: "),
        ({"source": "photos.csv", "out": "photos.csv"}, "would overwrite the source"),
        ({"source": "x.csv.job.json", "out": "x.csv"}, "would overwrite the source"),
        ({"device": "gpu"}, "--device gpu: use one of auto, cpu"),
        ({"batch_size": 0}, "--batch-size 0: use 1 to"),
        ({"batch_size": 10**9}, "--batch-size 1000000000: use 1 to"),
        ({"top_k": 0}, "--top-k 0: use 1 or more"),
        ({"precision": "fp8"}, "--precision fp8: use one of auto, float32"),
        (
            {"precision": "bfloat16"},
            "--precision bfloat16: cpu has float32, int8, float16; use one of these or",
        ),
        ({"precision": "int8"}, "there is no tiny.int8.onnx; name it in the classifier's `variants`"),
        ({"threads": 0}, "--threads 0: use 1 or more"),
        ({"min_confidence": 1.5}, "--min-confidence 1.5: use 0 to 1"),
        ({"contract": Path("none.json")}, "--contract none.json: cannot be read: No such file"),
    ],
)
@pytest.mark.usefixtures("network")
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    """Whatever is wrong is said before work begins, and no output appears."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "photos", PHOTOS)
    folder(tmp_path / "nothing", {"readme.txt": b"x", ".hidden.png": b"x"})
    folder(tmp_path, {"photos.csv": b"x", "x.csv.job.json": b"x"})
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "old.onnx").write_bytes(model(contract(decode="frostline-0/pillow-9")))
    before = sorted(tmp_path.rglob("*"))
    given: dict[str, Any] = {"source": "photos", "model": "tiny.onnx", "out": "scores.csv"} | changes
    with pytest.raises(InputError, match=message) as caught:
        run(Path(given.pop("source")), given.pop("model"), Path(given.pop("out")), **given)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path, network: Path) -> None:
    """Permission denied is said before work begins."""
    place = tmp_path / "locked"
    place.mkdir(mode=0o555)
    with pytest.raises(InputError, match="cannot write there: Permission denied"):
        run(folder(tmp_path / "photos", PHOTOS), network, place / "scores.csv")


def test_output_is_checked_before_the_source_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million files are not listed for an output that cannot be written."""

    def listing(_: list[str]) -> None:
        raise AssertionError

    monkeypatch.setattr(sources, "open_images", listing)
    with pytest.raises(InputError, match="unknown suffix"):
        run(tmp_path, "tiny.onnx", tmp_path / "scores.xml")


def test_a_failing_device_keeps_the_former_output(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory in the middle: the error comes through, and yesterday's table still stands."""
    source, out = folder(tmp_path / "photos", PHOTOS), tmp_path / "scores.parquet"
    run(source, network, out)
    before = out.read_bytes()
    batches = iter([True, False])

    def failing(session: Session, batch: np.ndarray) -> dict[str, np.ndarray]:
        if next(batches):
            return real(session, batch)
        raise FrostlineError("the model failed on cuda:0")

    real = Session.run
    opened = open_session(network, device="cpu")
    monkeypatch.setattr(plan, "open_session", lambda *_, **__: opened)
    monkeypatch.setattr(Session, "run", failing)
    with pytest.raises(FrostlineError, match="failed on cuda:0"):
        run(source, network, out, batch_size=2)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))


COMMAND = [sys.executable, "-m", "frostline.cli", "score"]


@pytest.mark.skipif(not providers.missing("cuda"), reason="this machine has CUDA's libraries")
def test_cuda_without_cuda_is_one_honest_line(tmp_path: Path, network: Path) -> None:
    """The command fails naming the library, and no row pretends otherwise."""
    source, out = folder(tmp_path / "photos", PHOTOS), tmp_path / "scores.csv"
    arguments = [source, "--model", network, "--out", out, "--device", "cuda"]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert NO_DRIVER in done.stderr or "is missing; pip install 'onnxruntime-gpu[cuda,cudnn]'" in done.stderr
    assert not out.exists()


def test_command_loads_nothing_heavy(tmp_path: Path, network: Path) -> None:
    """Scoring runs where TensorFlow, DVC, MLflow, Prefect, pydantic and onnx are absent; pandas, which pyarrow
    would load, is most of the time to the first batch.
    """
    source = folder(tmp_path / "photos", PHOTOS)
    code = (
        "import sys; from pathlib import Path; from frostline.commands import score\n"
        "options = dict(device='cpu', precision='auto', batch_size=2, threads=1, top_k=1)\n"
        "options |= dict(min_confidence=0, features=False)\n"
        "for out in sys.argv[3:]:\n"
        "    score.run([sys.argv[1]], model=sys.argv[2], out=Path(out), **options)\n"
        "heavy = set('tensorflow keras dvc mlflow prefect pydantic onnx matplotlib yaml pandas'.split())\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    arguments = [source, network, *(tmp_path / f"scores{ending}" for ending in FORMATS)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_set_of_an_unknown_image_is_not_printed() -> None:
    """It has no class; its ranks are shown, under the reason."""
    row = {
        "path": "a.jpg",
        "error": None,
        "topk_labels": ["cat"],
        "topk_probs": [0.9],
        "prediction_set": ["cat"],
    }
    assert "set: cat" in score._classes({**row, "status": "ok"})
    unknown = score._classes({**row, "status": "unknown"})
    assert "unlike" in unknown
    assert "set:" not in unknown
