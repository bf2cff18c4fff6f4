"""What the bot says to staff."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bot.assistant import Assistant
from bot.assistant.asking import ask
from bot.assistant.conversation import Block, BlockKind, Button, Message, Reply
from bot.assistant.replies import Replies, blocks
from bot.checking.readability import smog
from bot.content import Clinic, Content
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
LOOKING = "Looking at the files again."
NEW_ENTRY = "Send the question on the first line, the answer below it, and last “Source: title, publisher”."
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


def list_first(lines: Sequence[object], most: int) -> str:
    """The first lines of a list, and how many more there are."""
    more = [f"- and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*(f"- {line}" for line in lines[:most]), *more])


def list_reasons(problems: Sequence[Problem]) -> str:
    """Why something is refused, with file and line."""
    return list_first(problems, MOST_PROBLEMS)


def describe_effects(verdict: Verdict) -> str:
    """What an edit means for patients."""
    parts = [list_first(verdict.summary, MOST_LINES) or "Patients see no difference."]
    if verdict.differences:
        parts.append("These messages get another reply:\n" + list_first(verdict.differences, MOST_DIFFERENCES))
    else:
        parts.append("No known message gets another reply.")
    if verdict.remarks:
        parts.append(describe_remarks(verdict.remarks))
    return "\n\n".join(parts)


def describe_remarks(remarks: Sequence[Problem]) -> str:
    return f"An editor would say:\n{list_reasons(remarks)}" if remarks else ""


def describe_refusal(verdict: Verdict) -> str:
    return f"Not live; patients get the answers from before. Mend this first:\n{list_reasons(verdict.refused)}"


def show_proposal(
    verdict: Verdict, step: int, shown: tuple[Block, ...] = (), notes: Sequence[str] = (), *, replaces: bool
) -> Reply:
    """The preview of an edit with its two buttons; ``shown`` is what patients will see, ``notes`` stand on top."""
    shown = (*(Block(BlockKind.PARAGRAPH, note) for note in notes), *shown)
    last = Button("Throw away", f"s:{step}:x")
    if not verdict.is_good:
        return Reply((*blocks(describe_refusal(verdict)), *shown), ((last,),), replaces=replaces)
    note = f"Not live yet. This would change:\n{describe_effects(verdict)}"
    note += f"\n\n{NEEDS_REVIEWER}" if verdict.is_medical else ""
    go = Button("Put live", f"s:{step}:a")
    return Reply((*shown, *blocks(note)), ((go, last),), replaces=replaces)


def preview_entry(content: Content, entry_id: str, now: datetime) -> tuple[Block, ...]:
    """An entry as patients see it, made by their own renderer, then its reading grade and length."""
    entry = content.entry(entry_id)
    if entry is None:
        return ()
    measured = (
        f"SMOG grade {smog(entry.answer):.1f} (9 or less is easy), {utf16_length(entry.answer)} of 900 characters."
    )
    shown = (Block(BlockKind.HEADING, entry.question), *Replies(content).answer(entry, now))
    return (*shown, Block(BlockKind.NOTE, measured))


def ask_for_fact(fact: str, clinic: Clinic) -> str:
    """What the clinic has now, and a question for the new value."""
    if fact == "hours":
        now = "\n".join(f"- {line}" for line in clinic.hours)
        return f"The ordinary week is:\n{now}\n\nSend it anew, a line each."
    if fact == "closed":
        return "When are you closed? Such as 24 Dec, or 24 Dec 12:00 – 3 Jan."
    return f"The phone is {clinic.phone}. Send the new one, with + and country code."


def describe_news(verdict: Verdict, change: Change | None) -> Reply:
    """What became of files that somebody saved."""
    if change:
        live = describe_live(change, replaces=False)
        return Reply(live.blocks + said(describe_remarks(verdict.remarks)).blocks, live.buttons)
    if verdict.is_good:
        return said(describe_remarks(verdict.remarks) or FINE_AGAIN)
    return said(f"A file was saved. {describe_refusal(verdict)}", column((button(0, "reload", "Look again"),)))


def describe_live(change: Change, *, replaces: bool) -> Reply:
    text = f"Live: change {change.number} by {change.who}.\n{_list_effects(change)}"
    return said(text, ((undo_button(change.number),),), replaces=replaces)


def show_change(change: Change) -> Reply:
    head = f"Change {change.number}, {change.at:%d %b %Y %H:%M} UTC, by {change.who}:"
    text = f"{head}\n{_list_effects(change)}\n\nFiles: {', '.join(change.after)}"
    return said(text, ((undo_button(change.number),),))


def _list_effects(change: Change) -> str:
    return "\n".join(f"- {line}" for line in change.summary) or "- Nothing that patients see."


def list_changes(changes: Sequence[Change]) -> Reply:
    """The newest changes, one line each."""
    undone = {change.undoes for change in changes if change.undoes}
    lines = [
        f"- {one.number} · {one.at:%d %b %H:%M} · {one.who}: {one.title}{' (undone)' if one.number in undone else ''}"
        for one in changes
    ]
    rows = column(undo_button(one.number) for one in changes[:3] if one.number not in undone)
    return said("The last changes:\n" + "\n".join(lines) if lines else "Nothing was changed yet.", rows)


def show_entry(assistant: Assistant, text: str) -> Reply:
    """An entry as patients see it, or the likely ones for the words ``text``."""
    content = assistant.content
    if entry := content.entry(text):
        change = button(0, f"c:{entry.id}", "Change the answer")
        add = button(0, f"p:{entry.id}", "Add a way to ask")
        silence = button(0, f"off:{entry.id}", "Silence it")
        return Reply(preview_entry(content, entry.id, datetime.now(UTC)), ((change, add), (silence,)))
    likely = assistant.rank(text).candidates[:5] if text else ()
    found = [content.entries[one.entry] for one in likely if one.entry in content.entries]
    rows = column(button(0, f"e:{one.id}", one.question) for one in found)
    return said("Which answer?" if rows else "Write /edit and a word of the question.", rows)


def show_as_patient(assistant: Assistant, message: Message) -> Reply:
    """What a patient would get for a message."""
    turn = ask(assistant, message.text, message.now)
    if turn.reply is None:
        return said(HELP)
    names = [turn.entry] if turn.entry else [candidate.entry for candidate in turn.suggestions]
    rows = column(button(0, f"e:{name}", f"Edit “{name}”") for name in names if name)
    return Reply(said("A patient who writes that gets:").blocks + turn.reply.blocks, rows)
