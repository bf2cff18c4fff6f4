"""Files that root makes for the bot: they belong to whoever owns the folder, so that the service can open them."""

import os
from contextlib import suppress
from pathlib import Path


def give_to_owner(path: Path) -> None:
    """Gives ``path``, and all below it, to the owner of the folder it lies in; nothing unless we are root and may."""
    owner = path.parent.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    with suppress(PermissionError):  # a container's root without capabilities
        for one in (path, *(path.rglob("*") if path.is_dir() else ())):
            os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Makes ``folder`` and the folders above it where they are missing, each for the owner of the one above."""
    if not folder.is_dir():
        make_folder(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)
        give_to_owner(folder)
