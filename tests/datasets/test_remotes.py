"""Two versions of a dataset shared through DVC remotes, a folder and S3, and the way back to the first."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from frostline.files import sha256_file
from helpers.images import folder
from helpers.params import changed
from helpers.projects import call, committed, copied, write_params
from test_end_to_end import CNN_STAGES, COLOURS, STAGES, TINY, photo, ran

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REMOTES = ("folder", "s3")
TOPS = ("data", "artifacts", "metrics", "plots", "reports")
PARAMS = changed(TINY, {"classifiers.cnn.phases.all.epochs": 2})
PHOTOS = {
    f"{split}/{colour}/{number}.png": photo(colour, 100 * row + number)
    for row, colour in enumerate(COLOURS)
    for split, numbers in (("train", range(14)), ("test", range(14, 18)))
    for number in numbers
}


@dataclass(frozen=True)
class Shared:
    """The author's project with tags `v1` and `v2` in both remotes, and what each tag's files were."""

    root: Path
    files: Mapping[str, Mapping[str, str]]


def hashes(root: Path, *tops: str) -> dict[str, str]:
    """Name → hash of all files below some folders."""
    paths = [path for top in tops for path in (root / top).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in paths}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket on moto's server on loopback; the server's address."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="team")
        yield address
    server.stop()


@pytest.fixture(scope="module")
def shared(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """What the author does: photos, `dvc repro`, a tag and a push; then other photos, and all of it again."""
    place = tmp_path_factory.mktemp("shared")
    root = copied(place / "author")
    write_params(root, PARAMS)
    folder(root / "data/shapes", PHOTOS)
    call("git", "init", "--quiet", "--initial-branch", "main", cwd=root)
    call("dvc", "remote", "add", "folder", place / "store", cwd=root)
    call("dvc", "remote", "add", "s3", "s3://team/store", cwd=root)
    call("dvc", "remote", "modify", "s3", "endpointurl", bucket, cwd=root)
    first = _version(root, "v1")
    _edit(root / "data/shapes")
    return Shared(root, {"v1": first, "v2": _version(root, "v2")})


def _version(root: Path, tag: str) -> dict[str, str]:
    """Add the photos, run the graph, commit, tag, and push to each remote; the files as they then are."""
    call("dvc", "add", "--quiet", "data", cwd=root)
    call("dvc", "repro", cwd=root)
    committed(root, tag)
    call("git", "tag", tag, cwd=root)
    for remote in REMOTES:
        call("dvc", "push", "--quiet", "--remote", remote, cwd=root)
    return hashes(root, *TOPS)


def _edit(photos: Path) -> None:
    """Two photos come, one goes, one moves to another class, one to another split, one gets another name."""
    folder(photos, {f"train/blue/new-{number}.png": photo("blue", 900 + number) for number in range(2)})
    (photos / "train/red/3.png").unlink()
    (photos / "train/green/5.png").rename(photos / "train/red/from-green.png")
    (photos / "train/green/6.png").rename(photos / "test/green/6.png")
    (photos / "test/blue/14.png").rename(photos / "test/blue/renamed.png")


@pytest.fixture(params=REMOTES)
def clone(request: pytest.FixtureRequest, shared: Shared, tmp_path: Path) -> Path:
    """A colleague's clone at `v2`, with one of the remotes as default."""
    root = tmp_path / "colleague"
    call("git", "clone", "--quiet", "--branch", "v2", shared.root, root, cwd=tmp_path)
    call("dvc", "remote", "default", "--local", request.param, cwd=root)
    return root


def test_a_colleague_has_the_very_same_files_and_can_go_back(shared: Shared, clone: Path) -> None:
    """`dvc pull` brings each version's photos, model and reports byte for byte, and nothing trains again."""
    assert not hashes(clone, *TOPS)
    for tag in ("v2", "v1"):
        call("git", "checkout", "--quiet", tag, cwd=clone)
        call("dvc", "pull", "--quiet", cwd=clone)
        assert hashes(clone, *TOPS) == shared.files[tag]
        _nothing_runs(clone)
        assert hashes(clone, *TOPS) == shared.files[tag]
    _differences(clone)


def test_the_author_goes_back_without_a_remote(shared: Shared, tmp_path: Path) -> None:
    """`git checkout` and `dvc checkout` alone restore the first version, and forward again the second."""
    root = Path(shutil.copytree(shared.root, tmp_path / "author", symlinks=True))
    for tag in ("v1", "v2"):
        call("git", "checkout", "--quiet", tag, cwd=root)
        call("dvc", "checkout", "--quiet", cwd=root)
        assert hashes(root, *TOPS) == shared.files[tag]
        _nothing_runs(root)
        assert hashes(root, *TOPS) == shared.files[tag]
    _differences(root)


def test_versions_differ_where_they_must(shared: Shared) -> None:
    """Other photos, another model, another report: what is restored above is no accident; weights stay."""
    first, second = shared.files["v1"], shared.files["v2"]
    for name in ("artifacts/models/cnn/model.onnx", "reports/data/shapes.html", "metrics/cnn.json"):
        assert first[name] != second[name], name
    assert {name for name in first if name.startswith("artifacts/weights/")}
    assert all(second[name] == content for name, content in first.items() if "/weights/" in name)


def test_a_clone_that_pulled_one_version_can_compare(clone: Path) -> None:
    """`data-diff` and `dvc metrics diff` take from the remote what the other version needs."""
    call("dvc", "pull", "--quiet", cwd=clone)
    _differences(clone)


def _nothing_runs(root: Path) -> None:
    """`dvc repro` says that all is up to date, for every stage, and git has nothing to say."""
    done = call("dvc", "repro", cwd=root)
    assert ran(done.stdout) == []
    assert "Data and pipelines are up to date." in done.stdout + done.stderr
    stages = [*STAGES, *CNN_STAGES, "data.dvc"]
    assert done.stdout.count("didn't change, skipping") == len(stages)
    assert call("git", "status", "--porcelain", cwd=root).stdout == ""


def _differences(root: Path) -> None:
    """DVC compares the figures of both tags, `data-diff` names every photo that changed, and how."""
    said = json.loads(call("dvc", "metrics", "diff", "v1", "v2", "--json", cwd=root).stdout)
    loss = said["metrics/headline/cnn.json"]["test.loss"]
    assert loss["old"] != loss["new"]
    done = call("frostline", "data", "diff", "v1", "v2", "--json", cwd=root)
    found: dict[str, Any] = json.loads(done.stdout)
    moves = {
        change["path"]: (
            change["kinds"],
            *(side and side["path"] for side in (change["before"], change["after"])),
        )
        for change in found["changes"]
    }
    assert moves == {
        "train/blue/new-0.png": (["added"], None, "train/blue/new-0.png"),
        "train/blue/new-1.png": (["added"], None, "train/blue/new-1.png"),
        "train/red/3.png": (["removed"], "train/red/3.png", None),
        "train/red/from-green.png": (
            ["relabelled", "renamed"], "train/green/5.png", "train/red/from-green.png",
        ),
        "test/green/6.png": (["moved split", "renamed"], "train/green/6.png", "test/green/6.png"),
        "test/blue/renamed.png": (["renamed"], "test/blue/14.png", "test/blue/renamed.png"),
    }  # fmt: skip
    told = call("frostline", "data", "diff", "v1", "v2", cwd=root).stdout
    assert told.startswith("shapes, v1 → v2: 2 added, 1 removed, 1 relabelled, 1 moved split, 3 renamed")
    assert "train → test" in told
