"""What Telegram says of the staff's chat: does it exist, may the bot write there, can it tell who writes."""

from collections.abc import Mapping
from typing import Any, Final

from bot.channels.telegram import Telegram, TelegramTrouble
from bot.staff.group import Look, Person

HOW: Final = "Add the bot to the staff's group. There, a command of somebody in STAFF_USER_IDS shows the group's id."


async def look_at_chat(telegram: Telegram, chat: str, people: Mapping[str, Person]) -> Look | None:
    """None when Telegram can't be asked now."""
    try:
        return await _look(telegram, chat, people)
    except TelegramTrouble as trouble:
        if trouble.moved_to:
            return Look(moved_to=trouble.moved_to)
        if trouble.kind != "refused":
            return None
        return Look(f"Telegram says of STAFF_CHAT_ID {chat}: “{trouble.reason}”. {HOW}")


async def _look(telegram: Telegram, chat: str, people: Mapping[str, Person]) -> Look:
    found = await telegram.call("get_Chat", {"chat_id": chat})
    if found.get("type") == "channel":
        return Look(f"STAFF_CHAT_ID {chat} is a channel, where nobody can answer. Set it to a group's id. {HOW}")
    if found.get("type") not in ("group", "supergroup"):
        return Look()
    me = await telegram.call("get_Chat_Member", {"chat_id": chat, "user_id": telegram.bot_id})
    if trouble := _what_is_lost(me, found.get("permissions") or {}):
        return Look(trouble)
    admins = await telegram.call("get_Chat_Administrators", {"chat_id": chat})
    hidden = [
        person.name
        for one in admins
        if one.get("is_anonymous") and (person := people.get(str(one.get("user", {}).get("id"))))
    ]
    if not hidden:
        return Look()
    who = ", ".join(sorted(hidden))
    return Look(
        remarks=(
            f"In the staff's group {who} is an anonymous admin: nobody can tell who writes, so it is not taken. "
            "Switch “Remain anonymous” off in the admin's rights.",
        )
    )


def _what_is_lost(me: Mapping[str, Any], of_all: Mapping[str, Any]) -> str:
    match me.get("status"):
        case "left" | "kicked":
            return "The bot is no member of the staff's group. Add it again."
        case "restricted" if not me.get("can_send_messages", True):
            return "The bot may not write in the staff's group. Let it send messages, or make it an admin."
        case "member" if of_all.get("can_send_messages") is False:
            return "Members may not write in the staff's group, and the bot is one. Make it an admin."
    return ""


def reads_only_commands(me: Mapping[str, Any], member: Mapping[str, Any]) -> bool:
    """Whether in a group the bot gets commands, mentions and answers to it only (privacy mode)."""
    return me.get("can_read_all_group_messages") is False and member.get("status") == "member"
