"""The store: what waits, what is remembered, what is recorded. All SQL is in this package.

One process owns a SQLite file at a time; every method below is one transaction (or shares one with its neighbours).
Methods raise StoreError when the database fails; ``trouble`` then says why until a transaction succeeds again.
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine

from bot.assistant.conversation import Conversation
from bot.errors import StoreError
from bot.store import notes, queues, records
from bot.store.commands import list_dead_letters, list_missed, read_counts, read_note, retry_dead_letters
from bot.store.places import database_path, is_served, take_lock
from bot.store.pseudonyms import Pseudonyms, load_pseudonyms
from bot.store.queues import Arrival, Mark
from bot.store.records import DeadLetter, MissedUtterance
from bot.store.schema import bring_up_to_date
from bot.store.staff import StaffStore
from bot.store.values import MAX_TRIES, ChatKey, Handled, Incoming, Origin, Outgoing, Priority, Verdict
from bot.store.writer import Writer, open_engine

__all__ = [
    "MAX_TRIES",
    "Arrival",
    "ChatKey",
    "DeadLetter",
    "Handled",
    "Incoming",
    "Mark",
    "MissedUtterance",
    "Origin",
    "Outgoing",
    "Priority",
    "Store",
    "Verdict",
    "database_path",
    "is_served",
    "list_dead_letters",
    "list_missed",
    "open_store",
    "read_counts",
    "read_note",
    "retry_dead_letters",
]


class Store:
    def __init__(self, engine: Engine, pseudonyms: Pseudonyms, path: Path, lock: "IO[str] | None" = None) -> None:
        self.path = path
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

    async def add_dead_letter(self, handled: Handled, error: str) -> list[Outgoing]:
        return await self._writer.write(
            lambda c: queues.add_dead_letter(c, handled, error, time.time(), self._pseudonyms)
        )

    async def load_inbox(self) -> list[Incoming]:
        return await self._writer.write(queues.load_inbox)

    async def load_outbox(self) -> list[Outgoing]:
        return await self._writer.write(queues.load_outbox)

    async def expire(self, missed_days: int, alarm_days: int) -> int:
        """Deletes what has been kept long enough; returns how many rows."""
        return await self._writer.write(lambda c: records.expire(c, time.time(), missed_days, alarm_days))

    async def note(self, name: str, value: str) -> None:
        """Keeps a small fact across restarts."""
        await self._writer.write(lambda c: notes.write_note(c, name, value))

    async def noted(self, name: str) -> str:
        return await self._writer.write(lambda c: notes.read_note(c, name))

    def close(self) -> None:
        self._writer.close()
        if self._lock:
            self._lock.close()


def _mark_sent(connection: Connection, marks: list[Mark]) -> None:
    queues.mark_sent(connection, marks, time.time())


def open_store(database_url: str) -> Store:
    """Opens the database for the one process that serves from it, made or upgraded as needed.

    Raises StoreError: another process serves from it, it is damaged, of a newer bot, or can't be written.
    """
    path = database_path(database_url)
    lock = take_lock(path)
    try:
        _keep_private(path)
        engine = open_engine(f"sqlite:///{path}")
        bring_up_to_date(engine, path)
        return Store(engine, load_pseudonyms(path.with_name(path.name + ".key")), path, lock)
    except BaseException:
        lock.close()
        raise


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
