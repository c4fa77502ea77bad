"""The graph under real DVC: every leaf of params.yaml and section of code.yaml re-runs exactly what it should.

All outputs are placeholders that `dvc commit` takes for the stages' own, so nothing is computed. What
`dvc status` then says of a change is direct: the stages whose own parameters, packages or files changed.
Those after them run only if an output really came out different, which no placeholder can show.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from frostline import config
from frostline.errors import InputError
from frostline.pipeline import code_file
from helpers.params import changed
from helpers.projects import ROOT, call, committed, copied, write_params

PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CODE = code_file.installed()
CLASSIFIERS, WEIGHTS, DATASETS = (tuple(PARAMS[key]) for key in ("classifiers", "weights", "datasets"))
SETS = {"weights": WEIGHTS, "preprocess": DATASETS, "compare": ()}

# Leaves that have no other valid value by themselves, by the end of their key, and why.
ALONE = {
    "weights.scratch.backbone": "null goes with source scratch, and only with it",
    "weights.scratch.source": "scratch goes with backbone null, and only with it",
    "network.type": "another type has other keys",
    "dataset": "the sample's params have one dataset",
    "weights": "each kind of network has but one that fits; another needs another backbone",
}
CNN_ALONE = {
    "head.standardize": "a plain network's features change as it trains",
    "image.transform": "a plain network has no backbone",
    "first.stride": "no other stride fits 32 pixels",
    "freeze": "a plain network from scratch has nothing to freeze",
    "weights": "a plain network trains from scratch",
}
# Another value for a leaf, by the end of its key; numbers not named here get one more.
OTHER: dict[str, Any] = {
    "seed": 8,
    "backbone": "vgg16",
    "source": "imagenet",
    "path": "data/other.zip",
    "classes": ["zero", "one"],
    **dict.fromkeys(PARAMS["datasets"]["digits"]["audit"], "fail"),
    "resize": "pad",
    "transform": "rescale",
    "end_at": "another_layer",
    "pooling": "average",
    "kind": "l2",
    "stride": 3,
    "standardize": False,
    "dense": {"more": 9},
    "dropout": 0.125,
    "freeze": "another_layer",
    "optimizer": "sgd",
    "precision": "bfloat16",
    "training": {
        "schedule": "cosine", "warmup": 0.1, "class_weights": "balanced", "label_smoothing": 0.1,
        "early_stopping": {"measure": "loss", "patience": 3},
    },
    "learning_rate": 0.0125,
    "margin": 0.03,
    "level": 0.1,
    "augmentation": {
        "rotation": 1.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 0.0, "zoom": 0.0,
        "horizontal_flip": True, "views": 3,
    },
    "variants": {"int8": 0.5},
    "weights": "vgg16-random",
}  # fmt: skip


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted keys of all values that hold no further key; an empty section is one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield ".".join(path)


def at(key: str) -> Any:
    """The value of params.yaml at a dotted key."""
    here: Any = PARAMS
    for step in key.split("."):
        here = here[step]
    return here


def alone(key: str) -> str:
    """Why a leaf has no other value, "" if it has."""
    parts = key.split(".")
    cnn = parts[0] == "classifiers" and at(f"classifiers.{parts[1]}.network.type") == "cnn"
    reasons = {**ALONE, **(CNN_ALONE if cnn else {})}
    return next((why for end, why in reasons.items() if f".{key}".endswith(f".{end}")), "")


def other(key: str) -> dict[str, Any]:
    """A valid params.yaml in which the leaf has another value (of a share, its neighbour gives way)."""
    last, value = key.rsplit(".", maxsplit=1)[-1], at(key)
    if ".splits." in key:
        neighbour = key.replace(last, "test" if last == "train" else "train")
        return changed(PARAMS, {key: value + 0.01, neighbour: at(neighbour) - 0.01})
    new = OTHER[last] if last in OTHER else value + 1
    result = changed(PARAMS, {key: new})
    assert new != value, key
    config.parse(result)
    return result


def all_of(*stages: str) -> set[str]:
    """Every instance of some stages, by DVC's names."""
    return {
        f"{stage}@{name}" if SETS.get(stage, CLASSIFIERS) else stage
        for stage in stages
        for name in SETS.get(stage, CLASSIFIERS) or ("",)
    }


def expected(key: str) -> set[str]:
    """The table: which stages a leaf of params.yaml re-runs directly."""
    collection, *rest = key.split(".")
    if collection in {"promotion", "drift"}:  # read when they are needed, no stage depends on them
        return set()
    if collection == "seed":
        return all_of("weights", "preprocess", "train", "export")
    if key.endswith(".variants"):
        return {f"export@{rest[0]}", "compare"}
    if collection == "classifiers":
        return {f"train@{rest[0]}", f"export@{rest[0]}", "compare"}
    return {f"{ {'weights': 'weights', 'datasets': 'preprocess'}[collection] }@{rest[0]}"}


LEAVES = list(leaves(PARAMS))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project whose stages are all up to date, on placeholders."""
    root = copied(tmp_path_factory.mktemp("graph") / "project")
    for dataset in PARAMS["datasets"].values():
        (root / dataset["path"]).parent.mkdir(exist_ok=True)
        (root / dataset["path"]).write_bytes(b"not really an archive")
    committed(root)
    with opened(root) as repo:
        for stage in repo.index.stages:
            for out in stage.outs:
                place(Path(out.fs_path), stage.addressing)
        repo.commit(force=True)
    return root


def place(path: Path, content: str) -> None:
    """Put a placeholder where a stage's output belongs."""
    if not path.exists():
        path = path if path.suffix else path / "placeholder"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Any]:
    """DVC on a project, in this process: a second less than its command."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:
        yield repo


def stale(root: Path) -> set[str]:
    """Names of the stages that `dvc status` calls changed."""
    with opened(root) as repo:
        return set(repo.status())


@pytest.fixture
def clean(project: Path) -> Iterator[Path]:
    """The project, put back after the test as git knows it."""
    yield project
    call("git", "checkout", "--quiet", "--", ".", cwd=project)
    call("git", "clean", "--quiet", "-fd", "code.yaml", cwd=project)


def test_nothing_to_do(clean: Path) -> None:
    """A second `dvc repro` runs nothing and says so."""
    assert stale(clean) == set()
    said = call("dvc", "repro", cwd=clean)
    assert "Running stage" not in said.stdout
    assert "Data and pipelines are up to date." in said.stdout + said.stderr


@pytest.mark.parametrize("key", [key for key in LEAVES if not alone(key)])
def test_a_leaf_reruns_exactly(clean: Path, key: str) -> None:
    """One leaf with another valid value: these stages and no others."""
    write_params(clean, other(key))
    assert stale(clean) == expected(key)


def test_leaves_without_another_value() -> None:
    """Every other leaf has one value only, for a reason that still holds: alone, it is refused or unheard of."""
    kept = [key for key in LEAVES if alone(key)]
    assert len(LEAVES) - len(kept) > 50
    for key in kept:
        last = key.split(".")[-1]
        wrong = {"dataset": "none-such", "weights": "none-such"}.get(last)
        wrong = wrong or {"type": "cnn", "backbone": "vgg16", "source": "random", "standardize": True}.get(
            last
        )
        wrong = wrong or {"transform": "backbone", "freeze": "all", "stride": 2}[last]
        wrong = "pretrained" if at(key) == "cnn" else wrong
        with pytest.raises(InputError):
            config.parse(changed(PARAMS, {key: wrong}))


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        # A second dataset, and one classifier moved to it.
        (
            {
                "datasets.more": {**PARAMS["datasets"]["digits"], "path": "data/more.zip"},
                "classifiers.digits-cnn.dataset": "more",
            },
            {"preprocess@more", "compare"}
            | {f"{stage}@digits-cnn" for stage in ("train", "evaluate", "export")},
        ),
        # Other weights under a new name for one classifier.
        (
            {
                "weights.vgg16-random": {"backbone": "vgg16", "source": "random"},
                "classifiers.digits-vgg19.weights": "vgg16-random",
            },
            {"weights@vgg16-random", "train@digits-vgg19", "export@digits-vgg19", "compare"},
        ),
        # A new classifier: its own stages, and the comparison.
        (
            {"classifiers.another": PARAMS["classifiers"]["digits-cnn"]},
            {"train@another", "evaluate@another", "export@another", "compare"},
        ),
        # New entries that nothing names.
        (
            {"weights.spare": {"backbone": "vgg16", "source": "random"}},
            {"weights@spare"},
        ),
    ],
    ids=["dataset", "weights", "classifier", "unused"],
)
def test_entries_rerun_exactly(clean: Path, changes: dict[str, Any], stages: set[str]) -> None:
    """What a whole entry of params.yaml brings or moves."""
    values = changed(PARAMS, changes)
    config.parse(values)
    write_params(clean, values)
    assert stale(clean) == stages


def test_a_classifier_that_goes(clean: Path) -> None:
    """Only the comparison notices."""
    values = changed(PARAMS, {})
    del values["classifiers"]["digits-resnet50"]
    write_params(clean, values)
    assert stale(clean) == {"compare"}


def test_comments_and_order_do_not_matter(clean: Path) -> None:
    """The same values in another file re-run nothing."""
    reordered = {key: PARAMS[key] for key in reversed(list(PARAMS))}
    (clean / "params.yaml").write_text("# a remark\n" + yaml.safe_dump(reordered, sort_keys=False))
    assert stale(clean) == set()


@pytest.mark.parametrize("stage", CODE)
@pytest.mark.parametrize("what", ["code", "packages"])
def test_a_section_reruns_its_stage(clean: Path, stage: str, what: str) -> None:
    """Other code or another package version re-runs the stages that name that section, and none beside."""
    values = {"code": "0" * 64, "packages": {**CODE[stage]["packages"], "numpy": "99.0"}}
    sections = {**CODE, stage: {**CODE[stage], what: values[what]}}
    (clean / "code.yaml").write_text(yaml.safe_dump(sections))
    assert stale(clean) == all_of(stage)


@pytest.mark.parametrize(
    ("path", "stages"),
    [
        ("data/digits.zip", all_of("preprocess")),
        ("decisions.csv", all_of("preprocess")),
        ("calibration.csv", all_of("train")),
        ("artifacts/datasets/digits/new", all_of("preprocess", "train", "evaluate", "export")),
        ("artifacts/weights/vgg19-random/new", {
            "weights@vgg19-random", "train@digits-vgg19", "export@digits-vgg19",
        }),
        ("artifacts/classifiers/digits-cnn/new", {
            "train@digits-cnn", "evaluate@digits-cnn", "export@digits-cnn", "compare",
        }),
        ("artifacts/models/digits-cnn/new", {"export@digits-cnn", "compare"}),
        ("metrics/digits-cnn.json", {"evaluate@digits-cnn", "compare"}),
        ("plots/digits-cnn/confusion.png", {"evaluate@digits-cnn"}),
        ("reports/comparison/new", {"compare"}),
        ("pretrained/random", {"weights@vgg19-random", "weights@resnet50-random"}),
    ],
)  # fmt: skip
def test_files_rerun_exactly(clean: Path, path: str, stages: set[str]) -> None:
    """Each output and input leads to its users: the edges of the graph."""
    file = clean / path
    before = file.read_bytes() if file.exists() else None
    file.write_bytes(b"something else")
    try:
        assert stale(clean) == stages
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def test_a_dry_repro_names_what_status_names(clean: Path) -> None:
    """`dvc repro --dry` runs the stages that `dvc status` calls changed, in the order of the graph."""
    write_params(clean, other("classifiers.digits-vgg19.phases.head.epochs"))
    said = call("dvc", "repro", "--dry", cwd=clean).stdout
    running = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    assert set(running) == {"train@digits-vgg19", "export@digits-vgg19", "compare"}
    assert (
        running.index("train@digits-vgg19") < running.index("export@digits-vgg19") < running.index("compare")
    )


def test_the_graph_has_no_other_stages(project: Path) -> None:
    """One instance for each entry, and the comparison."""
    with opened(project) as repo:
        names = {stage.addressing for stage in repo.index.stages}
    assert names == all_of(*GRAPH)
