"""Weights at hand: those of params.yaml, files that it does not name, and what an ONNX file may take."""

from pathlib import Path

import numpy as np
import pytest

from frostline import config
from frostline.commands import search_weights
from frostline.config import entries
from frostline.errors import InputError
from frostline.template import onnx_weights
from frostline.training.search_rounds import Round, ScoredHead
from frostline.training.search_trunks import Trunk
from helpers.onnx_networks import written
from helpers.params import WHOLE, changed
from helpers.search import ENTRY, photos


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an ONNX file that does not say its input."""
    written(tmp_path / "pretrained/net.onnx", size=(32, 40))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(**weights: object) -> config.Params:
    """Of a project with these weights."""
    return config.Params.model_validate(changed(WHOLE, {"weights": {"scratch": SCRATCH, **weights}}))


SCRATCH = {"backbone": None, "source": "scratch"}


def entry() -> dict[str, object]:
    """As `init` writes it."""
    network = onnx_weights.read(Path("pretrained/net.onnx"))
    values = config.plain("weights:\n" + onnx_weights.entry("net", "net.onnx", network))
    return dict(values["weights"]["net"])


def names(some: config.Params) -> list[str]:
    """What is at hand."""
    return [one.name for one in search_weights.at_hand(some)]


def test_a_file_that_nobody_named() -> None:
    """Once with each usual input."""
    assert names(settings()) == [f"net-{kind}" for kind in onnx_weights.USUAL]


def test_a_guess_is_tried_beside_others() -> None:
    """An entry that somebody changed is what they want."""
    guess = entry()
    assert names(settings(net=guess)) == ["net", "net-symmetric", "net-raw"]
    mine = {**guess, "input": {**guess["input"], "scale": 1.0}}  # type: ignore[dict-item]
    assert names(settings(net=mine)) == ["net"]
    tapped = {**guess, "taps": {"map": {"pooling": "mean", "prefix_tokens": 0}}}
    assert names(settings(net=tapped)) == ["net"]


def test_wanted() -> None:
    """By name, each once; a name that there is not is answered with the nearest."""
    assert [one.name for one in search_weights.at_hand(settings(), ["net-raw", "net-raw"])] == ["net-raw"]
    with pytest.raises(InputError, match="net-raw"):
        search_weights.at_hand(settings(), ["net-rew"])
    Path("pretrained/net.onnx").unlink()
    with pytest.raises(InputError, match="no pretrained weights"):
        search_weights.at_hand(settings())


def head(name: str, loss: float) -> ScoredHead:
    """A candidate on a trunk of these weights."""
    return ScoredHead(Trunk(name, ENTRY, 32, 40), "", 0.1, 1.0, 1.0, np.ones(20, bool), loss)


def test_what_fits() -> None:
    """In the last round that any of them came to; the name itself where none did."""
    first = Round(photos(20), (head("net", 0.4), head("net-raw", 0.3), head("other", 0.1)), {})
    second = Round(photos(20), (head("net", 0.2), head("other", 0.1)), {})
    assert search_weights.fitting("net", [first]) == "net-raw"
    assert search_weights.fitting("net", [first, second]) == "net"
    assert search_weights.fitting("third", [first]) == "third"


def test_corrected() -> None:
    """The entry keeps its name; what others say stays."""
    guess = onnx_weights.entry("net", "net.onnx", onnx_weights.read(Path("pretrained/net.onnx")))
    text = entries.added("# Mine.\nweights:\n  a: {backbone: null, source: scratch}\n", "weights", guess)
    by = next(one for one in search_weights.at_hand(settings(), ["net-raw"]))
    found = search_weights.corrected(text, "net", by)
    assert found.startswith("# Mine.\nweights:\n  a: ")
    assert config.plain(found)["weights"]["net"]["input"]["mean"] == [0.0, 0.0, 0.0]
    assert "net-raw" not in found
    assert "guess" not in found
