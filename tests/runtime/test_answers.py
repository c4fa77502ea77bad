"""What a model knows of its answers, as JSON in its metadata."""

import re

import pytest

from frostline.errors import InputError
from frostline.runtime import answers
from frostline.runtime.answers import KEY, Answers

WHOLE = Answers(temperature=1.7, images=100, thresholds={"0.9": 0.2, "0.95": 0.1}, unknown_images=99)


def test_round_trip() -> None:
    """All of it is kept; a model of before says nothing, and has plain ones."""
    assert answers.of({KEY: answers.to_json(WHOLE)}) == WHOLE
    assert answers.of({"frostline": "{}"}) == Answers()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"temperature": "x"}'])
def test_broken_metadata_are_one_line(text: str) -> None:
    """No traceback of JSON."""
    with pytest.raises(InputError, match=r"frostline\.answers"):
        answers.of({KEY: text})


def test_between_two_levels_the_higher_counts() -> None:
    """What was not fitted is never promised too little."""
    assert WHOLE.threshold(0.95) == 0.1
    assert WHOLE.threshold(0.93) == 0.1
    assert WHOLE.threshold(0.5) == 0.2


@pytest.mark.parametrize(("known", "coverage"), [(Answers(), 0.9), (WHOLE, 0.99)])
def test_what_was_not_fitted_is_refused(known: Answers, coverage: float) -> None:
    """The option is named."""
    with pytest.raises(InputError, match="--coverage"):
        known.threshold(coverage)


@pytest.mark.parametrize(("known", "share"), [(Answers(), 0.05), (WHOLE, 0.005)])
def test_too_small_a_share_is_refused(known: Answers, share: float) -> None:
    """99 images tell hundredths."""
    WHOLE.require_unknown(0.01)
    with pytest.raises(InputError, match="--unknown"):
        known.require_unknown(share)


@pytest.mark.parametrize("images", [30, 99, 202, 9999])
def test_the_share_that_the_refusal_names_is_taken(images: int) -> None:
    """Rounded, it would be refused again."""
    known = Answers(unknown_images=images)
    with pytest.raises(InputError) as refused:
        known.require_unknown(1e-6)
    found = re.search(r"ask for (\S+) or more", str(refused.value))
    assert found
    known.require_unknown(float(found[1]))
    assert float(found[1]) < 1.1 / (images + 1)
