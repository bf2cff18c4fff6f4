"""What a process owes the system: memory goes back, and a child ends with who began it."""

import ctypes
import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.ops.memory import return_memory
from bot.staff import check_worker

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="malloc_trim is glibc's")
def test_what_was_needed_while_building_goes_back_to_the_system():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    needed = [bytes(10_000) for _ in range(8_000)]
    stays = bytes(10_000)  # behind what is free, so that the allocator would keep all of it
    most = resident()
    del needed
    return_memory()
    assert resident() < most - 60_000_000
    assert stays


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_child_ends_with_a_parent_that_was_killed():
    parent = (
        "import os, sys, time\n"
        "from bot.staff.parent import end_with_parent\n"
        "child = os.fork()\n"
        "if not child: end_with_parent(); print(os.getpid(), flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        child = int(running.stdout.readline())
        running.kill()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or ") Z" in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child lives on")


def test_a_check_ends_with_the_service(monkeypatch):
    called = []
    monkeypatch.setattr(check_worker, "end_with_parent", lambda: called.append(1))
    monkeypatch.setattr(check_worker, "_limit_work", lambda _: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(ValueError, match="Expecting value"):
        check_worker.main()
    assert called
