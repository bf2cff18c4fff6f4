"""Bubbles as HTML. Everything is escaped; phone numbers and web addresses become links."""

import re
from collections.abc import Iterable
from html import escape

from bot.assistant.conversation import Block, BlockKind, Button, Reply
from bot.channels.web.transcript import Bubble, Who
from bot.safety import Level

_SPEAKERS = {Who.YOU: "You said:", Who.BOT: "The assistant said:", Who.NOTE: ""}
# In running text only international numbers and "call 999": "in 2 to 4 weeks" is no phone number.
_LINK = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)])|(?P<phone>\+\d[\d ()-]{6,}\d|(?<=\bcall )\d{3}\b(?![ -]?\d))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\+?\d[\d ()-]*\d")


def render_all(bubbles: Iterable[Bubble]) -> str:
    """Bubbles in a row; the speaker is named once per burst."""
    html: list[str] = []
    last: Who | None = None
    for bubble in bubbles:
        html.append(render(bubble, is_named=bubble.who is not last))
        last = bubble.who
    return "\n".join(html)


def render(bubble: Bubble, *, is_named: bool = True) -> str:
    """One bubble as a list item. ``is_named``: begins with who speaks, for those who can't see the sides."""
    level = bubble.reply.level if bubble.reply else None
    speaker = _SPEAKERS[bubble.who] if is_named else ""
    named = f'<p class="who">{speaker}</p>' if speaker else ""
    inside = _reply(bubble.reply) if bubble.reply else f"<p>{_lines(bubble.text)}</p>"
    note = f'<p class="status">{escape(bubble.note)}</p>' if bubble.note else ""
    kinds = " ".join(["turn", bubble.who.value, *([level.value] if level else [])])
    return (
        f'<li class="{kinds}" id="t-{escape(bubble.id)}" data-answers="{escape(bubble.answers)}">'
        f'{named}<div class="bubble">{inside}</div>{_buttons(bubble)}{note}</li>'
    )


def plain_transcript(bubbles: Iterable[Bubble]) -> str:
    """The conversation as text to keep."""
    speakers = {Who.YOU: "You: ", Who.BOT: "Assistant: ", Who.NOTE: ""}
    return "\n\n".join(speakers[bubble.who] + bubble.plain for bubble in bubbles) + "\n"


def link_number(number: str) -> str:
    """A phone number as a link that dials it; words stay words."""
    return _NUMBER.sub(lambda match: _tel(match.group()), escape(number))


def _reply(reply: Reply) -> str:
    is_card = reply.level in (Level.EMERGENCY, Level.URGENT)
    return "".join(_block(block, is_card and index == 0) for index, block in enumerate(reply.blocks))


def _block(block: Block, is_banner: bool) -> str:
    match block.kind:
        case BlockKind.HEADING:
            return f"<h2{' class=banner' if is_banner else ''}>{escape(block.text)}</h2>"
        case BlockKind.BULLETS:
            return "<ul>" + "".join(f"<li>{_lines(item)}</li>" for item in block.items) + "</ul>"
        case BlockKind.NUMBER:
            return f'<p class="number">{link_number(block.text)}</p>'
        case BlockKind.NOTE:
            return f'<p class="small">{_lines(block.text)}</p>'
        case BlockKind.PARAGRAPH:
            return f"<p>{_lines(block.text)}</p>"


def _lines(text: str) -> str:
    """Escaped text with its line ends, numbers and addresses."""
    html, end = "", 0
    for match in _LINK.finditer(text):
        found = match.group()
        html += escape(text[end : match.start()])
        html += _tel(found) if match.group("phone") else f'<a href="{escape(found)}" rel="noopener">{escape(found)}</a>'
        end = match.end()
    return (html + escape(text[end:])).replace("\n", "<br>")


def _tel(number: str) -> str:
    dialled = re.sub(r"[^\d+]", "", number)
    return f'<a href="tel:{dialled}">{number}</a>'


def _buttons(bubble: Bubble) -> str:
    if bubble.reply is None or not bubble.reply.buttons:
        return ""
    rows = ("".join(_button(bubble.id, button) for button in row) for row in bubble.reply.buttons)
    return '<div class="buttons">' + "".join(f'<div class="row">{row}</div>' for row in rows) + "</div>"


def _button(bubble_id: str, button: Button) -> str:
    # All buttons belong to the one form of the page, so that what was typed travels along and is not lost.
    value = escape(f"{bubble_id} {button.action} {button.label}")
    return f'<button form="composer" formnovalidate name="tap" value="{value}">{escape(button.label)}</button>'
