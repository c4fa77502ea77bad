"""From a raw folder or archive to manifest and summary, as the stage does it."""

import html
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frostline import files, paths
from frostline.datasets import manifest as manifests
from frostline.datasets.decision_log import DecisionLog
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError, InputError
from frostline.stages import preprocess
from helpers.images import archive, classes, encoded, folder
from helpers.kills import contents, killed, moments
from helpers.params import LENIENT
from helpers.projects import pets as project

ROOT = Path(__file__).parents[2]
COUNTS = {"bird": 9, "cat": 12, "dog": 20}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def made() -> Manifest:
    """The manifest after running the stage."""
    preprocess.run("pets")
    return manifests.read(paths.dataset("pets") / "manifest.parquet")


def reasons(manifest: Manifest) -> dict[str, str]:
    """Path → reason of what is quarantined."""
    rows = manifest.table.to_pylist()
    return {row["path"]: row["reason"] for row in rows if row["status"] == "quarantined"}


def test_class_folders_are_split_by_the_shares(here: Path) -> None:
    """Every class in every split by about 60:20:20, sizes and hashes noted, a short report at the end."""
    folder(here / "data/pets", classes(COUNTS))
    manifest = made()
    assert (manifest.root, manifest.classes) == ("data/pets", ("bird", "cat", "dog"))
    assert np.bincount(manifest.split("test").labels).tolist() == [1, 4, 5]
    assert np.bincount(manifest.split("validation").labels).tolist() == [1, 3, 3]
    assert np.bincount(manifest.split("train").labels).tolist() == [7, 5, 12]
    assert set(manifest.table["height"].to_pylist()) == {30, 31, 32, 33, 34}
    assert preprocess.run("pets") == (
        "pets: 41 images, 3 classes\n  train 24, validation 7, test 10\n  kept with a finding: tiny 18\n"
        "Wrote reports/data/pets.html"
    )
    summary = json.loads((paths.dataset("pets") / "summary.json").read_text())
    assert summary["dataset"] == "pets"
    assert summary["digest"] == manifest.digest
    assert summary["splits"]["test"]["classes"] == {"bird": 1, "cat": 4, "dog": 5}


def test_what_is_passed_over_is_said(here: Path) -> None:
    """On the terminal and on the page: endings that nobody reads, and the class that is lost by it."""
    folder(here / "data/pets", {**classes(COUNTS), "owl/1.jpg_large": b"x"})
    over, lost = (
        "skipped, not images: 1 file (.jpg_large 1), the first 'owl/1.jpg_large'",
        "folders without images, not classes: 'owl'",
    )
    said = preprocess.run("pets").splitlines()
    assert said[-3:] == [f"  {over}", f"  {lost}", "Wrote reports/data/pets.html"]
    page = paths.data_report("pets").read_text()
    assert f"<li>{html.escape(over, quote=False)}</li>" in html.unescape(page)


def test_given_splits_stay(here: Path) -> None:
    """Test as given, validation carved out of train: about 0.2 / 0.8 of it."""
    folder(here / "data/pets", classes({"cat": 12, "dog": 12}, prefix="Training/"))
    folder(
        here / "data/pets",
        classes({"a": 0, "b": 0, "x/cat": 1, "cat": 5, "dog": 6}, prefix="testing/", kind="bmp"),
    )
    (here / "data/pets/testing/x/cat").rename(here / "data/pets/testing/cat/x")
    (here / "data/pets/testing/x").rmdir()
    manifest = made()
    assert all(path.startswith("testing/") for path in manifest.split("test").paths)
    assert np.bincount(manifest.split("test").labels).tolist() == [6, 6]
    assert np.bincount(manifest.split("validation").labels).tolist() == [2, 4]
    assert all(path.startswith("Training/") for path in manifest.split("validation").paths)


def test_a_zip_of_a_folder_is_the_same_dataset(here: Path) -> None:
    """Same rows and digest from the folder and from an archive of it."""
    files = classes(COUNTS)
    folder(here / "data/pets", files)
    unpacked = made()
    archive(here / "data/pets.zip", files)
    project(here, path="data/pets.zip")
    assert made().digest == unpacked.digest


def test_any_packing_gives_one_manifest(here: Path) -> None:
    """Folder, archive and shard, and each one folder deeper: the same contents, labels, splits and findings."""
    files = classes(COUNTS) | {"cat/again.png": encoded(2000), "dog/cut.jpg": encoded(8, kind="jpeg")[:-90]}
    rows = [f"{name},{'bird' if name < 'cat/cat-5' else 'owl'},{row // 2}" for row, name in enumerate(files)]
    files["Labels.csv"] = "\n".join(["path,label,group", *rows]).encode()
    found = []
    for wrapper in ("", "photos/"):
        wrapped = {f"{wrapper}{name}": content for name, content in files.items()}
        for place in ("folder", "zip.zip", "shards/part.zip"):
            path = Path(f"data/{len(found)}", place)
            (archive if place.endswith(".zip") else folder)(here / path, wrapped)
            project(here, path=str(path).removesuffix("/part.zip"))
            manifest = made()
            found.append((manifest.classes, manifest.table.drop_columns(["path", "reason"]).to_pylist()))
    assert all(one == found[0] for one in found)
    assert {row["split"] for row in found[0][1]} == {"train", "validation", "test", ""}


def test_what_dvc_does_not_hold_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos behind a link to a folder would never be versioned; asked where DVC runs the stage, and only there."""
    files = classes(COUNTS)
    held = {name: content for name, content in files.items() if not name.startswith("dog/")}
    folder(here / "data/pets", held)
    folder(here / "elsewhere", {name: files[name] for name in files.keys() - held})
    (here / "data/pets/dog").symlink_to(here / "elsewhere/dog")
    (here / "data.dvc").write_text("outs:\n- md5: 00aa.dir\n  path: data\n")
    content = json.dumps([{"md5": "0", "relpath": f"pets/{name}"} for name in held])
    folder(here / ".dvc/cache/files/md5/00", {"aa.dir": content.encode()})
    assert len(made().table) == 41
    monkeypatch.setenv("DVC_STAGE", "preprocess@pets")
    with pytest.raises(FrostlineError, match=r"20 of the 41 files of data/pets, the first 'dog/dog-0.png'"):
        preprocess.run("pets")


def run_elsewhere(place: Path, files: Mapping[str, bytes], environment: Mapping[str, str]) -> list[bytes]:
    """The stage's outputs from a process of its own."""
    folder(project(place) / "data/pets", files)
    code = "from frostline.stages import preprocess; preprocess.run('pets')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=120,
    )
    return [
        (place / paths.dataset("pets") / name).read_bytes() for name in ("manifest.parquet", "summary.json")
    ]


def test_outputs_are_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """Another path, time zone, hash seed and order of writing: the same bytes, without the path."""
    files = classes(COUNTS) | {"cat/broken.png": encoded(8)[:-40], "dog/copy.png": encoded(2000)}
    one = run_elsewhere(tmp_path / "one", files, {"TZ": "UTC", "PYTHONHASHSEED": "1"})
    two = run_elsewhere(
        tmp_path / "deep/er/two", dict(reversed(files.items())), {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "99"}
    )
    assert one == two
    assert str(tmp_path).encode() not in b"".join(one)


class Shuffled(list[os.DirEntry[str]]):
    """What scandir gives, in another order."""

    def __init__(self, entries: Iterable[os.DirEntry[str]]) -> None:
        found = sorted(entries, key=lambda entry: entry.name, reverse=True)
        super().__init__(random.Random(3).sample(found, len(found)))

    def __enter__(self) -> "Shuffled":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def test_listing_order_does_not_matter(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that lists at random gives the same manifest."""
    folder(here / "data/pets", classes(COUNTS) | {"dog/again.png": encoded(2000, height=30, width=42)})
    digest = made().digest
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: Shuffled(scandir(path)))
    assert made().digest == digest


def cmyk() -> bytes:
    buffer = io.BytesIO()
    Image.new("CMYK", (47, 31), (10, 20, 30, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_bad_images_are_rows_with_a_reason(here: Path) -> None:
    """What cannot be used is kept out and said; what is merely odd is used."""
    files = {
        "cat/cut.jpg": encoded(900, kind="jpeg", height=90, width=130)[:-200],
        "cat/empty.jpg": b"",
        "cat/page.jpg": b"<!DOCTYPE html><title>404</title>",
        "dog/cmyk.jpg": cmyk(),
        "dog/a photo.png": encoded(901),
        "dog/two\nlines.png": encoded(902),
        os.fsdecode(b"dog/caf\xe9.png"): encoded(903),
    }
    folder(here / "data/pets", classes(COUNTS) | files)
    (here / "data/pets/cat/gone.jpg").symlink_to("nowhere")
    manifest = made()
    assert reasons(manifest) == {
        "cat/cut.jpg": "truncated JPEG",
        "cat/empty.jpg": "empty file",
        "cat/gone.jpg": "cannot be read: No such file or directory",
        "cat/page.jpg": "not an image: starts with '<!DOCTYPE'",
    }
    used = {path for name in ("train", "validation", "test") for path in manifest.split(name).paths}
    assert {"dog/cmyk.jpg", "dog/a photo.png", "dog/two\nlines.png", "dog/caf\\xe9.png"} <= used
    summary = json.loads((paths.dataset("pets") / "summary.json").read_text())
    assert summary["quarantined"]["reasons"] == {
        "cannot be read": 1, "empty file": 1, "not an image": 1, "truncated JPEG": 1,
    }  # fmt: skip


def test_duplicates_never_straddle(here: Path) -> None:
    """Copies: one stays; under two labels: none; across given splits: the test one."""
    base = classes({"cat": 12, "dog": 12}, prefix="train/") | classes({"bird": 0, "cat": 0}, prefix="test/")
    base |= {f"test/{name}/{number}.png": encoded(5000 + number) for number in range(4) for name in ["cat"]}
    base |= {f"test/dog/{number}.png": encoded(6000 + number) for number in range(4)}
    copies = {
        "train/cat/zz.png": base["train/cat/cat-0.png"],
        "train/cat/confused.png": encoded(7000),
        "train/dog/confused.png": encoded(7000),
        "train/dog/leak.png": base["test/dog/1.png"],
    }
    folder(here / "data/pets", base | copies)
    manifest = made()
    assert reasons(manifest) == {
        "train/cat/zz.png": "duplicate: of 'train/cat/cat-0.png'",
        "train/cat/confused.png": "conflicting labels: 'cat', 'dog'",
        "train/dog/confused.png": "conflicting labels: 'cat', 'dog'",
        "train/dog/leak.png": "duplicate across splits: of 'test/dog/1.png'",
    }
    project(here, audit={**LENIENT, "duplicate": "keep"})
    kept = made()
    assert "train/cat/zz.png" not in reasons(kept)
    assert len(reasons(kept)) == 3
    split = {row["path"]: row["split"] for row in kept.table.to_pylist()}
    assert split["train/cat/zz.png"] == split["train/cat/cat-0.png"]


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        (
            None,
            {},
            "data/pets is missing; put or link your images there, one folder per class, "
            "or fetch the sample with `dvc pull data.dvc`",
        ),
        (
            {"notes.txt": b"x"},
            {},
            "data/pets: no images found among 1 file (.txt 1), the first 'notes.txt'; put jpg or png files",
        ),
        (classes({"cat": 5}), {}, "data/pets: only one class, 'cat'; a classifier needs two or more"),
        (
            classes({"cat": 5, "dog": 1}),
            {},
            "class 'dog' has 1 usable different image, too few to appear in train, validation, test; "
            "add at least 2 or remove the class",
        ),
        (
            {**classes({"cat": 5}), "dog/1.png": b"", "dog/2.png": b"x"},
            {},
            "class 'dog' has 0 usable images in train of 2 in all; every class must appear in train, "
            "validation and test (2 images left out, the first 'dog/1.png': empty file)",
        ),
        (
            classes({"cat": 5, "dog": 5}, prefix="train/") | classes({"cat": 2}, prefix="test/", kind="bmp"),
            {},
            "class 'dog' has 0 usable images in test of 5 in all",
        ),
        (
            {**classes({"cat": 5, "dog": 5}), "dog/2.png": b""},
            {"audit": {**LENIENT, "unreadable": "fail"}},
            "1 of 11 images cannot be read, the first 'dog/2.png': empty file; mend or remove them, "
            "or set datasets.pets.audit.unreadable: quarantine",
        ),
        (
            {**classes({"cat": 5, "dog": 5}), "dog/z.png": encoded(1000, height=30, width=41)},
            {"audit": {**LENIENT, "duplicate": "fail"}},
            "1 of 11 images repeat others byte for byte, the first 'dog/z.png': duplicate: of 'dog/dog-0.png'; "
            "mend or remove them, or set datasets.pets.audit.duplicate: quarantine",
        ),
    ],
)
def test_datasets_that_cannot_be_used(
    here: Path, files: dict[str, bytes] | None, changes: dict[str, str], message: str
) -> None:
    """One line that names the place, the class or file, the count and what to do; nothing is written."""
    project(here, **changes)
    if files is not None:
        folder(here / "data/pets", files)
    with pytest.raises(InputError) as told:
        preprocess.run("pets")
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)
    assert not Path("artifacts").exists()


def test_an_unknown_dataset_is_answered_with_the_nearest(here: Path) -> None:
    """A slip of the hand costs one line."""
    with pytest.raises(InputError, match=r"no dataset named 'pest' in params.yaml; did you mean 'pets'"):
        preprocess.run("pest")
    assert not (here / "artifacts").exists()


def decide(action: str, path: Path, *, old: str, new: str = "") -> str:
    """Add a decision about a photo's content; its hash."""
    sha256 = files.sha256_file(path)
    DecisionLog(paths.DECISIONS, dataset="pets", who="Ada").decide(
        action, sha256=sha256, path=path.name, old=old, new=new
    )
    return sha256


def test_decisions_are_applied_and_splits_stay(here: Path) -> None:
    """A class other than the folder's, and a photo left out; every other row is as it was, in every column."""
    folder(here / "data/pets", classes(COUNTS))
    before = {row["path"]: row for row in made().table.to_pylist()}
    photos = sorted((here / "data/pets/cat").iterdir())
    decide("label", photos[0], old="cat", new="dog")
    decide("keep", photos[1], old="cat", new="cat")
    decide("leave out", photos[2], old="cat")
    manifest = made()
    after = {row["path"]: row for row in manifest.table.to_pylist()}
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {f"cat/{photos[0].name}", f"cat/{photos[2].name}"}
    first, out = (after[f"cat/{photos[number].name}"] for number in (0, 2))
    assert manifest.classes[first["label"]] == "dog"
    assert first["split"] == before[first["path"]]["split"]
    assert (out["split"], out["reason"].partition(":")[0]) == ("", "left out")
    assert "3 decisions" in paths.data_report("pets").read_text()


def test_what_branches_decided_otherwise_is_said(here: Path) -> None:
    """In the answer and on the page; the later decision counts, in whichever order git put the rows."""
    folder(here / "data/pets", classes(COUNTS))
    photo = min((here / "data/pets/cat").iterdir())
    decide("label", photo, old="cat", new="dog")
    head, row = paths.DECISIONS.read_text().splitlines()
    earlier = row.replace(",dog,", ",bird,").replace("Ada", "Bob").replace(row[:4], "2020", 1)
    paths.DECISIONS.write_text(f"{head}\n{row}\n{earlier}\n")
    said = preprocess.run("pets")
    assert f"1 image, the first '{photo.name}': bird (Bob, 2020-" in said
    assert "frostline data review pets" in paths.data_report("pets").read_text()
    manifest = manifests.read(paths.dataset("pets") / "manifest.parquet")
    [found] = [row for row in manifest.table.to_pylist() if row["path"] == f"cat/{photo.name}"]
    assert manifest.classes[found["label"]] == "dog"


def test_an_empty_table_of_decisions_changes_no_byte(here: Path) -> None:
    """A project without the file, one with the file, and one with decisions about another dataset are alike."""
    folder(here / "data/pets", classes(COUNTS))
    made()
    outputs = [paths.dataset("pets") / "manifest.parquet", paths.data_report("pets")]
    before = [path.read_bytes() for path in outputs]
    log = DecisionLog(paths.DECISIONS, dataset="other", who="Ada")
    made()
    assert [path.read_bytes() for path in outputs] == before
    log.decide("leave out", sha256="a" * 64, path="x", old="cat")
    made()
    assert [path.read_bytes() for path in outputs] == before


def test_a_decision_settles_a_conflict(here: Path) -> None:
    """One content in two classes: out for nobody knows which is right, until somebody says so."""
    images = classes(COUNTS)
    folder(here / "data/pets", {**images, "dog/same.png": images[(first := min(images))]})
    assert {first, "dog/same.png"} <= set(reasons(made()))
    decide("label", here / "data/pets" / first, old=first.partition("/")[0], new="dog")
    manifest = made()
    rows = {row["path"]: row for row in manifest.table.to_pylist() if row["path"] in (first, "dog/same.png")}
    assert {manifest.classes[row["label"]] for row in rows.values()} == {"dog"}
    assert [row["status"] for row in rows.values()].count("ok") == 1  # and the copy is a copy


def test_what_is_left_out_is_not_what_a_policy_fails_for(here: Path) -> None:
    """Somebody looked at it already."""
    project(here, audit={**LENIENT, "unreadable": "fail"})
    folder(here / "data/pets", {**classes(COUNTS), "cat/bad.jpg": b"not an image"})
    with pytest.raises(InputError, match="cannot be read"):
        made()
    decide("leave out", here / "data/pets/cat/bad.jpg", old="cat")
    assert "left out" in reasons(made())["cat/bad.jpg"]


@pytest.mark.parametrize("many", [2, pytest.param(12, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_killed_at_random_moments(here: Path, many: int) -> None:
    """No half of a manifest, summary or page under its name; the next run leaves what one in one go does."""
    folder(here / "data/pets", classes({"cat": 12, "dog": 12}))
    project(here)
    run = (sys.executable, "-c", "from frostline.stages import preprocess; preprocess.run('pets')")
    times = list(moments(run, here, many=many, seed=3))
    outputs = [here / paths.dataset("pets"), here / paths.data_report("pets").parent]
    whole = contents(*outputs)
    for after in times:
        for place in [*outputs, here / ".frostline"]:
            shutil.rmtree(place)
        killed(run, here, after=after)
        left = {name: content for name, content in contents(*outputs).items() if "/." not in name}
        assert left.items() <= whole.items(), after
        subprocess.run(run, cwd=here, check=True, capture_output=True)
        assert contents(*outputs) == whole, after
