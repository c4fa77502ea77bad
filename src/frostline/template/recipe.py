"""The params.yaml of a new project: values that fit the photos and the weights at hand, each with its reason."""

from frostline.config.backbones import TABLE
from frostline.config.schema import Audit
from frostline.evaluation.paired_tests import power
from frostline.template import onnx_weights
from frostline.template.names import scalar
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
MARGINS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
LEVEL, POWER, DISCORDANT = 0.05, 0.8, 0.06
ENOUGH = (
    5000  # test images with which the smallest margin is passed: counting more takes time and says the same
)
# Of a solver: the best were 0.01 to 10 on cats and dogs, on six scenes and on parts of both.
STRENGTHS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
QUARANTINED = {"unreadable", "truncated", "oversized", "duplicate", "conflict", "leak"}
# Layers to end at that are better than a backbone's last, and why.
ENDS = {"mobilenet": ("conv_pw_12_relu", "before what is special to ImageNet's classes")}


def margin(images: int) -> tuple[float, float]:
    """The smallest margin that an equally good model passes with 80% chance on so many test images, and its chance.

    Both are right or wrong on the same images but for 6% of them, which is what two good heads were seen to do.
    """
    images = min(images, ENOUGH)
    chances = {
        margin: power(max(images, 1), discordant=DISCORDANT, difference=0.0, margin=margin, level=LEVEL)
        for margin in MARGINS
    }
    fitting = next((margin for margin in MARGINS if chances[margin] >= POWER), MARGINS[-1])
    return fitting, chances[fitting]


def recipe(name: str, photos: Photos, *, path: str, weights: PretrainedFile | None, cnn: bool) -> str:
    """The text of params.yaml for one dataset; with `cnn`, or without weights, a plain CNN is in it too."""
    sections = [
        HEAD,
        "weights:\n" + weights_entries(weights, cnn=cnn),
        "datasets:\n" + dataset_entry(name, photos, path=path),
        "classifiers:\n" + classifier_entries(name, photos, weights=weights, cnn=cnn),
        promotion(photos),
        DRIFT,
    ]
    return "\n".join(sections)


def weights_entries(weights: PretrainedFile | None, *, cnn: bool) -> str:
    """Entries below `weights:`."""
    lines = []
    source = scalar(weights.source) if weights else ""
    if weights and weights.onnx:
        lines.append(onnx_weights.entry(weights.name, weights.source, weights.onnx).rstrip())
    elif weights:
        lines.append(f"  {weights.name}: {{backbone: {weights.backbone}, source: {source}}}")
    if cnn or not weights:
        lines.append("  scratch: {backbone: null, source: scratch}")
    return "\n".join(lines) + "\n"


def dataset_entry(name: str, photos: Photos, *, path: str) -> str:
    """The entry below `datasets:`."""
    policies = "\n".join(
        f"      {finding}: {'quarantine' if finding in QUARANTINED else 'keep'}"
        for finding in Audit.model_fields
    )
    return DATASET.format(
        name=name, photos=_counted(photos), path=path, given=_given(photos), policies=policies
    )


def _counted(photos: Photos) -> str:
    fewest, most = min(photos.classes.values()), max(photos.classes.values())
    sizes = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return f"{photos.total:,} photos in {len(photos.classes)} classes, {sizes} each"


def _given(photos: Photos) -> str:
    given = {name: count for name, count in photos.splits.items() if name}
    if not given:
        return "The folders give no splits: these shares are drawn from the seed, by content."
    listed = ", ".join(f"{name} {count:,}" for name, count in given.items())
    missing = [name for name in SHARES if name not in given]
    drawn = (
        f" {' and '.join(missing)}: drawn from train by these shares."
        if missing
        else " The shares are not used."
    )
    return f"Given: {listed}.{drawn}"


def classifier_entries(name: str, photos: Photos, *, weights: PretrainedFile | None, cnn: bool) -> str:
    """Entries below `classifiers:`."""
    entries = []
    if weights:
        entries.append(_frozen(name, photos, weights))
    if cnn or not weights:
        entries.append(_cnn(name, photos, alone=not weights))
    return "\n".join(entries)


def _frozen(name: str, photos: Photos, weights: PretrainedFile) -> str:
    size, why = _input_size(photos.side, weights)
    end, reason = ENDS.get(weights.backbone, ("null", "its taps" if weights.onnx else "its last layer"))
    kind, pooled = ON_TAPS if weights.onnx else AVERAGE
    train = photos.expected("train", SHARES["train"])
    head = "one sigmoid unit" if len(photos.classes) == 2 else f"a softmax over {len(photos.classes)} classes"
    return FROZEN.format(
        name=name, backbone=weights.name if weights.onnx else weights.backbone, weights=weights.name,
        height=size[0], width=size[1], why=why, end=end, head=head, kind=kind, pooling=pooled,
        reason=reason, train=train, strengths=STRENGTHS,
    )  # fmt: skip


def _input_size(side: int, weights: PretrainedFile) -> tuple[tuple[int, int], str]:
    """Height and width of the network's input in pixels, and why."""
    if weights.onnx and not weights.onnx.free:
        return (weights.onnx.height, weights.onnx.width), "The size that the network takes"
    if weights.onnx:
        return (weights.onnx.height, weights.onnx.width), "The network takes other sizes too"
    fitting, why = _input_side(side, weights.backbone)
    return (fitting, fitting), why


def _input_side(side: int, backbone: str) -> tuple[int, str]:
    """The side of the network's input in pixels, and why."""
    own, smallest = TABLE[backbone].side, TABLE[backbone].smallest
    seen = f"The photos' shorter sides have a median of {side} pixels"
    if side >= own // 2:
        return own, f"{seen}; {own} is what {backbone} was trained with"
    fitting = max(smallest, 96 if side < 64 else 128)
    return fitting, f"{seen}; more than {fitting} would only enlarge them"


def _cnn(name: str, photos: Photos, *, alone: bool) -> str:
    side = next((side for side in (150, 128, 96, 64) if photos.side >= side), 32)
    blocks = "".join(
        BLOCK.format(block=block, filters=filters)
        for block, filters in zip(("first", "second", "third", "fourth"), (32, 64, 128, 128), strict=True)
        if side >= 2 ** (("first", "second", "third", "fourth").index(block) + 4)
    )
    train = photos.expected("train", SHARES["train"])
    return CNN.format(
        name=name, side=side, photo_side=photos.side, blocks=blocks, train=train,
        epochs=max(12, min(60, round(750 * 32 / max(train, 1)))),
        why="without pretrained weights" if alone else "a network from scratch, to compare with",
        augmentation=AUGMENTATION if train < AUGMENTED else PLAIN,
    )  # fmt: skip


def promotion(photos: Photos) -> str:
    """The section `promotion:`."""
    images = photos.expected("test", SHARES["test"])
    fitting, chance = margin(images)
    return PROMOTION.format(margin=fitting, images=images, chance=round(100 * chance), level=LEVEL)


AUGMENTED = 4000  # training photos below which a network from scratch learns from altered ones too

HEAD = """\
# Everything a run depends on, on one page. No key is optional, no key has a hidden default.
# Try another value without editing: dvc exp run -S KEY=VALUE, or `frostline sweep CLASSIFIER KEY VALUES`.

seed: 7
"""

DATASET = """\
  # {photos}.
  {name}:
    path: {path}
    # {given}
    splits: {{train: 0.7, validation: 0.15, test: 0.15}}
    classes: null  # their order; null: by name
    # What is found in the photos: fail, quarantine (left out, and named in the report) or keep.
    audit:
{policies}
"""

# How the head pools what the frozen layers give, and why.
AVERAGE = ("average", "average: one number per channel")
ON_TAPS = ("flatten", "flatten: the taps are pooled already")

FROZEN = """\
  # A frozen {backbone}, computed once per image and cached; above it, {head}.
  {name}-{backbone}:
    dataset: {name}
    weights: {weights}
    # {why}.
    image: {{size: {{height: {height}, width: {width}}}, resize: squash, transform: backbone}}
    network:
      type: pretrained
      end_at: {end}  # {reason}
      # {pooling}. standardize: each to mean 0, deviation 1, or it learns badly.
      head: {{pooling: {kind}, standardize: true, dense: {{}}, dropout: 0.0}}
    augmentation: null  # every view of an image is one more pass through the frozen layers: `frostline sweep`
    precision: float32
    training: null
    variants: null  # lower precisions to export too, with the points each may cost: {{int8: 0.5, float16: 0.5}}
    phases:
      # A logistic regression on {train:,} training photos for each strength C, from the strongest penalty on weights on
      # until the loss on validation photos has risen twice in a row; the one with the lowest is the head.
      head: {{freeze: all, solver: logistic, C: {strengths}}}
"""

CNN = """\
  # A plain convolutional network: {why}.
  {name}-cnn:
    dataset: {name}
    weights: scratch
    # The photos' shorter sides have a median of {photo_side} pixels.
    image: {{size: {{height: {side}, width: {side}}}, resize: squash, transform: rescale}}
    network:
      type: cnn
      blocks:
{blocks}      head: {{pooling: flatten, standardize: false, dense: {{hidden: 256}}, dropout: 0.5}}
{augmentation}    precision: float32
    training: null
    variants: null
    phases:
      all: {{freeze: none, epochs: {epochs}, batch_size: 32, optimizer: adam, learning_rate: 5.0e-4}}
"""

BLOCK = """\
        {block}:
          {{convolutions: 1, filters: {filters}, kernel: 3, stride: 1, padding: 1, l2: 0.0,
           pooling: {{kind: max, size: 2, stride: 2}}, dropout: 0.0}}
"""

AUGMENTATION = """\
    # {train} training photos are few for a network from scratch: each is shown in four altered views.
    augmentation:
      rotation: 15
      width_shift: 0.1
      height_shift: 0.1
      shear: 0.0
      zoom: 0.1
      horizontal_flip: true
      views: 4
""".replace("{train} training photos are few", "Few training photos")
PLAIN = "    augmentation: null\n"

PROMOTION = """\
# What `frostline registry promote` asks of a new model: on the test images that it shares with the champion it may
# be worse by less than margin, proven at this level; one image in these milliseconds on one CPU, the file in
# these megabytes. About {images:,} test images: a model that is as good passes with {chance}% chance.
promotion: {{margin: {margin}, level: {level}, milliseconds: 500, megabytes: 700}}
"""

DRIFT = """\
# What `frostline score --drift` compares with the model's test images, and the population stability index
# above which it is an alarm: by convention below 0.1 is little and above 0.25 a lot; null never alarms.
drift: {size: 0.25, brightness: 0.25, sharpness: 0.25, embedding: 0.25, answers: 0.25, confidence: 0.25}
"""
