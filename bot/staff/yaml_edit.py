"""Edits of YAML files, as they are kept and made again.

ruamel.yaml reads a file with its comments and quotes and writes it anew. The content is all in one style, so only the lines
meant change; a file written otherwise gets that style by its first edit. What is written must read back as it was meant.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from pydantic import TypeAdapter

from bot.errors import BotError

Path = tuple[str | int, ...]
# Anything but plain words is quoted: YAML, or another program that reads it, might take it for something else.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[^\W\d_][^:#\t\n]*(?<!\s)", re.IGNORECASE)


class EditError(BotError):
    """The file can't be edited as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of the file ``file`` (relative to the FAQ folder), as it can be kept and made again on a changed file.

    ``add`` appends the text ``value`` to the list at ``path`` unless it stands there, ``remove`` takes it out, ``set``
    replaces the text at ``path``, ``list`` the whole list. ``write`` makes ``value`` the whole file.
    """

    file: str
    action: Literal["add", "remove", "set", "list", "write"]
    path: Path = ()
    value: str | tuple[str, ...] = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Edit":
        return TypeAdapter(Edit).validate_python(stored)

    def find_replaced(self, raw: bytes | None) -> Any:
        """What the edit writes over in a file's bytes; None if it leaves what is there."""
        if raw is None or self.action in ("add", "remove"):
            return None
        text = raw.decode("utf-8", "replace")
        return text if self.action == "write" else _find(_read(self.file, text), self.path)

    def apply(self, raw: bytes | None) -> bytes:
        """The file's bytes after the edit. Raises EditError."""
        if self.action == "write":
            return str(self.value).encode()
        if raw is None:
            raise EditError(f"{self.file} is gone. Somebody deleted or renamed it meanwhile.")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EditError(f"{self.file} is not text in UTF-8. Save it again as UTF-8 text.") from error
        return _edit_text(self, text).encode()


def _edit_text(edit: Edit, text: str) -> str:
    body = text.removeprefix("\ufeff").replace("\r\n", "\n")
    meant = _read(edit.file, body)
    parent, key = _find(meant, edit.path[:-1]), edit.path[-1]
    old = _find(parent, (key,))
    wanted = _find_wanted(edit, old)
    if edit.action == "add" and wanted == old:
        return text
    try:
        parent[key] = wanted
        after = _rewrite(body, edit.path, _items(old), wanted)
        is_as_meant = _read(edit.file, after) == meant
    except (LookupError, TypeError, AttributeError, EditError):
        is_as_meant = False
    if not is_as_meant:
        raise EditError(f"{edit.file} is written in a way that can't be edited from here. Edit the file itself.")
    return text[: text.startswith("\ufeff")] + (after.replace("\n", "\r\n") if "\r\n" in text else after)


def _find_wanted(edit: Edit, old: Any) -> str | list[str]:
    """What shall stand in place of ``old``."""
    if edit.action == "set":
        if isinstance(old, dict | list):
            raise EditError(f"{edit.path[-1]} in {edit.file} is not a single text. Edit the file itself.")
        return str(edit.value).rstrip("\n")
    items, value = _items(old), str(edit.value)
    if edit.action == "list":
        return list(edit.value)
    if edit.action == "add":
        return items if value in items else [*items, value]
    if value not in items:
        raise EditError(f"`{value}` no longer stands in {edit.file}. Somebody took it out meanwhile.")
    items.remove(value)
    return items


def _items(value: Any) -> list[Any]:
    # `closed:` with nothing after it is an empty list; with one text, a list of one.
    return list(value) if isinstance(value, list) else [value] if value else []


def _find(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


def _read(file: str, text: str) -> Any:
    """``text`` as dicts, lists and texts: nothing is a number or a date here. Raises EditError."""
    from ruamel.yaml import YAML  # for the few who edit: 3 MB that a service need not carry
    from ruamel.yaml.error import YAMLError

    try:
        return _read_node(YAML(typ="safe", pure=True).compose(text.removeprefix("\ufeff")))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise EditError(f"{file}{where} is not valid YAML. Mend the file first, then try again.") from error


def _read_node(node: Any) -> Any:
    match node.id if node else "":
        case "mapping":
            return {key.value: _read_node(value) for key, value in node.value}
        case "sequence":
            return [_read_node(item) for item in node.value]
    return str(node.value).rstrip("\n") if node else None


# The text of the file. What stands beside a value and on the lines below it is one comment of that value to ruamel.yaml.


def _rewrite(text: str, path: Path, items: list[str], wanted: str | list[str]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = parent = yaml.load(text)
    for step in path[:-1]:
        parent = parent[step]
    if isinstance(wanted, str):
        _set_text(parent, path[-1], wanted)
    else:
        _set_items(parent, path[-1], items, wanted)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _set_text(parent: Any, key: Any, value: str) -> None:
    from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

    was_block = isinstance(parent.get(key), LiteralScalarString | FoldedScalarString)
    if not (was_block or "\n" in value):
        parent[key] = _make_scalar(value)
        return
    parent[key] = LiteralScalarString(value + "\n")
    if not was_block:  # it ends with the line break that else begins the comment
        comment = _Comment.of(parent, key)
        comment.below = comment.below.removeprefix("\n")
        comment.put(parent, key)


def _set_items(parent: Any, key: Any, texts: list[str], wanted: list[str]) -> None:
    """What stands beside an item stays there; what stands below the last one, mostly an empty line, stays below."""
    from ruamel.yaml.comments import CommentedSeq

    old, new = parent.get(key), CommentedSeq()
    is_list = isinstance(old, CommentedSeq)
    was_block = bool(old) and is_list and not old.fa.flow_style()
    is_block = bool(wanted) and (was_block or not is_list)
    at_key = last = _Comment.of(parent, key)
    kept: dict[str, tuple[Any, _Comment]] = {}
    for at, text in enumerate(texts if is_list else ()):
        comment = _Comment.of(old, at)
        if text in wanted:
            kept[text], last = (old[at], comment), comment
        else:
            last.below += comment.below
    below, last.below = last.below, ""
    for at, text in enumerate(wanted):
        item, comment = kept.get(text) or (_make_scalar(text), _Comment())
        if is_block and at == len(wanted) - 1:
            comment.below += below
        new.append(item)
        comment.put(new, at)
    if not is_block:
        new.fa.set_flow_style()
        at_key.below += below
    parent[key] = new
    at_key.put(parent, key)


def _make_scalar(value: str) -> str:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return value if _PLAIN.fullmatch(value) else DoubleQuotedScalarString(value)


@dataclass(slots=True)
class _Comment:
    beside: str = ""
    below: str = ""
    column: int = 0

    @classmethod
    def of(cls, parent: Any, key: Any) -> Self:
        """The comment of the value at ``key`` of a list or a mapping."""
        token = parent.ca.items.get(key, [None] * 4)[0 if isinstance(key, int) else 2]
        if token is None:
            return cls()
        beside, _, below = token.value.partition("\n")
        return cls(beside, below, token.start_mark.column)

    def put(self, parent: Any, key: Any) -> None:
        from ruamel.yaml.error import CommentMark
        from ruamel.yaml.tokens import CommentToken

        is_said = self.beside or self.below
        token = CommentToken(f"{self.beside}\n{self.below}", CommentMark(self.column)) if is_said else None
        parent.ca.items.setdefault(key, [None] * 4)[0 if isinstance(key, int) else 2] = token
