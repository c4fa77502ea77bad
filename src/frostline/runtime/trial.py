"""Work on a model that must end: a file may hold a loop without end, and no signal reaches native code."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from frostline.errors import InputError

SECONDS = 60.0  # for one image on a processor
COMPILING_SECONDS = 600.0  # a network, or a GPU's kernels and engines with the first image
GRACE = 2.0  # seconds to stop in

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
