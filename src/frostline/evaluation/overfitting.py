"""Train, validation and test beside each other, in words."""

from frostline.evaluation.statistics import Estimate, difference


def told(train: Estimate, validation: Estimate, test: Estimate) -> list[str]:
    """Two sentences on the accuracies of the three splits: overfitting, and whether validation was fair."""
    return [_learned(difference(train, validation), train), _fair(difference(validation, test))]


def _learned(gap: Estimate, train: Estimate) -> str:
    if gap.low > 0:
        more = "more than half of it" if gap.value > 0.1 else "some of it"
        return (
            f"Training images are answered {_points(gap)} better than validation images: the network knows "
            "them by heart to that extent. More photos, augmentation or a lower learning rate may turn "
            f"{more} into accuracy."
        )
    if gap.high < 0:
        return (
            f"Training images are answered {_points(gap)} worse than validation images: dropout or augmentation "
            "hold training back, the splits differ, or it stopped too early."
        )
    doubt = (
        " Both are low: the network may be too small, or was trained too briefly."
        if train.value < 0.8
        else ""
    )
    return f"Training and validation agree within chance ({_plain(gap)}): no overfitting to be seen.{doubt}"


def _fair(gap: Estimate) -> str:
    if gap.low > 0:
        return (
            f"Test is {_points(gap)} below validation: choices were made on validation, "
            "or the test photos are harder. Expect the test figure on new photos."
        )
    if gap.high < 0:
        return f"Test is {_points(gap)} above validation: its photos are easier, or there is a leak."
    return f"Validation and test agree within chance ({_plain(gap)})."


def _points(gap: Estimate) -> str:
    low, high = sorted((abs(gap.low), abs(gap.high)))
    return f"{100 * abs(gap.value):.1f} points (95%: {100 * low:.1f} to {100 * high:.1f})"


def _plain(gap: Estimate) -> str:
    return f"difference {100 * gap.value:+.1f} points, 95%: {100 * gap.low:+.1f} to {100 * gap.high:+.1f}"
