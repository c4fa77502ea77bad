"""describe: from params.yaml alone, the counts that training would record."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from frostline.commands import describe
from frostline.errors import InputError
from helpers.images import archive, classes
from helpers.params import PRETRAINED, WHOLE, changed

THAWED = changed(
    PRETRAINED,
    {
        "image.size": {"height": 224, "width": 224},
        "weights": "vgg19-random",
        "network.end_at": None,
        "network.head": {"pooling": "flatten", "standardize": False, "dense": {}, "dropout": 0.0},
        "phases.thaw": {**PRETRAINED["phases"]["head"], "freeze": "block5_conv3"},
    },
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A params.yaml and nothing else: no data, no weights, no stage output."""
    monkeypatch.chdir(tmp_path)
    values = changed(WHOLE, {"weights.vgg19-random": {"backbone": "vgg19", "source": "random"}})
    values["classifiers"] |= {"lecture": THAWED}
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_the_lectures_network() -> None:
    """25,089 trainable and 20,024,384 frozen parameters; thawed above block5_conv3, 512 x (9 x 512) + 512 more."""
    said = "\n".join(describe.run("lecture", classes=2))
    assert "phase head: 25,089 trainable, 20,024,384 frozen\n" in said
    more = 512 * 9 * 512 + 512
    assert f"phase thaw: {25_089 + more:,} trainable, {20_024_384 - more:,} frozen\n" in said
    rows = {line.split()[0]: line.split() for line in said.splitlines() if "  " in line}
    assert rows["block5_conv3"][3:6] == ["220x220", "2,359,808", "frozen"]
    assert rows["block5_conv4"][3:6] == ["252x252", "2,359,808", "thaw"]
    assert rows["logits"][2:5] == ["1", "image", "25,089"]
    assert "head, thaw" in said


def test_the_data_says_how_many_classes(project: Path) -> None:
    """The folders are counted without decoding an image; the picture lies where it was asked for."""
    archive(project / "data/shapes.zip", classes({"a": 1, "b": 1, "c": 1, "d": 1}))
    said = "\n".join(describe.run("cnn", picture=Path("out/n.png")))
    assert "\n4 classes\n" in said
    assert said.endswith("Wrote out/n.png")
    assert (project / "out/n.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "cnn",
            {},
            "data/shapes.zip is not here to count its classes; say how many there are with --classes",
        ),
        ("lectur", {"classes": 3}, "no classifier named 'lectur' in params.yaml; did you mean 'lecture'?"),
        ("cnn", {"picture": Path("n.svg")}, "--picture n.svg: must end in .png"),
    ],
)
def test_mistakes(name: str, options: dict, message: str) -> None:
    """One line says what is missing or wrong."""
    with pytest.raises(InputError) as caught:
        describe.run(name, **options)
    assert str(caught.value) == message
