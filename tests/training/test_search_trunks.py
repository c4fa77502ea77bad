"""Trunks of a search: one pass gives the features of every end, and they are those of a network that ends there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from frostline import config, files
from frostline.errors import InputError
from frostline.features import cut_model, extraction
from frostline.features.extraction import Images
from frostline.features.local_stream import stream
from frostline.models import network
from frostline.stages import weights
from frostline.training import assemble, recipe, search_trunks
from frostline.training.search_trunks import Trunk
from helpers.images import encoded, pixels
from helpers.networks import KERAS_COPIES
from helpers.onnx_networks import written
from helpers.params import WHOLE

pytestmark = KERAS_COPIES

PICTURES = np.stack([pixels(number, height=32, width=32) for number in range(3)])


def test_the_ends_of_a_keras_network(tmp_path: Path) -> None:
    """The last blocks and the whole; columns as the network cut there gives them; the share of operations rises."""
    entry = config.KerasWeights(backbone="mobilenet", source="random")
    trunk = Trunk("m", entry, 32, 32)
    one = search_trunks.opened(trunk, cache=tmp_path, seed=11)
    assert [end.layer for end in one.ends] == [
        "conv_dw_11_relu", "conv_pw_11_relu", "conv_dw_12_relu", "conv_pw_12_relu", "conv_dw_13_relu", "",
    ]  # fmt: skip
    assert [end.share for end in one.ends] == sorted(end.share for end in one.ends)
    assert one.ends[-1].share == 1
    rows = np.asarray(one.model(PICTURES, training=False))
    file, _ = search_trunks.backbone_file(entry, cache=tmp_path, seed=11, root=Path())
    for end in one.ends[::3]:
        whole = network.build(trunk.classifier(end.layer), backbone="mobilenet", weights=file, classes=2)
        alone = np.asarray(cut_model.cut(whole, "all").trunk(PICTURES, training=False))
        np.testing.assert_allclose(rows[:, end.columns], alone, rtol=1e-4, atol=1e-5)
    assert one.milliseconds > 0
    assert one.faster(0.5).milliseconds == min(0.5, one.milliseconds)
    assert one.megabytes == pytest.approx(4e-6 * 3_228_864)


@pytest.mark.slow
def test_training_finds_the_rows_of_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No photo passes again, and the rows are those that the network makes which ends there."""
    names = [f"{number}.png" for number in range(3)]
    contents = {name: encoded(number, height=32, width=32) for number, name in enumerate(names)}
    entry = config.KerasWeights(backbone="mobilenet", source="random")
    trunk = Trunk("m", entry, 32, 32)
    one = search_trunks.opened(trunk, cache=tmp_path, seed=11)
    file, sha256 = search_trunks.backbone_file(entry, cache=tmp_path, seed=11, root=Path())
    ids = [files.sha256(contents[name]) for name in names]
    for number, end in enumerate(("conv_pw_12_relu", "")):
        recipe_ = trunk.classifier(end)
        some = Images(tmp_path, names, ids, recipe_.image, cache=tmp_path, read=contents.__getitem__)
        one.share(end, some)
        whole = network.build(recipe_, backbone="mobilenet", weights=file, classes=2)
        model = cut_model.cut(whole, "all").trunk
        key = assemble.trunk_key(recipe_, weights={"backbone": "mobilenet", "sha256": sha256}, cut="pool")
        with monkeypatch.context() as patch:
            patch.setattr(extraction, "_reading", None)  # nothing is read
            found = extraction.features(some, trunk=model, key=key)[:]
        columns = next(each for each in one.ends if each.layer == end).columns
        np.testing.assert_array_equal(found, one.rows(some, stream)[:, columns])
        fresh = extraction.features(replace(some, cache=tmp_path / str(number)), trunk=model, key=key)[:]
        np.testing.assert_array_equal(found, fresh)
        one.share(end, some)  # nothing is left to do


def test_an_onnx_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its taps, and a key that training has too."""
    entry = {
        "backbone": "onnx",
        "source": "net.onnx",
        "input": {"channels": "RGB", "scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3},
        "taps": {"vector": {"pooling": "none", "prefix_tokens": 0}},
    }
    settings = config.parse({**WHOLE, "weights": {**WHOLE["weights"], "net": entry}})
    written(tmp_path / "pretrained/net.onnx", size=None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "load", lambda: settings)
    trunk = Trunk("net", settings.weights["net"], 32, 32)
    one = search_trunks.opened(trunk, cache=tmp_path, seed=1)
    weights.run("net")
    key = assemble.trunk_key(trunk.classifier(), weights=recipe.read_weights("net"), cut="features")
    assert one.key == key
    assert [(end.layer, end.columns, end.share) for end in one.ends] == [("", slice(0, 5), 1.0)]


def test_a_missing_file(tmp_path: Path) -> None:
    """One line says what is missing."""
    entry = config.KerasWeights(backbone="mobilenet", source="gone.weights.h5")
    with pytest.raises((InputError, OSError), match="gone"):
        search_trunks.opened(Trunk("m", entry, 32, 32), cache=tmp_path, seed=1, root=tmp_path)
