"""A linear head by a solver: the optimum of its own objective, one strength chosen on validation."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.errors import InputError
from frostline.models.dense_head import DenseHead
from frostline.training import solver
from frostline.training.head_fits import HeadOptions
from frostline.training.solver import SolvedCandidate


def blobs(classes: int, *, count: int = 60, width: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (count, width) float32 of overlapping classes, of scales far apart, and labels of each class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = np.random.default_rng(classes).normal(size=(classes, width))
    rows = (centres[labels] + rng.normal(size=(count, width))) * 10.0 ** np.arange(width) + 3
    return rows.astype(np.float32), labels


def found(
    classes: int, *, strengths: tuple[float, ...] = (0.01, 0.1, 1.0), **changes: object
) -> list[SolvedCandidate]:
    """Candidates on such rows."""
    rows, labels = blobs(classes)
    held = blobs(classes, seed=1)
    arguments = {"strengths": strengths, "classes": classes, **changes}
    return list(solver.candidates([rows], labels, *held, **arguments))  # type: ignore[arg-type]


def objective(head: DenseHead, strength: float, *, classes: int, weights: np.ndarray | None = None) -> float:
    """C times the summed loss, and half the sum of squared weights: what scikit-learn documents."""
    rows, labels = blobs(classes)
    losses = -np.log(head(rows)[np.arange(len(labels)), labels].astype(np.float64))
    weights = np.ones(len(labels)) if weights is None else weights
    return float(strength * (weights * losses).sum() + (head.logits.kernel.astype(np.float64) ** 2).sum() / 2)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([2, 3, 5]), st.sampled_from([0.001, 0.1, 1.0]), st.integers(0, 9))
def test_no_neighbour_is_better(classes: int, strength: float, seed: int) -> None:
    """Its objective has one minimum, and this is it."""
    (candidate,) = found(classes, strengths=(strength,))
    here = objective(candidate.head, strength, classes=classes)
    rng = np.random.default_rng(seed)
    logits = candidate.head.logits
    for size in (0.01, 0.1):
        kernel = logits.kernel + rng.normal(size=logits.kernel.shape).astype(np.float32) * size
        other = DenseHead(
            type(logits)(kernel, logits.bias), mean=candidate.head.mean, scale=candidate.head.scale
        )
        assert objective(other, strength, classes=classes) > here


@pytest.mark.parametrize("classes", [2, 4])
def test_figures_are_those_of_the_head(classes: int) -> None:
    """Loss and accuracy of both splits, by the very head that would be exported; two classes have one logit."""
    rows, labels = blobs(classes)
    for candidate in found(classes):
        probs = candidate.head(rows)
        assert candidate.head.logits.kernel.shape[1] == (1 if classes == 2 else classes)
        assert candidate.epoch.accuracy == pytest.approx((probs.argmax(1) == labels).mean())
        expected = -np.log(probs[np.arange(len(labels)), labels]).mean()
        assert candidate.epoch.loss == pytest.approx(expected, rel=1e-4)


def test_validation_chooses() -> None:
    """The lowest loss there, the strongest penalty of equals; training losses fall along the path."""
    path = found(3, strengths=(1e-4, 1e-2, 1.0, 100.0))
    losses = [candidate.epoch.val_loss for candidate in path]
    assert solver.best(path).epoch.val_loss == min(losses)
    assert solver.best([path[0], path[0]]) is path[0]
    assert [candidate.epoch.loss for candidate in path] == sorted(
        (candidate.epoch.loss for candidate in path), reverse=True
    )


def test_no_more_are_tried_where_validation_only_gets_worse() -> None:
    """After two rises in a row; the same heads as without those that are left out."""
    rng = np.random.default_rng(2)
    rows, labels = rng.normal(size=(40, 30)).astype(np.float32), np.arange(40) % 2
    held = rng.normal(size=(40, 30)).astype(np.float32), labels
    few = list(solver.candidates([rows], labels, *held, strengths=(1e-2, 0.1, 1.0), classes=2))
    more = list(solver.candidates([rows], labels, *held, strengths=(1e-2, 0.1, 1.0, 10.0, 100.0), classes=2))
    assert [one.strength for one in more] == [1e-2, 0.1, 1.0]
    assert [one.epoch for one in more] == [one.epoch for one in few]
    assert more[0].epoch.val_loss < more[1].epoch.val_loss < more[2].epoch.val_loss


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_features_that_are_no_numbers(split: str, wrong: float) -> None:
    """No head is made of one."""
    (rows, labels), (held, of) = blobs(2), blobs(2, seed=1)
    (rows if split == "train" else held)[3, 1] = wrong
    with pytest.raises(InputError, match="features of some images are not finite"):
        list(solver.candidates([rows], labels, held, of, strengths=(0.1,), classes=2))


def test_balanced_classes() -> None:
    """A class of a tenth of the images weighs as much as the other."""
    rows, labels = blobs(2, count=200)
    few = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:10]])
    held = blobs(2, count=200, seed=1)
    recalls = []
    for balanced in (False, True):
        (one,) = solver.candidates(
            [rows[few]],
            labels[few],
            *held,
            strengths=(0.1,),
            classes=2,
            options=HeadOptions(balanced=balanced),
        )
        recalls.append((one.head(held[0]).argmax(1) == 1)[held[1] == 1].mean())
    assert recalls[1] > recalls[0]


def test_views_are_more_rows() -> None:
    """Twice the same view is twice the strength; standardisation is that of the first."""
    rows, labels = blobs(3)
    held = blobs(3, seed=1)
    (twice,) = solver.candidates([rows, rows], labels, *held, strengths=(0.1,), classes=3)
    (once,) = solver.candidates([rows], labels, *held, strengths=(0.2,), classes=3)
    np.testing.assert_allclose(twice.head(rows), once.head(rows), atol=2e-3)


def test_the_same_again() -> None:
    """No draw is in it."""
    for one, other in zip(found(3), found(3), strict=True):
        assert np.array_equal(one.head.logits.kernel, other.head.logits.kernel)


@pytest.mark.parametrize(("kind", "strength"), [("lda", 0.5), ("mlp", 1.0)])
def test_other_kinds(kind: str, strength: float) -> None:
    """Figures of the head that is given, on raw rows; hidden layers where they are asked for."""
    rows, labels = blobs(3)
    options = HeadOptions(hidden=(4,) if kind == "mlp" else ())
    held = blobs(3, seed=1)
    (one,) = solver.candidates(
        [rows], labels, *held, strengths=[strength], classes=3, kind=kind, options=options
    )
    assert len(one.head.hidden) == len(options.hidden)
    assert one.epoch.val_accuracy == pytest.approx((one.head(held[0]).argmax(1) == held[1]).mean())
    assert one.epoch.val_accuracy > 0.5


def test_a_class_without_images() -> None:
    """It has no optimum; one line."""
    rows, labels = blobs(3)
    with pytest.raises(InputError, match="class number 4"):
        list(solver.candidates([rows], labels, rows, labels, strengths=(1.0,), classes=4))


@pytest.mark.parametrize("views", [1, 2])
def test_many_rows_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, views: int) -> None:
    """The same bits as in memory, and nothing is left of it."""
    rows, labels = blobs(3)
    some = [rows * (1 + number) for number in range(views)], labels, *blobs(3, seed=1)
    in_memory = list(solver.candidates(*some, strengths=[0.1, 1.0], classes=3))
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(solver, "IN_MEMORY", 0)
    in_file = list(solver.candidates(*some, strengths=[0.1, 1.0], classes=3))
    assert list((tmp_path / "cache").iterdir()) == []
    for one, other in zip(in_memory, in_file, strict=True):
        assert one.epoch == other.epoch
        assert one.head.logits.kernel.tobytes() == other.head.logits.kernel.tobytes()
