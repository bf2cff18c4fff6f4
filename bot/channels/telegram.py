"""Telegram's side of the path: calls and their errors, nothing else."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from telegram import Bot, BotCommand
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.assistant.conversation import Reply
from bot.channels.telegram_http import CALL_SECONDS, AioRequest
from bot.channels.telegram_text import as_html, as_text, fits, keyboard
from bot.channels.telegram_updates import ALLOWED_UPDATES
from bot.delivery.outbox import Again, Moved, Refused, Result, Sent, Wait
from bot.errors import BotError
from bot.store import Outgoing

# A dead connection shows only when the answer is overdue, so a short poll is what brings the bot back quickly.
POLL_SECONDS: Final = 3
POLL_PATIENCE: Final = 1.5


class TelegramTrouble(BotError):
    """A call failed. ``kind``: unauthorized, conflict, webhook, flood, refused, time-out, network.

    ``reason`` is what Telegram said of a refusal, ``moved_to`` the new id of a group that has one.
    """

    def __init__(self, kind: str, pause: float = 0.0, reason: str = "", moved_to: str = "") -> None:
        super().__init__(f"Telegram: {kind}")
        self.kind = kind
        self.pause = pause
        self.reason = reason
        self.moved_to = moved_to


def _trouble(error: Exception) -> TelegramTrouble:
    match error:
        case RetryAfter():
            return TelegramTrouble("flood", _seconds(error))
        case Conflict():
            return TelegramTrouble("webhook" if "webhook" in error.message.lower() else "conflict")
        case InvalidToken() | EndPointNotFound():
            return TelegramTrouble("unauthorized")
        case TimedOut():
            return TelegramTrouble("time-out")
        case ChatMigrated():
            return TelegramTrouble("refused", reason=error.message, moved_to=str(error.new_chat_id))
        case BadRequest() | Forbidden():
            return TelegramTrouble("refused", reason=error.message)
        case _:
            return TelegramTrouble("network")


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return pause.total_seconds() if isinstance(pause, timedelta) else float(pause)


class Telegram:
    """The channel: ``send`` for the outbox, and the few calls that polling, webhook and profile need.

    ``api_url`` is the address up to ``/bot``, as a local Bot API server has it; ``proxy`` an HTTP proxy on the way.
    """

    def __init__(self, token: str, api_url: str, proxy: str | None = None) -> None:
        self._request = AioRequest(proxy)
        self._bot = Bot(token, base_url=api_url, request=self._request, get_updates_request=self._request)
        self.bot_id = token.partition(":")[0]
        self.username = ""

    @property
    def name(self) -> str:
        return f"telegram:{self.bot_id}"

    @property
    def server_date(self) -> str:
        """The time of Telegram's last answer, as HTTP writes it."""
        return self._request.server_date

    async def close(self) -> None:
        await self._request.shutdown()

    # Sending

    async def send(self, outgoing: Outgoing) -> Result:
        query = outgoing.origin.get("query")
        if not query:
            return await self._deliver(outgoing)
        if outgoing.reply is None:
            return await self._confirm(query, outgoing.toast)
        _, result = await asyncio.gather(self._confirm(query, outgoing.toast), self._deliver(outgoing))
        return result

    async def is_reachable(self) -> bool:
        try:
            await self.get_me()
        except TelegramTrouble:
            return False
        return True

    async def _confirm(self, query: str, toast: str) -> Result:
        """Ends the waiting mark on a tapped button. One that is too old is no loss."""
        try:
            await self._bot.answer_callback_query(query, text=toast[:200] or None)
        except RetryAfter as error:
            return Wait(_seconds(error))
        except (BadRequest, Forbidden):
            return Sent()
        except TelegramError as error:
            return Again(_trouble(error).kind)
        return Sent()

    async def _deliver(self, outgoing: Outgoing) -> Result:
        reply = outgoing.reply
        if reply is None:
            return Sent()
        try:
            try:
                if picture := _picture(outgoing):
                    return await self._send_picture(outgoing, reply, picture)
                if reply.replaces and outgoing.message_id.isdigit():
                    return await self._edit(outgoing, reply)
                return await self._send(outgoing, reply)
            except BadRequest as error:
                if _is_lost(error):
                    raise
                return await self._send_bare(outgoing, reply)
        except RetryAfter as error:
            return Wait(_seconds(error))
        except ChatMigrated as error:
            return Moved(str(error.new_chat_id))
        except Forbidden:
            return Refused("blocked or removed by the patient", is_of_chat=True)
        except BadRequest as error:
            is_lost = _is_lost(error)
            return Refused("the chat is gone" if is_lost else "refused even as bare text", is_of_chat=is_lost)
        except TelegramError as error:
            return Again(_trouble(error).kind)

    async def _send(self, outgoing: Outgoing, reply: Reply) -> Result:
        quoted = outgoing.message_id if reply.quotes and outgoing.message_id.isdigit() else ""
        return await self._send_message(
            outgoing,
            **_shown(reply),
            reply_parameters=f'{{"message_id":{quoted},"allow_sending_without_reply":true}}' if quoted else None,
        )

    async def _send_picture(self, outgoing: Outgoing, reply: Reply, picture: bytes) -> Result:
        """A picture with the reply under it, for the staff's weekly report."""
        sent = await self._bot.send_photo(int(outgoing.chat), picture, caption=as_text(reply)[:1024])
        return Sent(str(sent.message_id))

    async def _send_bare(self, outgoing: Outgoing, reply: Reply) -> Result:
        """Nothing that could be refused: no formatting, no buttons, no quote."""
        return await self._send_message(outgoing, text=as_text(reply))

    async def _send_message(self, outgoing: Outgoing, **parameters: str | None) -> Result:
        thread = outgoing.origin.get("thread") or None
        sent = await self._post("send_Message", {"chat_id": outgoing.chat, "message_thread_id": thread, **parameters})
        return Sent(str(sent["message_id"]) if isinstance(sent, dict) else "")

    async def _edit(self, outgoing: Outgoing, reply: Reply) -> Result:
        where = {"chat_id": outgoing.chat, "message_id": outgoing.message_id}
        try:
            await self._post("edit_Message_Text", where | _shown(reply))
        except BadRequest as error:
            if "not modified" not in error.message.lower():
                return await self._send(outgoing, reply)
        return Sent(outgoing.message_id)

    async def _post(
        self, method: str, parameters: Mapping[str, Any] | None = None, patience: float = CALL_SECONDS
    ) -> Any:
        """A method's plain answer. Of the form get_Updates python-telegram-bot makes getUpdates without advising its
        own get_updates, which fails on one odd update; its types for what was sent cost more than sending."""
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        return await self._bot.do_api_request(method, api_kwargs=given, read_timeout=patience)

    # What polling, webhook and profile need. Each raises TelegramTrouble.

    async def get_me(self) -> dict[str, Any]:
        me: dict[str, Any] = await self.call("get_Me", patience=3.0)
        self.username = str(me.get("username", ""))
        return me

    async def get_updates(self, offset: int | None) -> list[Any]:
        """Waits up to three seconds for updates; plain dicts, so one odd update stops only itself."""
        parameters: dict[str, Any] = {"timeout": POLL_SECONDS, "limit": 100, "allowed_updates": list(ALLOWED_UPDATES)}
        if offset is not None:
            parameters["offset"] = offset
        updates = await self.call("get_Updates", parameters, patience=POLL_SECONDS + POLL_PATIENCE)
        return updates if isinstance(updates, list) else []

    async def call(
        self, method: str, parameters: Mapping[str, Any] | None = None, patience: float = CALL_SECONDS
    ) -> Any:
        """A method's plain answer; ``method`` in the form get_Updates. Raises TelegramTrouble."""
        try:
            return await self._post(method, parameters, patience)
        except TelegramError as error:
            raise _trouble(error) from error

    async def set_commands(self, commands: dict[str, str]) -> None:
        try:
            await self._bot.set_my_commands([BotCommand(name, text) for name, text in commands.items()])
        except TelegramError as error:
            raise _trouble(error) from error


def _is_lost(error: BadRequest) -> bool:
    text = error.message.lower()
    return any(
        sign in text
        for sign in (
            "chat not found",
            "user not found",
            "peer_id_invalid",
            "group chat was deactivated",
            "have no rights",
            "not enough rights",
            "chat_write_forbidden",
        )
    )


def _shown(reply: Reply) -> dict[str, str | None]:
    """The parameters of a reply as it is meant to look."""
    is_rich, rows = fits(reply), keyboard(reply)
    return {
        "text": as_html(reply) if is_rich else as_text(reply),
        "parse_mode": ParseMode.HTML if is_rich else None,
        "reply_markup": json.dumps({"inline_keyboard": rows}) if rows else None,
        "link_preview_options": '{"is_disabled":true}',
    }


def _picture(outgoing: Outgoing) -> bytes | None:
    try:
        return Path(outgoing.origin["picture"]).read_bytes()
    except (KeyError, OSError):
        return None
