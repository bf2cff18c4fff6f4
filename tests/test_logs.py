"""No utterance, name or token gets into logs, metrics or the text of errors, whatever path it takes."""

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from botapi import BotApi
from serving import EMERGENCY, FakeAssistant, serving

from bot.delivery.log import log
from bot.errors import StoreError
from bot.ops import logs

TOKEN = "987654:secret-token-AbCdEf"
WORDS = "zanzibar"
NAME = "Quentin"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    import structlog

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["json", "people"])
async def test_secrets_fed_through_every_path_show_up_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.telegram_polling.PAUSES", (0.02,))
    monkeypatch.setattr("bot.delivery.inbox.PAUSES", (0.02,) * 5)
    logs.set_up("debug", form, (TOKEN,))
    sender = {"id": 7, "is_bot": False, "first_name": NAME, "username": NAME}
    async with BotApi(token=TOKEN) as api, serving(tmp_path, api, FakeAssistant()) as running:
        for number, text in enumerate(("hello", "boom", "poison", "miss", f"{EMERGENCY}", "/start", "/forget")):
            api.write(number + 1, f"{text} {WORDS}", **{"from": sender})
        api.push({"message": {"text": WORDS, "chat": {"id": "no number"}, "date": WORDS}})
        api.push({"callback_query": {"id": "1", "data": WORDS, "from": sender}})
        for method in ("sendMessage", "getUpdates"):
            for kind in ("500", "502", "404", "401", "reset-before", "garbage", "409"):
                api.fault(method, kind, times=1)
        for chat in range(20, 25):
            api.write(chat, WORDS, **{"from": sender})
        api.blocked.add(24)
        await api.wait_for(9)
        await api.quiet()
        metrics = running.service._metrics.render().decode()
        ready = json.dumps(running.service._readiness())
    logging.getLogger("aiohttp").error("request %s failed", f"https://api/bot{TOKEN}/x?text={WORDS}")
    logging.getLogger("asyncio").error("never retrieved", exc_info=ValueError(f"{WORDS} {TOKEN}"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.getLogger("other").warning(f"bot{TOKEN}/getMe")
    out, err = capfd.readouterr()
    seen = out + err + metrics + ready
    assert "a message was set aside" in seen
    for secret in (TOKEN, TOKEN.partition(":")[2], WORDS, NAME):
        assert secret not in seen


def test_an_error_is_described_by_type_and_place_only() -> None:
    try:
        try:
            raise ValueError(WORDS)
        except ValueError as error:
            raise StoreError("The disk is full.") from error
    except StoreError as error:
        described = logs.describe(error)
    assert described.startswith("StoreError: The disk is full. from ValueError at tests/test_logs.py:")
    assert WORDS not in described


def test_json_is_one_object_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "json")
    log().info("it works", count=3)
    logging.getLogger("uvicorn").error("port %s", 80)
    first, second = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert (first["event"], first["count"], first["level"]) == ("it works", 3, "info")
    assert (second["event"], second["logger"]) == ("port %s", "uvicorn")


def test_levels_below_the_chosen_one_are_silent(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up("warning", "people")
    log().info("quiet")
    log().warning("loud")
    assert "quiet" not in capfd.readouterr().err


def test_what_looks_like_a_token_is_taken_out_even_if_it_is_none_of_ours() -> None:
    assert logs.Redactor()("https://api.telegram.org/bot1234567:AAbb-cc_dd/getMe").endswith("/bot<token>/getMe")
