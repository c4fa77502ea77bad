"""Overfitting: the accuracies of train, validation and test against each other, in sentences."""

from frostline.evaluation.statistics import Estimate, difference


def sentences(train: Estimate, validation: Estimate, test: Estimate) -> list[str]:
    """Two sentences on the accuracies of the three splits: overfitting, and whether validation was fair."""
    return [_overfitting(difference(train, validation), train), _optimism(difference(validation, test))]


def _overfitting(gap: Estimate, train: Estimate) -> str:
    if gap.low > 0:
        return (
            f"Overfitting: train − validation = {_points(gap)}. More photos, augmentation or a lower learning "
            "rate may turn part of it into accuracy."
        )
    if gap.high < 0:
        return (
            f"Train is below validation: train − validation = {_points(gap)}. Dropout or augmentation hold "
            "training back, the splits differ, or it stopped too early."
        )
    low = (
        " Both are low: the network may be too small, or was trained too briefly."
        if train.value < 0.8
        else ""
    )
    return f"No significant overfitting: train − validation = {_points(gap)}.{low}"


def _optimism(gap: Estimate) -> str:
    if gap.low > 0:
        return (
            f"Test is below validation: validation − test = {_points(gap)}. Choices were made on validation, "
            "or the test photos are harder; expect the test accuracy on new photos."
        )
    if gap.high < 0:
        return (
            f"Test is above validation: validation − test = {_points(gap)}. Its photos are easier, or there "
            "is a leak."
        )
    return f"Validation and test do not differ significantly: validation − test = {_points(gap)}."


def _points(gap: Estimate) -> str:
    value, low, high = (f"{100 * end:.1f}".replace("-", "−") for end in (gap.value, gap.low, gap.high))
    return f"{value} points (95%: {low} to {high})"
