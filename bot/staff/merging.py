"""Takes one change of a text back although other changes were made since."""

from difflib import SequenceMatcher

from bot.errors import BotError

Hunk = tuple[int, int, list[bytes]]  # lines from, to (of the base), and what stands there instead


class Conflict(BotError):
    """Both sides changed the same lines; ``line`` is the 1-based line of ours."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line} was changed again since")


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
