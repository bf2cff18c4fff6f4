"""What staff have open: steps by number, questions nobody could answer, messages to the staff chat, weekly counts."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from bot.assistant.conversation import Message, Reply
from bot.store.queues import insert
from bot.store.tables import CLINIC, alarms, feedback, missed, outbox, staff_steps, tallies
from bot.store.values import Origin, Outgoing
from bot.store.writer import Writer

OPEN, WORKING, DONE = "open", "working", "done"


@dataclass(frozen=True, slots=True)
class Step:
    """Something begun in the staff chat. ``subject`` finds it again; ``user`` is whose text it waits for, if any."""

    id: int
    kind: str
    state: str
    subject: str
    user: str
    details: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MissedRow:
    """A stored missed utterance, identifiers taken out."""

    id: int
    utterance: str
    reason: str
    candidates: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in a span of time. ``outcomes`` by outcome and entry; ``feedback`` 👍 and 👎 by entry.

    ``missed`` questions wait for staff; ``near``: how many of them by the entry that came nearest.
    """

    outcomes: Mapping[tuple[str, str], int]
    feedback: Mapping[str, tuple[int, int]]
    alarms: Mapping[str, int]
    missed: int
    near: Mapping[str, int] = field(default_factory=dict)


class StaffStore:
    """Each method is one transaction and raises StoreError when the database fails."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def begin(self, kind: str, details: Mapping[str, Any], *, subject: str = "", user: str = "") -> Step:
        """A new open step. What the user was to type for an earlier one is no longer waited for."""
        return await self._writer.write(lambda c: _begin(c, kind, details, subject, user, time.time()))

    async def step(self, step_id: int) -> Step | None:
        return await self._writer.write(
            lambda c: _one(c.execute(select(staff_steps).where(staff_steps.c.id == step_id)).first())
        )

    async def awaited(self, message: Message, since: float) -> Step | None:
        """The step begun after ``since`` (seconds since 1970) whose prompt ``message`` is a reply to."""
        return await self._writer.write(lambda c: _awaited(c, message, since))

    async def working(self) -> list[Step]:
        """Steps that a kill interrupted."""
        wanted = select(staff_steps).where(staff_steps.c.state == WORKING).order_by(staff_steps.c.id)
        return await self._writer.write(lambda c: [_step(row) for row in c.execute(wanted)])

    async def opened(self, kind: str) -> list[Step]:
        """Steps of a kind that wait for a tap."""
        wanted = select(staff_steps).where(staff_steps.c.kind == kind, staff_steps.c.state == OPEN)
        return await self._writer.write(lambda c: [_step(row) for row in c.execute(wanted)])

    async def take(self, step_id: int, before: str, after: str) -> bool:
        """Moves a step on; False when somebody else was faster."""
        moved = update(staff_steps).where(staff_steps.c.id == step_id, staff_steps.c.state == before)
        values = {"state": after, "updated_at": time.time()}
        return await self._writer.write(lambda c: c.execute(moved.values(values)).rowcount == 1)

    async def save(self, step_id: int, details: Mapping[str, Any], state: str) -> None:
        values = {"details": _json(details), "state": state, "updated_at": time.time()}
        changed = update(staff_steps).where(staff_steps.c.id == step_id).values(values)
        await self._writer.write(lambda c: c.execute(changed))

    async def subjects(self, kind: str) -> set[str]:
        """Subjects of all steps of a kind that are still kept."""
        wanted = select(staff_steps.c.subject).where(staff_steps.c.kind == kind)
        return await self._writer.write(lambda c: set(c.scalars(wanted)))

    async def post(
        self,
        channel: str,
        chat: str,
        reply: Reply,
        *,
        message_id: str = "",
        origin: Origin | None = None,
        answers: str = "",
    ) -> Outgoing:
        """Stores a message to be handed to the outbox. ``message_id``: the one it replaces; ``answers``: the update id
        of the message that it belongs to, if any."""
        row = {"channel": channel, "chat": chat, "message_id": message_id, "answers": answers}
        return await self._writer.write(lambda c: _post(c, row, reply, origin or {}, time.time()))

    async def missed(self, ids: Iterable[int] | None = None) -> list[MissedRow]:
        """Missed utterances that nobody has dealt with, the oldest first."""
        wanted = select(missed).where(missed.c.dealt_with_at.is_(None)).order_by(missed.c.id)
        if ids is not None:
            wanted = wanted.where(missed.c.id.in_(list(ids)))
        return await self._writer.write(lambda c: [_missed(row) for row in c.execute(wanted)])

    async def deal_with(self, ids: Sequence[int]) -> None:
        """The words are deleted within the hour."""
        done = update(missed).where(missed.c.id.in_(list(ids))).values(dealt_with_at=time.time())
        await self._writer.write(lambda c: c.execute(done))

    async def tally(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Adds to today's counts of outcome and entry."""
        await self._writer.write(lambda c: _tally(c, counted, _day(time.time())))

    async def counts(self, since: float, until: float) -> Counts:
        """What happened between two moments (seconds since 1970); tallies by whole days, UTC."""
        return await self._writer.write(lambda c: read_counts(c, since, until))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _begin(connection: Connection, kind: str, details: Mapping[str, Any], subject: str, user: str, now: float) -> Step:
    if user:
        earlier = update(staff_steps).where(staff_steps.c.user == user, staff_steps.c.state == OPEN)
        connection.execute(earlier.values(state=DONE, updated_at=now))
    values = {"clinic": CLINIC, "kind": kind, "state": OPEN, "subject": subject, "user": user}
    row = {**values, "details": _json(details), "created_at": now, "updated_at": now}
    step_id = connection.execute(staff_steps.insert().returning(staff_steps.c.id), row).scalar_one()
    return Step(step_id, kind, OPEN, subject, user, details, datetime.fromtimestamp(now, UTC))


def _awaited(connection: Connection, message: Message, since: float) -> Step | None:
    # What is sent keeps its id, and that of the message it answers; its chat is erased.
    is_it = (outbox.c.channel == message.channel) & (outbox.c.sent_id == message.replies_to)
    replied_to = select(outbox.c.answers).where(is_it)
    asked_by = set(connection.scalars(replied_to)) if message.replies_to else set()
    wanted = (staff_steps.c.user == message.user) & (staff_steps.c.state == OPEN) & (staff_steps.c.created_at > since)
    steps = map(_step, connection.execute(select(staff_steps).where(wanted)))
    return next((step for step in steps if asked_by.intersection(step.details.get("prompts", ()))), None)


def _one(row: Any) -> Step | None:
    return _step(row) if row else None


def _step(row: Any) -> Step:
    at = datetime.fromtimestamp(row.created_at, UTC)
    return Step(row.id, row.kind, row.state, row.subject, row.user, json.loads(row.details), at)


def _missed(row: Any) -> MissedRow:
    candidates = tuple(json.loads(row.candidates))
    return MissedRow(row.id, row.utterance, row.reason, candidates, datetime.fromtimestamp(row.created_at, UTC))


def _post(connection: Connection, at: Mapping[str, str], reply: Reply, origin: Origin, now: float) -> Outgoing:
    row = {"clinic": CLINIC, "reply": _json(reply.to_json()), "origin": _json(dict(origin)), "created_at": now, **at}
    row_id = connection.execute(outbox.insert().returning(outbox.c.id), row).scalar_one()
    return Outgoing(
        id=row_id, channel=at["channel"], chat=at["chat"], message_id=at["message_id"], answers=at["answers"],
        reply=reply, origin=origin, since=now,
    )  # fmt: skip


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _tally(connection: Connection, counted: Mapping[tuple[str, str], int], day: str) -> None:
    rows = [
        {"day": day, "outcome": outcome, "entry": entry, "times": n} for (outcome, entry), n in counted.items() if n
    ]
    if rows:
        statement = insert(connection, tallies)
        added = tallies.c.times + statement.excluded.times
        connection.execute(
            statement.on_conflict_do_update(index_elements=["day", "outcome", "entry"], set_={"times": added}), rows
        )


def read_counts(connection: Connection, since: float, until: float) -> Counts:
    """See ``StaffStore.counts``."""
    days = select(tallies.c.outcome, tallies.c.entry, func.sum(tallies.c.times)).where(
        tallies.c.day >= _day(since), tallies.c.day <= _day(until)
    )
    outcomes = {(o, e): int(n) for o, e, n in connection.execute(days.group_by(tallies.c.outcome, tallies.c.entry))}
    votes: dict[str, list[int]] = {}
    rated = select(feedback.c.entry, feedback.c.is_helpful, func.count()).where(
        feedback.c.created_at.between(since, until)
    )
    for entry, is_helpful, n in connection.execute(rated.group_by(feedback.c.entry, feedback.c.is_helpful)):
        votes.setdefault(entry, [0, 0])[0 if is_helpful else 1] += n
    raised = select(alarms.c.rule, func.count()).where(alarms.c.stored_at.between(since, until))
    rules = {rule: int(n) for rule, n in connection.execute(raised.group_by(alarms.c.rule))}
    guessed = connection.execute(select(missed.c.candidates).where(missed.c.dealt_with_at.is_(None))).scalars()
    guesses = [json.loads(candidates) for candidates in guessed]
    near = Counter(str(entries[0]) for entries in guesses if entries)
    return Counts(outcomes, {name: (up, down) for name, (up, down) in votes.items()}, rules, len(guesses), near)
