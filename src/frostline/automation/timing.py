"""What a night took its time for, as one line of its log."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class Timing:
    """Seconds by what they were spent on, in the order in which it ended."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Take the time of a block, also of one that fails; blocks may run at once."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = time.monotonic() - started

    def line(self, *, due: datetime) -> str:
        """`looked for reasons, 9.3 s after the run was due: MLflow 2.1 s, dvc status 2.4 s`."""
        parts = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in self.seconds.items())
        late = max((datetime.now(UTC) - due).total_seconds(), 0.0)
        return f"looked for reasons, {late:.1f} s after the run was due: {parts}"
