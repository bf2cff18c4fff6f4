"""A child process does not outlive the one that began it."""

import ctypes
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)


def end_with_parent() -> None:
    """From now on this process is killed when the one that began it ends, however that ended (Linux; elsewhere nothing).

    Else each restart after a crash would leave a check behind that works on for half a minute.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
