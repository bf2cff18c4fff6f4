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

SECONDS: Final = 600.0  # on a machine that has no time; the child itself ends after less of work, see candidate
NICER: Final = 5  # answering patients goes first, from the child's first moment on
IDLE_SECONDS: Final = 600.0
MOST_BYTES: Final = 50_000_000  # of an answer
# No token and no address of a database reaches a process that reads what anybody may have typed.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class Checker:
    """One child at a time. While ``stays`` is set it waits for the next edit, which then takes a second less."""

    def __init__(self, snapshots: Snapshots, cache_dir: Path, *, second_stage: bool = True) -> None:
        self.stays = False
        self._second_stage = second_stage
        self._snapshots = snapshots
        self._cache_dir = cache_dir
        self._lock = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def prepare(self, base: str) -> None:
        """An edit of ``base`` is on its way: a child that is not there yet is begun."""
        if not (self.stays and base) or self._child or self._lock.locked():
            return
        async with self._lock:
            child = await self._begun()
            assert child.stdin
            child.stdin.write(self._request(None, base).encode() + b"\n")
            self._wait_for_more()

    async def close(self) -> None:
        """Ends the child, whatever it has in hand."""
        if self._idle:
            self._idle.cancel()
        child, self._child, self._idle = self._child, None, None
        if child and child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # with what it has begun beside itself
            await child.wait()

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
        why = "it took too long"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._answered(self._request(place, base, missed, is_live=is_live))
            return Verdict.from_json({**json.loads(answer), "version": version})
        except TimeoutError:
            await self.close()
        except (ValueError, KeyError, TypeError, OSError):
            why = await self._last_words()
        broken = Problem(
            "clinic.yaml", 1, f"the check itself failed ({why}).", "Undo the last edit, and tell the operator."
        )
        return Verdict(version, refused=(broken,))

    def _request(self, place: Path | None, base: str, missed: Sequence[str] = (), *, is_live: bool = False) -> str:
        return Request(
            snapshots=str(self._snapshots.folder.absolute()),
            place=str(place.absolute()) if place else "",
            base=base,
            cache_dir=str(self._cache_dir.absolute()),
            now=datetime.now(UTC).isoformat(),
            is_live=is_live,
            second_stage=self._second_stage,
            missed=tuple(missed),
        ).to_json()

    async def _answered(self, request: str) -> bytes:
        """The child's answer; empty if it died."""
        child = await self._begun()
        assert child.stdin
        assert child.stdout
        try:
            child.stdin.write(request.encode() + b"\n")
            if not self.stays:
                child.stdin.close()
            answer = await child.stdout.readline()
            if self.stays and answer:
                self._wait_for_more()
            elif answer:
                await child.wait()
                self._child = None
            return answer
        except asyncio.CancelledError:
            await self.close()
            raise

    async def _begun(self) -> asyncio.subprocess.Process:
        if self._idle:
            self._idle.cancel()
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.staff.candidate",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                cwd=Path(__file__).parent.parent.parent, env=_environment(), start_new_session=True, limit=MOST_BYTES,
            )  # fmt: skip
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._child.pid, NICER)
        return self._child

    def _wait_for_more(self) -> None:
        """Memory is given back when nobody edits any more: a child without input ends by itself."""

        def enough() -> None:
            if self._child and self._child.stdin and not self._lock.locked():
                self._child.stdin.close()
                self._child = None

        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, enough)

    async def _last_words(self) -> str:
        """Why the child died, as far as it could tell."""
        child, self._child = self._child, None
        if child is None or child.stderr is None:
            return "it could not be started"
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        lines = (await child.stderr.read()).decode(errors="replace").strip().splitlines()
        code = await child.wait()
        if code == -signal.SIGXCPU:
            return "it took too long"
        return lines[-1][:200] if lines else f"exit code {code}"


def _environment() -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
