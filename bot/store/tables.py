"""The tables, as portable SQL. Times are seconds since 1970, UTC; JSON is text.

``clinic``, ``lease_until`` and ``due`` are there from the first schema on, so that several clinics and several replicas
need no migration of the tables that are written all the time.
"""

from enum import IntEnum
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)  # fmt: skip

# The newest revision under bot/store/migrations/versions; a test compares it, and the tables with what the migrations make.
SCHEMA: Final = "0002"
CLINIC: Final = "main"


class State(IntEnum):
    """Of a row of the inbox or the outbox."""

    WAITING = 0
    DONE = 1
    DEAD_LETTER = 2
    REFUSED = 3


metadata = MetaData()


def _key() -> "Column[int]":
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _clinic() -> "Column[str]":
    return Column("clinic", String(64), nullable=False, server_default=CLINIC)


def _chat() -> "list[Column[str]]":
    return [Column("channel", String(80), nullable=False), Column("chat", String(80), nullable=False)]


def _queue() -> "list[Column[int] | Column[float]]":
    return [
        Column("priority", Integer, nullable=False, server_default="5"),
        Column("state", Integer, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("not_before", Float, nullable=False, server_default="0"),
        Column("lease_until", Float, nullable=False, server_default="0"),
    ]


inbox = Table(
    "inbox",
    metadata,
    _key(),
    _clinic(),
    *_chat(),
    Column("update_id", String(128), nullable=False),
    Column("message", Text),
    Column("origin", Text, nullable=False, server_default="{}"),
    Column("level", String(16)),
    *_queue(),
    Column("received_at", Float, nullable=False),
    Column("done_at", Float),
    Column("error", String(200)),
    UniqueConstraint("channel", "update_id", name="inbox_once"),
)

outbox = Table(
    "outbox",
    metadata,
    _key(),
    _clinic(),
    *_chat(),
    Column("inbox_id", Integer),
    Column("answers", String(128), nullable=False, server_default=""),
    Column("message_id", String(64), nullable=False, server_default=""),
    Column("reply", Text),
    Column("toast", Text, nullable=False, server_default=""),
    Column("origin", Text, nullable=False, server_default="{}"),
    Column("is_alarm", Boolean, nullable=False, server_default=text("false")),
    *_queue(),
    Column("created_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("sent_id", String(64)),
    Column("error", String(200)),
)

# Only what waits is looked for all the time, and it is little.
for _queue_table in (inbox, outbox):
    Index(
        f"{_queue_table.name}_waiting",
        _queue_table.c.priority,
        _queue_table.c.id,
        sqlite_where=_queue_table.c.state == 0,
    )


@event.listens_for(metadata, "before_create")
def _only_waiting_in_postgresql(_: MetaData, connection: Connection, **__: object) -> None:
    # Said where the index is made, it would make every start import PostgreSQL's dialect.
    if connection.dialect.name == "postgresql":
        for table in (inbox, outbox):
            for index in table.indexes:
                if index.name == f"{table.name}_waiting":
                    index.dialect_options["postgresql"]["where"] = table.c.state == 0


conversations = Table(
    "conversations",
    metadata,
    Column("channel", String(80), primary_key=True),
    Column("chat", String(80), primary_key=True),
    _clinic(),
    Column("state", Text, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# ``person`` is a pseudonym (bot/store/pseudonyms.py), never a chat id.
alarms = Table(
    "alarms",
    metadata,
    _key(),
    _clinic(),
    Column("person", String(32), nullable=False),
    Column("rule", String(80), nullable=False),
    Column("level", String(16), nullable=False),
    Column("content_version", String(64), nullable=False),
    Column("written_at", Float, nullable=False),
    Column("stored_at", Float, nullable=False),
    Column("outbox_id", Integer, index=True),
    Column("sent_at", Float),
    Column("sent_id", String(64)),
)

missed = Table(
    "missed",
    metadata,
    _key(),
    _clinic(),
    Column("person", String(32), nullable=False),
    Column("utterance", Text, nullable=False),
    Column("reason", String(80), nullable=False),
    Column("candidates", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("dealt_with_at", Float),
)

feedback = Table(
    "feedback",
    metadata,
    _key(),
    _clinic(),
    Column("person", String(32), nullable=False),
    Column("entry", String(80), nullable=False),
    Column("is_helpful", Boolean, nullable=False),
    Column("content_version", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
)

due = Table(
    "due",
    metadata,
    _key(),
    _clinic(),
    Column("kind", String(40), nullable=False),
    Column("subject", String(128), nullable=False, server_default=""),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("due_at", Float, nullable=False, index=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", Float, nullable=False, server_default="0"),
)

# What was begun in the staff chat. ``details`` holds ids and edits; a patient's words stay in ``missed``.
staff_steps = Table(
    "staff_steps",
    metadata,
    _key(),
    _clinic(),
    Column("kind", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("subject", String(128), nullable=False, server_default=""),
    Column("user", String(64), nullable=False, server_default=""),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# How often what came of a message, by day: for the weekly report.
tallies = Table(
    "tallies",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("outcome", String(20), primary_key=True),
    Column("entry", String(80), primary_key=True),
    Column("times", Integer, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
