"""Occlusion: what is hidden, what it costs the class, and that certain answers are explained too."""

import numpy as np
import numpy.typing as npt
import pytest

from frostline.models.occlusion import occluded, occlusion


def bright(place: tuple[slice, slice], steep: float) -> object:
    """A network of two classes whose second is the mean brightness of one place."""

    def network(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        logit = steep * (batch[:, place[0], place[1]].mean((1, 2, 3)) / 255 - 0.4)
        second = 1 / (1 + np.exp(-logit.astype(np.float64)))
        return np.stack([1 - second, second], axis=1).astype(np.float32)

    return network


def test_every_cell_is_hidden_once_with_its_neighbours() -> None:
    """Only those cells change, to the mean colour, on sides that the grid does not divide."""
    pixels = np.arange(10 * 7 * 3, dtype=np.uint8).reshape(10, 7, 3)
    covered = occluded(pixels, 3)
    assert covered.shape == (9, 10, 7, 3)
    changed = (covered != pixels).any(-1)
    assert changed[4].all(), "the middle cell's neighbours are all there are"
    assert not changed[0][7:].any()
    assert not changed[0][:, 5:].any()
    assert (covered[0][0, 0] == pixels.mean((0, 1)).round()).all()


@pytest.mark.parametrize("steep", [5.0, 60.0])
def test_heat_lies_where_the_network_looks(steep: float) -> None:
    """Even where the class is certain to the last bit of a float32."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[0:10, 30:40] = 255
    network = bright((slice(0, 10), slice(30, 40)), steep)
    found = occlusion(network, pixels, number=1, cells=8)  # type: ignore[arg-type]
    assert found.heat[0, 7] == found.heat.max() == 1
    assert found.heat[4:, :4].max() == 0
    assert found.prob > 0.9
    assert found.drop > 0.5


def test_nothing_speaks_for_a_class_that_nothing_changes() -> None:
    """All 0, not a blown-up nothing."""

    def same(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.full((len(batch), 2), 0.5, np.float32)

    found = occlusion(same, np.zeros((8, 8, 3), np.uint8), number=0, cells=2)
    assert (found.heat.max(), found.drop, found.prob) == (0, 0, 0.5)
