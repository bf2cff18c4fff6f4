"""Copies of a SQLite database, made while it is in use and opened before they count as one."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.content.ownership import give_to_owner, make_folder
from bot.errors import StoreError

COUNTED = ("inbox", "outbox", "conversations", "alarms", "missed", "feedback", "notes")


def copy_database(source: Path, target: Path) -> dict[str, int]:
    """Copies ``source`` to ``target`` and verifies the copy. Returns its rows by table.

    ``target`` appears under its name only when it is whole. Raises StoreError.
    """
    unfinished = target.with_name(target.name + ".part")
    try:
        make_folder(target.parent, 0o700)
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as live,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            live.backup(copy, pages=2000, sleep=0.005)
            copy.execute("PRAGMA journal_mode=DELETE")
        counts = verify(unfinished)
        give_to_owner(unfinished)
        unfinished.replace(target)
        return counts
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(
            f"{source.name} could not be copied to {target} ({error}). Check free space and permissions."
        ) from error


def verify(path: Path) -> dict[str, int]:
    """Opens a database, checks every page and counts rows by table. Raises StoreError when it can't be trusted."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
            if answer != "ok":
                raise StoreError(f"{path} is damaged. Use an older backup.")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return {
                table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
                for table in COUNTED
                if table in tables
            }
    except sqlite3.Error as error:
        raise StoreError(f"{path} can't be opened as a database ({error}). Use an older backup.") from error
