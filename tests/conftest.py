"""What several test files share: the shipped content, loaded and built once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from bot.assistant import Assistant
    from bot.content import Content

ROOT = Path(__file__).parent.parent

# Vectors, computed once for all tests, also those that start the bot as a process.
WEIGHTS = ROOT / "build" / "weights"
os.environ["WEIGHTS_DIR"] = str(WEIGHTS)

# The same examples at every run, and no deadline: a busy machine is no bug.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def content() -> "Content":
    from bot.content import load

    return load(ROOT / "faq")


@pytest.fixture(scope="session")
def assistant(content: "Content") -> "Assistant":
    from bot.assistant import build

    return build(content, WEIGHTS)


@pytest.fixture(scope="session", autouse=True)
def no_calm() -> Iterator[None]:
    """What answers is checked at once: a test can't wait a minute for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.staff.reload.CALM_SECONDS", 0.0)
        yield
