"""The logger, and what may be said of an error in it. ``bot/ops/logs.py`` decides where it goes and in what form."""

import traceback
from pathlib import Path
from typing import Any

from bot.errors import BotError

HOME = Path(__file__).parents[2]


def describe(error: BaseException) -> str:
    """An error's type and where it came up; the text only of our own errors, which hold none of a patient's words."""
    names: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(names) < 4:
        names.append(f"{type(seen).__name__}: {seen}" if isinstance(seen, BotError) else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " > ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    return " from ".join(names) + (f" at {places}" if places else "")


def _short(filename: str) -> str:
    path = Path(filename)
    return (
        str(path.relative_to(HOME))
        if path.is_relative_to(HOME) and ".venv" not in path.parts
        else "/".join(path.parts[-2:])
    )


def log() -> Any:
    """The logger. Events are fixed sentences; what varies goes into fields."""
    import structlog

    return structlog.get_logger()
