"""Backups: made while the bot writes, verified, rotated; and restored, as a drill."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from serving import message, said, serving
from typer.testing import CliRunner

from bot import backup
from bot.backup import Backups, create, key_of, restore
from bot.cli import app
from bot.conversation import Conversation, Missed
from bot.errors import StoreError
from bot.store import Arrival, Handled, missed, open_store


async def fill(url: str, *utterances: str) -> None:
    store = open_store(url)
    for utterance in utterances:
        (one,) = await store.accept([Arrival(message(utterance, update_id=utterance), {}, None)])
        assert one is not None
        records = (Missed(utterance, "not understood"),)
        await store.finish([Handled(incoming=one, conversation=Conversation(), reply=said("x"), records=records)])
    store.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


async def test_a_backup_is_restored_with_all_that_was_in_it(tmp_path: Path, url: str) -> None:
    await fill(url, "one", "two")
    made = create(url)
    assert made.rows["missed"] == 2
    await fill(url, "three")
    (tmp_path / "bot.db.key").unlink()
    restored = restore(url, made.path)
    assert restored.rows == made.rows
    assert {row.utterance for row in missed(url)} == {"one", "two"}
    assert key_of(made.path).read_bytes() == (tmp_path / "bot.db.key").read_bytes()
    kept = next(tmp_path.glob("bot.db.before-restore-*"))
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM missed").fetchone() == (3,)
    connection.close()
    open_store(url).close()


async def test_a_backup_is_made_while_the_bot_writes(tmp_path: Path, url: str) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        for chat in range(1, 301):
            api.write(chat, "hello miss")
        made = await asyncio.to_thread(create, url)
        await api.wait_for(300)
        with pytest.raises(StoreError, match="is running"):
            restore(url, made.path)
    assert (made.path.stat().st_mode & 0o077) == 0


async def test_the_oldest_go_and_the_last_good_one_stays(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(url, "one")
    stamps = iter(f"2026110{n}-000000" for n in range(1, 9))
    monkeypatch.setattr(backup.time, "strftime", lambda _: next(stamps))
    backups = Backups(tmp_path / "bot.db", tmp_path / "backups", keep=3)
    for _ in range(5):
        backups.create()
    assert [path.name for path in backups.paths()] == [f"bot-2026110{n}-000000.db" for n in (3, 4, 5)]
    (tmp_path / "bot.db").write_bytes(b"damaged" * 1000)
    with pytest.raises(StoreError):
        backups.create()
    assert len(backups.paths()) == 3
    assert not list((tmp_path / "backups").glob("*.part"))


async def test_a_damaged_backup_touches_nothing(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    before = (tmp_path / "bot.db").read_bytes()
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    with pytest.raises(StoreError, match="older backup"):
        restore(url, tmp_path / "bad.db")
    with pytest.raises(StoreError, match="no file"):
        restore(url, tmp_path / "none.db")
    assert (tmp_path / "bot.db").read_bytes() == before


def test_without_a_database_the_cure_is_told(url: str) -> None:
    with pytest.raises(StoreError, match="Start the bot once"):
        create(url)


async def test_the_bot_makes_them_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.upkeep.FIRST_BACKUP_SECONDS", 0.1)
    began = time.time()
    async with BotApi() as api, serving(tmp_path, api, backup_hours=24) as running, asyncio.timeout(20):
        while running.service._backups.last_good < began - 2:
            await asyncio.sleep(0.05)
        assert running.service._readiness()["last_backup_seconds_ago"] is not None


def command(tmp_path: Path, *arguments: str) -> Any:
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/bot.db"}
    return CliRunner().invoke(app, [*arguments], env=environment)


async def test_the_commands_say_what_they_did(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    store = open_store(url)
    (one,) = await store.accept([Arrival(message("bad words", update_id="bad"), {}, None)])
    assert one is not None
    await store.set_aside(Handled(incoming=one, conversation=Conversation(), reply=said("x")), "ValueError")
    store.close()
    made = command(tmp_path, "backup")
    assert (made.exit_code, "missed 1" in made.output) == (0, True)
    (path,) = (tmp_path / "backups").glob("*.db")
    assert "is restored from" in command(tmp_path, "restore", str(path)).output
    listed = command(tmp_path, "stuck")
    assert (listed.exit_code, "ValueError" in listed.output, "bad words" in listed.output) == (1, True, False)
    assert "1 message(s) put back" in command(tmp_path, "stuck", "--retry").output
    assert command(tmp_path, "stuck").exit_code == 0
