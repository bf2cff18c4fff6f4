"""What is kept of a turn, how long, and how it is erased."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from bot.assistant.conversation import Escalated, Feedback, Forget, Missed
from bot.store.pseudonyms import Pseudonyms
from bot.store.tables import CLINIC, State, alarms, conversations, feedback, inbox, missed, outbox, staff_steps, tallies
from bot.store.values import Handled

DAY = 86_400.0
IDS_STAY = 2 * DAY  # so that an update delivered twice is known
CONVERSATIONS_STAY = 2 * DAY
FEEDBACK_STAYS = 365 * DAY


def has_alarm(handled: Handled) -> bool:
    return any(isinstance(record, Escalated) for record in handled.records)


def write(connection: Connection, handled: Handled, outbox_id: int | None, now: float, pseudonyms: Pseudonyms) -> None:
    message = handled.incoming.message
    person = pseudonyms.of(message.channel, message.chat)
    common: dict[str, Any] = {"clinic": CLINIC, "person": person}
    for record in handled.records:
        match record:
            case Escalated(rule, level, version):
                row = {"rule": rule, "level": level.value, "content_version": version, "outbox_id": outbox_id}
                times = {"written_at": message.sent_at.timestamp(), "stored_at": now}
                connection.execute(insert(alarms).values(**common, **row, **times))
            case Missed(utterance, reason, candidates):
                row = {"utterance": utterance, "reason": reason, "candidates": json.dumps(candidates)}
                connection.execute(insert(missed).values(**common, **row, created_at=now))
            case Feedback(entry, is_helpful):
                values = {"entry": entry, "is_helpful": is_helpful, "content_version": handled.content_version}
                connection.execute(insert(feedback).values(**common, **values, created_at=now))
            case Forget():
                forget(connection, message.channel, message.chat, person)


def mark_alarm_sent(connection: Connection, outbox_id: int, sent_id: str, now: float) -> None:
    connection.execute(update(alarms).where(alarms.c.outbox_id == outbox_id).values(sent_at=now, sent_id=sent_id))


def forget(connection: Connection, channel: str, chat: str, person: str) -> None:
    """Erases what is stored about a chat. Alarm records stay for a year, but no longer say whose they are."""
    connection.execute(delete(conversations).where(conversations.c.channel == channel, conversations.c.chat == chat))
    connection.execute(delete(missed).where(missed.c.person == person))
    connection.execute(delete(feedback).where(feedback.c.person == person))
    connection.execute(update(alarms).where(alarms.c.person == person).values(person=""))
    is_dead_letter = (inbox.c.channel == channel) & (inbox.c.chat == chat) & (inbox.c.state == int(State.DEAD_LETTER))
    connection.execute(
        update(inbox).where(is_dead_letter).values(chat="", message=None, origin="{}", state=int(State.DONE))
    )


def expire(connection: Connection, now: float, missed_days: int, alarm_days: int) -> int:
    """Deletes what has been kept long enough; returns how many rows."""
    text_stays, alarms_stay = missed_days * DAY, alarm_days * DAY
    old = [
        delete(inbox).where(inbox.c.state == int(State.DONE), inbox.c.done_at < now - IDS_STAY),
        delete(inbox).where(inbox.c.state == int(State.DEAD_LETTER), inbox.c.done_at < now - text_stays),
        delete(outbox).where(outbox.c.state != int(State.WAITING), outbox.c.created_at < now - IDS_STAY),
        delete(conversations).where(conversations.c.updated_at < now - CONVERSATIONS_STAY),
        delete(missed).where((missed.c.created_at < now - text_stays) | missed.c.dealt_with_at.is_not(None)),
        delete(feedback).where(feedback.c.created_at < now - FEEDBACK_STAYS),
        delete(alarms).where(alarms.c.stored_at < now - alarms_stay),
        delete(staff_steps).where(staff_steps.c.updated_at < now - text_stays),
        delete(tallies).where(tallies.c.day < datetime.fromtimestamp(now - FEEDBACK_STAYS, UTC).date().isoformat()),
    ]
    return sum(max(connection.execute(statement).rowcount, 0) for statement in old)


@dataclass(frozen=True, slots=True)
class MissedUtterance:
    """``utterance`` had its identifiers taken out before it was stored. ``times``: how often it was asked so."""

    id: int
    utterance: str
    reason: str
    candidates: tuple[str, ...]
    asked_at: datetime
    times: int


def list_missed(connection: Connection, limit: int = 1000) -> list[MissedUtterance]:
    """What nobody could answer and staff have not dealt with: the most frequent first, then the newest."""
    count, latest, first = (
        func.count().label("times"),
        func.max(missed.c.created_at).label("latest"),
        func.min(missed.c.id),
    )
    rows = connection.execute(
        select(first, missed.c.utterance, func.max(missed.c.reason), func.max(missed.c.candidates), latest, count)
        .where(missed.c.dealt_with_at.is_(None))
        .group_by(missed.c.utterance)
        .order_by(count.desc(), latest.desc())
        .limit(limit)
    )
    return [
        MissedUtterance(row[0], row[1], row[2], tuple(json.loads(row[3])), datetime.fromtimestamp(row[4], UTC), row[5])
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside after five failed tries. Its text is not shown."""

    id: int
    channel: str
    kind: str
    error: str
    received_at: datetime


def list_dead_letters(connection: Connection) -> list[DeadLetter]:
    rows = connection.execute(select(inbox).where(inbox.c.state == int(State.DEAD_LETTER)).order_by(inbox.c.id))
    return [
        DeadLetter(
            row.id,
            row.channel,
            json.loads(row.message).get("kind", "?"),
            row.error or "",
            datetime.fromtimestamp(row.received_at, UTC),
        )
        for row in rows
    ]


def retry_dead_letters(connection: Connection, row_id: int | None) -> int:
    """Puts one dead letter, or all, back; they are answered at the next start. Returns how many."""
    where = inbox.c.state == int(State.DEAD_LETTER)
    if row_id is not None:
        where &= inbox.c.id == row_id
    changed = update(inbox).where(where).values(state=int(State.WAITING), attempts=0, error=None, done_at=None)
    return max(connection.execute(changed).rowcount, 0)
