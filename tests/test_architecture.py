"""Data flows one way: a package imports only packages to its left in the agreed order."""

import re
import runpy
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BOT = ROOT / "bot"
PICTURE = runpy.run_path(str(ROOT / "docs/pictures/rooms.py"))
_imports = cache(PICTURE["read_imports"])
# From left to right. Those of one column do not know each other.
ORDER = (
    {"errors"}, {"content"}, {"understanding"}, {"safety", "matching"}, {"assistant"}, {"checking"}, {"store"}, {"delivery"},
    {"staff"}, {"channels"}, {"ops"}, {"cli"},
)  # fmt: skip
PLACE = {package: place for place, packages in enumerate(ORDER) for package in packages}
LIBRARIES = {
    "yaml": "content/reading.py",
    "onnxruntime": "understanding/encoder.py",
    "tokenizers": "understanding/encoder.py",
    "telegram": "channels/telegram",
    "ruamel": "staff/yaml_edit.py",
    "pydantic_settings": "ops/settings.py",
}
FILES = sorted(path for path in BOT.rglob("*.py") if path.parent != BOT or path.name == "errors.py")


def _package(path: Path) -> str:
    return path.relative_to(BOT).parts[0].removesuffix(".py")


def test_the_first_look_shows_few_rooms() -> None:
    rooms = {path.name.removesuffix(".py") for path in BOT.iterdir() if not path.name.startswith("__")}
    assert rooms == PLACE.keys()
    assert len(rooms) <= 13


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(BOT).as_posix())
def test_a_package_imports_only_packages_to_its_left(path):
    package = _package(path)
    for name in _imports(path):
        first, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if first == "bot" and other != package:
            assert PLACE[other] < PLACE[package], f"{package} may not import {other}"


def test_the_picture_of_the_rooms_is_fresh() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    drawn = page.partition(PICTURE["BEGIN"])[2].partition(PICTURE["END"])[0]
    assert drawn == PICTURE["draw_rooms"](), "draw it again: python docs/pictures/rooms.py"


def test_files_that_the_architecture_page_names_exist() -> None:
    named = re.findall(r"`([a-z_/-]+/[\w./-]*)`", (ROOT / "docs/architecture.md").read_text("utf-8"))
    assert len(named) > 20
    for name in named:
        assert any((place / name).exists() for place in (ROOT, BOT, BOT / "channels")), name


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_known_in_one_place(library):
    users = [
        path.relative_to(BOT).as_posix()
        for path in FILES
        if any(name.split(".")[0] == library for name in _imports(path))
    ]
    assert users, f"nobody uses {library}"
    assert all(user.startswith(LIBRARIES[library]) for user in users), users


def test_only_who_runs_the_bot_reads_the_settings():
    readers = {_package(path) for path in FILES if any(name.startswith("bot.ops.settings") for name in _imports(path))}
    assert readers == {"ops", "cli"}
