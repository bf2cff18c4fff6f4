"""Telegram's updates, as plain dicts, into messages. An odd update stops only itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.channels.taps import utterance
from bot.conversation import Kind, Message
from bot.store import Origin

ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")

# What may come instead of text, as it is named to the assistant.
ATTACHMENTS: Final = {
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "photo": "photo",
    "video": "photo",
    "animation": "photo",
    "sticker": "sticker",
    "document": "document",
    "location": "location",
    "venue": "location",
    "contact": "contact",
    "poll": "poll",
    "dice": "dice",
}


@dataclass(frozen=True, slots=True)
class Received:
    message: Message
    origin: Origin


def read_update(update: Any, channel: str, username: str, now: datetime) -> Received | None:
    """What a patient did; None for what is not theirs to answer: service messages, channels, other bots' commands.

    May raise anything on an update that is not what Telegram documents; the caller drops that one update.
    """
    update_id = str(int(update["update_id"]))
    if query := update.get("callback_query"):
        return _tapped(query, update_id, channel, now)
    is_edited = "edited_message" in update
    raw = update.get("message") or update.get("edited_message")
    if not isinstance(raw, dict) or raw["chat"].get("type") == "channel" or raw.get("from", {}).get("is_bot"):
        return None
    return _written(raw, update_id, channel, username, now, is_edited)


def _written(
    raw: Mapping[str, Any], update_id: str, channel: str, username: str, now: datetime, is_edited: bool
) -> Received | None:
    text = raw.get("text") or raw.get("caption") or ""
    attachment = next((name for field, name in ATTACHMENTS.items() if field in raw), "")
    if not text and not attachment:
        return None if _is_service(raw) else _message(raw, update_id, channel, now, Kind.UNREADABLE, attachment="other")
    if raw["chat"].get("type") != "private" and not _is_addressed(raw, text, username):
        return None
    if text.startswith("/") and "text" in raw:
        command, _, rest = text[1:].partition(" ")
        name, _, addressee = command.partition("@")
        if addressee and username and addressee.lower() != username.lower():
            return None
        return _message(raw, update_id, channel, now, Kind.COMMAND, text=rest.strip(), action=name.lower()[:64])
    kind = Kind.UNREADABLE if not text else Kind.EDITED if is_edited else Kind.TEXT
    return _message(raw, update_id, channel, now, kind, text=text, attachment=attachment)


def _is_service(raw: Mapping[str, Any]) -> bool:
    """Joined, pinned, migrated and the like hold neither text nor anything a patient meant to say."""
    return any(
        name in raw
        for name in (
            "new_chat_members",
            "left_chat_member",
            "new_chat_title",
            "new_chat_photo",
            "delete_chat_photo",
            "group_chat_created",
            "supergroup_chat_created",
            "migrate_to_chat_id",
            "migrate_from_chat_id",
            "pinned_message",
            "message_auto_delete_timer_changed",
            "forum_topic_created",
            "forum_topic_closed",
            "video_chat_started",
            "video_chat_ended",
            "write_access_allowed",
            "boost_added",
        )
    )


def _is_addressed(raw: Mapping[str, Any], text: str, username: str) -> bool:
    """In a group only what is meant for the bot: commands, mentions and replies to it."""
    answered = raw.get("reply_to_message", {}).get("from", {})
    is_reply = bool(answered.get("is_bot")) and answered.get("username", username) == username
    return is_reply or text.startswith("/") or bool(username and f"@{username.lower()}" in text.lower())


def _tapped(query: Mapping[str, Any], update_id: str, channel: str, now: datetime) -> Received | None:
    below = query.get("message")
    if not isinstance(below, dict):
        return None
    action = str(query.get("data") or "")
    label = next(
        (
            str(button.get("text", ""))
            for row in below.get("reply_markup", {}).get("inline_keyboard", ())
            for button in row
            if button.get("callback_data") == action
        ),
        "",
    )
    # The quoted question is what was not helpful; it need not be stored anywhere to be known here.
    quoted = below.get("reply_to_message", {}).get("text", "")
    received = _message(
        below,
        update_id,
        channel,
        now,
        Kind.BUTTON,
        text=utterance(action, label, quoted),
        action=action[:64],
        user=query.get("from", {}),
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
    text: str = "",
    action: str = "",
    attachment: str = "",
    user: Mapping[str, Any] | None = None,
    sent_at: datetime | None = None,
) -> Received:
    sender = user or raw.get("from", {})
    message = Message(
        channel=channel,
        chat=str(int(raw["chat"]["id"])),
        update_id=update_id,
        kind=kind,
        sent_at=sent_at or datetime.fromtimestamp(int(raw.get("edit_date") or raw["date"]), UTC),
        now=now,
        text=str(text)[:8192],
        action=action,
        attachment=attachment,
        user=str(sender.get("id", "")),
        message_id=str(raw.get("message_id", "")),
        replies_to=str(raw.get("reply_to_message", {}).get("message_id", "")),
        language=str(sender.get("language_code", ""))[:16],
    )
    thread = raw.get("message_thread_id") if raw.get("is_topic_message") else None
    return Received(message, {"thread": str(thread)} if thread else {})
