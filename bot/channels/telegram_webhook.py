"""Telegram's deliveries: 200 only when the update is stored, so that Telegram repeats what was not."""

import asyncio
import hashlib
import hmac
import json
import time
from contextlib import suppress
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.channels.telegram import Telegram, TelegramTrouble
from bot.channels.telegram_polling import CURES, PAUSES, read_all
from bot.channels.telegram_updates import ALLOWED_UPDATES
from bot.errors import StoreError
from bot.inbox import Full, Inbox
from bot.logs import log
from bot.metrics import Metrics

PATH: Final = "/telegram/updates"
HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
MAX_BYTES: Final = 1_000_000
CHECK_SECONDS: Final = 60.0


def secret_of(token: str, chosen: str) -> str:
    """The webhook's secret: the chosen one, else one made from the token, so that there always is one."""
    return chosen or hmac.new(token.encode(), b"webhook", hashlib.sha256).hexdigest()


class Webhook:
    def __init__(self, telegram: Telegram, inbox: Inbox, metrics: Metrics, url: str, secret: str) -> None:
        self._telegram = telegram
        self._inbox = inbox
        self._metrics = metrics
        self._url = url.rstrip("/") + PATH
        self._secret = secret.encode()
        self.last_success = 0.0
        self.is_set = False

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
        except ValueError:
            return PlainTextResponse("not JSON", 400)
        self.last_success = time.time()
        received = read_all([update], self._telegram, self._metrics)
        try:
            await self._inbox.accept(
                [one.message for one in received], {one.message.update_id: one.origin for one in received}
            )
        except (Full, StoreError):
            return PlainTextResponse("try again", 503, headers={"Retry-After": "1"})
        return Response(status_code=200)

    async def keep_set(self) -> None:
        """Sets the webhook at every start, then looks every minute whether it still stands. No error ends it."""
        failures = 0
        while True:
            try:
                if not self.is_set or await self._has_drifted():
                    await self._set()
                failures = 0
                await asyncio.sleep(CHECK_SECONDS)
            except TelegramTrouble as trouble:
                self._metrics.api_errors[trouble.kind] += 1
                if not failures:
                    log().warning("the webhook can't be set; trying again", why=CURES.get(trouble.kind, trouble.kind))
                await asyncio.sleep(trouble.pause or PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    async def _set(self) -> None:
        parameters = {
            "url": self._url,
            "secret_token": self._secret.decode(),
            "allowed_updates": list(ALLOWED_UPDATES),
            "max_connections": 100,
        }
        await self._telegram.call("set_Webhook", parameters)
        self.is_set = True
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
