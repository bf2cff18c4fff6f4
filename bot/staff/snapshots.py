"""The last good content, kept beside the database: a restart serves from it whatever has happened to the FAQ folder."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.content import Content, load
from bot.content.ownership import give_to_owner, make_folder
from bot.errors import BotError, Problem
from bot.staff.comparing import Difference
from bot.staff.folder import Files, Folder, replace_file, version_of

KEPT = 4
STAGE = "stage-"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of a content says. ``refused`` lists what keeps it from going live; empty: it may.

    ``by_lines`` and ``in_use`` are all problems and remarks it has, those that its lines show and those that answering
    shows; ``remarks``: the new ones that a good editor would mend. ``summary``: the edit in patients' terms.
    ``differences``: messages that would get another reply. ``seconds``: how long it took.
    """

    version: str
    refused: tuple[Problem, ...] = ()
    by_lines: tuple[Problem, ...] = ()
    in_use: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    summary: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    is_medical: bool = False
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.refused

    @property
    def known(self) -> tuple[Problem, ...]:
        return (*self.by_lines, *self.in_use)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Verdict":
        """Of a verdict that another version of the bot has stored, what this one knows."""
        return TypeAdapter(Verdict).validate_python(stored)


def state_folder(database: Path) -> Path:
    """Where history and snapshots lie: beside the database, with it in every backup of its folder."""
    return database.with_name(database.name + ".content")


class SnapshotError(BotError):
    """There is no snapshot that can be used."""


class Snapshots:
    """Folders by content version: ``files/`` as they were, and ``verdict.json`` of the check, if there was one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, version: str) -> Path:
        return self.folder / version / "files"

    def stage(self, files: Files) -> Path:
        """A place of its own with a copy of ``files``, to be checked; ``drop`` it after."""
        make_folder(self.folder, 0o700)
        place = Path(tempfile.mkdtemp(prefix=STAGE, dir=self.folder))
        (place / "files").mkdir()
        for name, raw in files.items():
            file = place / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(raw)
        return place

    def drop(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)

    def keep(self, place: Path, version: str, verdict: Verdict | None = None) -> None:
        """Makes a staged place the snapshot of its version, whole or not at all."""
        if verdict:
            replace_file(place / "verdict.json", json.dumps(verdict.to_json(), ensure_ascii=False).encode())
        target = self.folder / version
        if target.exists():
            self.drop(target.rename(place.with_name(place.name + "-old")))
        place.rename(target)
        give_to_owner(target)

    def add(self, files: Files) -> str:
        """Keeps ``files`` that nobody has checked, for edits to be compared with; returns their version."""
        version = version_of(files)
        if not self.has(version):
            self.keep(self.stage(files), version)
        return version

    def has(self, version: str) -> bool:
        return bool(version) and self.files(version).is_dir()

    def verdict(self, version: str) -> Verdict | None:
        """What the check said when it was kept."""
        try:
            return Verdict.from_json(json.loads((self.folder / version / "verdict.json").read_bytes()))
        except (OSError, ValueError):
            return None

    def forget_verdict(self, version: str) -> None:
        """Other code, or another model, may find other problems."""
        (self.folder / version / "verdict.json").unlink(missing_ok=True)

    def make_current(self, version: str, change: int) -> None:
        """From now on a restart serves ``version``, which holds all changes up to number ``change``."""
        replace_file(self.folder / "current.json", json.dumps({"version": version, "change": change}).encode())
        places = [place for place in self.folder.iterdir() if place.is_dir() and place.name != version]
        places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
        for old in places[KEPT - 1 :]:
            self.drop(old)

    def current(self) -> tuple[str, int]:
        """Version and last change of what was live last; ("", 0) if there is none."""
        try:
            stored = json.loads((self.folder / "current.json").read_bytes())
            return str(stored["version"]), int(stored["change"])
        except (OSError, ValueError, KeyError, TypeError):
            return "", 0

    def content(self, version: str) -> Content:
        """The content of a snapshot. Raises SnapshotError, ContentError."""
        if not self.has(version):
            raise SnapshotError("No content is kept yet.")
        return load(self.files(version))

    def bytes(self, version: str) -> dict[str, bytes]:
        """The files of a snapshot as they were; empty if there is none."""
        return Folder(self.files(version)).read() if self.has(version) else {}
