"""One YAML file's text, edited. Only the lines meant change: comments, order, quoting and line endings stay.

ruamel.yaml says where a value stands and how a new one must be quoted; the text round it is never written anew.
"""

import json
import re
from typing import Any

from ruamel.yaml import YAML, nodes
from ruamel.yaml.error import YAMLError

from bot.staff.editing import Edit, EditError, Path

INDENT = "  "
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")
# These make YAML mean something else, to this bot or to other programs.
_NEEDS_QUOTES = re.compile(
    r"^[\s\-?:,\[\]{}#&*!|>'\"%@`=<]|[\s:]$|: | #|\t|^(?:y|n|yes|no|on|off|true|false|null|~|\d+(?::\d+)+)$",
    re.IGNORECASE,
)


def edited(edit: Edit, text: str) -> str:
    """``text`` of the edit's file after an edit of one value. Raises EditError."""
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    sheet = _Sheet(edit.file, body)
    if edit.action == "add" and edit.value in _items(_plain(sheet.find(edit.path))):
        return text
    match edit.action:
        case "add":
            after = sheet.add(edit.path, str(edit.value))
        case "remove":
            after = sheet.remove(edit.path, str(edit.value))
        case "set":
            after = sheet.set(edit.path, str(edit.value))
        case _:
            after = sheet.set_list(edit.path, tuple(edit.value))
    expected = _expected(_plain(sheet.root), edit)
    if _plain(_Sheet(edit.file, after).root) != expected:
        raise EditError(f"{edit.file} is written in a way that can't be edited from here. Edit the file itself.")
    return mark + after


def value_at(edit: Edit, text: str) -> Any:
    """What stands where ``edit`` would write, None for nothing. Raises EditError."""
    return _plain(_Sheet(edit.file, text.removeprefix("\ufeff")).find(edit.path))


def _compose(text: str) -> nodes.Node | None:
    node: nodes.Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _plain(node: nodes.Node | None) -> Any:
    if isinstance(node, nodes.MappingNode):
        return {key.value: _plain(value) for key, value in node.value}
    if isinstance(node, nodes.SequenceNode):
        return [_plain(item) for item in node.value]
    return str(node.value) if node is not None else None


def _expected(value: Any, edit: Edit) -> Any:
    """``value`` (dicts, lists, texts) after the edit, said without any text: what the edited file must read as."""
    parent = value
    for step in edit.path[:-1]:
        parent = parent[step]
    last = edit.path[-1]
    match edit.action:
        case "add":
            parent[last] = [*_items(parent.get(last)), edit.value]
        case "remove":
            items = _items(parent[last])
            items.remove(edit.value)
            parent[last] = items
        case "set":
            parent[last] = edit.value if "\n" not in edit.value else str(edit.value).rstrip("\n") + "\n"
        case _:
            parent[last] = list(edit.value)
    return value


def _items(value: Any) -> list[Any]:
    # `closed:` with nothing after it is an empty list; with one text, a list of one.
    return list(value) if isinstance(value, list) else [value] if value else []


class _Sheet:
    """One file's text with the places of its values."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        try:
            self.root = _compose(text)
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f":{mark.line + 1}" if mark else ""
            raise EditError(f"{file}{where} is not valid YAML. Mend the file first, then try again.") from error

    def add(self, path: Path, item: str) -> str:
        node = self.find(path)
        if node is None:
            return self._add_key(path, f"{path[-1]}:{self.newline}{INDENT}- {self._scalar(item)}")
        items = node.value if isinstance(node, nodes.SequenceNode) else []
        if isinstance(node, nodes.SequenceNode) and node.flow_style:
            at = items[-1].end_mark.index if items else node.start_mark.index + 1
            return self._spliced(at, at, (", " if items else "") + self._scalar(item, is_flow=True))
        if items:
            at = self._line_end(items[-1].end_mark.index)
            return self._spliced(at, at, f"{self.newline}{' ' * node.start_mark.column}- {self._scalar(item)}")
        return self.set_list(path, (*_items(_plain(node)), item))

    def remove(self, path: Path, item: str) -> str:
        node = self.find(path)
        if not isinstance(node, nodes.SequenceNode) or item not in [one.value for one in node.value]:
            raise EditError(f"`{item}` no longer stands in {self.file}. Somebody took it out meanwhile.")
        index = [one.value for one in node.value].index(item)
        if len(node.value) == 1:
            return self.set_list(path, ())
        one = node.value[index]
        if node.flow_style:
            after = index + 1 < len(node.value)
            start = one.start_mark.index if after else node.value[index - 1].end_mark.index
            return self._spliced(start, node.value[index + 1].start_mark.index if after else one.end_mark.index, "")
        start = self.text.rfind("\n", 0, one.start_mark.index) + 1
        end = self._line_end(one.end_mark.index)
        return self._spliced(start, min(end + len(self.newline), len(self.text)), "")

    def set(self, path: Path, value: str) -> str:
        node = self.find(path)
        if node is None:
            indent = INDENT * (len(path) - 1)
            return self._add_key(
                path, f"{path[-1]}: {self._long(value, indent + INDENT) if chr(10) in value else self._scalar(value)}"
            )
        if not isinstance(node, nodes.ScalarNode):
            raise EditError(f"{path[-1]} in {self.file} is not a single text. Edit the file itself.")
        start, end = node.start_mark.index, node.end_mark.index
        if start == end:
            start = end = self._key_end(path)
        if "\n" in value:
            key_column = self._key_column(path)
            written, end = (
                self._long(value, " " * key_column + INDENT),
                self._line_end(end) if node.style in ("|", ">") else end,
            )
        else:
            written = self._scalar(value, quote=node.style if node.style in ("'", '"') else "")
            end = self._line_end(end) if node.style in ("|", ">") else end
        space = " " if self.text[start - 1] == ":" else ""
        return self._spliced(start, end, space + written)

    def set_list(self, path: Path, items: tuple[str, ...]) -> str:
        node = self.find(path)
        if node is None:
            lines = "".join(f"{self.newline}{INDENT}- {self._scalar(item)}" for item in items) or " []"
            return self._add_key(path, f"{path[-1]}:{lines}")
        colon = self._key_end(path)
        indent = (
            node.start_mark.column
            if isinstance(node, nodes.SequenceNode) and not node.flow_style
            else self._key_column(path) + 2
        )
        lines = "".join(f"{self.newline}{' ' * indent}- {self._scalar(item)}" for item in items)
        if isinstance(node, nodes.SequenceNode) and not node.flow_style:
            # A comment behind the key stays; the lines between first dash and last item go.
            start, end = self.text.rfind("\n", 0, node.start_mark.index), self._line_end(node.value[-1].end_mark.index)
            start -= self.newline == "\r\n"
            return self._spliced(start, end, lines) if lines else self._spliced(colon, end, " []")
        end = node.end_mark.index if node.end_mark.index > node.start_mark.index else colon
        rest = self.text[end : self._line_end(end)]
        return self._spliced(colon, end + len(rest) if lines else end, rest.rstrip() + lines if lines else " []")

    # Places

    def find(self, path: Path) -> nodes.Node | None:
        node = self.root
        for step in path:
            pair = self._pair(node, step)
            if pair is None:
                return None
            node = pair[1]
        return node

    def _pair(self, node: nodes.Node | None, step: str | int) -> tuple[nodes.Node, nodes.Node] | None:
        if isinstance(node, nodes.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step], node.value[step]
        if isinstance(node, nodes.MappingNode):
            return next(((key, value) for key, value in node.value if key.value == step), None)
        return None

    def _key(self, path: Path) -> nodes.Node:
        pair = self._pair(self.find(path[:-1]), path[-1])
        assert pair is not None
        return pair[0]

    def _key_column(self, path: Path) -> int:
        return int(self._key(path).start_mark.column)

    def _key_end(self, path: Path) -> int:
        return self.text.index(":", self._key(path).end_mark.index) + 1

    def _line_end(self, index: int) -> int:
        """The end of the last line that says something before ``index``, without its line break."""
        said = len(self.text[:index].rstrip())
        end = self.text.find("\n", said)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > said and self.text[end - 1 : end] == "\r" else end

    def _add_key(self, path: Path, written: str) -> str:
        parent = self.find(path[:-1])
        if not isinstance(parent, nodes.MappingNode) or parent.flow_style:
            raise EditError(
                f"{'.'.join(map(str, path[:-1])) or self.file} has no `key: value` lines. Edit the file itself."
            )
        at = self._line_end(
            parent.value[-1][1].end_mark.index
            if parent.value[-1][1].value
            else self._line_end(parent.value[-1][0].end_mark.index)
        )
        indent = " " * parent.start_mark.column
        return self._spliced(at, at, self.newline + "\n".join(indent + line for line in written.split("\n")))

    def _spliced(self, start: int, end: int, written: str) -> str:
        return self.text[:start] + written + self.text[end:]

    # New text

    def _long(self, value: str, indent: str) -> str:
        lines = value.strip("\n").split("\n")
        if any(_UNPRINTABLE.search(line) for line in lines) or lines[0].startswith(" "):
            raise EditError("The text holds characters that can't be stored. Type it again without special signs.")
        return "|" + self.newline + self.newline.join(indent + line.rstrip() if line.strip() else "" for line in lines)

    def _scalar(self, value: str, *, is_flow: bool = False, quote: str = "") -> str:
        """``value`` as YAML on one line: plain where that reads back as the same text, else in quotes."""
        if quote == "'" and not _UNPRINTABLE.search(value):
            return "'" + value.replace("'", "''") + "'"
        if (
            not quote
            and _reads_as(f"[{value}]" if is_flow else f"- {value}", value)
            and not (is_flow and set(value) & set(",[]{}:"))
        ):
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", quoted)


def _reads_as(written: str, value: str) -> bool:
    if not value or _NEEDS_QUOTES.search(value) or _UNPRINTABLE.search(value):
        return False
    try:
        node = _compose(written)
    except YAMLError:
        return False
    item = node.value[0] if isinstance(node, nodes.SequenceNode) and len(node.value) == 1 else None
    # `no`, `9:30` and `0412` are texts here, but other programs would read them as something else.
    return item is not None and item.value == value and str(item.tag).endswith(":str")
