"""The start: what is loaded and built then stays for good, so the garbage collector need not go through it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def built_to_stay() -> Iterator[None]:
    """What is made in this block is never looked at by the collector again.

    Half a million objects: going through them while they are made is a fifth of a start, and each full collection later
    would hold up an answer for 50 ms. ``replaced`` takes that back.
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
