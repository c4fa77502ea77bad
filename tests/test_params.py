"""params.yaml is closed and typed: every mistake is one line that names its key and what to write."""

import copy
import functools
import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from frostline import config
from frostline.errors import InputError

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]

TEXT = """
seed: 7
weights:
  scratch: {backbone: null, source: scratch}
  net: {backbone: vgg19, source: random}
datasets:
  pets:
    path: data/pets.zip
    splits: {train: 0.7, validation: 0.15, test: 0.15}
    classes: [dog, cat]
    audit:
      {unreadable: quarantine, truncated: fail, oversized: fail, misnamed: keep, animated: keep, tiny: keep,
       elongated: fail, blurred: keep, dark: keep, bright: keep, duplicate: quarantine, near_duplicate: keep,
       conflict: quarantine, leak: fail, imbalance: keep}
classifiers:
  small:
    dataset: pets
    weights: scratch
    image: {size: {height: 24, width: 40}, resize: pad, transform: rescale}
    network:
      type: cnn
      blocks:
        first:
          {convolutions: 1, filters: 8, kernel: 3, stride: 1, padding: 1, l2: 0.0,
           pooling: {kind: max, size: 2, stride: 2}, dropout: 0.0}
      head: {pooling: flatten, standardize: false, dense: {hidden: 16}, dropout: 0.2}
    augmentation:
      {rotation: 40, width_shift: 0.2, height_shift: 0.2, shear: 0.2, zoom: 0.2, horizontal_flip: true, views: 4}
    precision: bfloat16
    training:
      schedule: cosine
      warmup: 0.1
      class_weights: balanced
      label_smoothing: 0.1
      early_stopping: {measure: loss, patience: 3}
    variants: null
    phases: {all: {freeze: none, epochs: 1, batch_size: 8, optimizer: adam, learning_rate: 1.0e-3}}
  large:
    dataset: pets
    weights: net
    image: {size: {height: 32, width: 40}, resize: squash, transform: backbone}
    network: {type: pretrained, end_at: null, head: {pooling: max, standardize: true, dense: {}, dropout: 0.0}}
    augmentation: null
    precision: float32
    training: null
    variants: null
    phases:
      head: {freeze: all, epochs: 2, batch_size: 8, optimizer: rmsprop, learning_rate: 1.0e-3}
      thaw: {freeze: block4_pool, epochs: 1, batch_size: 8, optimizer: sgd, learning_rate: 1.0e-5}
promotion: {margin: 0.02, level: 0.05, milliseconds: 500, megabytes: 0.5}
drift: {size: null, brightness: 0.25, sharpness: 0.25, embedding: 0.25, answers: 0.1, confidence: 0.25}
"""
NET, CNN, PETS = "classifiers.large", "classifiers.small", "datasets.pets"
FIRST = f"{CNN}.network.blocks.first"
ABSENT = object()


def base() -> dict[str, Any]:
    """The plain values of the file above, freshly read."""
    return YAML(typ="safe", pure=True).load(TEXT)


def section(values: Any, key: str) -> tuple[Any, str]:
    """The mapping that holds a dotted key, and the key's last part."""
    *above, last = key.split(".")
    return functools.reduce(operator.getitem, above, values), last


def changed(**changes: Any) -> dict[str, Any]:
    """The file with dotted keys set, or taken out."""
    values = base()
    for key, value in changes.items():
        where, last = section(values, key)
        if value is ABSENT:
            del where[last]
        else:
            where[last] = value
    return values


def refused(values: Any) -> list[str]:
    """The lines of the message that refuses these values, without the file's name."""
    with pytest.raises(InputError) as caught:
        config.parse(values)
    lines = str(caught.value).split("\n")
    assert all(line.startswith("params.yaml: ") for line in lines)
    return [line.removeprefix("params.yaml: ") for line in lines]


def test_every_value_arrives() -> None:
    """What is written is what the model says, optional sections and both network types included."""
    found = config.parse(base())
    assert found.model_dump() == base()
    assert isinstance(found.classifiers["small"].network, config.Cnn)
    assert isinstance(found.classifiers["large"].network, config.Pretrained)
    assert found.classifiers["large"].augmentation is None
    assert list(found.classifiers["large"].phases) == ["head", "thaw"]


def test_models_are_frozen() -> None:
    """No stage can change what another reads."""
    with pytest.raises(ValueError, match="frozen"):
        config.parse(base()).seed = 8


def test_parsing_leaves_the_values_alone() -> None:
    """Reading on under a mistyped key works on a copy."""
    values = base()
    values["sed"] = values.pop("seed")
    refused(values)
    assert "sed" in values
    assert "seed" not in values


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("promotion.margin", 0, "promotion.margin: must be greater than 0; is 0"),
        ("promotion.level", 0.5, "promotion.level: must be less than 0.5; is 0.5"),
        ("promotion.milliseconds", "fast", "promotion.milliseconds: must be a valid number; is 'fast'"),
        ("promotion.megabytes", ABSENT, "promotion.megabytes: missing key"),
        ("drift.answers", 0, "drift.answers: must be greater than 0; is 0"),
        ("drift.size", "big", "drift.size: must be a valid number; is 'big'"),
        ("drift.embedding", ABSENT, "drift.embedding: missing key"),
        ("drift.sharpnes", 1.0, "drift.sharpnes: unknown key; did you mean 'sharpness'?"),
        # unknown
        ("sede", 8, "sede: unknown key; did you mean 'seed'?"),
        (f"{NET}.imge", {}, f"{NET}.imge: unknown key; did you mean 'image'?"),
        (f"{NET}.image.size.depth", 3, f"{NET}.image.size.depth: unknown key; did you mean 'width'?"),
        (f"{NET}.gpu", 1, f"{NET}.gpu: unknown key; known: dataset, weights, image, network, augmentation, "
         "precision, training, variants, phases"),
        (f"{NET}.network.blocks", {}, f"{NET}.network.blocks: unknown key; known: type, end_at, head"),
        (f"{CNN}.network.end_at", None, f"{CNN}.network.end_at: unknown key; known: type, blocks, head"),
        (f"{NET}.network.pretrained", 1,
         f"{NET}.network.pretrained: unknown key; known: type, end_at, head, blocks"),
        (f"{NET}.phases.head.frozen", 1, f"{NET}.phases.head.frozen: unknown key; did you mean 'freeze'?"),
        ("line\nbreak", 1, "line\\nbreak: unknown key; known: seed, weights, datasets, classifiers, promotion, drift"),
        # missing
        ("seed", ABSENT, "seed: missing key"),
        (f"{PETS}.splits.test", ABSENT, f"{PETS}.splits.test: missing key"),
        (f"{NET}.augmentation", ABSENT, f"{NET}.augmentation: missing key"),
        (f"{NET}.network.type", ABSENT, f"{NET}.network.type: missing key"),
        (f"{NET}.network.end_at", ABSENT, f"{NET}.network.end_at: missing key"),
        (f"{CNN}.network.blocks.first.kernel", ABSENT, f"{CNN}.network.blocks.first.kernel: missing key"),
        (f"{PETS}.audit.dark", ABSENT, f"{PETS}.audit.dark: missing key"),
        (f"{PETS}.audit.leaks", "fail", f"{PETS}.audit.leaks: unknown key; did you mean 'leak'?"),
        # some findings may not be kept, and nothing can be quarantined for an imbalance
        (f"{PETS}.audit.leak", "keep", f"{PETS}.audit.leak: must be one of 'fail', 'quarantine'; is 'keep'"),
        (f"{PETS}.audit.imbalance", "quarantine",
         f"{PETS}.audit.imbalance: must be one of 'fail', 'keep'; is 'quarantine'"),
        (f"{PETS}.classes", ["cat", "cat"], f"{PETS}.classes: a class is named twice"),
        # mistyped
        ("seed", "7", "seed: must be a valid integer; is '7'"),
        ("seed", True, "seed: must be a valid integer; is True"),
        ("seed", None, "seed: must be a valid integer; is None"),
        ("seed", 7.0, "seed: must be a valid integer; is 7.0"),
        ("datasets", [], "datasets: must be a mapping; is []"),
        (PETS, None, f"{PETS}: must be a mapping; is None"),
        (f"{NET}.network", [1], f"{NET}.network: must be a mapping; is [1]"),
        (f"{NET}.network.end_at", ["a", "a"],
         f"{NET}.network.end_at: must be the name of a layer, a list of different ones, or null; is ['a', 'a']"),
        (f"{NET}.network.end_at", 4,
         f"{NET}.network.end_at: must be the name of a layer, a list of different ones, or null; is 4"),
        (f"{NET}.network.head.standardize", "yes",
         f"{NET}.network.head.standardize: must be a valid boolean; is 'yes'"),
        (f"{NET}.phases.head.learning_rate", "1e-3",
         f"{NET}.phases.head.learning_rate: must be a valid number; is '1e-3'"),
        (f"{NET}.dataset", ["x" * 100], f"{NET}.dataset: must be a valid string; is ['{'x' * 55}..."),
        # out of range
        ("seed", -1, "seed: must be greater than or equal to 0; is -1"),
        ("seed", 2**31, "seed: must be less than 2147483648; is 2147483648"),
        ("weights", {}, "weights: must have at least 1 item; is {}"),
        (f"{NET}.phases", {}, f"{NET}.phases: must have at least 1 item; is {{}}"),
        (f"{FIRST}.stride", 0, f"{FIRST}.stride: must be greater than or equal to 1; is 0"),
        (f"{FIRST}.padding", "same", f"{FIRST}.padding: must be a valid integer; is 'same'"),
        (f"{FIRST}.l2", -0.1, f"{FIRST}.l2: must be greater than or equal to 0; is -0.1"),
        (f"{FIRST}.dropout", 1.0, f"{FIRST}.dropout: must be less than 1; is 1.0"),
        (f"{FIRST}.pooling", "max", f"{FIRST}.pooling: must be a mapping; is 'max'"),
        (f"{FIRST}.pooling.kind", "l3",
         f"{FIRST}.pooling.kind: must be one of 'max', 'average', 'l1', 'l2'; is 'l3'"),
        (f"{FIRST}.pooling.sice", 2, f"{FIRST}.pooling.sice: unknown key; did you mean 'size'?"),
        (f"{NET}.image.size.height", 7, f"{NET}.image.size.height: must be greater than or equal to 8; is 7"),
        (f"{NET}.image.size.width", 2049,
         f"{NET}.image.size.width: must be less than or equal to 2048; is 2049"),
        (f"{NET}.image.resize", "stretch",
         f"{NET}.image.resize: must be one of 'squash', 'crop', 'pad'; is 'stretch'"),
        (f"{NET}.precision", "float64",
         f"{NET}.precision: must be one of 'float32', 'bfloat16', 'float16', 'int8'; is 'float64'"),
        (f"{CNN}.training.schedule", "step",
         f"{CNN}.training.schedule: must be one of 'constant', 'linear', 'cosine'; is 'step'"),
        (f"{CNN}.training.warmup", 1, f"{CNN}.training.warmup: must be less than 1; is 1"),
        (f"{CNN}.training.early_stopping", ABSENT, f"{CNN}.training.early_stopping: missing key"),
        (f"{CNN}.training.early_stopping.patience", 0,
         f"{CNN}.training.early_stopping.patience: must be greater than or equal to 1; is 0"),
        (f"{NET}.phases.head.optimizer", "adamm",
         f"{NET}.phases.head.optimizer: there is no 'adamm'; did you mean 'adam'?"),
        (f"{NET}.variants", {}, f"{NET}.variants: must have at least 1 item; is {{}}"),
        (f"{NET}.variants", {"int8": -1}, f"{NET}.variants.int8: must be greater than or equal to 0; is -1"),
        (f"{NET}.variants", {"int4": 1}, f"{NET}.variants.int4: must be one of 'float16', 'int8'; is 'int4'"),
        (f"{NET}.network.type", "vgg", f"{NET}.network.type: must be one of 'pretrained', 'cnn'; is 'vgg'"),
        (f"{NET}.network.head.dropout", 1, f"{NET}.network.head.dropout: must be less than 1; is 1"),
        (f"{NET}.network.head.dense", {"top": 0},
         f"{NET}.network.head.dense.top: must be greater than or equal to 1; is 0"),
        (f"{NET}.network.head.dense", {"Top layer": 4},
         f"{NET}.network.head.dense.Top layer: 'Top layer' does not have the form ^[a-z0-9][a-z0-9_-]*$"),
        (f"{NET}.phases.head.learning_rate", 0,
         f"{NET}.phases.head.learning_rate: must be greater than 0; is 0"),
        (f"{NET}.phases.head.learning_rate", float("nan"),
         f"{NET}.phases.head.learning_rate: must be less than or equal to 10; is nan"),
        (f"{CNN}.augmentation.shear", 90, f"{CNN}.augmentation.shear: must be less than 90; is 90"),
        (f"{CNN}.augmentation.views", 0,
         f"{CNN}.augmentation.views: must be a number from 1 to 1000, or live; is 0"),
        (f"{CNN}.augmentation.views", "alive",
         f"{CNN}.augmentation.views: must be a number from 1 to 1000, or live; is 'alive'"),
        (f"{PETS}.path", "photos", f"{PETS}.path: 'photos' does not have the form ^data/[^/]"),
        (f"{PETS}.path", "/data/pets", f"{PETS}.path: '/data/pets' does not have the form ^data/[^/]"),
        ("weights.net.source", "", "weights.net.source: must have at least 1 character; is ''"),
        ("weights.net.backbone", "vgg18",
         "weights.net.backbone: there is no 'vgg18'; did you mean 'vgg19'?"),
        ("weights.net.backbone", "efficientnet_v2_s",
         "weights.net.backbone: there is no 'efficientnet_v2_s'; did you mean 'efficientnetv2s'?"),
        # contradicting
        (f"{CNN}.precision", "int8", f"{CNN}.precision: int8 is for a network that stays frozen, and "
         "phases.all.freeze is 'none'; use float32 or bfloat16, or freeze all"),
        ("weights.scratch.source", "random",
         "weights.scratch: source 'scratch' goes with backbone null, and only with it"),
        ("weights.net.source", "scratch",
         "weights.net: source 'scratch' goes with backbone null, and only with it"),
        ("weights.net.source", "up/vgg.h5", "weights.net.source: 'up/vgg.h5' must be imagenet, random, scratch "
         "or the name of a file in pretrained/ (put or link yours there)"),
        ("weights.net.source", "..", "weights.net.source: '..' must be imagenet, random, scratch "
         "or the name of a file in pretrained/ (put or link yours there)"),
        (f"{PETS}.splits.train", 0.6, f"{PETS}.splits: train + validation + test must be 1; is 0.9"),
        (f"{PETS}.splits", {"train": 0.5, "validation": 0.5, "test": 0},
         f"{PETS}.splits.test: must be greater than 0"),
        (f"{PETS}.path", "data/../secret", f"{PETS}.path: 'data/../secret' must stay inside data/"),
        (f"{NET}.dataset", "pet", f"{NET}.dataset: no dataset 'pet'; did you mean 'pets'?"),
        (f"{NET}.weights", "xyz", f"{NET}.weights: no weights 'xyz'; known: scratch, net"),
        (f"{NET}.weights", "scratch",
         f"{NET}.weights: 'scratch' is scratch, a pretrained network needs a backbone"),
        (f"{CNN}.weights", "net",
         f"{CNN}.weights: a cnn trains from scratch; name weights whose source is scratch"),
        (f"{CNN}.image.transform", "backbone",
         f"{CNN}.image.transform: a cnn has no backbone; use rescale"),
        (f"{FIRST}.stride", 3, f"{FIRST}.stride: does not fit 24 pixels of height: "
         "(24 - 3 + 2x1) / 3 + 1 = 8.66667; image.size.height 22 or 25 would fit"),
        (f"{CNN}.network.head.standardize", True,
         f"{CNN}.network.head.standardize: a cnn's features change as it trains; use false"),
        (f"{CNN}.phases.all.freeze", "all",
         f"{CNN}.phases.all.freeze: a cnn from scratch has nothing to freeze; use none"),
    ],
)  # fmt: skip
def test_one_mistake(key: str, value: Any, message: str) -> None:
    """One mistake, one line, with the dotted key."""
    assert refused(changed(**{key: value})) == [message]


@pytest.mark.parametrize("name", ["Big", "a b", "a.b", "", "-a", "a" * 61, "ä", 7, None])
@pytest.mark.parametrize("collection", ["weights", "datasets", "classifiers"])
def test_names_fit_files_and_registries(collection: str, name: Any) -> None:
    """Entry names become file, stage and model names: others are refused under their own key."""
    values = base()
    values[collection][name] = next(iter(values[collection].values()))
    assert refused(values)[0].startswith(f"{collection}.{name}: ")


@pytest.mark.parametrize("values", [None, [], "seed", 7])
def test_not_a_mapping(values: Any) -> None:
    """A file that is not a mapping at all."""
    assert refused(values) == [f"the file: must be a mapping; is {values!r}"]


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"seed": "x", f"{NET}.precision": "half", f"{PETS}.path": "x"},
            [
                "seed: must be a valid integer; is 'x'",
                f"{PETS}.path: 'x' does not have the form ^data/[^/]",
                f"{NET}.precision: must be one of 'float32', 'bfloat16', 'float16', 'int8'; is 'half'",
            ],
        ),
        (
            {"seed": ABSENT, "sede": -1, "gpus": 2, f"{NET}.phases.head.epochs": 0},
            [
                "sede: unknown key; did you mean 'seed'?",
                "gpus: unknown key; known: seed, weights, datasets, classifiers, promotion, drift",
                "seed: must be greater than or equal to 0; is -1",
                f"{NET}.phases.head.epochs: must be greater than or equal to 1; is 0",
            ],
        ),
        (
            {"sede": 7, "seed": ABSENT, f"{NET}.dataset": "pet"},
            [
                "sede: unknown key; did you mean 'seed'?",
                f"{NET}.dataset: no dataset 'pet'; did you mean 'pets'?",
            ],
        ),
        (
            {f"{CNN}.image.transform": "backbone", f"{CNN}.dataset": "pet", "weights.net.source": "a/b"},
            [
                "weights.net.source: 'a/b' must be imagenet, random, scratch or the name of a file in pretrained/ "
                "(put or link yours there)",
                f"{CNN}.dataset: no dataset 'pet'; did you mean 'pets'?",
                f"{CNN}.image.transform: a cnn has no backbone; use rescale",
            ],
        ),
    ],
)
def test_several_mistakes(changes: dict[str, Any], messages: list[str]) -> None:
    """Each mistake is a line of its own; a mistyped key hides none of the others."""
    assert refused(changed(**changes)) == messages


def test_an_alias_shared_by_two_entries() -> None:
    """A mapping that two keys share is wrong in both places, and the shared copy is amended once."""
    values = base()
    values["classifiers"]["large"]["image"] = values["classifiers"]["small"]["image"]
    values["classifiers"]["small"]["image"]["sizes"] = values["classifiers"]["small"]["image"].pop("size")
    assert refused(values)[:2] == [
        f"{CNN}.image.sizes: unknown key; did you mean 'size'?",
        f"{NET}.image.sizes: unknown key; did you mean 'size'?",
    ]


FREE = {"blocks", "phases", "dense", "classifiers"}


def keys(values: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key of a tree of mappings."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield (*above, key)
            yield from keys(value, (*above, key))


def renames(kind: Callable[[tuple[str, ...]], bool]) -> list[Any]:
    """Every key of every params file of the project whose path is of a kind."""
    return [
        pytest.param(file, path, id=f"{file.stem}:{'.'.join(path)}")
        for file in FILES
        for path in keys(config.read(file))
        if kind(path)
    ]


def renamed(file: Path, path: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """A file's values with one key's letters doubled at the end, and the new dotted key."""
    values = copy.deepcopy(config.read(file))
    where = functools.reduce(operator.getitem, path[:-1], values)
    new = path[-1] + path[-1][-1]
    where[new] = where.pop(path[-1])
    return values, ".".join([*path[:-1], new])


def is_entry(path: tuple[str, ...]) -> bool:
    """Whether a key is a name that the user chose."""
    return len(path) > 1 and path[-2] in FREE | {"weights", "datasets"}


@pytest.mark.parametrize(("file", "path"), renames(lambda path: not is_entry(path)))
def test_renaming_any_key_is_refused(file: Path, path: tuple[str, ...]) -> None:
    """No key is optional and none is unknown: a renamed one is named by its dotted path."""
    values, new = renamed(file, path)
    assert refused(values) == [f"{new}: unknown key; did you mean '{path[-1]}'?"]


def references(file: Path, path: tuple[str, ...]) -> list[str]:
    """Dotted keys of the classifiers that name an entry of weights or datasets."""
    key = {"weights": "weights", "datasets": "dataset"}[path[0]]
    classifiers = config.read(file)["classifiers"]
    return [f"classifiers.{name}.{key}" for name, each in classifiers.items() if each[key] == path[1]]


@pytest.mark.parametrize(
    ("file", "path"), renames(lambda path: is_entry(path) and path[0] in {"weights", "datasets"})
)
def test_renaming_a_named_entry_is_refused(file: Path, path: tuple[str, ...]) -> None:
    """Whoever names an entry that is no longer there is told, with the entry's new name."""
    values, new = renamed(file, path)
    what = path[0].removesuffix("s") if path[0] == "datasets" else path[0]
    expected = [
        f"{key}: no {what} '{path[1]}'; did you mean '{new.split('.')[1]}'?" for key in references(file, path)
    ]
    if expected:
        assert refused(values) == expected
    else:
        assert config.parse(values)


@pytest.mark.parametrize(("file", "path"), renames(lambda path: is_entry(path) and path[-2] in FREE))
def test_free_names_are_free(file: Path, path: tuple[str, ...]) -> None:
    """Classifiers, blocks, phases and hidden layers are called what their author likes."""
    values, _ = renamed(file, path)
    assert config.parse(values)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_projects_own_files_load(file: Path) -> None:
    """params.yaml and every recipe are complete and without contradictions."""
    assert config.load(file).classifiers


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: 7\nseed: 8\n",
         ', line 2: not valid YAML: found duplicate key "seed" with value "8" (original value: "7")'),
        (b"seed: 7\nweights:\n  a: {b: 1, b: 2}\n",
         ', line 3: not valid YAML: found duplicate key "b" with value "2" (original value: "1")'),
        (b"seed: 7\n a: [1\n", ", line 2: not valid YAML: mapping values are not allowed here"),
        (b"seed: 7\nb: {\n", ", line 3: not valid YAML: expected the node content, but found '<stream end>'"),
        (b"\tseed: 1", ", line 1: not valid YAML: found character '\\t' that cannot start any token"),
        (b"a: !x 1", ", line 1: not valid YAML: could not determine a constructor for the tag '!x'"),
        (b"seed: 2024-99-99", ": not valid YAML: month must be in 1..12"),
        (b"a: " + b"[" * 5000, ": not valid YAML: nested too deeply"),
        (b"\xff\xfe\xfa", ": not valid YAML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"", ": the file: must be a mapping; is None"),
    ],
)  # fmt: skip
def test_not_yaml(tmp_path: Path, content: bytes, message: str) -> None:
    """What the parser finds, with the line where it has one."""
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}{message}"


def test_no_file(tmp_path: Path) -> None:
    """A missing file says where to run; one that is a folder says so."""
    with pytest.raises(
        InputError, match=r"p\.yaml is missing; run this in a project, or begin one: frostline init$"
    ):
        config.load(tmp_path / "p.yaml")
    with pytest.raises(InputError, match=r" cannot be read: Is a directory$"):
        config.load(tmp_path)


def test_an_empty_value_is_null() -> None:
    """`dvc exp run -S` writes null so when it writes params.yaml anew."""
    text = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
    empty = text.replace(": null\n", ":\n")
    assert empty != text
    assert config.parse(config.plain(empty)) == config.parse(config.plain(text))


def test_yaml_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    """YAML 1.2: `no` is a word and not false, and numbers in scientific notation are numbers."""
    (tmp_path / "p.yaml").write_text("a: no\nb: 1.0e-3\nc: 1e-3\n")
    assert config.read(tmp_path / "p.yaml") == {"a": "no", "b": 0.001, "c": 0.001}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lrge", "no classifier named 'lrge' in params.yaml; did you mean 'large'?"),
        ("zzz", "no classifier named 'zzz' in params.yaml; known: small, large"),
    ],
)
def test_entry(name: str, message: str) -> None:
    """An entry by its name; an unknown name is answered with the nearest."""
    classifiers = config.parse(base()).classifiers
    assert config.entry(classifiers, "large", what="classifier") is classifiers["large"]
    with pytest.raises(InputError) as caught:
        config.entry(classifiers, name, what="classifier")
    assert str(caught.value) == message
