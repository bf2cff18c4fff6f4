"""What was typed: one of the bot's commands, or a message."""

import re
from collections.abc import Collection
from typing import Final

from bot.assistant.conversation import COMMANDS, Kind

_COMMAND: Final = re.compile(r"\s*/(\w{1,32})(?:[.!?]*\s*|\s+(\S.*))", re.DOTALL)


def read_typed(text: str, commands: Collection[str] = COMMANDS) -> tuple[Kind, str, str]:
    """Its kind, action and utterance.

    Only the bot's own ``commands`` are commands. Any other slash is a slip of the thumb: the word behind it is heard
    like the rest ("/cant feel my legs").
    """
    found = _COMMAND.fullmatch(text)
    if found and found[1].lower() in commands:
        return Kind.COMMAND, found[1].lower(), (found[2] or "").strip()
    return Kind.TEXT, "", text
