"""What is told when a run goes wrong, called as Prefect calls it."""

from types import SimpleNamespace
from typing import Any

import pytest

from frostline.automation import notifications

FLOW, STATE = SimpleNamespace(name="training"), SimpleNamespace(name="Cancelling", message=" by hand ")
RUN = SimpleNamespace(name="calm-owl", parameters={"notify": "custom-webhook/here"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Messages that would have gone out."""
    messages: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        notifications, "notify", lambda block, **text: messages.append((block, *text.values()))
    )
    return messages


@pytest.mark.parametrize("named", [True, False])
def test_trouble_is_told(told: list[tuple[Any, ...]], *, named: bool) -> None:
    """A worker calls the hook by Prefect's names, a run in its own process by their order."""
    if named:
        notifications.on_trouble(flow=FLOW, flow_run=RUN, state=STATE)
    else:
        notifications.on_trouble(FLOW, RUN, STATE)
    assert told == [("custom-webhook/here", "training: Cancelled", "calm-owl: by hand")]


def test_a_part_leaves_it_to_the_whole(told: list[tuple[Any, ...]]) -> None:
    """One failure is one message, of the run that somebody asked for, in the error's own words."""
    part = SimpleNamespace(**vars(RUN), parent_task_run_id="1")
    failed = SimpleNamespace(name="Failed", message="Flow run encountered an exception: InputError: no")
    notifications.on_trouble(FLOW, part, failed)
    assert told == []
    notifications.on_trouble(FLOW, RUN, failed)
    assert told == [("custom-webhook/here", "training: Failed", "calm-owl: InputError: no")]


def test_a_silent_state_and_no_block(told: list[tuple[Any, ...]]) -> None:
    """Without parameters nobody is told by name, and a state without words says so."""
    silent = SimpleNamespace(name="calm-owl", parameters=None)
    notifications.on_trouble(FLOW, silent, SimpleNamespace(name="Crashed", message=None))
    assert told == [("", "training: Crashed", "calm-owl: no reason was given")]
