"""Results kept between checks, by what they depend on: an edit must not make found out again what it can't change."""

import pickle
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Generic, TypeVar, cast

from bot.staff.folder import replace_file

T = TypeVar("T")
KEPT = 4  # states of each kind: the content in force, the edit, and one of each before


class Memory(Generic[T]):
    """Results by message, in one file for all that share ``key``; ``kind`` says of what. Damaged files are no loss."""

    def __init__(self, folder: Path, kind: str, key: str) -> None:
        self._kind = kind
        self._file = folder / f"{kind}-{key}.results"
        self._found: dict[str, T] = self._read()
        self._kept = frozenset(self._found)

    def _read(self) -> dict[str, T]:
        try:
            return cast("dict[str, T]", pickle.loads(self._file.read_bytes()))
        except Exception:  # none, or a damaged one: found out anew
            return {}

    def __contains__(self, message: str) -> bool:
        return message in self._found

    def get(self, message: str, find: Callable[[], T]) -> T:
        if message not in self._found:
            self._found[message] = find()
        return self._found[message]

    def add(self, results: dict[str, T]) -> None:
        self._found.update(results)

    def of(self, messages: Collection[str]) -> dict[str, T]:
        """What is known of ``messages``."""
        return {message: self._found[message] for message in messages if message in self._found}

    def forget(self, messages: Collection[str]) -> None:
        for message in messages:
            self._found.pop(message, None)

    def keep(self, messages: Collection[str]) -> None:
        """Writes down the results of ``messages``; those of patients are not among them."""
        kept = self.of(messages)
        if kept.keys() == self._kept and self._file.exists():
            self._file.touch()
        else:
            replace_file(self._file, pickle.dumps(kept, protocol=5))
            self._kept = frozenset(kept)
        files = sorted(self._file.parent.glob(f"{self._kind}-*.results"), key=lambda file: -file.stat().st_mtime)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)
