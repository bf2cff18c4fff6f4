"""The getUpdates loop. The offset moves, which tells Telegram to forget, only when the batch is stored."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from bot.channels.telegram import Telegram, TelegramTrouble
from bot.channels.telegram_receiver import Receiver
from bot.delivery.inbox import Full, Inbox
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics
from bot.errors import StoreError

PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 3.0)
CURES: Final = {
    "conflict": "another program polls with this token; stop it, or give this bot a token of its own",
    "webhook": "a webhook is set for this token; it is removed now, because TELEGRAM_WEBHOOK_URL is not set",
    "unauthorized": "Telegram refuses the token; if it was revoked, set the new TELEGRAM_BOT_TOKEN and restart",
    "network": "Telegram can't be reached, or answers with errors",
    "time-out": "Telegram does not answer",
}


class Polling:
    def __init__(
        self, telegram: Telegram, inbox: Inbox, receiver: Receiver, metrics: Metrics, on_poll: Callable[[], None]
    ) -> None:
        """``on_poll`` is called once, when the first poll goes out."""
        self._telegram = telegram
        self._inbox = inbox
        self._receiver = receiver
        self._metrics = metrics
        self._on_poll = on_poll
        self._failures = 0
        self._last_kind = ""
        self.last_success = 0.0  # when all that a poll brought was stored, seconds since 1970

    async def run(self) -> None:
        """Polls until it is cancelled. No error ends it."""
        offset: int | None = None
        is_first = True
        while True:
            if self._inbox.is_full:
                await asyncio.sleep(0.1)
                continue
            try:
                if is_first:
                    is_first = False
                    asyncio.get_running_loop().call_later(0.05, self._on_poll)
                updates = await self._telegram.get_updates(offset)
                await self._receiver.receive(updates)
                self._worked()
                moved = _next_offset(updates, offset)
                if updates and moved == offset:
                    await self._pause()  # nothing to go on from: the same would come at once
                offset = moved
            except TelegramTrouble as trouble:
                await self._failed(trouble)
            except (StoreError, Full) as error:
                await self._not_stored(error)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._metrics.api_errors["bug"] += 1
                log().error("polling failed by a bug", error=describe(error))
                await self._pause()

    def _worked(self) -> None:
        if self._failures:
            log().info("polling works again")
        self._failures, self._last_kind = 0, ""
        self.last_success = time.time()

    async def _failed(self, trouble: TelegramTrouble) -> None:
        self._metrics.api_errors[trouble.kind] += 1
        if trouble.kind != self._last_kind:
            log().warning("polling fails; trying again", why=CURES.get(trouble.kind, trouble.kind))
            self._last_kind = trouble.kind
        if trouble.kind == "webhook":
            try:
                await self._telegram.call("delete_Webhook")
            except TelegramTrouble:
                await self._pause()
            return
        await self._pause(trouble.pause)

    async def _not_stored(self, error: Exception) -> None:
        if self._last_kind != "store":
            log().error("nothing is acknowledged: messages can't be stored", why=str(error))
            self._last_kind = "store"
        await self._pause()

    async def _pause(self, told: float = 0.0) -> None:
        pause = told or PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        await asyncio.sleep(pause)


def _next_offset(updates: list[Any], offset: int | None) -> int | None:
    ids = [
        update["update_id"]
        for update in updates
        if isinstance(update, dict) and isinstance(update.get("update_id"), int)
    ]
    return max(ids) + 1 if ids else offset
