"""Backups: copied while the bot runs, opened and counted before they count, rotated so that a good one always stays.

One backup is three files: ``bot-….db``, and beside it ``.key`` (the pseudonyms') and ``.content.zip`` (FAQ and changes).
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bot.content.ownership import give_to_owner, make_folder
from bot.errors import StoreError
from bot.ops.archive import Archive, pack_content, read_archive, unpack_content
from bot.staff.snapshots import state_folder
from bot.store import is_served
from bot.store.copies import copy_database, verify

PREFIX = "bot-"


@dataclass(frozen=True, slots=True)
class Backup:
    """``content`` is None where the backup holds none, or where it was left alone."""

    path: Path
    rows: dict[str, int]
    content: Archive | None = None


class Backups:
    """Copies of one database, its key and the content of ``faq_dir`` in ``folder``; ``keep`` is how many stay."""

    def __init__(self, database: Path, faq_dir: Path, keep: int = 7) -> None:
        self._database = database
        self._faq_dir = faq_dir
        self._folder = database.parent / "backups"
        self._keep = keep

    @property
    def last_good(self) -> float:
        """When the newest backup was made, seconds since 1970; 0 without one."""
        return max((path.stat().st_mtime for path in self.paths()), default=0.0)

    def paths(self) -> list[Path]:
        """All backups, oldest first."""
        return sorted(self._folder.glob(f"{PREFIX}*.db"))

    def create(self) -> Backup:
        """Makes a verified copy of everything, and only then removes the oldest beyond ``keep``. Raises StoreError."""
        if not self._database.exists():
            raise StoreError(
                f"There is no database at {self._database} yet. Start the bot once, or check DATABASE_URL."
            )
        target = self._folder / f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}.db"
        rows = copy_database(self._database, target)
        _copy_key(self._database, target)
        content = pack_content(archive_of(target), self._faq_dir, state_folder(self._database))
        for old in self.paths()[: -self._keep]:
            for file in (old, key_of(old), archive_of(old)):
                file.unlink(missing_ok=True)
        return Backup(target, rows, content)


def key_of(database: Path) -> Path:
    """The pseudonyms' key file of a database or of a backup."""
    return database.with_name(database.name + ".key")


def archive_of(backup: Path) -> Path:
    """The content's part of a backup."""
    return backup.with_name(backup.name + ".content.zip")


def verify_backup(path: Path) -> Backup:
    """Opens all parts of a backup. Raises StoreError when one can't be trusted."""
    archive = archive_of(path)
    return Backup(path, verify(path), read_archive(archive) if archive.exists() else None)


def restore(database: Path, faq_dir: Path, backup: Path, *, with_content: bool = True) -> Backup:
    """For `python -m bot restore`: puts a verified backup in place; what stood there is kept beside it as a backup.

    Raises StoreError: the bot still runs, the backup can't be trusted, or the content can't be written; then the
    database was not touched.
    """
    if is_served(database):
        raise StoreError("The bot is running. Stop it, restore, then start it again.")
    if not backup.is_file():
        raise StoreError(f"There is no file {backup}. The backups are in {database.parent / 'backups'}.")
    found = verify_backup(backup)
    kept = _unused(database.with_name(f"{database.name}.before-restore-{time.strftime('%Y%m%d-%H%M%S')}"))
    fresh = database.with_name(database.name + ".restored")
    try:
        make_folder(database.parent, 0o700)
        copy_database(backup, fresh)  # with what an old database still has in its -wal
        content = found.content if with_content else None
        if content:
            state = state_folder(database)
            if faq_dir.is_dir():
                pack_content(archive_of(kept), faq_dir, state)
            unpack_content(content, faq_dir, state, kept.with_name(kept.name + ".content"))
        for suffix in ("", "-wal", "-shm"):
            old = database.with_name(database.name + suffix)
            if old.exists():
                old.rename(kept.with_name(kept.name + suffix))
        _copy_key(database, kept)
        fresh.rename(database)
        _copy_key(backup, database)
    except OSError as error:
        raise StoreError(
            f"The backup could not be put in place ({error.strerror}). Check free space and permissions."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
    return Backup(database, found.rows, content)


def _unused(path: Path) -> Path:
    """``path``, or the next name by number of which nothing stands there: two restores in one second lose nothing."""
    names = (path.with_name(f"{path.name}-{number}") for number in range(2, 1000))
    return next(one for one in (path, *names) if not any(path.parent.glob(f"{one.name}*")))


def _copy_key(source: Path, target: Path) -> None:
    """Without its key a database can't tell by chat which old records belong together."""
    if key_of(source).exists():
        shutil.copy2(key_of(source), key_of(target))
        give_to_owner(key_of(target))
