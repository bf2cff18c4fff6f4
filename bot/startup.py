"""The start: what is loaded and built then stays for good, so the garbage collector need not go through it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def built_to_stay() -> Iterator[None]:
    """What is made in this block is never looked at by the collector again.

    It is large and no garbage: going through it again and again costs the start a quarter of a second.
    ``replaced`` takes that back.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def replaced() -> None:
    """Something that was built at the start is no longer used, and may be collected."""
    gc.unfreeze()
