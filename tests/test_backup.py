"""Backups: made while the bot writes, verified, rotated; and restored, as a drill."""

import asyncio
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from serving import message, said, serving
from typer.testing import CliRunner

from bot.assistant.conversation import Conversation, Missed
from bot.cli import operators
from bot.cli.main import app
from bot.cli.operators import service_database
from bot.errors import StoreError
from bot.ops import backup
from bot.ops.backup import Backup, Backups, archive_of, key_of, restore
from bot.ops.settings import Settings, load_settings
from bot.staff.folder import Folder
from bot.staff.history import History
from bot.store import Arrival, Handled, list_missed, open_store

ROOT = Path(__file__).parent.parent


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
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq/clinic.yaml").write_text("name: One")
    return f"sqlite:///{tmp_path}/bot.db"


def create(folder: Path) -> Backup:
    return Backups(folder / "bot.db", folder / "faq").create()


def put_back(folder: Path, path: Path, **more: Any) -> Backup:
    return restore(folder / "bot.db", folder / "faq", path, **more)


async def test_a_backup_is_restored_with_all_that_was_in_it(tmp_path: Path, url: str) -> None:
    await fill(url, "one", "two")
    made = create(tmp_path)
    assert made.rows["missed"] == 2
    await fill(url, "three")
    (tmp_path / "bot.db.key").unlink()
    restored = put_back(tmp_path, made.path)
    assert restored.rows == made.rows
    assert {row.utterance for row in list_missed(url)} == {"one", "two"}
    assert key_of(made.path).read_bytes() == (tmp_path / "bot.db.key").read_bytes()
    (kept,) = (path for path in tmp_path.glob("bot.db.before-restore-*") if path.suffix not in (".zip", ".content"))
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM missed").fetchone() == (3,)
    connection.close()
    open_store(url).close()


@pytest.mark.usefixtures("url")
async def test_a_backup_is_made_while_the_bot_writes(tmp_path: Path) -> None:
    async with BotApi() as api, serving(tmp_path, api):
        for chat in range(1, 301):
            api.write(chat, "hello miss")
        made = await asyncio.to_thread(create, tmp_path)
        await api.wait_for(300)
        with pytest.raises(StoreError, match="is running"):
            put_back(tmp_path, made.path)
    assert (made.path.stat().st_mode & 0o077) == 0


async def test_the_oldest_go_and_the_last_good_one_stays(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(url, "one")
    stamps = iter(f"2026110{n}-000000" for n in range(1, 9))
    monkeypatch.setattr(backup.time, "strftime", lambda _: next(stamps))
    backups = Backups(tmp_path / "bot.db", tmp_path / "faq", keep=3)
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
        put_back(tmp_path, tmp_path / "bad.db")
    with pytest.raises(StoreError, match="no file"):
        put_back(tmp_path, tmp_path / "none.db")
    assert (tmp_path / "bot.db").read_bytes() == before


def test_without_a_database_the_cure_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Start the bot once"):
        create(tmp_path)


async def test_the_bot_makes_them_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ops.maintenance.FIRST_BACKUP_SECONDS", 0.1)
    began = time.time()
    async with BotApi() as api, serving(tmp_path, api, backup_hours=24) as running, asyncio.timeout(20):
        while running.service._backups.last_good < began - 2:
            await asyncio.sleep(0.05)
        assert running.service._readiness()["last_backup_seconds_ago"] is not None


def command(tmp_path: Path, *arguments: str) -> Any:
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/bot.db", "FAQ_DIR": f"{tmp_path}/faq"}
    return CliRunner().invoke(app, [*arguments], env=environment)


async def test_the_commands_say_what_they_did(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    store = open_store(url)
    (one,) = await store.accept([Arrival(message("bad words", update_id="bad"), {}, None)])
    assert one is not None
    await store.add_dead_letter(Handled(incoming=one, conversation=Conversation(), reply=said("x")), "ValueError")
    store.close()
    made = command(tmp_path, "backup")
    assert (made.exit_code, "missed 1" in made.output) == (0, True)
    (path,) = (tmp_path / "backups").glob("*.db")
    assert "is restored from" in command(tmp_path, "restore", str(path)).output
    listed = command(tmp_path, "stuck")
    assert (listed.exit_code, "ValueError" in listed.output, "bad words" in listed.output) == (1, True, False)
    assert "1 message(s) put back" in command(tmp_path, "stuck", "--retry").output
    assert command(tmp_path, "stuck").exit_code == 0


# The drill: what a clinic has after its machine is gone


def change_content(folder: Path) -> None:
    """One edit by staff, journalled as the bot does it, and a snapshot of what is live."""
    faq, state = folder / "faq", folder / "bot.db.content"
    before, after = {"clinic.yaml": b"name: One"}, {"clinic.yaml": b"name: Two"}
    History(state).record(before, after, who="Anna", how="chat", summary=["The name."])
    Folder(faq).write(after, before)
    for name in ("current.json", "v2/verdict.json", "v2/files/en/x.yaml", "old/verdict.json"):
        (state / "snapshots" / name).parent.mkdir(parents=True, exist_ok=True)
        (state / "snapshots" / name).write_text('{"version": "v2", "change": 1}')


async def test_backups_alone_bring_everything_back_on_a_new_machine(tmp_path: Path, url: str) -> None:
    await fill(url, "one", "two")
    change_content(tmp_path)
    assert command(tmp_path, "backup").exit_code == 0
    new = tmp_path / "new"
    shutil.copytree(tmp_path / "backups", tmp_path / "copied")
    (path,) = (tmp_path / "copied").glob("*.db")
    done = command(new, "restore", str(path))
    assert (done.exit_code, "with 1 change(s)" in done.output) == (0, True), done.output
    assert {row.utterance for row in list_missed(f"sqlite:///{new}/bot.db")} == {"one", "two"}
    assert (new / "bot.db.key").read_bytes() == (tmp_path / "bot.db.key").read_bytes()
    assert Folder(new / "faq").read() == {"clinic.yaml": b"name: Two"}
    undone = History(new / "bot.db.content").undo(1, Folder(new / "faq").read())
    assert undone == {"clinic.yaml": b"name: One"}
    assert (new / "bot.db.content/snapshots/v2/files/en/x.yaml").exists()
    assert not (new / "bot.db.content/snapshots/old").exists()
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    open_store(f"sqlite:///{new}/bot.db").close()


async def test_what_stood_there_is_kept_as_a_backup_of_its_own(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    made = create(tmp_path)
    await fill(url, "two")
    change_content(tmp_path)
    (tmp_path / "faq/late.yaml").write_text("a: b")
    put_back(tmp_path, made.path)
    assert Folder(tmp_path / "faq").read() == {"clinic.yaml": b"name: One"}
    assert not (tmp_path / "bot.db.content/journal").exists()
    (kept,) = tmp_path.glob("bot.db.before-restore-*.content.zip")
    put_back(tmp_path, kept.with_name(kept.name.removesuffix(".content.zip")))
    assert set(Folder(tmp_path / "faq").read()) == {"clinic.yaml", "late.yaml"}
    assert History(tmp_path / "bot.db.content").get(1).who == "Anna"
    assert {row.utterance for row in list_missed(url)} == {"one", "two"}


async def test_the_content_may_be_left_alone(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    made = create(tmp_path)
    change_content(tmp_path)
    assert "was left as it is" in command(tmp_path, "restore", str(made.path), "--database-only").output
    assert Folder(tmp_path / "faq").read() == {"clinic.yaml": b"name: Two"}


@pytest.mark.parametrize("trouble", ["damaged", "odd name", "no folder"])
async def test_content_that_can_not_be_put_back_leaves_the_database_alone(
    tmp_path: Path, url: str, trouble: str
) -> None:
    await fill(url, "one")
    made = create(tmp_path)
    await fill(url, "two")
    faq = tmp_path / "faq"
    if trouble == "damaged":
        raw = archive_of(made.path).read_bytes()
        archive_of(made.path).write_bytes(raw[:40] + b"x" * 20 + raw[60:])
    elif trouble == "odd name":
        with zipfile.ZipFile(archive_of(made.path), "a") as archive:
            archive.writestr("faq/../../evil.yaml", b"x")
    else:
        (tmp_path / "file").write_text("")
        faq = tmp_path / "file/faq"
    with pytest.raises(StoreError):
        restore(tmp_path / "bot.db", faq, made.path)
    assert {row.utterance for row in list_missed(url)} == {"one", "two"}
    assert Folder(tmp_path / "faq").read() == {"clinic.yaml": b"name: One"}
    assert not (tmp_path.parent / "evil.yaml").exists()
    assert not list(tmp_path.glob("*.restored"))


async def test_a_backup_without_its_content_is_an_error_and_the_database_is_saved(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    shutil.rmtree(tmp_path / "faq")
    failed = command(tmp_path, "backup")
    assert failed.exit_code == 1
    assert "content could not be backed up" in str(failed.exception)
    assert len(Backups(tmp_path / "bot.db", tmp_path / "faq").paths()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works for other users")
async def test_what_root_makes_or_restores_can_be_opened_by_the_services_user(tmp_path: Path, url: str) -> None:
    await fill(url, "one")
    change_content(tmp_path)
    made = create(tmp_path)
    service = tmp_path / "service"
    service.mkdir()
    os.chown(service, 10001, 10001)
    put_back(service, made.path)
    create(service)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o711)  # so that the other user comes through to its own
    assert {path for path in service.rglob("*") if path.stat().st_uid != 10001} <= {service / "bot.db.lock"}
    script = (
        "import os; from bot.store import open_store; os.setgid(10001); os.setuid(10001)\n"
        "open_store('sqlite:///bot.db').close(); open('faq/clinic.yaml', 'a').close(); print('opened')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=service, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.stdout == "opened\n", done.stderr


# Whose database


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an operator who forgot DATABASE_URL, in a folder with a database of an earlier try."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(operators, "UNITS", tmp_path / "units")
    monkeypatch.setattr(operators, "PROCESSES", tmp_path / "none")
    open_store("sqlite:///data/bot.db").close()
    return load_settings()


def test_a_command_refuses_while_the_bot_serves_from_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Settings
) -> None:
    assert service_database(elsewhere) == Path("data/bot.db")
    monkeypatch.setattr(operators, "PROCESSES", Path("/proc"))
    script = "import sys; from bot.store import open_store\nkept = open_store(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, f"sqlite:///{tmp_path}/service/bot.db"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as bot:  # fmt: skip
        assert bot.stdout
        bot.stdout.readline()
        with pytest.raises(
            StoreError, match=re.escape(f"is {tmp_path}/service/bot.db. Write DATABASE_URL=sqlite:///{tmp_path}")
        ):
            service_database(elsewhere)
        monkeypatch.setenv("DATABASE_URL", "sqlite:///data/bot.db")
        assert service_database(load_settings()) == Path("data/bot.db")
        bot.communicate()


def test_a_command_refuses_where_a_unit_of_this_checkout_names_another_database(
    tmp_path: Path, elsewhere: Settings
) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units/other.service").write_text("Environment=DATABASE_URL=sqlite:////srv/other.db")
    assert service_database(elsewhere)
    unit = f"ExecStart={ROOT}/.venv/bin/python -m bot run\nEnvironment=DATABASE_URL=sqlite:////srv/bot.db LOG_FORMAT=json\n"
    (tmp_path / "units/bot.service").write_text(unit)
    for arguments in (["backup"], ["stuck"], ["missed"], ["restore", "x.db"]):
        refused = CliRunner().invoke(app, arguments)
        assert (refused.exit_code, "/srv/bot.db" in str(refused.exception)) == (1, True)
    assert "WRONG  DATABASE_URL is not set" in CliRunner().invoke(app, ["doctor"]).output


def test_a_backup_is_not_restored_into_another_database_by_mistake(tmp_path: Path, elsewhere: Settings) -> None:
    open_store(f"sqlite:///{tmp_path}/service/bot.db").close()
    with pytest.raises(StoreError, match=re.escape(str(tmp_path / "service/bot.db"))):
        service_database(elsewhere, tmp_path / "service/backups/bot-1.db")
    assert service_database(elsewhere, tmp_path / "copied/backups/bot-1.db")


def test_a_command_without_a_database_says_so_instead_of_finding_nothing(tmp_path: Path) -> None:
    for arguments in (["stuck"], ["stuck", "--retry"], ["missed"], ["backup"]):
        refused = command(tmp_path / "nowhere", *arguments)
        assert (refused.exit_code, "no database" in str(refused.exception)) == (1, True)
