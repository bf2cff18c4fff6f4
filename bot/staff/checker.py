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
from bot.staff.candidate import Request
from bot.staff.folder import Files, version_of
from bot.staff.snapshots import Snapshots, Verdict

SECONDS: Final = 120.0
# No token and no address of a database reaches a process that reads what anybody may have typed.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class Checker:
    """One child at a time."""

    def __init__(self, snapshots: Snapshots, cache_dir: Path, *, second_stage: bool = True) -> None:
        self._second_stage = second_stage
        self._snapshots = snapshots
        self._cache_dir = cache_dir
        self._lock = asyncio.Lock()

    async def check(self, files: Files, base: str, missed: Sequence[str] = (), *, is_live: bool = False) -> Verdict:
        """The verdict on ``files``, compared with the snapshot ``base``; a good one's snapshot is kept.

        Never raises for content: a child that fails is a refusal too. ``is_live``: see ``Request``.
        """
        async with self._lock:
            place = await asyncio.to_thread(self._snapshots.stage, files)
            try:
                return await self._judged(place, base, missed, version_of(files), is_live)
            finally:
                await asyncio.to_thread(self._snapshots.drop, place)

    async def _judged(self, place: Path, base: str, missed: Sequence[str], version: str, is_live: bool) -> Verdict:
        request = Request(
            snapshots=str(self._snapshots.folder.absolute()),
            place=str(place.absolute()),
            base=base,
            cache_dir=str(self._cache_dir.absolute()),
            now=datetime.now(UTC).isoformat(),
            is_live=is_live,
            second_stage=self._second_stage,
            missed=tuple(missed),
        )
        code, answer, errors = await _run(request.to_json().encode())
        try:
            if code == 0:
                return Verdict.from_json({**json.loads(answer), "version": version})
        except (ValueError, KeyError, TypeError):
            pass
        lines = errors.decode(errors="replace").strip().splitlines()
        why = "it took too long" if code is None else lines[-1][:200] if lines else f"exit code {code}"
        broken = Problem(
            "clinic.yaml", 1, f"the check itself failed ({why}).", "Undo the last edit, and tell the operator."
        )
        return Verdict(version, refused=(broken,))


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}


async def _run(request: bytes) -> tuple[int | None, bytes, bytes]:
    """Exit code (None when it took too long), output and errors of the child."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.staff.candidate",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent, env=_environment(), start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            output, errors = await child.communicate(request)
        return child.returncode, output, errors
    except TimeoutError:
        return None, b"", b""
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # with what it has begun beside itself
            await child.wait()
