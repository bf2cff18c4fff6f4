"""The store: what waits, what is remembered, what is recorded. All SQL is in this package.

One process owns a SQLite file at a time; every method below is one transaction (or shares one with its neighbours).
Methods raise StoreError when the database fails; ``trouble`` then says why until a transaction succeeds again.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, delete, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from bot.assistant.conversation import Conversation
from bot.errors import SettingsError, StoreError
from bot.store import queues, records
from bot.store.pseudonyms import Pseudonyms, load_pseudonyms
from bot.store.queues import Arrival, Mark
from bot.store.records import MissedUtterance, SetAside
from bot.store.schema import bring_up_to_date
from bot.store.staff import Counts, StaffStore, read_counts
from bot.store.tables import notes
from bot.store.values import MAX_TRIES, ChatKey, Handled, Incoming, Origin, Outgoing, Priority, Verdict
from bot.store.writer import Writer, explain, open_engine

__all__ = [
    "MAX_TRIES",
    "Arrival",
    "ChatKey",
    "Handled",
    "Incoming",
    "Mark",
    "MissedUtterance",
    "Origin",
    "Outgoing",
    "Priority",
    "SetAside",
    "Store",
    "Verdict",
    "counted",
    "database_path",
    "is_served",
    "missed",
    "noted",
    "open_store",
    "retry",
    "stuck",
]


class Store:
    def __init__(self, engine: Engine, pseudonyms: Pseudonyms, path: Path, lock: "IO[str] | None" = None) -> None:
        self.path = path
        self.upgraded_from_copy = ""
        self._writer = Writer(engine)
        self.staff = StaffStore(self._writer)
        self._pseudonyms = pseudonyms
        self._lock = lock

    @property
    def trouble(self) -> str:
        return self._writer.trouble

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Incoming | None]:
        """Stores new messages, on disk when it returns; None for those known already.

        One that can't be stored stops only itself (``Incoming.fault``).
        """
        try:
            return await self._writer.write(lambda c: queues.accept(c, arrivals, time.time()), is_durable=True)
        except Exception:  # the database's fault, or that of one message: found out by trying each
            return await self._writer.write(lambda c: queues.accept_each(c, arrivals, time.time()), is_durable=True)

    async def conversations(self, chats: Iterable[ChatKey]) -> dict[ChatKey, Conversation]:
        wanted = list(chats)
        return await self._writer.write(lambda c: queues.load_conversations(c, wanted))

    async def finish(self, handled: Sequence[Handled]) -> list[Outgoing]:
        """Messages done, conversations, records and replies to send: one transaction."""
        return await self._writer.write(lambda c: queues.finish(c, handled, time.time(), self._pseudonyms))

    async def mark(self, mark: Mark) -> None:
        await self._writer.write_together(_mark_sent, mark)

    async def move_chat(self, channel: str, old: str, new: str) -> None:
        await self._writer.write(lambda c: queues.move_chat(c, channel, old, new))

    async def count_attempts(self, ids: Sequence[int], error: str = "") -> None:
        await self._writer.write(lambda c: queues.count_attempts(c, ids, error))

    async def set_aside(self, handled: Handled, error: str) -> list[Outgoing]:
        return await self._writer.write(lambda c: queues.set_aside(c, handled, error, time.time(), self._pseudonyms))

    async def load_inbox(self) -> list[Incoming]:
        return await self._writer.write(queues.load_inbox)

    async def load_outbox(self) -> list[Outgoing]:
        return await self._writer.write(queues.load_outbox)

    async def count_waiting(self) -> dict[str, tuple[int, float | None]]:
        return await self._writer.write(queues.count_waiting)

    async def expire(self, missed_days: int, alarm_days: int) -> int:
        """Deletes what has been kept long enough; returns how many rows."""
        return await self._writer.write(lambda c: records.expire(c, time.time(), missed_days, alarm_days))

    async def note(self, name: str, value: str) -> None:
        """Keeps a small fact across restarts."""
        await self._writer.write(lambda c: write_note(c, name, value))

    async def noted(self, name: str) -> str:
        return await self._writer.write(lambda c: read_note(c, name))

    def close(self) -> None:
        self._writer.close()
        if self._lock:
            self._lock.close()


def _mark_sent(connection: Connection, marks: list[Mark]) -> None:
    queues.mark_sent(connection, marks, time.time())


def write_note(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(notes).where(notes.c.name == name))
    connection.execute(notes.insert().values(name=name, value=value))


def read_note(connection: Connection, name: str) -> str:
    return connection.execute(select(notes.c.value).where(notes.c.name == name)).scalar() or ""


def database_path(database_url: str) -> Path:
    """The file of a SQLAlchemy URL; a driver suffix (``sqlite+aiosqlite``) is accepted. Raises SettingsError."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise SettingsError(
            "DATABASE_URL is not a database address. Write e.g. sqlite:////var/lib/bot/bot.db."
        ) from error
    if url.get_backend_name() == "sqlite" and url.host:
        raise SettingsError(
            "DATABASE_URL has two slashes, so part of its path would be lost. Write three before a relative path "
            "(sqlite:///data/bot.db), four before an absolute one (sqlite:////var/lib/bot/bot.db)."
        )
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise SettingsError("DATABASE_URL must name a SQLite file, e.g. sqlite:////var/lib/bot/bot.db.")
    if url.database.endswith("/"):
        raise SettingsError(
            f"DATABASE_URL names a folder, {url.database}. Write the file's name behind it, e.g. bot.db."
        )
    return Path(url.database)


def open_store(database_url: str) -> Store:
    """Opens the database for the one process that serves from it, made or upgraded as needed.

    Raises StoreError: another process serves from it, it is damaged, of a newer bot, or can't be written.
    """
    path = database_path(database_url)
    lock = _take_lock(path)
    try:
        _keep_private(path)
        engine = open_engine(f"sqlite:///{path}")
        copy = bring_up_to_date(engine, path)
        store = Store(engine, load_pseudonyms(path.with_name(path.name + ".key")), path, lock)
    except BaseException:
        lock.close()
        raise
    store.upgraded_from_copy = copy
    return store


def _keep_private(path: Path) -> None:
    """What patients write is for the bot's user alone; SQLite gives its other files the mode of the database."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
    except PermissionError as error:
        raise StoreError(
            f"{path} can't be opened by user {os.geteuid()}, who runs the bot. As root: chown -R {os.geteuid()} "
            f"{path.parent.absolute()}"
        ) from error
    except OSError:  # a folder in its place, a disk error: told when the database is opened
        return
    for suffix in ("", "-wal", "-shm", ".key"):
        file = path.with_name(path.name + suffix)
        if file.exists() and file.stat().st_mode & 0o077:
            with suppress(OSError):  # the folder may be shared by a group on purpose, with files of another owner
                file.chmod(0o600)


def _take_lock(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        cure = "Make it writable for the bot, or change DATABASE_URL."
        raise StoreError(f"{path.parent} can't be written ({error.strerror}). {cure}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        cure = "Stop it, or give this one its own DATABASE_URL."
        raise StoreError(f"Another bot already serves from {path}. {cure}") from error
    return lock


def is_served(path: Path) -> bool:
    """Whether a running bot holds the database."""
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _opened(database_url: str) -> Iterator[Connection | None]:
    """A connection for a command beside the running bot; None when there is no database yet."""
    path = database_path(database_url)
    if not path.exists():
        yield None
        return
    engine = open_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise explain(error) from error
    finally:
        engine.dispose()


def missed(database_url: str, limit: int = 1000) -> list[MissedUtterance]:
    """What nobody could answer, for `python -m bot missed`; works beside a running bot. Raises StoreError."""
    with _opened(database_url) as connection:
        return records.list_missed(connection, limit) if connection else []


def noted(database_url: str, name: str) -> str:
    """A small fact the running bot keeps; "" without a database. Raises StoreError."""
    with _opened(database_url) as connection:
        return read_note(connection, name) if connection else ""


def counted(path: Path, since: datetime, until: datetime) -> Counts:
    """What happened between two moments, for `python -m bot report`. Raises StoreError."""
    with _opened(f"sqlite:///{path}") as connection:
        if connection is None:
            return Counts({}, {}, {}, 0)
        return read_counts(connection, since.timestamp(), until.timestamp())


def stuck(database_url: str) -> list[SetAside]:
    """Messages set aside, for `python -m bot stuck`. Raises StoreError."""
    with _opened(database_url) as connection:
        return records.list_set_aside(connection) if connection else []


def retry(database_url: str, row_id: int | None = None) -> int:
    """Puts one message that was set aside back, or all; the running bot takes them up within a minute. How many."""
    with _opened(database_url) as connection:
        return records.try_again(connection, row_id) if connection else 0
