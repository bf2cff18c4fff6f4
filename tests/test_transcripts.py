"""Conversations as people have them, played through the real content, screening and matcher."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from fakes import NOON, command, tap, text

from bot.assistant.conversation import Conversation, Kind

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.yaml"))
KEYS = {
    "patient", "tap", "command", "edits", "sends", "after", "late", "outcome", "entry", "shows", "level", "says",
    "never_says", "first_line", "buttons", "alarm",
}  # fmt: skip
_AFTER = re.compile(r"(\d+)\s*(minutes?|hours?)")


def message_of(turn, now):
    sent_at = now - timedelta(minutes=int(turn.get("late", 0)))
    if "tap" in turn:
        return tap(turn["tap"], now=now)
    if "command" in turn:
        return command(turn["command"], now=now)
    if "edits" in turn:
        return text(turn["edits"], now=now, kind=Kind.EDITED)
    if "sends" in turn:
        return text(
            turn.get("patient", ""),
            now=now,
            kind=Kind.TEXT if turn.get("patient") else Kind.UNREADABLE,
            attachment=turn["sends"],
        )
    return text(turn["patient"], now=now, sent_at=sent_at)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path, assistant):
    conversation, now = Conversation(), NOON
    for number, turn in enumerate(yaml.safe_load(path.read_text())["turns"], 1):
        assert set(turn) <= KEYS, f"turn {number}: {set(turn) - KEYS}"
        if "after" in turn:
            amount, unit = _AFTER.fullmatch(turn["after"]).groups()
            now += timedelta(**{unit.rstrip("s") + "s": int(amount)})
        result = assistant.reply(message_of(turn, now), conversation)
        conversation = result.conversation
        plain = result.reply.plain() if result.reply else result.toast
        where = f"turn {number}: {plain}"
        assert not result.failure, where
        top = result.screening.top
        if "outcome" in turn:
            assert result.outcome.value == turn["outcome"], where
        if "entry" in turn:
            assert result.entry == (turn["entry"] or ""), where
        if "shows" in turn:
            shown = [result.entry] if result.entry else [candidate.entry for candidate in result.suggestions]
            assert turn["shows"] in shown, f"{where}\nshown: {shown}"
        if "level" in turn:
            assert (top.level.value if top else "none") == turn["level"], where
        if "alarm" in turn:
            assert bool(conversation.raised(now)) is turn["alarm"], where
        if "first_line" in turn:
            assert plain.startswith(turn["first_line"]), where
        for said in turn.get("says", []):
            assert said in plain, where
        for unsaid in turn.get("never_says", []):
            assert unsaid not in plain, where
        labels = [button.action for row in result.reply.buttons for button in row] if result.reply else []
        for action in turn.get("buttons", []):
            assert action in labels, f"{where}\nbuttons: {labels}"
