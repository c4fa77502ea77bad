"""A training that is killed goes on to the same bytes; several devices find what one finds."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import files
from frostline.evaluation import history
from frostline.stages import preprocess, train, weights
from frostline.training import checkpoint
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.params import PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES

VIEWS = {
    "rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1,
    "horizontal_flip": True, "views": 2,
}  # fmt: skip
THAW = {"freeze": "conv_pw_1_relu", "epochs": 3, "batch_size": 5, "optimizer": "adam", "learning_rate": 0.001}
ENTRY = changed(
    PRETRAINED,
    {
        "augmentation": VIEWS,
        "network.head.dense": {"wide": 7},
        "network.head.dropout": 0.3,
        "phases.head.epochs": 3,
        "phases.thaw": THAW,
        "training": {
            "schedule": "cosine", "warmup": 0.1, "class_weights": "balanced", "label_smoothing": 0.1,
            "early_stopping": {"measure": "loss", "patience": 2},
        },
    },
)  # fmt: skip
OUT = Path("artifacts/classifiers/it")


@contextlib.contextmanager
def unwatched(**_: Any) -> Iterator[Callable[..., None]]:
    """Nobody watches."""
    yield lambda *_: None


def interrupting(after: int) -> Any:
    """A watcher that interrupts the training after so many epochs."""

    @contextlib.contextmanager
    def live(**_: Any) -> Iterator[Callable[..., None]]:
        def log(number: int, _: dict[str, float]) -> None:
            if number == after:
                raise KeyboardInterrupt

        yield log

    return live


def settle(values: dict[str, Any]) -> None:
    """Write params.yaml."""
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


def hashes() -> dict[str, str]:
    """Hashes of what train left."""
    return {path.name: files.sha256_file(path) for path in OUT.iterdir()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project before training; it is the current folder."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 11}))
    (root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        settle(changed(WHOLE, {"classifiers": {"it": ENTRY}}))
        weights.run("mobilenet-random")
        preprocess.run("shapes")
        yield root


@pytest.fixture(scope="module")
def expected(root: Path) -> dict[str, str]:
    """What an undisturbed training leaves."""
    assert root.is_dir()
    train.run("it", live=unwatched)
    return hashes()


def test_interrupted_in_either_phase_and_between(
    expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped again and again, the outputs are the same in the end, and no checkpoint is left.

    Nor is what a killed run was writing, or what an earlier recipe wrote and this one does not.
    """
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    assert len(history.read(OUT / "history.csv", made_by="train")) >= 4
    for path in OUT.iterdir():
        path.unlink()
    for after in (1, 3, 4):  # in the first phase, between the two, in the second
        with pytest.raises(KeyboardInterrupt):
            train.run("it", live=interrupting(after))
        assert not list(OUT.iterdir())
        assert list(Path(".frostline/cache/checkpoints").rglob("state.npz"))
    for name in (".0123abcd.trained.weights.h5", "of_another_recipe.parquet"):
        (OUT / name).write_bytes(b"half")
    train.run("it", live=unwatched)
    assert hashes() == expected
    assert not list(Path(".frostline/cache/checkpoints").iterdir())


def test_another_recipe_does_not_go_on(expected: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint belongs to its recipe: a changed one trains from the beginning, and back again too."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train.run("it", live=interrupting(2))
    other = changed(WHOLE, {"classifiers": {"it": changed(ENTRY, {"phases.head.learning_rate": 0.03})}})
    settle(other)
    seen: list[int] = []

    @contextlib.contextmanager
    def live(**_: Any) -> Iterator[Callable[..., None]]:
        yield lambda number, _: seen.append(number)

    train.run("it", live=live)
    assert hashes() != expected
    settle(changed(WHOLE, {"classifiers": {"it": ENTRY}}))
    train.run("it", live=live)
    assert hashes() == expected
    assert seen.count(1) == 2


RUN = """
import contextlib, sys
from frostline.stages import train
from frostline.training import checkpoint
checkpoint.SECONDS = 0.0

@contextlib.contextmanager
def live(**_):
    yield lambda number, _: print(number, flush=True)

train.run("it", live=live)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_twenty_times(expected: dict[str, str]) -> None:
    """kill -9 at twenty random moments, after the start of training or before: the same bytes in the end."""
    rng = random.Random(8)
    for _ in range(20):
        with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline()  # an epoch is done, or was done before
            time.sleep(rng.uniform(0, 2.5))
            process.send_signal(signal.SIGKILL)
    subprocess.run([sys.executable, "-c", RUN], check=True, stdout=subprocess.DEVNULL)
    assert hashes() == expected


DEVICES = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from frostline.models.keras_backend import strategy
from frostline.training import assemble, phases, recipe
inputs = recipe.read("it")
inputs = inputs.changed(augmentation=None)
network = inputs.network()
head = inputs.entry.network.head
epochs = [each for _, each in phases.train(inputs, network, assemble.cut_phases(network, inputs.entry))]
print(json.dumps([strategy().num_replicas_in_sync, [vars(each) for each in epochs]]))
"""


@pytest.mark.slow
def test_two_devices_train_as_one(root: Path) -> None:
    """Two logical processors share each batch, odd ones too: the same course up to rounding."""
    assert root.is_dir()
    plain = changed(ENTRY, {"network.head.dropout": 0.0, "phases.head.batch_size": 5})
    settle(changed(WHOLE, {"classifiers": {"it": plain}}))
    found = {}
    for count in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", DEVICES], env={**os.environ, "FROSTLINE_DEVICES": count},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        replicas, found[count] = json.loads(done.stdout.splitlines()[-1])
        assert replicas == int(count)
    settle(changed(WHOLE, {"classifiers": {"it": ENTRY}}))
    one, two = ([list(epoch.values()) for epoch in found[count]] for count in ("1", "2"))
    np.testing.assert_allclose(one, two, rtol=2e-3, atol=1e-4)
