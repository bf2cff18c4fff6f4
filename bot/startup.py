"""What a process does before anything else."""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)


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


def end_with_parent() -> None:
    """From now on this process is killed when the one that began it ends, however that ended (Linux; elsewhere nothing).

    Else each restart after a crash would leave a check behind that works on for half a minute.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
