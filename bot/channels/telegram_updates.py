"""Telegram's updates, as plain dicts, into messages. An odd update stops only itself."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from telegram.constants import MessageAttachmentType, MessageType

from bot.assistant.conversation import COMMANDS, Kind, Message
from bot.channels.taps import utterance
from bot.channels.typed import read_typed
from bot.store import Origin

ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")
# The text of an album's ten captions, each as long as Telegram lets it be.
MAX_TEXT: Final = 10 * 4096

# What may come instead of text, as it is named to the assistant.
ATTACHMENTS: Final = {
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "photo": "photo",
    "live_photo": "photo",
    "video": "photo",
    "animation": "photo",
    "paid_media": "photo",
    "story": "photo",
    "sticker": "sticker",
    "document": "document",
    "location": "location",
    "venue": "location",
    "contact": "contact",
    "poll": "poll",
    "checklist": "checklist",
    "dice": "dice",
    "game": "game",
}
# What Telegram itself says in a chat (joined, pinned, a topic renamed), as far as the library knows.
_SERVICE: Final = {one.value for one in MessageType} - {one.value for one in MessageAttachmentType}


class StaffChat(Protocol):
    """What reading must know of the staff: there everything people write is read, and more commands are known."""

    def is_staff_chat(self, chat: str) -> bool: ...
    def commands(self, chat: str, user: str) -> Collection[str]: ...


class NoStaff:
    """There is no staff chat."""

    def is_staff_chat(self, chat: str) -> bool:  # noqa: ARG002
        return False

    def commands(self, chat: str, user: str) -> Collection[str]:  # noqa: ARG002
        return COMMANDS


@dataclass(frozen=True, slots=True)
class Me:
    """The bot as Telegram knows it; ``username`` is "" until Telegram has told it."""

    channel: str
    id: str
    username: str

    def without_mention(self, text: str) -> tuple[str, bool]:
        """``text`` without this bot's name, and whether it stood in it: by itself, or behind a command."""
        name = rf"(^/\w+|(?<!\w))@{re.escape(self.username)}(?!\w)[:,]?" if self.username else r"(^/\w+)@\w+"
        found, count = re.subn(name, r"\1 ", text, flags=re.IGNORECASE)
        return (found.strip(), True) if count else (text, False)

    def wrote(self, raw: Mapping[str, Any]) -> bool:
        sender = _dict(raw.get("from"))
        return str(sender.get("id")) == self.id or bool(self.username and sender.get("username") == self.username)


@dataclass(frozen=True, slots=True)
class Received:
    """``album`` names the album it belongs to; ``fault`` is why it could not be read as it is."""

    message: Message
    origin: Origin
    album: str = ""
    fault: str = ""


def read_update(update: Mapping[str, Any], me: Me, staff: StaffChat, now: datetime) -> Received | None:
    """What a person did that asks for an answer; None for all else.

    Answered are: in a private chat what people write or send; in a group what is meant for the bot; taps. May raise
    anything on an update that is not what Telegram documents; ``salvage`` then takes what can be had of it.
    """
    update_id = str(int(update["update_id"]))
    if query := update.get("callback_query"):
        return _tapped(query, update_id, me.channel, now)
    raw = update.get("message") or update.get("edited_message")
    if not isinstance(raw, dict) or not _is_from_person(raw):
        return None
    return _written(raw, update_id, me, staff, now, is_edited="edited_message" in update)


def salvage(update: Mapping[str, Any], channel: str, now: datetime, error: Exception) -> Received:
    """What is left of an update that can't be read: what it says and, in a private chat, who is to be answered."""
    raw = next((one for one in update.values() if isinstance(one, dict)), {})
    raw = raw["message"] if isinstance(raw.get("message"), dict) else raw
    chat = _dict(raw.get("chat")).get("id")
    is_known = isinstance(chat, int) and chat > 0
    said = next((one for one in (raw.get("text"), raw.get("caption")) if isinstance(one, str)), "")
    words = said if is_known else ""  # what nobody could erase is not kept
    message = Message(
        channel=channel,
        chat=str(chat) if is_known else "",
        update_id=str(update["update_id"]),
        kind=Kind.TEXT if words else Kind.UNREADABLE,
        sent_at=now,
        now=now,
        text=words[:MAX_TEXT],
        attachment="" if words else "other",
    )
    return Received(message, {}, fault=type(error).__name__)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_from_person(raw: Mapping[str, Any]) -> bool:
    """Not of another bot or a channel. Whoever writes as a chat (an anonymous admin) comes as a bot, but is none."""
    if raw["chat"].get("type") == "channel" or raw.get("is_automatic_forward"):
        return False
    return not _dict(raw.get("from")).get("is_bot") or "sender_chat" in raw


def _written(
    raw: Mapping[str, Any], update_id: str, me: Me, staff: StaffChat, now: datetime, *, is_edited: bool
) -> Received | None:
    text, is_mentioned = me.without_mention(str(raw.get("text") or raw.get("caption") or ""))
    chat, user, is_private = str(int(raw["chat"]["id"])), _user(raw), raw["chat"].get("type") == "private"
    kind, action, words = read_typed(text, staff.commands(chat, user) if "text" in raw else ())
    attachment = _attachment(raw, is_private=is_private)
    if is_edited and not text:
        return None  # a live location moves, a picture is replaced: nothing new was said
    if not text and not attachment:
        if not is_mentioned:
            return None
        kind, action = Kind.COMMAND, "start"  # nothing but the bot's name: whoever calls it is greeted
    is_command = kind is Kind.COMMAND
    if not is_private:
        is_other_bots = bool(re.match(r"/\w+@", text)) and not is_mentioned
        is_meant = is_mentioned or is_command or me.wrote(_answered(raw))
        if is_other_bots or not (
            is_meant or (staff.is_staff_chat(chat) and not is_edited and _is_for_all(raw, text, me))
        ):
            return None
    if not is_command:
        kind = Kind.UNREADABLE if not text else Kind.EDITED if is_edited else Kind.TEXT
    received = _message(
        raw, update_id, me.channel, now, kind, text=words, action=action, attachment=attachment, user=user
    )
    group = raw.get("media_group_id")
    return Received(received.message, received.origin, album=f"{chat}.{group}" if group and not is_edited else "")


def _attachment(raw: Mapping[str, Any], *, is_private: bool) -> str:
    """What came beside or instead of text; "other" for what is newer than the library, where that is surely meant for
    the bot. "" for what Telegram itself says."""
    known = next((name for field, name in ATTACHMENTS.items() if field in raw), "")
    has_words = raw.get("text") or raw.get("caption")
    return known or ("other" if is_private and not has_words and not _SERVICE.intersection(raw) else "")


def _user(raw: Mapping[str, Any]) -> str:
    """Who wrote: for somebody who writes as a chat that chat, since Telegram does not say who it is."""
    return str(_dict(raw.get("sender_chat")).get("id") or _dict(raw.get("from")).get("id", ""))


def _answered(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message that ``raw`` answers. In a topic every message "answers" the one that opened it."""
    answered = _dict(raw.get("reply_to_message"))
    return {} if "forum_topic_created" in answered else answered


def _is_for_all(raw: Mapping[str, Any], text: str, me: Me) -> bool:
    """Whether words in the staff's group may be meant for the bot: not an answer to somebody else, not `@somebody`."""
    answered = _answered(raw)
    is_talk = bool(answered) and not me.wrote(answered)
    return bool(text) and not is_talk and not text.startswith("@")


def _tapped(query: Mapping[str, Any], update_id: str, channel: str, now: datetime) -> Received | None:
    below = query.get("message")
    if not isinstance(below, dict):
        return None
    action = str(query.get("data") or "")
    label = next(
        (
            str(button.get("text", ""))
            for row in _dict(below.get("reply_markup")).get("inline_keyboard", ())
            for button in row
            if button.get("callback_data") == action
        ),
        "",
    )
    # The quoted question is what was not helpful; it need not be stored anywhere to be known here.
    quoted = str(_dict(below.get("reply_to_message")).get("text", ""))
    received = _message(
        below,
        update_id,
        channel,
        now,
        Kind.BUTTON,
        text=utterance(action, label, quoted),
        action=action[:64],
        user=str(_dict(query.get("from")).get("id", "")),
        sent_at=now,  # Telegram does not say when; the message under the button may be days old
    )
    return Received(received.message, {**received.origin, "query": str(query["id"])})


def _message(
    raw: Mapping[str, Any],
    update_id: str,
    channel: str,
    now: datetime,
    kind: Kind,
    *,
    user: str,
    text: str = "",
    action: str = "",
    attachment: str = "",
    sent_at: datetime | None = None,
) -> Received:
    message = Message(
        channel=channel,
        chat=str(int(raw["chat"]["id"])),
        update_id=update_id,
        kind=kind,
        sent_at=sent_at or datetime.fromtimestamp(int(raw.get("edit_date") or raw["date"]), UTC),
        now=now,
        text=text[:MAX_TEXT],
        action=action[:64],
        attachment=attachment,
        user=user,
        message_id=str(raw.get("message_id", "")),
        replies_to=str(_dict(raw.get("reply_to_message")).get("message_id", "")),
        language=str(_dict(raw.get("from")).get("language_code", ""))[:16],
    )
    thread = raw.get("message_thread_id") if raw.get("is_topic_message") else None
    return Received(message, {"thread": str(thread)} if thread else {})
