"""Work beside a process: its result comes, also where the child dies."""

import os
import signal

from bot.staff import beside, candidate


def test_the_result_comes_from_another_process(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert beside.begin(os.getpid)() != os.getpid()


def test_what_a_child_that_died_can_not_do_is_done_here(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    here = os.getpid()
    assert beside.begin(lambda: "done" if os.getpid() == here else os._exit(1))() == "done"


def test_one_core_forks_nothing(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert beside.begin(os.getpid)() == os.getpid()


def test_a_check_that_works_too_long_ends():
    pid = os.fork()
    if pid == 0:
        candidate._limit(1)
        while True:
            pass
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGXCPU
