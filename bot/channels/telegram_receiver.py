"""From Telegram's updates, polled or delivered, to the inbox: stored when it returns."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from bot.channels.telegram import Telegram
from bot.channels.telegram_updates import Me, NoStaff, Received, StaffChat, read_update, salvage
from bot.delivery.inbox import Inbox
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics

MAX_ALBUMS: Final = 1_000


class Staff(StaffChat, Protocol):
    """Is also told what Telegram says of the staff's own chat."""

    async def follow(self, old: str, new: str) -> None: ...
    def look_again(self) -> None: ...


class Receiver:
    def __init__(self, telegram: Telegram, inbox: Inbox, metrics: Metrics, staff: Staff | None = None) -> None:
        self._telegram = telegram
        self._inbox = inbox
        self._metrics = metrics
        self._staff = staff
        self._albums: OrderedDict[str, None] = OrderedDict()  # of which words were heard

    async def receive(self, updates: Sequence[Any], album_seconds: float = 0.0) -> None:
        """Stores what asks for an answer. Raises Full or StoreError; nothing may be acknowledged then.

        ``album_seconds``: how long a picture of an album waits for the words of it, where each is delivered by itself.
        """
        for update in updates:
            if self._staff and isinstance(update, dict):
                try:
                    await self._tell_staff(self._staff, update)
                except Exception as error:
                    log().error("what Telegram says of a group could not be used", error=describe(error))
        read = [one for update in updates if (one := self._read(update))]
        self._hear_albums(read)
        if album_seconds and any(one.album and one.album not in self._albums for one in read):
            await asyncio.sleep(album_seconds)
        received = _one_an_album(read, self._albums)
        origins = {one.message.update_id: one.origin for one in received if one.origin}
        faults = {one.message.update_id: one.fault for one in received if one.fault}
        await self._inbox.accept([one.message for one in received], origins, faults)

    def _hear_albums(self, read: Sequence[Received]) -> None:
        for one in read:
            if one.album and one.message.text:
                self._albums[one.album] = None
        while len(self._albums) > MAX_ALBUMS:
            self._albums.popitem(last=False)

    def _read(self, update: Any) -> Received | None:
        """What can't be read is set aside by the inbox, with what can be had of it; or it would come back for ever."""
        me, now = Me(self._telegram.name, self._telegram.bot_id, self._telegram.username), datetime.now(UTC)
        try:
            return read_update(update, me, self._staff or NoStaff(), now)
        except Exception as error:
            log().warning("an update can't be read", error=describe(error))
            try:
                return salvage(update, me.channel, now, error)
            except Exception:  # not even an update id: nothing to store it under
                self._metrics.dead_letters += 1
                return None

    async def _tell_staff(self, staff: Staff, update: dict[str, Any]) -> None:
        """A group becomes a supergroup, the bot's rights change: only Telegram itself can say that."""
        raw = update.get("message") or update.get("my_chat_member")
        chat = raw.get("chat") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(chat, dict):
            return
        if new := raw.get("migrate_to_chat_id"):
            await staff.follow(str(chat.get("id")), str(new))
        elif old := raw.get("migrate_from_chat_id"):
            await staff.follow(str(old), str(chat.get("id")))
        elif "my_chat_member" in update and staff.is_staff_chat(str(chat.get("id"))):
            staff.look_again()


def _one_an_album(received: Sequence[Received], heard: OrderedDict[str, None]) -> list[Received]:
    """Of an album all words are one message. One without words is one message too, unless its words were ``heard``."""
    groups: dict[str, list[Received]] = {}
    for place, one in enumerate(received):
        groups.setdefault(one.album or str(place), []).append(one)
    kept = []
    for first, *others in groups.values():
        worded = [one for one in (first, *others) if one.message.text]
        if not first.album:
            kept.append(first)
        elif worded:
            # Under the id of the last: should an album come again, and longer, it is heard again.
            text = "\n".join(one.message.text for one in worded)
            kept.append(replace(worded[-1], message=replace(worded[-1].message, text=text)))
        elif first.album not in heard:
            # Under the album's own id, so that the inbox knows the rest of it, whenever it comes.
            kept.append(replace(first, message=replace(first.message, update_id=f"album {first.album}")))
    return kept
