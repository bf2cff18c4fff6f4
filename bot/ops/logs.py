"""Logs for a machine (JSON) or for people. Nothing a patient wrote, no name and no token gets into them.

Our own events are fixed sentences with fields. Of everything else only the template of the message is shown, never its
arguments, and of an exception its type and place, never its text: libraries put addresses and values there.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from bot.delivery.log import describe

TOKEN = re.compile(r"\d{5,}:[A-Za-z0-9_-]{6,}")
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Redactor:
    """Takes known secrets, and all that looks like a bot token, out of a line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted((re.escape(secret) for secret in secrets if len(secret) >= 4), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, line: str) -> str:
        line = TOKEN.sub("<token>", line)
        return self._known.sub("<secret>", line) if self._known else line


class _Foreign(logging.Formatter):
    """Renders records of the standard library: ours as they are, others' without arguments."""

    def __init__(self, render: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {"event": str(record.msg), "level": record.levelname.lower(), "logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            event["error"] = describe(record.exc_info[1])
        return self._render(event)


def set_up(level: str = "INFO", form: str = "people", secrets: Iterable[str] = ()) -> None:
    """Routes all logging of the process through one redacting formatter on stderr."""
    import structlog

    redact = Redactor(secrets)
    last: Any = structlog.processors.JSONRenderer() if form == "json" else _for_people
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)

    def render(event: dict[str, Any]) -> str:
        return redact(str(last(None, "", stamp(None, "", event))))

    def finish(_logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        error = event.pop("exc_info", None)
        if isinstance(error, BaseException):
            event["error"] = describe(error)
        return render({"level": name, **event})

    threshold = LEVELS.get(level.lower(), 20)
    structlog.configure(
        processors=[finish],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Foreign(render))
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.captureWarnings(True)

    def on_crash(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
        sys.stderr.write(render({"event": "crashed", "level": "critical", "error": describe(error)}) + "\n")

    sys.excepthook = on_crash


def _for_people(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    time_, level, what = event.pop("timestamp", ""), event.pop("level", ""), event.pop("event", "")
    fields = "  ".join(f"{key}={value}" for key, value in event.items())
    return f"{time_[11:19]} {level:<8} {what}" + (f"  {fields}" if fields else "")
