"""Replies as Telegram shows them: HTML with everything escaped, or bare text when that was refused."""

from html import escape
from typing import Final

from bot.assistant.conversation import Block, BlockKind, Reply
from bot.understanding.text import utf16_length

MAX_UNITS: Final = 4096
MAX_LABEL: Final = 64
MAX_CALLBACK_BYTES: Final = 64

Keyboard = list[list[dict[str, str]]]


def as_html(reply: Reply) -> str:
    """The reply for ``parse_mode=HTML``. Longer than Telegram takes (after its entities are read): as bare text."""
    return "\n\n".join(_block(block) for block in reply.blocks)


def _block(block: Block) -> str:
    text = escape(block.text, quote=False)
    match block.kind:
        case BlockKind.HEADING:
            return f"<b>{text}</b>"
        case BlockKind.BULLETS:
            return "\n".join(f"• {escape(item, quote=False)}" for item in block.items)
        case BlockKind.NOTE:
            return f"<i>{text}</i>"
        case _:
            return text


def as_text(reply: Reply) -> str:
    """Bare text, cut to what Telegram takes."""
    text = reply.plain() or "…"
    if utf16_length(text) <= MAX_UNITS:
        return text
    encoded = text.encode("utf-16-le")[: 2 * (MAX_UNITS - 1)]
    return encoded.decode("utf-16-le", "ignore") + "…"


def fits(reply: Reply) -> bool:
    text = reply.plain()
    return 0 < len(text) <= MAX_UNITS and (len(text) * 2 <= MAX_UNITS or utf16_length(text) <= MAX_UNITS)


def keyboard(reply: Reply) -> Keyboard:
    """Rows of callback buttons. One Telegram would refuse, and the whole message with it, is left out."""
    rows = [
        [
            {"text": button.label[:MAX_LABEL], "callback_data": button.action}
            for button in row
            if _is_allowed(button.action, button.label)
        ]
        for row in reply.buttons
    ]
    return [row for row in rows if row]


def _is_allowed(action: str, label: str) -> bool:
    return bool(label.strip()) and 0 < len(action.encode()) <= MAX_CALLBACK_BYTES
