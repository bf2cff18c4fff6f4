"""Statements of the path of a message: accept, finish, mark as sent. Each runs inside the writer's transaction."""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, select, update
from sqlalchemy.dialects import sqlite

from bot.assistant.conversation import Conversation, Message, Reply
from bot.safety import Level
from bot.store import records
from bot.store.pseudonyms import Pseudonyms
from bot.store.tables import CLINIC, State, conversations, inbox, outbox
from bot.store.values import MAX_TRIES, ChatKey, Handled, Incoming, Origin, Outgoing, Priority, Verdict

Stored = TypeVar("Stored")

# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it.
_DONE = (
    update(inbox)
    .where(inbox.c.id == bindparam("row"))
    .values(state=int(State.DONE), chat="", message=None, origin="{}", done_at=bindparam("at"))
)
_SENT = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"))
    .values(
        state=bindparam("is"),
        chat="",
        reply=None,
        toast="",
        origin="{}",
        sent_at=bindparam("at"),
        sent_id=bindparam("name"),
        error=bindparam("why"),
    )
)
_CONVERSATIONS = select(conversations.c.chat, conversations.c.state).where(
    conversations.c.channel == bindparam("at"), conversations.c.chat.in_(bindparam("ids", expanding=True))
)


@cache
def _accepting(dialect: str) -> Any:
    statement = _insert(dialect, inbox).on_conflict_do_nothing(index_elements=["channel", "update_id"])
    return statement.returning(inbox.c.id, inbox.c.channel, inbox.c.update_id)


@cache
def _remembering(dialect: str) -> Any:
    statement = _insert(dialect, conversations)
    changes = {"state": statement.excluded.state, "updated_at": statement.excluded.updated_at}
    return statement.on_conflict_do_update(index_elements=["channel", "chat"], set_=changes)


@cache
def _enqueueing(dialect: str) -> Any:
    return _insert(dialect, outbox).returning(outbox.c.id, sort_by_parameter_order=True)


def insert(connection: Connection, table: Any) -> Any:
    """INSERT that knows ON CONFLICT, which both databases write alike."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Any) -> Any:
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # a fifth of a second to import

    return postgresql.insert(table)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with what the screening at intake said of it, ready to be stored."""

    message: Message
    origin: Origin
    level: Level | None
    verdict: Verdict | None = None
    fault: str = ""

    def cleaned(self, fault: str) -> "Arrival":
        """As far as any database takes it: no lone surrogates, no NUL."""
        texts: dict[str, Any] = {name: _cleaned(text) for name, text in self.message.texts().items()}
        message = replace(self.message, **texts)
        origin = {_cleaned(name): _cleaned(text) for name, text in self.origin.items()}
        return replace(self, message=message, origin=origin, fault=fault)


def _cleaned(text: str) -> str:
    """A space for each, as clean() of bot/understanding/text.py does; a question mark would make a question of a sign."""
    return re.sub("[\ud800-\udfff\0]", " ", text)


def accept_each(connection: Connection, arrivals: Sequence[Arrival], now: float) -> list[Incoming | None]:
    """Like ``accept``, but what can't be stored as it is, is stored cleaned and with its fault: it stops only itself.

    Where even that fails it is the database's fault, and the error goes up.
    """
    stored: list[Incoming | None] = []
    for arrival in arrivals:
        try:
            with connection.begin_nested():
                stored += accept(connection, [arrival], now)
        except Exception as error:
            stored += accept(connection, [arrival.cleaned(type(error).__name__)], now)
    return stored


def accept(connection: Connection, arrivals: Sequence[Arrival], now: float) -> list[Incoming | None]:
    """Stores what is new; None for what was known already."""
    rows = connection.execute(
        _accepting(connection.dialect.name),
        [
            {
                "clinic": CLINIC,
                "channel": arrival.message.channel,
                "chat": arrival.message.chat,
                "update_id": arrival.message.update_id,
                "message": _json(arrival.message.to_json()),
                "origin": _json(dict(arrival.origin)),
                "level": arrival.level.value if arrival.level else None,
                "priority": int(Priority.of(arrival.level)),
                "attempts": MAX_TRIES if arrival.fault else 0,
                "error": arrival.fault or None,
                "received_at": now,
            }
            for arrival in arrivals
        ],
    )
    ids = {(channel, update_id): row_id for row_id, channel, update_id in rows}
    stored: list[Incoming | None] = []
    for arrival in arrivals:
        row_id = ids.pop((arrival.message.channel, arrival.message.update_id), None)
        stored.append(
            Incoming(
                id=row_id,
                message=arrival.message,
                origin=arrival.origin,
                priority=Priority.of(arrival.level),
                attempts=MAX_TRIES if arrival.fault else 0,
                fault=arrival.fault,
                verdict=arrival.verdict,
            )
            if row_id is not None
            else None
        )
    return stored


def load_conversations(connection: Connection, chats: Iterable[ChatKey]) -> dict[ChatKey, Conversation]:
    """The remembered conversations of ``chats``; a chat nobody remembers is left out."""
    found: dict[ChatKey, Conversation] = {}
    for channel, ids in _by_channel(chats).items():
        for chat, state in connection.execute(_CONVERSATIONS, {"at": channel, "ids": ids}):
            with contextlib.suppress(Exception):  # unreadable is forgotten: it must not stop the chat, or others
                found[channel, chat] = Conversation.from_json(json.loads(state))
    return found


def _by_channel(chats: Iterable[ChatKey]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for channel, chat in chats:
        grouped.setdefault(channel, []).append(chat)
    return grouped


def finish(connection: Connection, handled: Sequence[Handled], now: float, pseudonyms: Pseudonyms) -> list[Outgoing]:
    """Marks messages as done, erases text and chat, and keeps all that came of them. Returns what is to be sent."""
    _mark_done(connection, [one.incoming.id for one in handled], now)
    _remember(connection, handled, now)
    outgoing = _enqueue(connection, handled, now)
    by_message = {one.answers: one.id for one in outgoing}
    for one in handled:
        if one.records:
            records.write(connection, one, by_message.get(one.incoming.message.update_id), now, pseudonyms)
    return outgoing


def _mark_done(connection: Connection, ids: list[int], now: float) -> None:
    connection.execute(_DONE, [{"row": row, "at": now} for row in ids])


def _remember(connection: Connection, handled: Sequence[Handled], now: float) -> None:
    latest = {one.incoming.key: one.conversation for one in handled}
    connection.execute(
        _remembering(connection.dialect.name),
        [
            {"channel": channel, "chat": chat, "clinic": CLINIC, "state": _json(state.to_json()), "updated_at": now}
            for (channel, chat), state in latest.items()
        ],
    )


def _enqueue(connection: Connection, handled: Sequence[Handled], now: float) -> list[Outgoing]:
    due = [one for one in handled if one.reply is not None or one.toast]
    if not due:
        return []
    rows = [
        {
            "clinic": CLINIC,
            "channel": one.incoming.message.channel,
            "chat": one.incoming.message.chat,
            "inbox_id": one.incoming.id,
            "answers": one.incoming.message.update_id,
            "message_id": one.incoming.message.message_id,
            "reply": _json(one.reply.to_json()) if one.reply else None,
            "toast": one.toast,
            "origin": _json(dict(one.incoming.origin)),
            "is_alarm": records.has_alarm(one),
            "priority": int(Priority.of(one.reply.level if one.reply else None)),
            "created_at": now,
        }
        for one in due
    ]
    ids = connection.scalars(_enqueueing(connection.dialect.name), rows).all()
    return [
        Outgoing(
            id=row_id,
            channel=one.incoming.message.channel,
            chat=one.incoming.message.chat,
            reply=one.reply,
            toast=one.toast,
            answers=one.incoming.message.update_id,
            message_id=one.incoming.message.message_id,
            origin=one.incoming.origin,
            priority=Priority.of(one.reply.level if one.reply else None),
            is_alarm=records.has_alarm(one),
            since=now,
        )
        for row_id, one in zip(ids, due, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Mark:
    """What came of sending a row: ``sent_id`` is the channel's id of the message, ``error`` why it was refused."""

    outgoing: Outgoing
    sent_id: str = ""
    error: str = ""


def mark_sent(connection: Connection, marks: Sequence[Mark], now: float) -> None:
    """Marks rows as sent or refused and erases what they said."""
    connection.execute(
        _SENT,
        [
            {
                "row": mark.outgoing.id,
                "is": int(State.REFUSED if mark.error else State.DONE),
                "at": now,
                "name": mark.sent_id or None,
                "why": mark.error[:200] or None,
            }
            for mark in marks
        ],
    )
    for mark in marks:
        if mark.outgoing.is_alarm and not mark.error:
            records.mark_alarm_sent(connection, mark.outgoing.id, mark.sent_id, now)


def move_chat(connection: Connection, channel: str, old: str, new: str) -> None:
    """A group got a new id: what waits for it, and what is remembered of it, moves along."""
    for table in (inbox, outbox):
        connection.execute(
            update(table)
            .where(table.c.channel == channel, table.c.chat == old, table.c.state == int(State.WAITING))
            .values(chat=new)
        )
    connection.execute(delete(conversations).where(conversations.c.channel == channel, conversations.c.chat == new))
    connection.execute(
        update(conversations).where(conversations.c.channel == channel, conversations.c.chat == old).values(chat=new)
    )


def load_inbox(connection: Connection) -> list[Incoming]:
    """What waits to be answered, oldest first."""
    rows = connection.execute(select(inbox).where(inbox.c.state == int(State.WAITING)).order_by(inbox.c.id)).all()
    return _readable(connection, inbox, rows, _incoming_of, State.DEAD_LETTER)


def _incoming_of(row: Any) -> Incoming:
    return Incoming(
        id=row.id,
        message=Message.from_json(json.loads(row.message)),
        origin=json.loads(row.origin),
        priority=Priority(row.priority),
        attempts=row.attempts,
        is_recovered=True,
    )


def load_outbox(connection: Connection) -> list[Outgoing]:
    """What waits to be sent, oldest first."""
    rows = connection.execute(select(outbox).where(outbox.c.state == int(State.WAITING)).order_by(outbox.c.id)).all()
    return _readable(connection, outbox, rows, _outgoing_of, State.REFUSED)


def _outgoing_of(row: Any) -> Outgoing:
    return Outgoing(
        id=row.id,
        channel=row.channel,
        chat=row.chat,
        reply=Reply.from_json(json.loads(row.reply)) if row.reply else None,
        toast=row.toast,
        answers=row.answers,
        message_id=row.message_id,
        origin=json.loads(row.origin),
        priority=Priority(row.priority),
        attempts=row.attempts,
        is_alarm=row.is_alarm,
        since=row.created_at,
    )


def _readable(
    connection: Connection, table: Table, rows: Sequence[Any], read: Callable[[Any], Stored], otherwise: State
) -> list[Stored]:
    """Rows as values; one that another version of the bot wrote and this one can't read must not stop the start."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except (ValueError, KeyError, TypeError) as error:
            changes = {"state": int(otherwise), "error": f"unreadable: {type(error).__name__}"}
            connection.execute(update(table).where(table.c.id == row.id).values(**changes))
    return found


def count_attempts(connection: Connection, ids: Sequence[int], error: str = "") -> None:
    connection.execute(
        update(inbox).where(inbox.c.id.in_(list(ids))).values(attempts=inbox.c.attempts + 1, error=error[:200] or None)
    )


def add_dead_letter(
    connection: Connection, handled: Handled, error: str, now: float, pseudonyms: Pseudonyms
) -> list[Outgoing]:
    """Takes a poison message out of the way; the patient gets ``handled.reply``. The text stays for a second try."""
    connection.execute(
        update(inbox)
        .where(inbox.c.id == handled.incoming.id)
        .values(state=int(State.DEAD_LETTER), attempts=inbox.c.attempts + 1, error=error[:200], done_at=now)
    )
    _remember(connection, [handled], now)
    outgoing = _enqueue(connection, [handled], now)
    records.write(connection, handled, outgoing[0].id if outgoing else None, now, pseudonyms)
    return outgoing
