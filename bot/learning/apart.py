"""Learning at a start, in a child whose memory is given back."""

import os
from collections.abc import Callable
from pathlib import Path

from bot.learning.storing import keep_newest
from bot.startup import end_with_parent

KEPT = 8


def learned_apart(work: Callable[[], object], cache_dir: Path, key: str) -> None:
    """Does ``work``, which learns and keeps in ``cache_dir`` what it learned, in a child, unless that was done for ``key``.

    Learning leaves 100 MB of holes in the memory of its process. For processes without threads; whatever the child can't
    do is left to the caller.
    """
    done = cache_dir / f"learned-{key}"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        if done.exists() or not os.access(cache_dir, os.W_OK):
            return
        import multiprocessing

        child = multiprocessing.get_context("fork").Process(target=_work, args=(work,), daemon=True)
        child.start()
        child.join()
        if child.exitcode == 0:
            done.touch()
    except OSError:
        return
    keep_newest(cache_dir, "learned-*", KEPT)


def _work(work: Callable[[], object]) -> None:
    end_with_parent()
    try:
        work()
    except Exception:  # the caller meets it again, and says it in one line
        raise SystemExit(1) from None
