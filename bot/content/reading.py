"""YAML as staff type it, read as text only, with the line of every value.

``9:30``, ``0412`` and ``no`` stay what they look like. Everything that YAML would quietly turn into something else is
a problem with file and line instead: repeated keys, aliases, tags, a value cut off at `` #``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.errors import Problem

MAX_FILE_BYTES = 2_000_000

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Document:
    """One YAML file: ``value`` of dicts, lists and strings; ``lines`` gives the 1-based line of each location."""

    path: str
    value: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seen: set[int] = field(default_factory=set, repr=False)

    def line(self, *loc: str | int) -> int:
        """Line of ``loc``, or of the nearest thing around it that has one."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def report(self, message: str, cure: str = "", *, at: Loc = (), line: int | None = None) -> None:
        self.problems.append(Problem(self.path, line or self.line(*at), message, cure))


_TYPOGRAPHIC = tuple("“”„‟‘’‚«»")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Models may nest mappings and lists; anything deeper is a mistake of indentation or an attack.
_MAX_DEPTH = 12


def read(path: Path, shown_as: str) -> Document:
    """The YAML file ``path`` as a ``Document`` whose problems name it ``shown_as``; never raises for bad content."""
    document = Document(shown_as)
    try:
        raw = path.read_bytes()
    except OSError as error:
        document.report(f"the file can't be read ({error.strerror}).", "Check that it exists and may be read.")
        return document
    if len(raw) > MAX_FILE_BYTES:
        document.report(
            f"the file is larger than {MAX_FILE_BYTES // 1_000_000} MB.", "Split it, or remove what does not belong."
        )
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        cure = "Save it again as UTF-8 (in Notepad: Save as, Encoding, UTF-8)."
        document.report("the file is not text in UTF-8.", cure, line=line)
        return document
    if not text.strip():
        document.report("the file is empty.", "Fill it, or delete it.", line=1)
        return document
    _compose(text, document)
    return document


def _compose(text: str, document: Document) -> None:
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = min(_line_of_the_slip(error, text.splitlines()), text.count("\n") + 1)
        document.report(*_explain(error, text, line), line=line)
        return
    except yaml.YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        document.report("a character that YAML does not allow.", "Delete it and type the line again.", line=line)
        return
    except RecursionError:
        document.report("the file is nested too deeply.", "Remove brackets or indentation that do not belong.")
        return
    finally:
        loader.dispose()
    if node is None:
        document.report("the file holds only comments.", "Fill it, or delete it.", line=1)
        return
    document.value = _plain(node, (), document, text.splitlines())
    document.seen.clear()


def _line_of_the_slip(error: yaml.MarkedYAMLError, lines: list[str]) -> int:
    """What is begun and never ended is noticed lines below; the cure is where it begins."""
    noticed = error.problem_mark or error.context_mark
    if noticed is None:
        return 1
    if "expected key" in str(error.problem):
        # A quotation mark that is left open ends at the next one, wherever that is.
        odd = (at for at in range(min(noticed.line, len(lines)) - 1, -1, -1) if lines[at].count('"') % 2)
        above = next(odd, noticed.line)
        return int(above if re.search(r'[:-] "', lines[above]) else noticed.line) + 1
    is_begun = re.search("quoted scalar|simple key|flow (?:sequence|mapping)", str(error.context))
    return int((error.context_mark if is_begun and error.context_mark else noticed).line) + 1


def _explain(error: yaml.MarkedYAMLError, text: str, line: int) -> tuple[str, str]:
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return "a tab at the start of the line.", "Use spaces instead."
    problem = error.problem or "not valid YAML"
    if "alias" in problem or "anchor" in problem:
        return "* and & have a special meaning in YAML.", 'Put the text in "double quotes".'
    if "mapping values are not allowed" in problem:
        return (
            "a colon followed by a space inside a text, or a wrong indent.",
            'Put the text in "double quotes", or line it up with its neighbours.',
        )
    if "cannot start any token" in problem:
        return "a text starts with a character that YAML keeps for itself.", 'Put the text in "double quotes".'
    if "expected ':'" in problem:
        return _explain_no_key(shown.strip())
    if "flow" in str(error.context):
        return "a bracket is opened and never closed.", 'Close it, or put the text in "double quotes".'
    if "quoted scalar" in str(error.context) or ("expected key" in problem and shown.count('"') % 2):
        return "a quotation mark is opened and never closed.", 'Close it, or put the text in "double quotes".'
    return (
        f"not valid YAML here ({problem}).",
        'Line it up with its neighbours; put texts with : or # in "double quotes".',
    )


def _explain_no_key(shown: str) -> tuple[str, str]:
    """A line that should hold a key or an item, and has no colon or dash that YAML takes for one."""
    if found := re.match(r"-(?=[^\s-])", shown):
        return "no space stands after the dash.", f"Write `- {shown[found.end() :]}`."
    if found := re.match(r"([a-z_]+):(\S.*)", shown):
        return "no space stands after the colon.", f"Write `{found[1]}: {found[2]}`."
    if found := re.fullmatch(r"([a-z_]+)((?: +[|>].*)?)", shown):
        return f"no colon stands after `{found[1]}`.", f"Write `{found[1]}:{found[2]}`."
    return "this line belongs to nothing.", "Give it as many spaces as the line above it has, or a key and a colon."


def _plain(node: yaml.Node, loc: Loc, document: Document, lines: list[str]) -> Any:
    start = node.start_mark
    document.lines[loc] = start.line + 1
    if start.line < len(lines) and lines[start.line][start.column : start.column + 1] in {"&", "!"}:
        document.report("& and ! have a special meaning in YAML.", 'Put the text in "double quotes".', at=loc)
    if id(node) in document.seen:
        document.report("* repeats another part of the file.", "Write it out.", at=loc)
        return None
    document.seen.add(id(node))
    if len(loc) > _MAX_DEPTH:
        document.report("nested too deeply.", "Check the indentation.", at=loc)
        return None
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, loc, document, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*loc, index), document, lines) for index, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    text = str(node.value)
    if not node.style and _cut_at_comment(node, lines):
        document.report("the text is cut off at ' #'.", 'Put the whole text in "double quotes".', at=loc)
    if not node.style and text[:1] in _TYPOGRAPHIC and text[-1:] in _TYPOGRAPHIC:
        document.report(f"the marks {text[0]} and {text[-1]} would be shown.", f'Write "{text[1:-1]}" or none.', at=loc)
    for below in range(start.line + 1, node.end_mark.line + 1 if not node.style else 0):
        if below < len(lines) and lines[below].lstrip().startswith("- "):
            document.report("a dash stands deeper than the one above.", "Line it up with it.", line=below + 1)
    return text


def _plain_mapping(node: yaml.MappingNode, loc: Loc, document: Document, lines: list[str]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.report("a key that is not a word.", "Write `key: value`.", line=line)
            continue
        key = str(key_node.value)
        if key in mapping:
            document.report(f"`{key}` stands twice.", "Keep one of them.", line=line)
            continue
        mapping[key] = _plain(value_node, (*loc, key), document, lines)
        document.lines[(*loc, key)] = line
    return mapping


def _cut_at_comment(node: yaml.ScalarNode, lines: list[str]) -> bool:
    # "is it the #1 cause" loses its end silently; a comment meant as one has two spaces before it.
    end = node.end_mark
    rest = lines[end.line][end.column :] if end.line < len(lines) else ""
    return bool(node.value) and rest.startswith(" #")


def parse(document: Document, model: type[M], within: Loc = ()) -> M | None:
    """``document`` as ``model``, or None with the reasons added to ``document.problems``."""
    if document.problems or document.value is None:
        return None
    value: Any = document.value
    for step in within:
        value = value[step]
    if not isinstance(value, Mapping):
        document.report("expected `key: value` lines.", "Compare with a neighbouring file.", at=within)
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report_invalid(document, within, detail, model)
        return None


def _report_invalid(document: Document, within: Loc, detail: Any, model: type[BaseModel]) -> None:
    loc: Loc = (*within, *detail["loc"])
    name = ".".join(str(part) for part in detail["loc"]) or "the file"
    match detail["type"]:
        case "extra_forbidden":
            known = ", ".join(model.model_fields) if len(detail["loc"]) == 1 else ""
            cure = f"Known here: {known}." if known else "Check the spelling."
            document.report(f"`{name}` is not a key that is known here.", cure, at=loc)
        case "missing":
            document.report(f"`{name}` is missing.", "Add it.", at=loc[:-1])
        case "value_error":
            message, _, cure = str(detail["msg"]).removeprefix("Value error, ").partition(" | ")
            document.report(f"`{name}`: {message}" if detail["loc"] else message, cure, at=loc)
        case _:
            document.report(f"`{name}`: {_plainly(detail)}", "Compare with a neighbouring entry.", at=loc)


def _plainly(detail: Any) -> str:
    kind = str(detail["type"])
    if kind.endswith(("list_type", "tuple_type")):
        return "a list is expected (one `- ` line each)."
    if kind == "string_type":
        return "a text is expected."
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return "`key: value` lines are expected."
    if kind.startswith("date"):
        return "a date like 2026-11-22 is expected."
    return f"{str(detail['msg'])[0].lower()}{str(detail['msg'])[1:]}."
