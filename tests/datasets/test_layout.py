"""Folders as people pack them, and those that cannot be read."""

import pytest

from frostline.datasets.layout import LabelledImage, LabelledImages, from_folders, split_word
from frostline.errors import InputError


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("seg_train", "train"),
        ("training_set", "train"), ("val", "validation"), ("valid", "validation"),
        ("Validation", "validation"),
        ("dev", "validation"), ("val-images", "validation"), ("test", "test"), ("testing", "test"),
        ("test set", "test"), ("cats", ""), ("trains", ""), ("contest", ""), ("devil", ""),
        ("train_test", ""), ("seg_pred", ""), ("", ""),
    ],
)  # fmt: skip
def test_split_words(folder: str, split: str) -> None:
    """Whole words in any case count, parts of words do not; two of them mean nothing."""
    assert split_word(folder) == split


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["cats/1.jpg", "dogs/2.jpg"], ["cats ", "dogs "], id="class folders"),
        pytest.param(
            ["train/cats/1.jpg", "Val/dogs/2.jpg", "testing/cats/3.jpg"],
            ["cats train", "dogs validation", "cats test"],
            id="split folders",
        ),
        pytest.param(
            ["photos/cats/1.jpg", "photos/dogs/2.jpg"], ["cats ", "dogs "], id="one wrapping folder"
        ),
        pytest.param(["a/b/cats/1.jpg", "a/b/dogs/2.jpg"], ["cats ", "dogs "], id="two wrapping folders"),
        pytest.param(
            ["intel/train/sea/1.jpg", "intel/test/sea/2.jpg"], ["sea train", "sea test"], id="wrapped splits"
        ),
        pytest.param(
            [
                "seg_train/seg_train/sea/1.jpg",
                "seg_train/seg_train/street/2.jpg",
                "seg_test/seg_test/sea/3.jpg",
            ],
            ["sea train", "street train", "sea test"],
            id="Kaggle's doubled nesting",
        ),
        pytest.param(
            ["training_set/training_set/cats/1.jpg", "test_set/cats/2.jpg"],
            ["cats train", "cats test"],
            id="doubled in one split only",
        ),
        pytest.param(["train/cats/1.jpg", "train/dogs/2.jpg"], ["cats ", "dogs "], id="train alone wraps"),
        pytest.param(
            ["cats/2023/1.jpg", "cats/2.jpg", "dogs/3.jpg"], ["cats ", "cats ", "dogs "], id="deeper belongs"
        ),
        pytest.param(
            ["train/1.jpg", "bus/2.jpg", "plane/3.jpg"], ["train ", "bus ", "plane "], id="train is a vehicle"
        ),
        pytest.param(
            ["train_cats/1.jpg", "train_dogs/2.jpg"], ["train_cats ", "train_dogs "], id="words in classes"
        ),
        pytest.param(["cats/1.jpg"], ["cats "], id="one class is not a wrapping"),
        pytest.param(
            ["train/cats/1.jpg", "train/dogs/2.jpg", "test/cats/3.jpg"],
            ["cats train", "dogs train", "cats test"],
            id="one class in test is not a wrapping",
        ),
        pytest.param([" /1.jpg", "b\nc/2.jpg"], ["  ", "b\nc "], id="odd names"),
    ],
)
def test_layouts(names: list[str], expected: list[str]) -> None:
    """Every image's class and given split, in order."""
    labelled = from_folders(names, where="data/x")
    assert [image.name for image in labelled] == names
    assert [f"{image.label} {image.split}" for image in labelled] == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "data/x: no images found; put jpg or png files there, one folder per class"),
        (
            ["1.jpg", "2.jpg", "cats/3.jpg"],
            "data/x: 2 images lie in no class folder, the first '1.jpg'; move each into the folder",
        ),
        (["train/1.jpg", "test/2.jpg"], "2 images lie in no class folder, the first 'train/1.jpg'"),
        (["train/1.jpg"], "1 image lies in no class folder"),
        (["train/cats/1.jpg", "test/2.jpg"], "1 image lies in no class folder, the first 'test/2.jpg'"),
        (
            ["seg_train/cats/1.jpg", "seg_test/cats/1.jpg", "seg_pred/1.jpg"],
            "data/x: 'seg_pred' lies beside the split folders 'seg_test', 'seg_train'; move it out",
        ),
        (["val/cats/1.jpg", "test/cats/2.jpg"], "only 'test', 'val' found; a folder named train is missing"),
        (["test/cats/1.jpg", "test/dogs/1.jpg"], "only 'test' found; a folder named train is missing"),
    ],
)
def test_layouts_that_cannot_be_read(names: list[str], message: str) -> None:
    """One line, naming the folder or file to move."""
    with pytest.raises(InputError) as told:
        from_folders(names, where="data/x")
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_labelled_images_are_a_sequence() -> None:
    """Made of columns, read as the images themselves; a slice is one too."""
    images = [
        LabelledImage("a", "x", "train"),
        LabelledImage("b", "y", "", "film", 2),
        LabelledImage("c", "x", "train"),
    ]
    compact = LabelledImages(["a", "b", "c"], [("x", "train", "", 0), ("y", "", "film", 2)], [0, 1, 0])
    for some in (compact, LabelledImages.of(images)):
        assert [list(some), len(some), some[-1], list(some[1:])] == [images, 3, images[2], images[1:]]
        assert [some.column(field) for field in ("label", "split", "group", "wave")] == [
            ["x", "y", "x"], ["train", "", "train"], ["", "film", ""], [0, 2, 0],
        ]  # fmt: skip
    assert LabelledImages.of([], remarks=["none"]).remarks == ("none",)


def test_two_folders_of_one_split() -> None:
    """Read together, which is said: somebody may have meant them apart."""
    names = ["Test/cats/1.jpg", "testing/cats/2.jpg", "train/cats/3.jpg", "train/train/dogs/4.jpg"]
    found = from_folders([f"photos/{name}" for name in names], where="data/x")
    assert [image.split for image in found] == ["test", "test", "train", "train"]
    assert [line for line in found.remarks if "one split" in line] == [
        "read as one split, test: 'Test', 'testing'"
    ]


def test_an_archive_for_each_split() -> None:
    """Split folders wrap classes for sure, also where each archive holds one."""
    names = [f"{split}.zip/{split}/{label}/1.png" for split in ("test", "train") for label in ("cat", "dog")]
    found = from_folders(names, where="data", shards=["test.zip", "train.zip"])
    assert [(image.label, image.split) for image in found] == [
        ("cat", "test"), ("dog", "test"), ("cat", "train"), ("dog", "train"),
    ]  # fmt: skip
