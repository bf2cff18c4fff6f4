"""Memory that a service which runs for years need not hold."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


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


def return_memory() -> None:
    """Gives back to the system what the allocator kept of what is built and done with (glibc; elsewhere nothing)."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such call
            ctypes.CDLL(None).malloc_trim(0)
