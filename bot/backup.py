"""Backups: copied while the bot runs, opened and counted before they count, rotated so that a good one always stays."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StoreError
from bot.store import database_path, is_served
from bot.store.copies import copy_database, verify

PREFIX = "bot-"


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path
    rows: dict[str, int]


class Backups:
    """Copies of one database in ``folder``; ``keep`` is how many stay."""

    def __init__(self, database: Path, folder: Path, keep: int = 7) -> None:
        self._database = database
        self._folder = folder
        self._keep = keep

    @property
    def last_good(self) -> float:
        """When the newest backup was made, seconds since 1970; 0 without one."""
        return max((path.stat().st_mtime for path in self.paths()), default=0.0)

    def paths(self) -> list[Path]:
        """All backups, oldest first."""
        return sorted(self._folder.glob(f"{PREFIX}*.db"))

    def create(self) -> Backup:
        """Makes a verified copy, and only then removes the oldest beyond ``keep``. Raises StoreError."""
        if not self._database.exists():
            raise StoreError(
                f"There is no database at {self._database} yet. Start the bot once, or check DATABASE_URL."
            )
        target = self._folder / f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}.db"
        rows = copy_database(self._database, target)
        key = key_of(self._database)
        if key.exists():  # without it, old records could not be told apart by chat any more
            shutil.copy2(key, key_of(target))
        for old in self.paths()[: -self._keep]:
            old.unlink(missing_ok=True)
            key_of(old).unlink(missing_ok=True)
        return Backup(target, rows)


def key_of(database: Path) -> Path:
    """The pseudonyms' key file of a database or of a backup."""
    return database.with_name(database.name + ".key")


def create(database_url: str, keep: int = 7) -> Backup:
    """For `python -m bot backup`; works beside a running bot. Raises StoreError."""
    database = database_path(database_url)
    return Backups(database, database.parent / "backups", keep).create()


def restore(database_url: str, backup: Path) -> Backup:
    """For `python -m bot restore`: puts a verified backup in the database's place and keeps the old one beside it.

    Raises StoreError: the bot still runs, or the backup can't be trusted; then nothing was touched.
    """
    database = database_path(database_url)
    if is_served(database):
        raise StoreError("The bot is running. Stop it, restore, then start it again.")
    if not backup.is_file():
        raise StoreError(f"There is no file {backup}. The backups are in {database.parent / 'backups'}.")
    rows = verify(backup)
    fresh = database.with_name(database.name + ".restored")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(backup, fresh)
        os.chmod(fresh, 0o600)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for suffix in ("", "-wal", "-shm"):
            old = database.with_name(database.name + suffix)
            if old.exists():
                old.rename(database.with_name(f"{database.name}.before-restore-{stamp}{suffix}"))
        fresh.rename(database)
        if key_of(backup).exists():
            shutil.copy2(key_of(backup), key_of(database))
    except OSError as error:
        raise StoreError(
            f"The backup could not be put in place ({error.strerror}). Check free space and permissions."
        ) from error
    return Backup(database, rows)
