"""Every row of the table of backbones, from photos to scores by the real commands; few images, drawn weights."""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from frostline.config import BACKBONES
from frostline.files import read_json
from frostline.models.backbones import TABLE
from helpers.images import encoded, folder
from helpers.params import LENIENT, PRETRAINED, WHOLE, changed
from helpers.projects import call, copied, write_params

PHOTOS = 7  # of each class
STAGES = (("weights", "drawn"), ("preprocess", "shapes"), ("train", "net"), ("export", "net"))
# One process for all: TensorFlow starts once, and its memory ends with it.
RUN = "from frostline.cli import cli\nfor words in {}: cli(words, standalone_mode=False)"


def project(root: Path, backbone: str) -> Path:
    """A classifier on a backbone's pooled features, at the smallest size that it takes."""
    side = TABLE[backbone].smallest
    photos = {
        f"{name}/{seed}.png": encoded(start + seed, height=side + seed, width=side + 20)
        for name, start in (("circle", 0), ("square", 50))
        for seed in range(PHOTOS)
    }
    folder(root / "data/shapes", photos)
    settings = changed(
        WHOLE,
        {
            "weights": {"drawn": {"backbone": backbone, "source": "random"}},
            "datasets.shapes.path": "data/shapes",
            "datasets.shapes.audit": LENIENT,
            "classifiers": {"net": PRETRAINED},
            "classifiers.net.weights": "drawn",
            "classifiers.net.image.size": {"height": side, "width": side + 9},
            "classifiers.net.network.end_at": None,
        },
    )
    write_params(copied(root), settings)
    return root


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_from_photos_to_scores(backbone: str, tmp_path: Path) -> None:
    """Frozen, extracted, trained above, exported in agreement; scoring says what training said."""
    root = project(tmp_path, backbone)
    call(sys.executable, "-c", RUN.format(STAGES), cwd=root)
    agreement = read_json(root / "artifacts/models/net/agreement.json", made_by="export")
    assert agreement["images"] == 2 * PHOTOS
    out = root / "scores.parquet"
    call("frostline", "score", "data/shapes", "--model", "net", "--out", out, "--device", "cpu", cwd=root)
    scores = {row["path"]: row for row in pq.read_table(out).to_pylist()}
    said = pq.read_table(root / "artifacts/classifiers/net/predictions.parquet").to_pylist()
    assert len(said) == len(scores) == 2 * PHOTOS
    for row in said:
        np.testing.assert_allclose(scores[row["path"]]["probs"], row["probs"], atol=1e-4)
