"""One thread writes. What waits when it is free goes into one transaction, so a busy hour costs few disk flushes."""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError

T = TypeVar("T")
MAX_TOGETHER = 200
LOCK_WAIT_SECONDS = 2.0

CURES = {
    "disk is full": "The disk is full. Free space on it; Telegram keeps what was not stored.",
    "database is locked": "Another program holds the database. Stop it (a second bot, an open sqlite3 shell).",
    "malformed": "The database is damaged. Stop the bot and run `python -m bot restore` with the last backup.",
    "not a database": "The file is no database. Check DATABASE_URL, or run `python -m bot restore`.",
    "readonly": "The database can't be written. Give the bot's user write permission to the file and its folder.",
    "unable to open": "The database can't be opened. Check that the folder of DATABASE_URL exists and is writable.",
    "disk i/o": "The disk reports errors. Check it (`dmesg`), then restore the last good backup on a healthy one.",
}


def explain(error: BaseException) -> StoreError:
    """A database error as one line with its cure, without the statement's values."""
    cause = str(getattr(error, "orig", None) or error)
    for sign, cure in CURES.items():
        if sign in cause.lower():
            return StoreError(cure)
    return StoreError(
        f"The database failed ({type(getattr(error, 'orig', None) or error).__name__}). See `python -m bot doctor`."
    )


def open_engine(url: str) -> Engine:
    """An engine whose transactions begin when told. Values are never part of an error's text."""
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@dataclass(slots=True)
class _Job:
    """``item``: what ``work`` takes a list of, when jobs with the same work are done together."""

    work: Callable[..., Any]
    is_durable: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None
    item: Any = None

    def settle(self) -> None:
        if self.future.cancelled():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs functions of a connection in its thread. ``trouble`` is the last failure's cure, empty while all is well."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self.trouble = ""
        self._thread.start()

    async def write(self, work: Callable[[Connection], T], *, is_durable: bool = False) -> T:
        """The result of ``work``, once its transaction is committed; on disk too when ``is_durable``.

        Raises StoreError when the database fails.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, is_durable, loop, loop.create_future())
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def write_together(self, work: Callable[[Connection, list[T]], None], item: T) -> None:
        """Like ``write``, but what waits with the same ``work`` is handed to it at once, as a list."""
        loop = asyncio.get_running_loop()
        job = _Job(work, False, loop, loop.create_future(), item=item)
        self._jobs.put(job)
        await job.future

    def close(self) -> None:
        """Finishes what was handed in, then closes the database."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, is_last = self._waiting(first)
            self._commit(jobs)
            _settle(jobs)
            if is_last:
                break
        self._disconnect()
        self._engine.dispose()

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < MAX_TOGETHER:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._transaction(jobs)
            self.trouble = ""
        except Exception as error:
            if len(jobs) > 1:  # one bad apple must not spoil the others
                for job in jobs:
                    self._commit([job])
                return
            jobs[0].error = error
            if isinstance(error, SQLAlchemyError):
                jobs[0].error = explain(error)
                jobs[0].error.__cause__ = error
                self.trouble = str(jobs[0].error)
                self._disconnect()

    def _transaction(self, jobs: list[_Job]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        if connection.dialect.name == "sqlite":
            # NORMAL survives a killed process, FULL a power cut too: needed before a sender may forget its message.
            level = "FULL" if any(job.is_durable for job in jobs) else "NORMAL"
            raw: Any = connection.connection.dbapi_connection
            raw.execute(f"PRAGMA synchronous={level}")
        with connection.begin():
            together: dict[Any, list[Any]] = {}
            for job in jobs:
                if job.item is None:
                    job.result = job.work(connection)
                else:
                    together.setdefault(job.work, []).append(job.item)
            for work, items in together.items():
                work(connection, items)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                connection.invalidate()


def _settle(jobs: list[_Job]) -> None:
    def settle() -> None:
        for job in jobs:
            job.settle()

    try:
        jobs[0].loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is gone: nobody waits any more
        return
