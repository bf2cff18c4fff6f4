"""The start: what is loaded and built then stays for good, so the garbage collector need not go through it."""

import gc
import sys
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


@contextmanager
def without_drawing() -> Iterator[None]:
    """What is imported in this block does without rich and pygments.

    httpx (for its command line) and structlog (for coloured tracebacks) import them where they are installed: 5 MB and
    a tenth of a second for a service that draws nothing. Both libraries are made to work without.
    """
    unwanted = [name for name in ("rich", "pygments") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(unwanted))  # type: ignore[arg-type]  # None: importing it is an ImportError
    try:
        yield
    finally:
        for name in unwanted:
            del sys.modules[name]


def replaced() -> None:
    """Something that was built at the start is no longer used, and may be collected."""
    gc.unfreeze()
