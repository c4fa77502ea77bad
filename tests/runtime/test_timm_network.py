"""Networks of timm as ONNX files that give what PyTorch gives; by PyTorch in an environment of its own, which is big.

Their weights are drawn: none can be downloaded everywhere, and what is proven is the arithmetic.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from frostline.runtime import onnx_description
from frostline.template import onnx_weights
from helpers import environments
from helpers.downloads import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]

# torchvision's operators are compiled for CUDA: beside a PyTorch for processors there are none, and none is used.
WITHOUT_CUDA = """
import importlib.abc, sys

class _Torchvision(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch
            declare = torch.library.register_fake
            torch.library.register_fake = lambda op, *given, **more: (
                (lambda function: function) if str(op).startswith("torchvision::") else declare(op, *given, **more)
            )

sys.meta_path.insert(0, _Torchvision())
"""
# name, size, class of taps' source, numbers per image
NETWORKS = {
    "resnet18": (64, 512),
    "convnext_atto": (64, 320),
    "vit_tiny_patch16_224": (64, 192),  # a class token
    "vit_small_patch14_reg4_dinov2": (56, 384),  # and four registers
    "swin_tiny_patch4_window7_224": (None, 768),
    "mobilenetv4_conv_small": (64, 1280),
    "efficientnet_lite0": (64, 1280),
}
DRAWN = """
import sys, json, torch, timm
from pathlib import Path
from frostline.commands import fetch
from frostline.errors import FrostlineError
for name, size in json.loads(sys.argv[1]).items():
    torch.manual_seed(0)
    torch.save(timm.create_model(name, pretrained=False).state_dict(), "drawn.pth")
    print(name, fetch.run(f"timm:{name}", checkpoint=Path("drawn.pth"), size=size)[1], flush=True)
try:
    fetch.run("timm:resnet34", checkpoint=Path("drawn.pth"))
except FrostlineError as error:
    print("refused", error)
"""
OF_THE_HUB = """
import sys, torch, timm
from pathlib import Path
from safetensors.torch import save_file
torch.manual_seed(0)
save_file(timm.create_model("resnet18", pretrained=False).state_dict(), "model.safetensors")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """PyTorch for processors and timm, beside the packages that run the tests."""
    venv = environments.borrowing(tmp_path_factory.mktemp("timm") / "venv")
    wheels = os.environ.get("PIP_FIND_LINKS") or WHEELS
    environments.install(
        venv, "--no-deps", "--require-hashes", "--find-links", wheels, "-r", ROOT / "requirements/timm.txt"
    )
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(WITHOUT_CUDA)
    yield venv / "bin/python"
    environments.remove(venv)


WHEELS = "https://download.pytorch.org/whl/cpu/torch/"


def run(python: Path, *words: str, cwd: Path, **settings: str) -> str:
    """The output of a Python that has this package's source."""
    settings = {"PYTHONPATH": str(ROOT / "src"), "HF_HOME": str(cwd / "hub"), **settings}
    return environments.call(python, *words, cwd=cwd, **settings).stdout


@pytest.fixture(scope="module")
def drawn(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Files of all of them, and what was said."""
    folder = tmp_path_factory.mktemp("drawn")
    sizes = json.dumps({name: size for name, (size, _) in NETWORKS.items()})
    return folder, run(python, "-c", DRAWN, sizes, cwd=folder).splitlines()


def test_agreement(drawn: tuple[Path, list[str]]) -> None:
    """Each is proven on photos; a checkpoint of another network is refused."""
    lines = {line.split()[0]: line for line in drawn[1]}
    assert all("agrees with PyTorch" in lines[name] for name in NETWORKS)
    assert "does not fit resnet34" in lines["refused"]
    assert "name the network" in lines["refused"]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_the_file_says(drawn: tuple[Path, list[str]], name: str) -> None:
    """Its size, its input and its features, without PyTorch."""
    import onnx

    file = drawn[0] / f"{name}.onnx"
    described = onnx_description.read(onnx.load(file))
    assert described is not None
    size, width = NETWORKS[name]
    found = onnx_weights.read(file)
    assert (found.height, found.width, found.features) == (size or 224, size or 224, width)
    assert (found.known, found.tap, described.origin) == (True, "features", f"timm:{name}")
    own = [0.5, 0.5, 0.5] if name == "vit_tiny_patch16_224" else [0.485, 0.456, 0.406]
    assert described.input.mean == own


def test_by_the_hub(python: Path, tmp_path: Path) -> None:
    """The command downloads what timm names; a hub without it is one line."""
    run(python, "-c", OF_THE_HUB, cwd=tmp_path)
    path = "/timm/resnet18.a1_in1k/resolve/main/model.safetensors"
    command = ("-m", "frostline.cli", "net", "fetch", "timm:resnet18.a1_in1k")
    with serving({path: (tmp_path / "model.safetensors").read_bytes()}) as site:
        said = run(python, *command, cwd=tmp_path, HF_ENDPOINT=site.url)
    assert "agrees with PyTorch" in said
    assert ("GET", path, "") in site.asked
    assert (tmp_path / "resnet18.a1_in1k.onnx").is_file()
    with serving({}) as site:
        failed = environments.call(
            python, *command, "--out", "other.onnx", cwd=tmp_path, check=False,
            PYTHONPATH=str(ROOT / "src"), HF_HOME=str(tmp_path / "empty"), HF_ENDPOINT=site.url,
        )  # fmt: skip
    assert failed.returncode == 1
    *before, last = failed.stderr.splitlines()
    assert "cannot be loaded" in last
    assert "--checkpoint" in last
    assert not [line for line in before if "HEAD" in line]
    assert not (tmp_path / "other.onnx").exists()
