"""A network as table and picture: figures as worked out by hand, many layers drawn by their blocks."""

import dataclasses
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from frostline.evaluation import network_picture, style
from frostline.evaluation.network_picture import Row

CONV = Row("block1_conv1", "Conv2D", (20, 28, 8), "3x3", 224, (), 4480, 241_920)
POOL = Row("block1_pool", "MaxPooling2D", (10, 14, 8), "4x4", 0, (), 1120, 4480)
LOGITS = Row("logits", "Dense", (3,), "image", 27, ("head", "thaw"), 3, 51)


def test_table() -> None:
    """One line a layer; numbers to the right, nothing where there is nothing."""
    assert network_picture.table([CONV, POOL, LOGITS]).splitlines() == [
        "layer         kind           output   sees  parameters  trains      activations   FLOPs",
        "------------  ------------  -------  -----  ----------  ----------  -----------  ------",
        "block1_conv1  Conv2D        20x28x8    3x3         224  frozen         17.5 KiB   242 k",
        "block1_pool   MaxPooling2D  10x14x8    4x4                             4.38 KiB  4.48 k",
        "logits        Dense               3  image          27  head, thaw         12 B      51",
    ]


@pytest.mark.parametrize(
    ("number", "counted", "sized"),
    [
        (0, "0", "0 B"),
        (999, "999", "999 B"),
        (1000, "1 k", "0.977 KiB"),
        (39_052_984_320, "39.1 G", "36.4 GiB"),
    ],
)
def test_units(number: int, counted: str, sized: str) -> None:
    """Three digits and a unit; counts by thousands, bytes by 1024."""
    assert network_picture.count(number) == counted
    assert network_picture.size(number) == sized


def test_small_networks_are_drawn_layer_by_layer() -> None:
    """Nothing is merged where there is room."""
    assert network_picture.grouped([CONV, POOL, LOGITS]) == [CONV, POOL, LOGITS]


def test_large_networks_are_drawn_by_blocks() -> None:
    """150 layers in 50 blocks become 50 rows, whose numbers add up."""
    rows = [dataclasses.replace(CONV, name=f"conv_b{block}_{part}") for block in range(50) for part in "xyz"]
    found = network_picture.grouped([*rows, LOGITS])
    assert len(found) == 51
    assert found[0].name == "conv_b0_x … conv_b0_z"
    assert found[0].parameters == 3 * 224
    assert sum(row.operations for row in found) == 150 * CONV.operations + LOGITS.operations
    assert found[-1].trains == ("head", "thaw")


def test_names_without_blocks_are_cut_into_runs() -> None:
    """Where names share nothing, equal runs are drawn; all layers are in one of them."""
    rows = [dataclasses.replace(POOL, name=f"{'ab'[number % 2]}x_{number}") for number in range(300)]
    found = network_picture.grouped(rows)
    assert len(found) == network_picture.DRAWN
    assert sum(row.values for row in found) == 300 * POOL.values


def test_picture() -> None:
    """Frozen layers are blue, trained ones vermilion; the same bytes each time."""
    drawn = [style.png(network_picture.picture([CONV, POOL, LOGITS], classifier="pets")) for _ in range(2)]
    assert drawn[0] == drawn[1]
    with Image.open(BytesIO(drawn[0])) as image:
        colours = {tuple(colour) for colour in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours
