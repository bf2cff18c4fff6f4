"""What the doctor finds out from Telegram: token, clock, webhook, staff chat, texts."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final

from bot.channels.telegram import Telegram, TelegramTrouble
from bot.channels.telegram_profile import read_profile, wanted_profile
from bot.channels.telegram_staff import look_at_chat, reads_only_commands
from bot.channels.telegram_webhook import PATH, REFUSED
from bot.content import Content
from bot.ops.findings import Finding, fine, note, wrong
from bot.ops.settings import Settings
from bot.staff.group import MOVED, moved_to, staff_of
from bot.store import read_note

CLOCK_SECONDS: Final = 60.0
COMMANDS: Final = ("start", "help", "privacy", "forget")


def ask_telegram(settings: Settings, content: Content | None) -> list[Finding]:
    """For a bot with a token; ``content``: what Telegram should show."""

    async def look() -> list[Finding]:
        url = settings.telegram_api_base_url
        telegram = Telegram(settings.token, url, settings.proxy_for(url))
        try:
            return [finding async for finding in _look(telegram, settings, content)]
        finally:
            await telegram.close()

    return asyncio.run(look())


async def _look(telegram: Telegram, settings: Settings, content: Content | None) -> Any:
    try:
        me = await telegram.get_me()
    except TelegramTrouble as trouble:
        if trouble.kind == "unauthorized":
            yield wrong("Telegram refuses the token", "Copy it again from @BotFather into TELEGRAM_BOT_TOKEN.")
        else:
            cure = (
                "Check the network, TELEGRAM_API_BASE_URL, and HTTPS_PROXY or ALL_PROXY where the way out is a proxy."
            )
            yield wrong(f"Telegram can't be reached ({trouble.kind})", cure)
        return
    yield fine(f"the token belongs to @{me.get('username', '?')}")
    yield clock(telegram.server_date)
    try:
        yield _webhook(await telegram.call("get_Webhook_Info"), settings)
        async for finding in _staff_chat(telegram, settings, me):
            yield finding
        for finding in await _profile(telegram, content):
            yield finding
    except TelegramTrouble as trouble:
        yield wrong(f"Telegram does not answer every question ({trouble.kind})", "Try again in a minute.")


def clock(server_date: str) -> Finding:
    """Compares our clock with the date of Telegram's last answer, as HTTP writes it."""
    try:
        drift = abs(parsedate_to_datetime(server_date).timestamp() - time.time())
    except (ValueError, TypeError):
        return note("the clock could not be compared with Telegram's")
    if drift > CLOCK_SECONDS:
        return wrong(f"the clock differs from Telegram's by {drift:.0f} s", "Switch on time synchronisation (ntp).")
    return fine(f"the clock differs from Telegram's by {drift:.0f} s")


def _webhook(info: Any, settings: Settings) -> Finding:
    is_wanted = settings.telegram_webhook_url
    url = str(info.get("url", ""))
    waiting = int(info.get("pending_update_count", 0))
    if not is_wanted and url:
        return wrong(
            "a webhook is set, but the bot polls", "Start the bot, which removes it, or set TELEGRAM_WEBHOOK_URL."
        )
    if is_wanted and url != is_wanted.rstrip("/") + PATH:
        if refused := read_note(settings.database_url, REFUSED):
            return wrong(refused, "Mend TELEGRAM_WEBHOOK_URL, start the bot again.")
        return wrong("the webhook is not set to TELEGRAM_WEBHOOK_URL", "Start the bot, which sets it.")
    if is_wanted and info.get("last_error_message") and time.time() - info.get("last_error_date", 0) < 600:
        return wrong(f"Telegram's last delivery failed: {info['last_error_message']}", "Check address and certificate.")
    how = "the webhook is set" if is_wanted else "the bot polls, no webhook is set"
    return fine(f"{how}; {waiting} update(s) wait at Telegram")


async def _staff_chat(telegram: Telegram, settings: Settings, me: Any) -> Any:
    configured, people = str(settings.staff_chat_id or ""), staff_of(settings.staff_user_ids)
    if not configured:
        yield note(
            "no STAFF_CHAT_ID: nobody sees what could not be answered", "Make a group, add the bot; .env.example"
        )
        return
    if not people:
        yield wrong("nobody may do anything in the staff chat", "List the staff in STAFF_USER_IDS.")
    new = moved_to(read_note(settings.database_url, MOVED), configured)
    look = await look_at_chat(telegram, new or configured, people)
    if look and look.moved_to:
        new = look.moved_to
        look = await look_at_chat(telegram, new, people)
    if new:
        yield wrong("the staff's group has a new id; the bot follows it", f"Set STAFF_CHAT_ID={new}")
    if look is None:
        yield note("Telegram could not be asked about the staff chat", "Try again in a minute.")
        return
    for problem in filter(None, (look.trouble, *look.remarks)):
        yield wrong(problem, "")
    if not look.trouble and not look.remarks:
        yield fine("the bot can write in the staff chat")
    if int(new or configured) < 0 and not look.trouble:
        member = await telegram.call("get_Chat_Member", {"chat_id": new or configured, "user_id": telegram.bot_id})
        if reads_only_commands(me, member):
            yield note(
                "in the staff's group the bot gets only commands, its name and answers to it (privacy mode)",
                "To let it read questions too, make it an admin of the group.",
            )


async def _profile(telegram: Telegram, content: Content | None) -> list[Finding]:
    shown = await read_profile(telegram)
    found = [
        wrong(
            f"/{command} is not in Telegram's command list", "Add it under `commands` in phrases.yaml, start the bot."
        )
        for command in COMMANDS
        if command not in shown["commands"]
    ]
    if content is not None:
        profile = content.phrases.profile
        wanted = wanted_profile(content.phrases.commands, profile.description, profile.short_description)
        drifted = [name for name, value in wanted.items() if shown.get(name) != value]
        if drifted:
            found.append(wrong(f"Telegram shows old texts: {', '.join(drifted)}", "Start the bot, which writes them."))
    return found or [fine("Telegram shows the texts and commands of the content")]
