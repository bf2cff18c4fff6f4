"""The last good content, kept beside the database: a restart serves from it whatever has happened to the FAQ folder."""

import hashlib
import json
import pickle
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Self

from bot.content import Content, load
from bot.errors import BotError, Problem, Severity
from bot.ownership import give_to_owner, make_folder
from bot.staff.comparing import Difference
from bot.staff.folder import Files, Folder, replace_file

KEPT = 4
STAGE = "stage-"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of a content says. ``refused`` lists what keeps it from going live; empty: it may.

    ``known`` are all problems and remarks it has, ``remarks`` the new ones that a good editor would mend. ``summary``:
    the edit in patients' terms. ``differences``: messages that would get another reply. ``seconds``: how long it took.
    ``screens_as`` and ``matches_as`` are alike for contents that screen, and match, every message alike.
    """

    version: str
    refused: tuple[Problem, ...] = ()
    known: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    summary: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    is_medical: bool = False
    seconds: float = 0.0
    screens_as: str = ""
    matches_as: str = ""

    @property
    def is_good(self) -> bool:
        return not self.refused

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        lists = {name: tuple(_problem(one) for one in stored[name]) for name in ("refused", "known", "remarks")}
        found = tuple(Difference.from_json(one) for one in stored["differences"])
        return cls(**{**stored, **lists, "differences": found, "summary": tuple(stored["summary"])})


def _problem(stored: Mapping[str, Any]) -> Problem:
    return Problem(**{**stored, "severity": Severity(stored["severity"])})


def state_folder(database: Path) -> Path:
    """Where history and snapshots lie: beside the database, with it in every backup of its folder."""
    return database.with_name(database.name + ".content")


class SnapshotError(BotError):
    """There is no snapshot that can be used."""


Parts = dict[str, bytes]  # pickled, by field of Content


def _in_parts(content: Content, like: Content | None, its_parts: Parts) -> Parts:
    """What ``content`` and ``like`` have in common keeps its bytes, so that it need not be loaded again."""
    parts = {}
    # Lines of the files, which no comparison counts, are for checks only and are half of what would have to be loaded.
    for name in (field.name for field in fields(content) if field.compare):
        part = getattr(content, name)
        is_known = like is not None and name in its_parts and getattr(like, name) == part
        parts[name] = its_parts[name] if is_known else pickle.dumps(part, protocol=5)
    return parts


def _from_parts(parts: Parts, like: Content | None, its_parts: Parts) -> Content:
    """Part by part, with a breath between them: unpickling lets no other thread run, and patients wait for answers."""
    loaded = {}
    for name, part in parts.items():
        if like is not None and its_parts.get(name) == part:
            loaded[name] = getattr(like, name)
        else:
            loaded[name] = pickle.loads(part)
            time.sleep(0)
    return Content(**loaded)


@cache
def code_version() -> str:
    """12 hex digits that change with any line of the bot: a pickle of other code must not be loaded."""
    digest = hashlib.sha256()
    bot = Path(__file__).parent.parent
    for file in sorted(bot.rglob("*.py")):
        digest.update(file.relative_to(bot).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


class Snapshots:
    """Folders by content version: ``files/`` as they were, ``content.pickle`` for a quick start, ``verdict.json``.

    The pickle is written by the bot's own child and lies beside the database, where whoever can write can do anything.
    """

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

    def keep(self, place: Path, content: Content, verdict: Verdict, like: Content | None = None) -> None:
        """Makes a staged place the snapshot of its version, whole or not at all.

        ``like``: the content of another snapshot, of which most is the same.
        """
        parts = _in_parts(content, like, self._parts(like.version) if like else {})
        replace_file(place / "content.pickle", pickle.dumps(parts, protocol=5))
        stored = {"code": code_version(), "verdict": verdict.to_json()}
        replace_file(place / "verdict.json", json.dumps(stored, ensure_ascii=False).encode())
        target = self.folder / verdict.version
        if target.exists():
            self.drop(target.rename(place.with_name(place.name + "-old")))
        place.rename(target)
        give_to_owner(target)

    def has(self, version: str) -> bool:
        """Whether a checked snapshot of ``version`` is kept, by whichever code."""
        return bool(version) and (self.folder / version / "verdict.json").is_file()

    def verdict(self, version: str) -> Verdict | None:
        """What the check by this very code said when it was kept."""
        try:
            stored = json.loads((self.folder / version / "verdict.json").read_bytes())
            return Verdict.from_json(stored["verdict"]) if stored["code"] == code_version() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

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

    def _parts(self, version: str) -> Parts:
        """The pickled parts of a snapshot that this very code wrote; none if there is none, or a damaged one."""
        try:
            parts = (
                pickle.loads((self.folder / version / "content.pickle").read_bytes()) if self.verdict(version) else {}
            )
        except Exception:  # a damaged pickle may raise anything
            return {}
        return parts if isinstance(parts, dict) else {}

    def content(self, version: str, like: Content | None = None) -> Content:
        """The content of a snapshot, by its pickle when this very code wrote it. Raises SnapshotError, ContentError.

        What it has in common with ``like``, the content of another snapshot, is taken from there.
        """
        if not version or not self.files(version).is_dir():
            raise SnapshotError("No checked content is kept yet.")
        if parts := self._parts(version):
            try:
                content = _from_parts(parts, like, self._parts(like.version) if like else {})
            except Exception:  # the files are still there
                content = None
            if content and content.version == version:
                return content
        return load(self.files(version))

    def bytes(self, version: str) -> dict[str, bytes]:
        """The files of a snapshot as they were; empty if there is none."""
        return Folder(self.files(version)).read() if version and self.files(version).is_dir() else {}
