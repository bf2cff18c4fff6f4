"""Memory that a service need not hold for years."""

import ctypes
import sys
from contextlib import suppress


def return_memory() -> None:
    """Gives back to the system what the allocator kept of what is built and done with (glibc; elsewhere nothing)."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such call
            ctypes.CDLL(None).malloc_trim(0)
