"""What a start makes: what stays is left out of garbage collection, learning leaves no memory behind, nothing draws."""

import ctypes
import gc
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.learning import apart
from bot.learning.apart import learned_apart
from bot.staff import beside, candidate
from bot.startup import built_to_stay, replaced, return_memory, without_drawing

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_built_to_stay_is_frozen_and_collecting_goes_on():
    with built_to_stay():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_collecting_goes_on_after_a_start_that_failed():
    with pytest.raises(ValueError, match="bad content"), built_to_stay():
        raise ValueError("bad content")
    assert gc.isenabled()


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


def test_what_was_replaced_may_be_collected():
    with built_to_stay():
        pass
    replaced()
    assert gc.get_freeze_count() == 0


def learn(folder):
    (folder / "weights").write_text(str(os.getpid()))


def test_what_a_child_learned_is_kept_and_not_learned_again(tmp_path):
    learned_apart(lambda: learn(tmp_path), tmp_path, "content-1")
    first = (tmp_path / "weights").read_text()
    assert int(first) != os.getpid()
    learned_apart(lambda: learn(tmp_path), tmp_path, "content-1")
    assert (tmp_path / "weights").read_text() == first
    learned_apart(lambda: learn(tmp_path), tmp_path, "content-2")
    assert (tmp_path / "weights").read_text() != first


def test_a_child_that_fails_and_a_folder_that_cannot_be_made_stop_no_start(tmp_path):
    learned_apart(lambda: 1 / 0, tmp_path, "content-1")
    assert not list(tmp_path.glob("learned-*"))  # the next start tries again
    (tmp_path / "file").touch()
    learned_apart(lambda: pytest.fail("learned"), tmp_path / "file", "content-1")


def test_a_service_imports_nothing_that_draws(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in {"rich", "httpx"}]:
        monkeypatch.delitem(sys.modules, name)
    with without_drawing():
        import httpx

        assert not any(name.startswith("rich.") for name in sys.modules)
    assert httpx.Client
    import rich.text

    assert rich.text.Text("drawn").plain == "drawn"


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_child_ends_with_a_parent_that_was_killed():
    parent = (
        "import os, sys, time\n"
        "from bot.startup import end_with_parent\n"
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


def test_a_check_and_what_is_begun_beside_end_with_the_service(monkeypatch):
    called = []
    for module in (candidate, beside, apart):
        monkeypatch.setattr(module, "end_with_parent", lambda: called.append(1))
    monkeypatch.setattr(beside.os, "cpu_count", lambda: 2)
    assert beside.begin(lambda: list(called))() == [1]  # in the child, before its work
    assert not called
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=[]))
    candidate.main()
    apart._work(lambda: called.append(2))
    assert called == [1, 1, 2]
