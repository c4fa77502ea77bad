"""Temperature scaling: found on held-out images, taken only where it helps beyond chance."""

import math
import sys

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from frostline.evaluation import temperature
from frostline.evaluation.log_loss import losses
from frostline.evaluation.predictions import Predictions

CLASSES = ("a", "b", "c")


def drawn(count: int, *, scale: float = 1.0, seed: int = 0, split: str = "validation") -> Predictions:
    """Images whose labels come from softmax(logits), told as softmax(logits x scale): overconfident above 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 3)) * 1.5
    powers = np.exp(logits)
    truth = powers / powers.sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in truth])
    told = np.exp(logits * scale)
    probs = (told / told.sum(axis=1, keepdims=True)).astype(np.float32)
    names = tuple(f"{seed}-{number:05d}" for number in range(count))
    return Predictions(CLASSES, names, names, (split,) * count, labels, probs)


@pytest.mark.parametrize("scale", [0.5, 2.0, 4.0])
def test_a_wrong_scale_is_found_and_mended(scale: float) -> None:
    """The temperature is the factor that the logits are off by, and it lowers the loss of other images."""
    found = temperature.fit(drawn(2000, scale=scale))
    test = drawn(2000, scale=scale, seed=1)
    assert found.value == pytest.approx(scale, rel=0.1)
    assert found.gain is not None
    assert found.gain.low > 0
    after = losses(test.labels, temperature.apply(test.probs, found.value)).mean()
    assert after < losses(test.labels, test.probs).mean() - 0.01


def test_calibrated_probabilities_stay_as_they_are() -> None:
    """Where nothing is gained beyond chance it is 1, with the reason; so it is in 9 of 10 draws and more."""
    found = [temperature.fit(drawn(400, seed=seed)) for seed in range(20)]
    kept = [one for one in found if one.value == 1]
    assert len(kept) >= 18
    assert all(one.reason for one in kept)
    assert all(one.fitted == pytest.approx(1, rel=0.5) for one in found)


def test_loss_on_test_never_rises_beyond_chance() -> None:
    """Over many small validation sets of calibrated networks the mean loss on test stays."""
    test = drawn(2000, seed=999)
    before = losses(test.labels, test.probs)
    worse = []
    for seed in range(30):
        value = temperature.fit(drawn(80, seed=seed)).value
        worse.append((losses(test.labels, temperature.apply(test.probs, value)) - before).mean())
    assert np.mean(worse) < 0.005


def test_all_right_does_not_make_it_certain() -> None:
    """Where every validation image is right, the likelihood alone would take the temperature to 0."""
    rows = drawn(200)
    sure = Predictions(CLASSES, rows.paths, rows.ids, rows.splits, rows.predicted, rows.probs)
    found = temperature.fit(sure)
    assert found.fitted > temperature.LOWEST


@pytest.mark.parametrize("scale", [0.05, 0.5, 1.0, 4.0, 50.0])
def test_it_is_where_the_loss_is_lowest(scale: float) -> None:
    """As SciPy's search finds it between the bounds: the first and the last of these are on them."""
    rows = drawn(400, scale=scale)

    def loss(logarithm: float) -> float:
        told = np.maximum(rows.probs.astype(np.float64), np.finfo(np.float32).tiny)
        powers = told ** (1 / math.exp(logarithm))
        own = powers[np.arange(len(rows)), rows.labels] / powers.sum(axis=1)
        return float(-np.log(own).sum()) + (logarithm / temperature.PRIOR) ** 2 / 2

    bounds = (math.log(temperature.LOWEST), math.log(temperature.HIGHEST))
    wanted = math.exp(minimize_scalar(loss, bounds=bounds, options={"xatol": 1e-7}).x)
    assert temperature.fit(rows).fitted == pytest.approx(wanted, abs=1e-4)


def test_scipys_optimiser_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import would take a fifth of another export on a known trunk."""
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    assert temperature.fit(drawn(200, scale=2)).fitted > 1


def test_few_images_cannot_tell() -> None:
    """A handful of images fits nothing, and that is said."""
    found = temperature.fit(drawn(10, scale=4))
    assert (found.value, found.gain) == (1.0, None)
    assert "10" in str(found.images)
    assert found.reason


def test_order_of_rows_does_not_matter() -> None:
    """Parts are drawn by content: evaluate and export find the same number whatever the order."""
    rows = drawn(300, scale=2)
    turned = rows.take(np.arange(len(rows))[::-1])
    assert temperature.fit(rows).value == pytest.approx(temperature.fit(turned).value, rel=1e-3)


def test_apply_divides_logits() -> None:
    """As softmax(logits / T), also where a probability has vanished; at 1 bit for bit the same."""
    logits = np.array([[4.0, 1.0, -3.0], [0.0, 0.0, 80.0]])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    wanted = np.exp(logits / 2 - (logits / 2).max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    assert temperature.apply(probs, 2.0) == pytest.approx(wanted, abs=1e-6)
    assert temperature.apply(probs, 1.0) is probs
    zero = np.array([[1.0, 0.0, 0.0]], np.float32)
    assert np.isfinite(temperature.apply(zero, 0.5)).all()


def test_calibrated_uses_validation_alone() -> None:
    """Test labels have no part in it."""
    held_out, test = drawn(400, scale=3), drawn(100, scale=3, seed=5, split="test")
    both = Predictions(
        CLASSES,
        held_out.paths + test.paths,
        held_out.ids + test.ids,
        held_out.splits + test.splits,
        np.concatenate([held_out.labels, test.labels]),
        np.concatenate([held_out.probs, test.probs]),
    )
    value = temperature.of(held_out).value
    assert temperature.of(both).value == value
    assert (temperature.calibrated(both).split("test").probs == temperature.apply(test.probs, value)).all()
