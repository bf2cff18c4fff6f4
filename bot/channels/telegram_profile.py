"""How Telegram introduces the bot: texts and commands, written only when they differ from the content."""

from collections.abc import Mapping
from typing import Any

from bot.channels.telegram import Telegram


async def read_profile(telegram: Telegram) -> dict[str, Any]:
    """What Telegram shows now. Raises TelegramTrouble."""
    commands = await telegram.call("get_My_Commands")
    description = await telegram.call("get_My_Description")
    short = await telegram.call("get_My_Short_Description")
    menu = await telegram.call("get_Chat_Menu_Button")
    return {
        "commands": {one["command"]: one["description"] for one in commands},
        "description": description.get("description", ""),
        "short description": short.get("short_description", ""),
        "menu": menu.get("type", ""),
    }


def wanted_profile(commands: Mapping[str, str], description: str, short_description: str) -> dict[str, Any]:
    return {
        "commands": dict(commands),
        "description": description,
        "short description": short_description,
        "menu": "commands",
    }


async def write_profile(telegram: Telegram, wanted: Mapping[str, Any]) -> list[str]:
    """Brings Telegram's texts in line; returns the names of what was changed. Raises TelegramTrouble."""
    shown = await read_profile(telegram)
    drifted = [name for name, value in wanted.items() if shown.get(name) != value]
    for name in drifted:
        match name:
            case "commands":
                await telegram.set_commands(wanted[name])
            case "description":
                await telegram.call("set_My_Description", {"description": wanted[name]})
            case "short description":
                await telegram.call("set_My_Short_Description", {"short_description": wanted[name]})
            case "menu":
                await telegram.call("set_Chat_Menu_Button", {"menu_button": {"type": "commands"}})
    return drifted
