"""The store through a real SQLite file."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import NOW, FakeAssistant, message, said
from sqlalchemy import create_mock_engine, text

from bot.assistant.conversation import Alarm, Conversation, Escalated, Feedback, Forget, Missed
from bot.errors import SettingsError, StoreError
from bot.safety import Heard, Level
from bot.store import (
    Arrival,
    Handled,
    Mark,
    Store,
    database_path,
    list_dead_letters,
    list_missed,
    open_store,
    retry_dead_letters,
)
from bot.store.schema import _upgrade
from bot.store.tables import SCHEMA, metadata
from bot.store.writer import open_engine


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def rows(store: Store, query: str) -> list[Any]:
    with sqlite3.connect(store.path) as connection:
        return connection.execute(query).fetchall()


async def accept(store: Store, *messages: Any) -> list[Any]:
    return await store.accept([Arrival(one, {"query": "q"}, None) for one in messages])


async def finish(store: Store, incoming: Any, **more: Any) -> list[Any]:
    fields = {"conversation": Conversation(misses=3), "reply": said("hello"), "content_version": "v1"} | more
    return await store.finish([Handled(incoming=incoming, **fields)])


async def test_a_message_is_stored_once_by_channel_and_update_id(store: Store) -> None:
    first, second = await accept(store, message(update_id="1"), message(update_id="2"))
    again, other = await accept(store, message(update_id="1"), message(update_id="1", channel="telegram:5"))
    assert (first.id, second.id, again) == (1, 2, None)
    assert other is not None


async def test_what_was_stored_comes_back_whole_after_a_restart(url: str) -> None:
    store = open_store(url)
    (incoming,) = await accept(store, message("ice?", language="de"))
    await finish(store, incoming)
    (waiting,) = await accept(store, message("heat?", update_id="2"))
    store.close()
    store = open_store(url)
    (found,) = await store.load_inbox()
    (reply,) = await store.load_outbox()
    store.close()
    assert (found.message, dict(found.origin)) == (waiting.message, {"query": "q"})
    assert (reply.reply, reply.answers, reply.message_id) == (said("hello"), "1", "7")


async def test_text_chat_and_reply_are_erased_when_they_are_done_with(store: Store) -> None:
    (incoming,) = await accept(store, message("my words", chat="4711"))
    (outgoing,) = await finish(store, incoming)
    assert rows(store, "SELECT chat, message, origin FROM inbox") == [("", None, "{}")]
    await store.mark(Mark(outgoing, sent_id="9"))
    assert rows(store, "SELECT chat, reply, origin, sent_id FROM outbox") == [("", None, "{}", "9")]


async def test_answered_words_are_nowhere_in_the_file(store: Store) -> None:
    (incoming,) = await accept(store, message("zanzibar"))
    await finish(store, incoming)
    store.close()
    assert b"zanzibar" not in store.path.read_bytes()


async def test_conversations_are_read_back(store: Store) -> None:
    alarm = Alarm("chest", Level.EMERGENCY, NOW)
    conversation = Conversation(heard=((NOW, Heard("pain")),), alarm=alarm, misses=2, last_entry="ice")
    (incoming,) = await accept(store, message())
    await finish(store, incoming, conversation=conversation)
    assert await store.conversations([("web", "1"), ("web", "2")]) == {("web", "1"): conversation}


async def test_an_alarm_leaves_a_record_with_its_times_and_no_chat(store: Store) -> None:
    (incoming,) = await accept(store, message(chat="4711", sent_at=NOW))
    (outgoing,) = await finish(store, incoming, records=(Escalated("chest", Level.EMERGENCY, "v1"),))
    await store.mark(Mark(outgoing, sent_id="99"))
    ((person, rule, level, version, written, sent_id, sent),) = rows(
        store, "SELECT person, rule, level, content_version, written_at, sent_id, sent_at FROM alarms"
    )
    assert (rule, level, version, written, sent_id) == ("chest", "emergency", "v1", NOW.timestamp(), "99")
    assert sent > 0
    assert "4711" not in person
    assert len(person) == 24


async def test_forget_erases_all_but_nameless_alarms(store: Store, url: str) -> None:
    records = (Missed("what?", "not understood"), Feedback("ice", True), Escalated("chest", Level.EMERGENCY, "v1"))
    one, two, other = await accept(store, message(), message(update_id="2"), message(update_id="3", chat="2"))
    await finish(store, one, records=records)
    await finish(store, other, records=(Missed("else", "not understood"),))
    await finish(store, two, records=(Forget(),), conversation=Conversation())
    assert await store.conversations([("web", "1")]) == {}
    assert [row.utterance for row in list_missed(url)] == ["else"]
    assert rows(store, "SELECT count(*) FROM feedback") == [(0,)]
    assert rows(store, "SELECT person FROM alarms") == [("",)]


async def test_missed_utterances_are_counted_most_frequent_first(store: Store, url: str) -> None:
    for number, utterance in enumerate(["rare", "often", "often"]):
        (incoming,) = await accept(store, message(update_id=str(number)))
        await finish(store, incoming, records=(Missed(utterance, "not understood", ("ice", "heat")),))
    assert [(row.utterance, row.times, row.candidates) for row in list_missed(url)] == [
        ("often", 2, ("ice", "heat")),
        ("rare", 1, ("ice", "heat")),
    ]


async def test_what_is_set_aside_is_listed_without_text_and_can_be_tried_again(store: Store, url: str) -> None:
    (incoming,) = await accept(store, message("words"))
    handled = Handled(incoming=incoming, conversation=Conversation(), reply=said("sorry"))
    (outgoing,) = await store.add_dead_letter(handled, "ValueError")
    assert outgoing.reply == said("sorry")
    assert await store.load_inbox() == []
    (listed,) = list_dead_letters(url)
    assert (listed.error, listed.kind) == ("ValueError", "text")
    assert "words" not in repr(listed)
    assert retry_dead_letters(url, listed.id) == 1
    assert [one.message.text for one in await store.load_inbox()] == ["words"]


async def test_old_rows_go_and_waiting_ones_stay(store: Store) -> None:
    one, _two = await accept(store, message(), message(update_id="2"))
    await finish(store, one, records=(Missed("x", "y"), Escalated("chest", Level.URGENT, "v1")))
    with sqlite3.connect(store.path) as connection:
        for table, column in (
            ("inbox", "done_at"),
            ("inbox", "received_at"),
            ("missed", "created_at"),
            ("alarms", "stored_at"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} - 400 * 86400 WHERE {column} IS NOT NULL")
    connection.close()
    assert await store.expire(missed_days=30, alarm_days=365) == 3
    assert [one.message.update_id for one in await store.load_inbox()] == ["2"]


async def test_what_waits_together_is_one_transaction_and_one_bad_write_harms_no_other(store: Store) -> None:
    def wrong(connection: Any) -> None:
        connection.execute(text("SELECT * FROM nothing"))

    results = await asyncio.gather(
        *(accept(store, message(update_id=str(number))) for number in range(50)),
        store._writer.write(wrong),
        return_exceptions=True,
    )
    assert sum(isinstance(one, list) and one[0] is not None for one in results) == 50
    assert isinstance(results[-1], StoreError)


async def test_a_locked_database_is_told_with_its_cure_and_works_again(store: Store) -> None:
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Another program holds the database"):
        await accept(store, message())
    assert "Another program" in store.trouble
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await accept(store, message())
    assert store.trouble == ""


async def test_a_full_disk_is_told_with_its_cure_and_nothing_is_half_stored(store: Store) -> None:
    (pages,) = rows(store, "PRAGMA page_count")[0]

    def set_limit(connection: Any, limit: int) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")

    await store._writer.write(lambda c: set_limit(c, pages + 1))
    with pytest.raises(StoreError, match="disk is full"):
        await accept(store, *(message("x" * 4000, update_id=str(number)) for number in range(100)))
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]


async def test_an_error_never_carries_a_value(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        await store._writer.write(
            lambda c: c.execute(text("INSERT INTO nothing VALUES (:words)"), {"words": "my secret"})
        )
    assert "my secret" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__cause__}"


@pytest.mark.usefixtures("store")
def test_a_second_bot_on_the_same_database_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="Another bot"):
        open_store(url)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough" * 30, b"SQLite format 3\0" + b"\xff" * 2000]
)
def test_a_damaged_file_is_refused_with_its_cure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bot.db").write_bytes(content)
    with pytest.raises(StoreError, match="restore"):
        open_store(f"sqlite:///{tmp_path}/bot.db")


def test_an_unusable_folder_is_refused_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="DATABASE_URL"):
        open_store(f"sqlite:///{tmp_path}/file/bot.db")


@pytest.mark.parametrize("address", ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_an_unusable_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        database_path(address)


@pytest.mark.parametrize("address", ["sqlite://data/bot.db", "sqlite://bot.db", "sqlite+aiosqlite://data/bot.db"])
def test_two_slashes_are_refused_with_how_many_it_takes(address: str) -> None:
    with pytest.raises(SettingsError, match=r"Write three before a relative path .*, four before an absolute"):
        database_path(address)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names a folder"):
        database_path(f"sqlite:///{tmp_path}/")


async def test_what_patients_write_is_for_the_bots_user_alone(tmp_path: Path) -> None:
    """Also where the usual umask, or an older bot, made it readable for all."""
    folder = tmp_path / "data"
    mask = os.umask(0o022)
    try:
        store = open_store(f"sqlite:///{folder}/bot.db")
        await accept(store, message())
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {file.name: file.stat().st_mode & 0o077 for file in folder.iterdir() if file.suffix != ".lock"} == {
            "bot.db": 0, "bot.db-wal": 0, "bot.db-shm": 0, "bot.db.key": 0,
        }  # fmt: skip
        store.close()
    finally:
        os.umask(mask)
    for file in folder.iterdir():
        file.chmod(0o644)
    open_store(f"sqlite:///{folder}/bot.db").close()
    assert not [file for file in folder.iterdir() if file.suffix != ".lock" and file.stat().st_mode & 0o077]


def test_a_driver_suffix_is_accepted() -> None:
    assert database_path("sqlite+aiosqlite:////a/bot.db") == Path("/a/bot.db")


def _shape(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
        ]
        found = [(t, *map(str, column[1:])) for t in tables for column in connection.execute(f"PRAGMA table_info({t})")]
        indexes = connection.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type='index' ORDER BY name"
        ).fetchall()
    connection.close()
    return found + indexes


def test_the_migrations_make_the_same_tables_as_a_fresh_start(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    open_store(f"sqlite:///{fresh}").close()
    engine = open_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        _upgrade(connection)
    engine.dispose()
    assert _shape(fresh) == _shape(migrated)
    assert set(metadata.tables) <= {row[0] for row in _shape(fresh)}


def test_an_upgrade_is_preceded_by_a_verified_copy(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.close()
    store = open_store(f"sqlite:///{path}")
    store.close()
    (copy,) = (tmp_path / "backups").glob(f"before-{SCHEMA}-*.db")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (0,)
    connection.close()
    assert rows(store, "SELECT version_num FROM alembic_version") == [(SCHEMA,)]


def test_a_database_of_a_newer_bot_is_refused_naming_both(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/bot.db")
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    with pytest.raises(StoreError, match=f"schema 0999, this bot knows {SCHEMA}"):
        open_store(f"sqlite:///{tmp_path}/bot.db")


def test_a_strangers_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bot.db") as connection:
        connection.execute("CREATE TABLE accounts (id)")
    connection.close()
    with pytest.raises(StoreError, match="other tables"):
        open_store(f"sqlite:///{tmp_path}/bot.db")


def test_pseudonyms_stay_over_restarts_and_differ_between_installations(tmp_path: Path) -> None:
    def pseudonym(name: str) -> str:
        store = open_store(f"sqlite:///{tmp_path}/{name}/bot.db")
        store.close()
        return store._pseudonyms.of("telegram:1", "42")

    assert pseudonym("a") == pseudonym("a") != pseudonym("b")
    assert (tmp_path / "a" / "bot.db.key").stat().st_mode & 0o077 == 0


async def test_closing_finishes_what_was_handed_in(url: str) -> None:
    store = open_store(url)
    tasks = [asyncio.create_task(accept(store, message(update_id=str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(store.close)
    assert len(await asyncio.gather(*tasks)) == 20
    assert not any(thread.name == "store" for thread in threading.enumerate())


async def test_a_thousand_messages_take_little_time(store: Store) -> None:
    began = time.process_time()
    for start in range(0, 1000, 50):
        stored = await accept(store, *(message(update_id=str(n), chat=str(n)) for n in range(start, start + 50)))
        handled = [Handled(incoming=one, conversation=Conversation(), reply=said("x")) for one in stored if one]
        await asyncio.gather(*(store.mark(Mark(one)) for one in await store.finish(handled)))
    assert time.process_time() - began < 2.0


def test_fakes_are_late_when_the_message_is() -> None:
    late = message(sent_at=datetime.now(UTC) - timedelta(minutes=6))
    turn = FakeAssistant().reply(late, Conversation())
    assert turn.reply is not None
    assert turn.reply.plain().startswith("Sorry")


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://"])
def test_only_what_waits_is_indexed_in_both_databases(url):
    made: list[str] = []
    engine = create_mock_engine(url, lambda what, *_, **__: made.append(str(what.compile(dialect=engine.dialect))))
    metadata.create_all(engine, checkfirst=False)
    indexes = [one.strip() for one in made if "_waiting" in one]
    assert len(indexes) == 2
    assert all(one.endswith("WHERE state = 0") for one in indexes)
