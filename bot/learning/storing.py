"""Arrays kept in files, which may vanish or break at any time: a cache, never the only place of anything."""

import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def save_arrays(path: Path, arrays: Arrays) -> bool:
    """Writes ``arrays`` as npz so that a reader never sees half a file. False if it could not be written."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(buffer.getbuffer())
        part.replace(path)
    except OSError:
        return False
    return True


def load_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays kept in ``path``, or None if there is no file that can be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    """Deletes all but the ``count`` newest files of ``folder`` that match ``pattern``."""
    try:
        files = sorted(folder.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[count:]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def pack(lines: Iterable[str]) -> NDArray[np.uint8]:
    """Lines (no line break within) as bytes: far smaller and faster to read than an array of strings."""
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def unpack(packed: NDArray[Any]) -> tuple[str, ...]:
    """The lines that ``pack`` packed."""
    joined = packed.tobytes().decode()
    return tuple(joined.split("\n")) if joined else ()
