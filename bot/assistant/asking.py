"""One question outside any chat: the fixed JSON line of ``ask --jsonl``, and the explanation of ``ask``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bot.assistant import Assistant
from bot.assistant.conversation import Conversation, Kind, Message, Outcome, Turn
from bot.safety import Finding, Level, Screening
from bot.safety.model import nearest_taught

_KINDS = {
    Outcome.ANSWER: "answer",
    Outcome.DISAMBIGUATION: "suggest",
    Outcome.FALLBACK: "fallback",
    Outcome.ESCALATION: "escalate",
    Outcome.SMALL_TALK: "smalltalk",
    Outcome.HANDOFF: "answer",
}

MOST_TAUGHT = 100  # characters of a taught message that are shown


def ask(assistant: Assistant, utterance: str, now: datetime) -> Turn:
    """The turn of a fresh conversation whose first message is ``utterance``."""
    message = Message(channel="ask", chat="ask", update_id="0", kind=Kind.TEXT, text=utterance, sent_at=now, now=now)
    return assistant.reply(message, Conversation())


def as_json(turn: Turn) -> dict[str, Any]:
    """The fixed format: kind, entry, suggestions, level, rule, score (see ``ask --help``)."""
    top = _named(turn.screening) if turn.screening else None
    return {
        "kind": _KINDS.get(turn.outcome, "fallback"),
        "entry": turn.entry or None,
        "suggestions": [[candidate.entry, round(candidate.score, 4)] for candidate in turn.suggestions],
        "level": top.level.value if top else None,
        "rule": top.rule if top else None,
        "score": round(min(max(turn.score, 0.0), 1.0), 4),
    }


def _named(screening: Screening) -> Finding | None:
    """The finding that the line names: a level that is raised comes before a question that stands beside it."""
    return next((finding for finding in screening.findings if finding.level is not Level.CHECK), screening.top)


def explain(assistant: Assistant, utterance: str, now: datetime) -> Iterator[str]:
    """Lines that say what was screened, which entries came near and why, and what was decided."""
    turn = ask(assistant, utterance, now)
    yield f"content    {assistant.version}"
    if assistant.overrides.is_paused:
        yield "paused     staff paused all answers; warnings go on"
    yield from (f"silenced   {entry}" for entry in sorted(assistant.overrides.off))
    yield from _screened(turn)
    yield from _taught(assistant, utterance)
    top = turn.screening.top if turn.screening else None
    if not (top and top.level is Level.EMERGENCY):
        yield from _ranked(assistant, utterance)
    yield f"decision   {turn.outcome.value}" + (f": {turn.entry}" if turn.entry else "")
    if turn.failure:
        yield f"failure    {turn.failure}"
    if turn.reply:
        yield "reply"
        yield from (f"    {line}" for line in turn.reply.plain().splitlines())
        yield from (f"    [{button.label}]" for row in turn.reply.buttons for button in row)


def _screened(turn: Turn) -> Iterator[str]:
    screening = turn.screening
    if screening is None or not (screening.findings or screening.blocked or screening.is_foreign):
        yield "screened   no red flag was met"
        return
    for finding in screening.findings:
        yield f"screened   {finding.level.value}: {finding.rule}"
        yield from (f"           {evidence}" for evidence in finding.evidence)
    yield from (f"blocked    {blocked}" for blocked in screening.blocked)
    if screening.is_foreign:
        yield "screened   another language or script"


def _taught(assistant: Assistant, utterance: str) -> Iterator[str]:
    """What the model was taught of messages like this one: it can't say more of why."""
    (parsed,) = assistant.parse([utterance])
    if parsed.vectors is None:
        yield f"model      missing: {assistant.trouble or 'it failed on this message'}"
        return
    for likeness, label, text in nearest_taught(parsed.vectors.signs[0]):
        yield f"taught     {likeness:5.2f}  {label}: {text[:MOST_TAUGHT]}{'…' * (len(text) > MOST_TAUGHT)}"


def _ranked(assistant: Assistant, utterance: str) -> Iterator[str]:
    ranking = assistant.rank(utterance)
    for index, candidate in enumerate(ranking.candidates):
        yield f"{'candidates' if index == 0 else '':<10} {candidate.score:6.1%}  {candidate.entry}"
    yield f"none       {ranking.none:6.1%}  that no entry fits"
    yield f"confidence {ranking.confidence.value}, margin {ranking.margin:.1%}" + (
        f", small talk: {ranking.small_talk}" if ranking.small_talk else ""
    )
    if ranking.also:
        yield f"also       {ranking.also.score:6.1%}  {ranking.also.entry}"
    if ranking.why:
        yield "words      " + ", ".join(ranking.why)
