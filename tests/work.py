"""Work, counted in lines of code: a busy machine counts the same."""

import sys
from collections.abc import Callable
from types import FrameType


def count_lines(call: Callable[[], object]) -> int:
    """How many lines of bot/ run in ``call``."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        if event == "call":
            return trace if "/bot/" in frame.f_code.co_filename else None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
