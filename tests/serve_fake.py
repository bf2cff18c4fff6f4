"""The whole service in a process of its own around the hand-written assistant: for what only a process shows."""

import os
import sys
import time
from types import SimpleNamespace
from typing import Any

from serving import FakeAssistant

from bot.cli.main import main as run_command
from bot.ops import run, service


def fake_build(*_: Any, **__: Any) -> Any:
    if seconds := float(os.environ.get("SLOW_START", "0")):
        print("building", flush=True)
        time.sleep(seconds)
    return FakeAssistant()


run.build = fake_build  # type: ignore[assignment]
run.starting_content = lambda *_: SimpleNamespace(version="fake")  # type: ignore[assignment, return-value]
service.Service._make_staff = lambda *_: None  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    sys.argv[1:] = ["run"]
    run_command()
