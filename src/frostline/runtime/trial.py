"""Work on a model that must end: a file may hold a loop without end, and no signal reaches native code."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TypeVar

from frostline.errors import InputError, StuckError

SECONDS = 60.0  # for one image on a processor
COMPILING_SECONDS = 600.0  # a network, or a GPU's kernels and engines with the first image
GRACE = 2.0  # seconds to stop in
SLICE = 1.0  # seconds: a process that was halted meanwhile (Ctrl-Z) has not waited

T = TypeVar("T")


def run(work: Callable[[], T], *, device: str, stop: Callable[[], None], compiles: bool = False) -> T:
    """What `work` returns or raises; InputError where it takes longer than a model may for one image on `device`, or
    for being compiled.

    It is then asked to `stop`. ONNX Runtime heeds that between two nodes: a loop without nodes is left behind in its
    thread, which ends with the process.
    """
    answer: Future[T] = Future()
    thread = threading.Thread(target=_answer, args=(work, answer), daemon=True)
    thread.start()
    limit = SECONDS if device in {"cpu", "openvino"} and not compiles else COMPILING_SECONDS
    try:
        if not wait([answer], limit).done:
            what = "compiling it" if compiles else "a trial image"
            raise InputError(
                f"{what} took longer than {limit:g} s: it may hold a loop without end; name another model"
            )
        return answer.result()
    finally:
        if not answer.done():
            stop()
            thread.join(GRACE)


def _answer(work: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:  # whoever waits raises it
        answer.set_exception(error)


@dataclass(frozen=True)
class Patience:
    """How many seconds a batch may take, and what ends it then: a loop may begin with any image."""

    seconds: float
    stop: Callable[[], None]

    def result(self, answer: Future[T]) -> T:
        """What a batch that is at work gives or raises; StuckError where it takes longer than that.

        While it waits, it costs nothing.
        """
        for waited in itertools.count():
            if wait([answer], min(SLICE, self.seconds)).done:
                break
            if (waited + 1) * SLICE >= self.seconds:
                self.stop()
                wait([answer], GRACE)
                raise StuckError(
                    f"a batch took longer than {self.seconds:g} s: the model may hold a loop without end that begins "
                    "with one of its images; name another model"
                )
        return answer.result()
