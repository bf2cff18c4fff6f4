"""What several test files share: the shipped content, loaded and built once."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bot.assistant import Assistant
    from bot.content import Content

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def content() -> "Content":
    from bot.content import load

    return load(ROOT / "faq")


@pytest.fixture(scope="session")
def assistant(content: "Content", tmp_path_factory: pytest.TempPathFactory) -> "Assistant":
    from bot.assistant import build

    return build(content, tmp_path_factory.mktemp("weights"), second_stage=False)
