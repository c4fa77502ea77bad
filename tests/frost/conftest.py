"""What several tests of features start from."""

from pathlib import Path

import pytest

from frostline import files
from frostline.frost.features import Images
from frostline.params import Image
from making import encoded, folder
from making_networks import HEIGHT, WIDTH


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """Thirty-five images and an empty cache."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    contents = {f"{number:02}.png": encoded(number, height=20 + number, width=33) for number in range(35)}
    size = {"height": HEIGHT, "width": WIDTH}
    return Images(
        root=folder(tmp_path / "photos", contents),
        paths=list(contents),
        ids=[files.sha256(content) for content in contents.values()],
        rule=Image.model_validate({"size": size, "resize": "squash", "transform": "rescale"}),
    )
