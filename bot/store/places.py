"""Which file the database is, and who may serve from it."""

import fcntl
from pathlib import Path
from typing import IO

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import SettingsError, StoreError


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


def take_lock(path: Path) -> IO[str]:
    """Held for as long as a bot serves from the database. Raises StoreError when another one does."""
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
