"""Work in a forked child beside this process, so that a check uses two cores. For processes that run no threads."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any, TypeVar

from bot.startup import end_with_parent

T = TypeVar("T")


def begin(work: Callable[[], T]) -> Callable[[], T]:
    """Begins ``work`` in a child; what is returned waits for its result. What the child can't do is done here."""
    if (os.cpu_count() or 1) < 2:
        return work
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_send, args=(there, work))
    child.start()
    there.close()

    def wait() -> T:
        try:
            result: T = here.recv()
        except Exception:  # it was killed, or its result can't be sent
            result = work()
        child.join()
        return result

    return wait


def _send(there: Any, work: Callable[[], Any]) -> None:
    end_with_parent()
    there.send(work())
