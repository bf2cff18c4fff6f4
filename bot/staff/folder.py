"""The FAQ folder on disk: read whole, written file by file in one step each, by one writer at a time."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from bot.content import files as content_files
from bot.content.ownership import give_to_owner, make_folder
from bot.errors import BotError

Files = Mapping[str, bytes]
Changed = Mapping[str, bytes | None]  # by path relative to the folder; None for a file that is not there


class ChangedMeanwhile(BotError):
    """Somebody else wrote to the folder since it was read; nothing was written."""


class FolderError(BotError):
    """The FAQ folder can't be read or written; the message names the cure."""


def version_of(files: Files) -> str:
    """What ``content.version`` says of a folder with these files."""
    digest = hashlib.sha256()
    for name in sorted(files, key=PurePosixPath):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:12]


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, bytes]:
        """All files of the content. A file that vanishes while we look is left out. Raises FolderError."""
        found: dict[str, bytes] = {}
        try:
            for file in content_files(self.path):
                try:
                    found[file.relative_to(self.path).as_posix()] = file.read_bytes()
                except FileNotFoundError:
                    continue
        except OSError as error:
            raise FolderError(
                f"{self.path.name} can't be read ({error.strerror}). Give the bot's user the right to read it."
            ) from error
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other writers of this bot out, also in other processes. Editors know no lock: see ``write``."""
        try:
            held = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise FolderError(f"{self.path.name} can't be opened ({error.strerror}). Check FAQ_DIR.") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def write(self, after: Changed, before: Changed) -> None:
        """Replaces files, each in one step. Call it while ``locked``.

        Raises ChangedMeanwhile if a file is no longer what ``before`` says, FolderError if it can't be written; files
        written until then are put back.
        """
        written: list[str] = []
        try:
            for name, raw in after.items():
                if self._bytes(name) != before.get(name):
                    raise ChangedMeanwhile(f"{name} was changed by somebody else a moment ago.")
                self._replace(name, raw)
                written.append(name)
        except BaseException as error:
            for name in reversed(written):
                self._replace(name, before.get(name))
            if isinstance(error, OSError):
                raise FolderError(
                    f"{name} can't be written ({error.strerror}). Free disk space, or let the bot's user write there."
                ) from error
            raise

    def _bytes(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def _replace(self, name: str, raw: bytes | None) -> None:
        file = self.path / name
        if not file.resolve().is_relative_to(self.path.resolve()):
            raise FolderError(f"{name} lies outside the FAQ folder.")
        if raw is None:
            file.unlink(missing_ok=True)
        else:
            replace_file(file, raw)


def unwritable_folder(path: Path) -> Path | None:
    """The first folder of the content in which this user can make no file; None if staff's edits can be written."""
    folders = {path, *(file.parent for file in content_files(path))}
    return next((folder for folder in sorted(folders) if not os.access(folder, os.W_OK)), None)


def replace_file(file: Path, raw: bytes) -> None:
    """Writes ``file`` so that a reader sees the old bytes or the new ones, after a power cut too. Keeps its mode."""
    make_folder(file.parent)
    # Hidden: neither the bot nor its watcher takes it for content.
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            if file.exists():
                os.fchmod(stream.fileno(), file.stat().st_mode & 0o777)
            os.fsync(stream.fileno())
        give_to_owner(temporary)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
