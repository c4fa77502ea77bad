"""What must stand beside every number that comes from random weights."""

PLUMBING = "random weights: plumbing only"


def note(source: str) -> str:
    """The remark that a weights source calls for, or ""."""
    return PLUMBING if source == "random" else ""
