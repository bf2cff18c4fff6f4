"""What the bot says to staff."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.assistant.conversation import Block, BlockKind, Button, Reply
from bot.assistant.replies import Replies, blocks
from bot.checking.readability import smog
from bot.content import Content
from bot.errors import Problem
from bot.staff.history import Change
from bot.staff.snapshots import Verdict
from bot.understanding.text import utf16_length

MOST_PROBLEMS = 6
MOST_DIFFERENCES = 6
MOST_LINES = 30
LABEL = 40

HELP = """\
Write a question as a patient would, and I show what they get. In a group where I am no admin, answer a message of \
mine, or begin with my name.

- /edit ice: see an answer, change it
- /hours, /closed today, /phone: the clinic's facts
- /off ice, /on ice: silence an answer
- /pause, /resume: only warnings and the clinic's phone
- /missed: questions I could not answer
- /history, /show 17, /undo 17
- /reload: look at the files again
- /report: the last seven days"""
NOT_STAFF = "You are not in the list of staff (STAFF_USER_IDS). Ask the operator to add {user}."
ANONYMOUS = """\
You write as a group or a channel (an anonymous admin does), so I can't know who you are, and did nothing. Switch \
“Remain anonymous” off in your rights as an admin, and write again."""
ANONYMOUS_SEEN = (
    "In the staff's chat somebody writes as a group or a channel (an anonymous admin): that is not taken. "
    "Switch “Remain anonymous” off in the admin's rights."
)
ELSEWHERE = "This is not the staff's chat, so I did nothing. To make it that, the operator sets STAFF_CHAT_ID={id}."
MOVED = "Telegram gave the staff's group a new id. The bot follows; the operator sets STAFF_CHAT_ID={id}."
REFUSED = (
    "Telegram refuses what the bot posts in the staff's chat, STAFF_CHAT_ID {id}: the id is wrong, the bot is no member, "
    "or it may not write. Add it to the group, let it write, and set STAFF_CHAT_ID to the group's id."
)
SHUT = "I can't write in the staff's chat, so nobody sees there what patients ask and what goes wrong. What I would post waits."
SET_ASIDE = "{count} message(s) of patients could not be handled and were set aside. The operator sees more: python -m bot stuck"
ONLY_TEXT = "I can only read text."
NEAR = "There is no /{typed}. Did you mean /{near}?"
WAITING = "Checking, a few seconds …"
NEEDS_REVIEWER = "A reviewer must tap this: it changes medical text."
ERASED = "That question was erased meanwhile."
FINE_AGAIN = "All fine again: the files are what patients get. Nothing changed for them."
SHOWN_LONG_AGO = "This was shown a while ago. Look again, then tap."
CHANGED_SINCE = "Somebody changed this meanwhile. Look again, then tap."
TRY_AGAIN = "Try again: reply to this message."
INSTEAD_OF = "The open proposal of {who} for the same thing is closed: this one stands."
OVER = "That is settled already."

Rows = tuple[tuple[Button, ...], ...]


def said(text: str, buttons: Rows = (), *, replaces: bool = False) -> Reply:
    return Reply(blocks(text), buttons, replaces=replaces)


def label(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1].rstrip() + "…"


def button(step: int, verb: str, text: str) -> Button:
    """A button of an open step. The step's details are in the store, so this fits Telegram's 64 bytes."""
    return Button(label(text), f"s:{step}:{verb}")


def undo_button(number: int) -> Button:
    return Button(f"Undo change {number}", f"u:{number}")


def column(buttons: Iterable[Button]) -> Rows:
    return tuple((one,) for one in buttons)


def reasons(problems: Sequence[Problem]) -> str:
    """Why something is refused, with file and line."""
    lines = [f"- {problem}" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"- and {len(problems) - MOST_PROBLEMS} more")
    return "\n".join(lines)


def effects(verdict: Verdict) -> str:
    """What an edit means for patients."""
    lines = [f"- {line}" for line in verdict.summary[:MOST_LINES]]
    if len(verdict.summary) > MOST_LINES:
        lines.append(f"- and {len(verdict.summary) - MOST_LINES} more")
    parts = ["\n".join(lines) or "Patients see no difference."]
    if verdict.differences:
        shown = [f"- {one}" for one in verdict.differences[:MOST_DIFFERENCES]]
        if len(verdict.differences) > MOST_DIFFERENCES:
            shown.append(f"- and {len(verdict.differences) - MOST_DIFFERENCES} more")
        parts.append("These messages get another reply:\n" + "\n".join(shown))
    else:
        parts.append("No known message gets another reply.")
    if verdict.remarks:
        parts.append(editor(verdict.remarks))
    return "\n\n".join(parts)


def editor(remarks: Sequence[Problem]) -> str:
    return f"An editor would say:\n{reasons(remarks)}" if remarks else ""


def refusal(verdict: Verdict) -> str:
    return f"Not live; patients get the answers from before. Mend this first:\n{reasons(verdict.refused)}"


def proposal(
    verdict: Verdict, step: int, shown: tuple[Block, ...] = (), notes: Sequence[str] = (), *, replaces: bool
) -> Reply:
    """The preview of an edit with its two buttons; ``shown`` is what patients will see, ``notes`` stand on top."""
    shown = (*(Block(BlockKind.PARAGRAPH, note) for note in notes), *shown)
    last = Button("Throw away", f"s:{step}:x")
    if not verdict.is_good:
        return Reply((*blocks(refusal(verdict)), *shown), ((last,),), replaces=replaces)
    note = f"Not live yet. This would change:\n{effects(verdict)}"
    note += f"\n\n{NEEDS_REVIEWER}" if verdict.is_medical else ""
    go = Button("Put live", f"s:{step}:a")
    return Reply((*shown, *blocks(note)), ((go, last),), replaces=replaces)


def preview(content: Content, entry_id: str, now: datetime) -> tuple[Block, ...]:
    """An entry as patients see it, made by their own renderer, then its reading grade and length."""
    entry = content.entry(entry_id)
    if entry is None:
        return ()
    measured = (
        f"SMOG grade {smog(entry.answer):.1f} (9 or less is easy), {utf16_length(entry.answer)} of 900 characters."
    )
    shown = (Block(BlockKind.HEADING, entry.question), *Replies(content).answer(entry, now))
    return (*shown, Block(BlockKind.NOTE, measured))


def live(change: Change, *, replaces: bool) -> Reply:
    lines = "\n".join(f"- {line}" for line in change.summary) or "- Nothing that patients see."
    text = f"Live: change {change.number} by {change.who}.\n{lines}"
    return said(text, ((undo_button(change.number),),), replaces=replaces)


def listed(changes: Sequence[Change], undone: Iterable[int]) -> str:
    """The newest changes, one line each."""
    taken = set(undone)
    lines = [
        f"- {one.number} · {one.at:%d %b %H:%M} · {one.who}: {one.title}{' (undone)' if one.number in taken else ''}"
        for one in changes
    ]
    return "The last changes:\n" + "\n".join(lines) if lines else "Nothing was changed yet."
