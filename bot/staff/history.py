"""Every change of the content by number: who, when, what it means for patients, and the bytes to take it back.

Kept as plain files beside the database (``journal/000017.json``, ``bytes/<hash>``), so that an operator can read them
and a copied folder is a whole backup.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from bot.content.ownership import make_folder
from bot.errors import BotError
from bot.staff.folder import Changed, hash_of, replace_file
from bot.staff.merging import Conflict, merge


class UndoError(BotError):
    """A change can't be taken back; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered change. ``how``: chat, tap, command, file or undo. ``files``: hash before and after by path.

    ``undoes`` is the number of the change that this one takes back. ``commit`` is the git commit, where there is one.
    """

    number: int
    at: datetime
    who: str
    how: str
    summary: tuple[str, ...]
    files: Mapping[str, tuple[str | None, str | None]]
    undoes: int = 0
    commit: str = ""

    @property
    def title(self) -> str:
        more = f" (and {len(self.summary) - 1} more)" if len(self.summary) > 1 else ""
        return (self.summary[0] if self.summary else "Nothing that patients see.") + more

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        files = {name: (before, after) for name, (before, after) in stored["files"].items()}
        return cls(
            **{
                **stored,
                "at": datetime.fromisoformat(stored["at"]),
                "summary": tuple(stored["summary"]),
                "files": files,
            }
        )


class History:
    def __init__(self, folder: Path) -> None:
        self._journal = folder / "journal"
        self._bytes = folder / "bytes"

    def record(
        self, before: Changed, after: Changed, *, who: str, how: str, summary: Sequence[str], undoes: int = 0
    ) -> Change:
        """Keeps a change under the next number, with the bytes of both sides, before or after it is made."""
        files = {}
        for name in sorted({*before, *after}):
            old, new = before.get(name), after.get(name)
            if old != new:
                files[name] = (self._keep(old), self._keep(new))
        make_folder(self._journal)
        number = max(self._numbers(), default=0)
        while True:
            number += 1
            change = Change(number, datetime.now(UTC), who, how, tuple(summary), files, undoes)
            if self._write(change, is_new=True):
                return change

    def _keep(self, raw: bytes | None) -> str | None:
        name = hash_of(raw)
        if raw is not None and name is not None and not (self._bytes / name).exists():
            replace_file(self._bytes / name, raw)
        return name

    def _write(self, change: Change, *, is_new: bool = False) -> bool:
        """False when the number is taken by another process."""
        file = self._file(change.number)
        raw = json.dumps(change.to_json(), ensure_ascii=False, indent=1).encode()
        if is_new:
            try:
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                return False
        replace_file(file, raw)
        return True

    def committed(self, change: Change, commit: str) -> Change:
        """``change`` with its git commit."""
        changed = replace(change, commit=commit)
        self._write(changed)
        return changed

    def drop(self, change: Change) -> None:
        """Forgets a change that could not be made after all."""
        self._file(change.number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._journal / f"{number:06}.json"

    def _numbers(self) -> list[int]:
        return (
            sorted(int(file.stem) for file in self._journal.glob("*.json") if file.stem.isdigit())
            if self._journal.exists()
            else []
        )

    def newest_first(self) -> Iterator[Change]:
        for number in reversed(self._numbers()):
            if change := self._read(number):
                yield change

    def _read(self, number: int) -> Change | None:
        try:
            return Change.from_json(json.loads(self._file(number).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # taken a moment ago and not written yet, or the disk was full

    def get(self, number: int) -> Change:
        """Raises UndoError if there is no change of that number."""
        change = self._read(number)
        if change is None:
            raise UndoError(f"There is no change {number}. `history` lists them.")
        return change

    def undone_by(self, number: int) -> Change | None:
        """The change that took ``number`` back, unless that was taken back itself."""
        undos = [change for change in self.newest_first() if change.undoes == number]
        return next((change for change in undos if self.undone_by(change.number) is None), None)

    def bytes_of(self, name: str | None) -> bytes | None:
        """Raises UndoError when the bytes are gone."""
        if name is None:
            return None
        try:
            return (self._bytes / name).read_bytes()
        except OSError as error:
            raise UndoError("The earlier text is no longer kept here. Restore it from a backup or from git.") from error

    def sides(self, change: Change) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
        """The files of a change before and after it."""
        before = {name: self.bytes_of(old) for name, (old, _) in change.files.items()}
        return before, {name: self.bytes_of(new) for name, (_, new) in change.files.items()}

    def taken_back(self, number: int, now: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """What the files of ``now`` become without change ``number``: the same bytes as before it where nobody touched
        them since, else later changes stay. Raises UndoError where they touch the same lines.
        """
        change = self.get(number)
        if undo := self.undone_by(number):
            raise UndoError(f"Change {number} is already undone (change {undo.number}).")
        before, after = self.sides(change)
        result = {}
        for name in change.files:
            old, new, current = before[name], after[name], now.get(name)
            if current == new:
                result[name] = old
            elif current == old:
                continue
            elif old is None or new is None or current is None:
                what = "deleted" if current is None else "changed"
                raise UndoError(f"{name} was {what} since. Undo {self._later(change, name)} first.")
            else:
                try:
                    result[name] = merge(new, current, old)
                except Conflict as conflict:
                    raise UndoError(
                        f"{name}:{conflict.line} was changed again since. Undo {self._later(change, name)} first."
                    ) from conflict
        if not result:
            raise UndoError(f"Nothing is left of change {number}.")
        return result

    def _later(self, change: Change, name: str) -> str:
        later = [one.number for one in self.newest_first() if one.number > change.number and name in one.files]
        standing = [number for number in later if self.undone_by(number) is None and not self.get(number).undoes]
        return f"change {standing[0]}" if standing else "the edit of the file"
