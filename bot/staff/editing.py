"""Edits of one YAML file, as they are kept and done again. How a file's text is edited: ``sheet``."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from bot.errors import BotError

Path = tuple[str | int, ...]


class EditError(BotError):
    """The file can't be edited as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of the file ``file`` (relative to the FAQ folder), as it can be kept and done again on a changed file.

    ``add`` appends the text ``value`` to the list at ``path`` unless it stands there, ``remove`` takes it out, ``set``
    replaces the text at ``path``, ``list`` the whole list. ``write`` makes ``value`` the whole file.
    """

    file: str
    action: Literal["add", "remove", "set", "list", "write", "delete"]
    path: Path = ()
    value: str | tuple[str, ...] = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        value = stored["value"]
        return cls(
            stored["file"], stored["action"], tuple(stored["path"]), value if isinstance(value, str) else tuple(value)
        )

    def replaced(self, raw: bytes | None) -> str:
        """Names what the edit overwrites in a file's bytes: equal for equal values, empty if it overwrites nothing."""
        if self.action in ("add", "remove"):
            return ""
        if self.action in ("write", "delete") or raw is None:
            return hashlib.sha256(raw).hexdigest() if raw is not None else "no file"
        from bot.staff.sheet import value_at

        return hashlib.sha256(repr(value_at(self, raw.decode("utf-8", "replace"))).encode()).hexdigest()

    def applied(self, raw: bytes | None) -> bytes | None:
        """The file's bytes after the edit; None for no file. Raises EditError."""
        if self.action == "delete":
            return None
        if self.action == "write":
            return str(self.value).encode()
        if raw is None:
            raise EditError(f"{self.file} is gone. Somebody deleted or renamed it meanwhile.")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EditError(f"{self.file} is not text in UTF-8. Save it again as UTF-8 text.") from error
        from bot.staff.sheet import edited  # ruamel.yaml, for the few who edit: 3 MB that a service need not carry

        return edited(self, text).encode()
