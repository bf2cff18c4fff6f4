"""Headless Chromium for the tests of the chat page. Where there is none they are left out with a plain message."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chat_page import Served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IS_REQUIRED = os.environ.get("REQUIRE_BROWSER", "") not in ("", "0")
LEFT_OUT = "the chat page was not tested in a browser: no Chromium found (apt-get install chromium)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM and not IS_REQUIRED:
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = sum(LEFT_OUT in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    if left_out:
        terminalreporter.write_line(f"{left_out} tests left out: {LEFT_OUT}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _has_browser() -> None:
    assert CHROMIUM, f"REQUIRE_BROWSER is set, but {LEFT_OUT}"


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    with served() as server:
        yield server


@pytest.fixture
def clinic(server: Served) -> Iterator[Served]:
    """The served page with nothing stored yet and everything working."""
    stand_in = server.stand_in
    stand_in.stored.clear()
    yield server
    stand_in.is_down = stand_in.is_full = stand_in.is_silent = False


@pytest.fixture
def window(request: pytest.FixtureRequest) -> dict[str, object]:
    """What the browser's window is like: a phone, unless a test parametrizes it."""
    return {"viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce"} | getattr(request, "param", {})


@pytest.fixture
def context(browser: "Browser", window: dict[str, object]) -> "Iterator[BrowserContext]":
    context = browser.new_context(**window)
    context.set_default_timeout(8_000)
    yield context
    context.close()


@pytest.fixture
def page(context: "BrowserContext", clinic: Served) -> "Iterator[Page]":
    """The chat page, open; the test fails on any error in its script and on any request elsewhere."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda sent: None if sent.url.startswith((clinic.url, "blob:")) else problems.append(sent.url))
    page.goto(clinic.url)
    yield page
    assert problems == []
