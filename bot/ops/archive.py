"""The content's part of a backup: the FAQ folder and what is kept of its changes, in one zip file beside the copy.

Left out is what the bot makes again by itself: stages and older snapshots.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.content.ownership import give_to_owner, make_folder
from bot.errors import BotError, StoreError
from bot.staff.folder import Folder, FolderError, replace_file
from bot.staff.snapshots import Snapshots

FAQ = "faq/"
STATE = "state/"


@dataclass(frozen=True, slots=True)
class Archive:
    """What a zip file holds, checked: ``faq`` and ``state`` by path within their folder."""

    faq: dict[str, bytes]
    state: dict[str, bytes]

    @property
    def changes(self) -> int:
        return sum(name.startswith("journal/") for name in self.state)


def pack_content(target: Path, faq_dir: Path, state: Path) -> Archive:
    """Writes the archive and opens it again before it gets its name. Raises StoreError."""
    unfinished = target.with_name(target.name + ".part")
    try:
        folder = Folder(faq_dir)
        with folder.locked():  # so that no change is in one of them only
            kept = {f"{STATE}{file.relative_to(state).as_posix()}": file.read_bytes() for file in _state_files(state)}
            kept |= {f"{FAQ}{name}": raw for name, raw in folder.read().items()}
        make_folder(target.parent, 0o700)
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, raw in kept.items():
                archive.writestr(name, raw)
        unfinished.chmod(0o600)
        found = read_archive(unfinished)
        give_to_owner(unfinished)
        unfinished.replace(target)
        return found
    except (OSError, BotError) as error:
        unfinished.unlink(missing_ok=True)
        why = str(error) if isinstance(error, BotError) else f"{error.strerror}. Check free space and permissions."
        raise StoreError(f"The content could not be backed up: {why}") from error


def _state_files(state: Path) -> Iterator[Path]:
    yield from sorted(state.glob("journal/*.json"))
    snapshots = Snapshots(state / "snapshots")
    version, _ = snapshots.current()
    if version:
        yield snapshots.folder / "current.json"
        yield from sorted(path for path in (snapshots.folder / version).rglob("*") if path.is_file())


def read_archive(path: Path) -> Archive:
    """Every file of the archive, its checksum compared. Raises StoreError when it can't be trusted."""
    faq, state = {}, {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("/") or ".." in name.split("/"):
                    raise StoreError(f"{path} holds a file of an odd name. Use an older backup.")
                if name.startswith(FAQ):
                    faq[name.removeprefix(FAQ)] = archive.read(name)
                elif name.startswith(STATE):
                    state[name.removeprefix(STATE)] = archive.read(name)
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(f"{path} is damaged. Use an older backup.") from error
    return Archive(faq, state)


def unpack_content(archive: Archive, faq_dir: Path, state: Path, old_state: Path) -> None:
    """Makes the FAQ folder what the archive holds; the state in force becomes ``old_state``. Raises StoreError.

    A folder that can't be written is told before anything is touched.
    """
    try:
        make_folder(faq_dir)
        folder = Folder(faq_dir)
        with folder.locked():
            before = folder.read()
            after = {**dict.fromkeys(before), **archive.faq}
            changed = {name: raw for name, raw in after.items() if raw != before.get(name)}
            folder.write(changed, before)
        fresh = state.with_name(state.name + ".restored")
        make_folder(fresh, 0o700)
        for name, raw in archive.state.items():
            replace_file(fresh / name, raw)
        if state.exists():
            state.rename(old_state)
        fresh.rename(state)
    except FolderError as error:
        raise StoreError(f"The content can't be put back: {error}") from error
