"""Every change of the content by number: who, when, what it means for patients, and the texts to take it back.

Kept as plain files beside the database (``journal/000017.json``), so that an operator can read them and commands can write
them beside a running bot.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import BotError
from bot.staff.folder import Changed, replace_file

Hunk = tuple[int, int, list[bytes]]  # lines from, to (of the base), and what stands there instead


class Conflict(BotError):
    """Both sides changed the same lines; ``line`` is the 1-based line of ours."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line} was changed again since")


class UndoError(BotError):
    """A change can't be taken back; the message says why and what to do."""


class Change(BaseModel):
    """One numbered change. ``how``: chat, tap, command, file or undo. ``before`` and ``after``: the files' texts by path.

    ``undoes`` is the number of the change that this one takes back. ``commit`` is the git commit, where there is one.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    at: datetime
    who: str
    how: str
    summary: tuple[str, ...]
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]
    undoes: int = 0
    commit: str = ""

    @property
    def title(self) -> str:
        more = f" (and {len(self.summary) - 1} more)" if len(self.summary) > 1 else ""
        return (self.summary[0] if self.summary else "Nothing that patients see.") + more

    @property
    def files_before(self) -> dict[str, bytes | None]:
        return _encode(self.before)

    @property
    def files_after(self) -> dict[str, bytes | None]:
        return _encode(self.after)


def _decode(files: Changed) -> dict[str, str | None]:
    return {name: None if raw is None else raw.decode() for name, raw in files.items()}


def _encode(texts: Mapping[str, str | None]) -> dict[str, bytes | None]:
    return {name: None if text is None else text.encode() for name, text in texts.items()}


class History:
    """Whoever adds to it holds the lock of the FAQ folder."""

    def __init__(self, state: Path) -> None:
        self._journal = state / "journal"

    def record(
        self, before: Changed, after: Changed, *, who: str, how: str, summary: Sequence[str], undoes: int = 0
    ) -> Change:
        """Keeps a change under the next number."""
        names = [name for name in sorted(after) if before.get(name) != after[name]]
        old, new = ({name: side.get(name) for name in names} for side in (before, after))
        change = Change(
            number=self.last_number() + 1, at=datetime.now(UTC), who=who, how=how,
            summary=tuple(summary), before=_decode(old), after=_decode(new), undoes=undoes,
        )  # fmt: skip
        self._write(change)
        return change

    def add_commit(self, change: Change, commit: str) -> Change:
        """``change`` with its git commit."""
        committed = change.model_copy(update={"commit": commit})
        self._write(committed)
        return committed

    def _write(self, change: Change) -> None:
        replace_file(self._journal / f"{change.number:06}.json", change.model_dump_json(indent=1).encode())

    def _list_numbers(self) -> list[int]:
        return sorted(int(file.stem) for file in self._journal.glob("*.json") if file.stem.isdigit())

    def newest_first(self) -> Iterator[Change]:
        for number in reversed(self._list_numbers()):
            with suppress(UndoError):  # damaged by hand or by a full disk: the others are still good
                yield self.get(number)

    def get(self, number: int) -> Change:
        """Raises UndoError if there is no change of that number."""
        try:
            return Change.model_validate_json((self._journal / f"{number:06}.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UndoError(f"There is no change {number}. `history` lists them.") from error

    def last_number(self) -> int:
        return max(self._list_numbers(), default=0)

    def find_undo(self, number: int) -> Change | None:
        """The change that took ``number`` back, unless that was taken back itself."""
        undos = [change for change in self.newest_first() if change.undoes == number]
        return next((change for change in undos if self.find_undo(change.number) is None), None)

    def undo(self, number: int, now: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """What the files of ``now`` become without change ``number``: the same bytes as before it where nobody touched
        them since, else later changes stay. Raises UndoError where they touch the same lines.
        """
        change = self.get(number)
        if undo := self.find_undo(number):
            raise UndoError(f"Change {number} is already undone (change {undo.number}).")
        before, result = change.files_before, dict[str, bytes | None]()
        for name, new in change.files_after.items():
            old, current = before[name], now.get(name)
            if current == new:
                result[name] = old
            elif current == old:
                continue
            elif old is None or new is None or current is None:
                what = "deleted" if current is None else "changed"
                raise UndoError(f"{name} was {what} since. Undo {self._find_later(change, name)} first.")
            else:
                try:
                    result[name] = merge(new, current, old)
                except Conflict as conflict:
                    later = self._find_later(change, name)
                    raise UndoError(
                        f"{name}:{conflict.line} was changed again since. Undo {later} first."
                    ) from conflict
        if not result:
            raise UndoError(f"Nothing is left of change {number}.")
        return result

    def _find_later(self, change: Change, name: str) -> str:
        later = [one for one in self.newest_first() if one.number > change.number and name in one.after]
        standing = [one.number for one in later if not one.undoes and self.find_undo(one.number) is None]
        return f"change {standing[0]}" if standing else "the edit of the file"


# A three-way merge that lets neighbouring lines live


def _hunks(base: list[bytes], other: list[bytes]) -> list[Hunk]:
    found = SequenceMatcher(None, base, other, autojunk=False).get_opcodes()
    return [(start, end, other[left:right]) for tag, start, end, left, right in found if tag != "equal"]


def _overlap(one: Hunk, other: Hunk) -> bool:
    """Whether both touch a line of the base; one beside the other is no conflict, unless both insert at one place."""
    if one[0] == one[1] and other[0] == other[1]:
        return one[0] == other[0]
    return one[0] < other[1] and other[0] < one[1]


def merge(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """``ours`` with the change from ``base`` to ``theirs``. Raises Conflict."""
    if ours in (base, theirs):
        return theirs
    lines = base.splitlines(keepends=True)
    kept, wanted = _hunks(lines, ours.splitlines(keepends=True)), _hunks(lines, theirs.splitlines(keepends=True))
    for one in wanted:
        for other in kept:
            if _overlap(one, other) and one != other:
                shift = sum(
                    len(new) - (end - start)
                    for start, end, new in kept
                    if end <= other[0] and (start, end, new) != other
                )
                raise Conflict(other[0] + shift + 1)
    merged: list[bytes] = []
    at = 0
    # At one place what we inserted stays behind what is put back: that is where it was written.
    for start, end, new in sorted({(s, e, tuple(n)) for s, e, n in (*wanted, *kept)}, key=lambda hunk: hunk[:2]):
        merged += lines[at:start]
        merged += new
        at = max(at, end)
    return b"".join(merged + lines[at:])
