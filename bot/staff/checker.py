"""Has a content checked by a child process and tells what it said; the bot that answers never reads staff's files."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.errors import Problem
from bot.staff.check_worker import Request
from bot.staff.folder import Files, version_of
from bot.staff.snapshots import Snapshots, Verdict

SECONDS: Final = 600.0  # on a machine that has no time; the child itself ends after less of work, see check_worker
NICER: Final = 5  # answering patients goes first, from the child's first moment on
# No token and no address of a database reaches a process that reads what anybody may have typed.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class Checker:
    """One check at a time, each in a child of its own."""

    def __init__(self, snapshots: Snapshots, cache_dir: Path) -> None:
        self._snapshots = snapshots
        self._cache_dir = cache_dir
        self._lock = asyncio.Lock()

    async def check(self, files: Files, base: str, missed: Sequence[str] = ()) -> Verdict:
        """The verdict on ``files``, compared with the snapshot ``base``; a good one's snapshot is kept.

        Never raises for content: a child that fails is a refusal too.
        """
        async with self._lock:
            place = await asyncio.to_thread(self._snapshots.stage, files)
            request = Request(
                snapshots=str(self._snapshots.folder.absolute()),
                place=str(place.absolute()),
                base=base,
                cache_dir=str(self._cache_dir.absolute()),
                now=datetime.now(UTC).isoformat(),
                missed=tuple(missed),
            )
            try:
                return await _run_worker(request, version_of(files))
            finally:
                await asyncio.to_thread(self._snapshots.drop, place)


async def _run_worker(request: Request, version: str) -> Verdict:
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.staff.check_worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parent.parent.parent, env=_environment(), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return _refusal(version, f"it could not be started: {error.strerror}")
    answer, errors = b"", b""
    try:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, NICER)
        async with asyncio.timeout(SECONDS):
            answer, errors = await child.communicate(request.to_json().encode())
        return Verdict.from_json({**json.loads(answer), "version": version})
    except TimeoutError:
        return _refusal(version, "it took too long")
    except (ValueError, KeyError, TypeError):
        return _refusal(version, _last_words(child.returncode, errors))
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _refusal(version: str, why: str) -> Verdict:
    cure = "Undo the last edit, and tell the operator."
    return Verdict(version, refused=(Problem("clinic.yaml", 1, f"the check itself failed ({why}).", cure),))


def _last_words(code: int | None, errors: bytes) -> str:
    """Why the child died, as far as it could tell."""
    if code == -signal.SIGXCPU:
        return "it took too long"
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit code {code}"


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
