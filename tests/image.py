"""What the Dockerfile would put into the image, copied into a folder: no Docker is needed to look into it."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _as_pattern(line: str) -> re.Pattern[str]:
    """A line of .dockerignore (Go's filepath.Match, and ``**``); it also matches all that lies below."""
    marks = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", line.strip().strip("/"))
    return re.compile("".join(marks.get(part) or re.escape(part) for part in parts) + "(?:/.*)?")


def is_in_context(path: str) -> bool:
    """Whether ``path`` reaches the build: the last line of .dockerignore that matches decides."""
    is_left_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.strip() and not line.startswith("#") and _as_pattern(line.removeprefix("!")).fullmatch(path):
            is_left_out = not line.startswith("!")
    return not is_left_out


def copy_image(folder: Path) -> Path:
    """Copies what the last stage COPYs through .dockerignore; the folder that stands for its WORKDIR."""
    stage = (ROOT / "deploy/Dockerfile").read_text().rpartition("\nFROM ")[2]
    (work,) = re.findall(r"^WORKDIR (\S+)$", stage, re.M)
    app = folder / work.strip("/")
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", stage, re.M):
        for path in (ROOT / source).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and is_in_context(name):
                copy = app / target / path.relative_to(ROOT / source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    return app


def image_environment() -> dict[str, str]:
    """The variables that the image sets, without its path and its database."""
    text = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    pairs = re.findall(r"([A-Z_]+)=(\S+)", " ".join(re.findall(r"^ENV (.+)$", text, re.M)))
    return {name: value for name, value in pairs if name not in ("PATH", "DATABASE_URL")}
