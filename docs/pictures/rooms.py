"""Draws the rooms of bot/ from the imports: ``python docs/pictures/rooms.py`` writes the picture into docs/architecture.md.

An arrow leads from a room to one it uses; what is used through another room has none of its own.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- rooms: written by python docs/pictures/rooms.py -->\n", "<!-- end of rooms -->\n"


def read_imports(file: Path) -> list[str]:
    """Every module that a file imports, wherever in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: write the import from bot on"
            found += [f"bot.{alias.name}" for alias in node.names] if node.module == "bot" else [node.module]
    return found


def read_rooms(bot: Path = ROOT / "bot") -> dict[str, set[str]]:
    """Each room with all rooms it imports; itself left out."""
    rooms: dict[str, set[str]] = {}
    for file in sorted(bot.rglob("*.py")):
        room = file.relative_to(bot).parts[0].removesuffix(".py")
        if not room.startswith("__"):
            used = {name.split(".")[1] for name in read_imports(file) if name.startswith("bot.")}
            rooms.setdefault(room, set()).update(used - {room})
    return rooms


def reach_rooms(rooms: dict[str, set[str]], room: str) -> set[str]:
    """All that a room uses, directly or through others."""
    return rooms[room].union(*(reach_rooms(rooms, used) for used in rooms[room]))


def find_arrows(rooms: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that no other import implies."""
    return [
        (room, used)
        for room in sorted(rooms, key=lambda one: len(reach_rooms(rooms, one)))
        for used in sorted(rooms[room])
        if not any(used in reach_rooms(rooms, other) for other in rooms[room] - {used})
    ]


def draw_rooms() -> str:
    rooms = read_rooms()
    arrows = "".join(f"    {room} --> {used}\n" for room, used in find_arrows(rooms))
    return f"```mermaid\nflowchart RL\n{arrows}```\n"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + draw_rooms() + END + rest.partition(END)[2], "utf-8")
