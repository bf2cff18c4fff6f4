"""Data flows one way: a module imports only modules to its left in the agreed order."""

import ast
from functools import cache
from pathlib import Path

import pytest

BOT = Path(__file__).parent.parent / "bot"
ORDER = (
    "startup", "text", "vocabulary", "identifiers", "readability", "content", "understanding", "matching", "safety", "conversation",
    "replies", "assistant", "checking", "evaluation", "asking", "logs", "metrics", "store", "settings", "lanes",
    "trials",
    "pace", "turns", "intake", "inbox", "outbox", "staff", "channels", "archive", "backup", "readiness", "connections", "web", "upkeep",
    "doctor", "operating",
    "service", "cli",
)  # fmt: skip
FOR_ALL = {"errors", "ownership"}
LIBRARIES = {
    "yaml": "content/reading.py",
    "onnxruntime": "understanding/encoder.py",
    "tokenizers": "understanding/encoder.py",
    "telegram": "channels/telegram",
    "ruamel": "staff/yaml_edit.py",
    "pydantic_settings": "settings.py",
}
FILES = sorted(path for path in BOT.rglob("*.py") if "migrations" not in path.parts and path.name != "__main__.py")


def _unit(path: Path) -> str:
    part = path.relative_to(BOT).parts[0]
    return part.removesuffix(".py")


@cache
def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found += [f"bot.{alias.name}" for alias in node.names] if node.module == "bot" else [node.module]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(BOT).as_posix())
def test_a_module_imports_only_modules_to_its_left(path):
    unit = _unit(path)
    if unit in FOR_ALL or unit == "__init__":
        return
    assert unit in ORDER, f"{unit} has no place in the order yet"
    for name in _imports(path):
        if not name.startswith("bot."):
            continue
        other = name.split(".")[1]
        if other in FOR_ALL or other == unit:
            continue
        assert ORDER.index(other) < ORDER.index(unit), f"{unit} may not import {other}"


def test_matching_and_safety_do_not_know_each_other():
    for path in FILES:
        others = {"matching": "bot.safety", "safety": "bot.matching"}.get(_unit(path))
        assert not any(others and name.startswith(others) for name in _imports(path)), path


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_known_in_one_place(library):
    users = [
        path.relative_to(BOT).as_posix()
        for path in FILES
        if any(name.split(".")[0] == library for name in _imports(path))
    ]
    assert users, f"nobody uses {library}"
    assert all(user.startswith(LIBRARIES[library]) for user in users), users


def test_only_the_composition_reads_the_settings():
    readers = {_unit(path) for path in FILES if any(name.startswith("bot.settings") for name in _imports(path))}
    assert readers <= {"service", "upkeep", "doctor", "operating", "cli"}
