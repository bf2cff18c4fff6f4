"""Telegram's deliveries: 200 only when the update is stored, so that Telegram repeats what was not."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.channels.telegram import Telegram, TelegramTrouble
from bot.channels.telegram_polling import CURES, PAUSES
from bot.channels.telegram_receiver import Receiver
from bot.channels.telegram_updates import ALLOWED_UPDATES
from bot.delivery.inbox import Full
from bot.delivery.log import log
from bot.delivery.metrics import Metrics
from bot.errors import StoreError

PATH: Final = "/telegram/updates"
HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
MAX_BYTES: Final = 1_000_000
CHECK_SECONDS: Final = 60.0
ALBUM_SECONDS: Final = 0.5
REFUSED: Final = "webhook refused"  # a note in the store


def secret_of(token: str, chosen: str) -> str:
    """The webhook's secret: the chosen one, else one made from the token, so that there always is one."""
    return chosen or hmac.new(token.encode(), b"webhook", hashlib.sha256).hexdigest()


class Webhook:
    def __init__(
        self,
        telegram: Telegram,
        receiver: Receiver,
        metrics: Metrics,
        url: str,
        secret: str,
        note: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """``note`` keeps a small fact for `doctor`."""
        self._telegram = telegram
        self._receiver = receiver
        self._note = note
        self._metrics = metrics
        self._url = url.rstrip("/") + PATH
        self._secret = secret.encode()
        self.last_success = 0.0
        self.is_set = False
        self.trouble = ""  # why Telegram refuses the webhook

    @property
    def route(self) -> Route:
        return Route(PATH, self.receive, methods=["POST"])

    async def receive(self, request: Request) -> Response:
        given = request.headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret):
            self._metrics.api_errors["wrong webhook secret"] += 1
            return PlainTextResponse("wrong secret", 403)
        body = await _read(request)
        if body is None:
            return PlainTextResponse("too large", 413)
        try:
            update: Any = json.loads(body)
        except (ValueError, RecursionError):
            return PlainTextResponse("not JSON", 400)
        try:
            await self._receiver.receive([update], ALBUM_SECONDS)
        except (Full, StoreError):
            return PlainTextResponse("try again", 503, headers={"Retry-After": "1"})
        self.last_success = time.time()
        return Response(status_code=200)

    async def keep_set(self) -> None:
        """Sets the webhook at every start, then looks every minute whether it still stands. No error ends it."""
        failures, told = 0, ""
        while True:
            try:
                if not self.is_set or await self._has_drifted():
                    self.is_set = False
                    await self._set()
                failures, told = 0, ""
                await asyncio.sleep(CHECK_SECONDS)
            except TelegramTrouble as trouble:
                self._metrics.api_errors[trouble.kind] += 1
                why = CURES.get(trouble.kind, trouble.reason or trouble.kind)
                if why != told:
                    log().warning("the webhook can't be set; trying again", why=why)
                    told = why
                pause = trouble.pause or PAUSES[min(failures, len(PAUSES) - 1)]
                if trouble.kind == "refused" and not self.is_set:
                    await self._tell(f"Telegram refuses the webhook: {trouble.reason}")
                    pause = CHECK_SECONDS  # only another setting can help
                await asyncio.sleep(pause)
                failures += 1

    async def _tell(self, trouble: str) -> None:
        self.trouble = trouble
        with contextlib.suppress(StoreError):
            await self._note(REFUSED, trouble)

    async def _set(self) -> None:
        parameters = {
            "url": self._url,
            "secret_token": self._secret.decode(),
            "allowed_updates": list(ALLOWED_UPDATES),
            "max_connections": 100,
        }
        await self._telegram.call("set_Webhook", parameters)
        self.is_set = True
        await self._tell("")
        self.last_success = self.last_success or time.time()
        log().info("the webhook is set")

    async def _has_drifted(self) -> bool:
        info = await self._telegram.call("get_Webhook_Info")
        is_ours = isinstance(info, dict) and info.get("url") == self._url
        if not is_ours:
            log().error("the webhook was changed by another program with this token; setting it again")
        return not is_ours


async def _read(request: Request) -> bytes | None:
    """The body; None when it is larger than any update."""
    chunks, size = [], 0
    with suppress(ClientDisconnect):  # cut off: what there is of it is no JSON
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BYTES:
                return None
            chunks.append(chunk)
    return b"".join(chunks)
