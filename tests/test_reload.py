"""What staff save answers a moment later, or is refused with file and line while the last good content goes on."""

import asyncio
import os
import random
import shutil
import signal
import stat
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import numpy as np
import pytest

from bot.assistant import build
from bot.assistant.asking import ask
from bot.content import load
from bot.errors import ContentError
from bot.staff import check_worker, edits
from bot.staff.check_worker import Request, check_content
from bot.staff.folder import Folder
from bot.staff.publishing import make_rework
from bot.staff.reload import Reloader, starting_content
from bot.staff.snapshots import Snapshots, Verdict
from bot.staff.yaml_edit import Edit
from bot.understanding.vectors import key_of
from tests.small_faq import make_faq

TODAY = date(2026, 11, 27)
PATIENCE = 60.0  # on a busy machine; a quiet one takes two seconds


class Holder:
    def __init__(self, assistant):
        self.assistant = assistant
        self.trouble = ""
        self.swaps = 0

    def __call__(self):
        return self.assistant

    def swap(self, assistant):
        self.assistant = assistant
        self.swaps += 1


class Bot:
    """The part of the bot that is of interest here: a holder, its reloader, and what staff were told."""

    def __init__(self, folder, faq):
        cache = folder / "cache"
        self.faq = faq
        self.state = folder / "bot.db.content"
        content = starting_content(faq, Snapshots(self.state / "snapshots"))
        self.holder = Holder(build(content, cache))
        self.missed = []
        self.told = []
        self.reloader = Reloader(
            faq, self.state, cache, self.holder, lambda content: build(content, cache), self.missed_lately
        )
        self.reloader.tell = self.tell

    async def missed_lately(self):
        return self.missed

    async def tell(self, news):
        self.told.append(news)

    def answer(self, utterance):
        turn = ask(self.holder(), utterance, datetime.now(UTC))
        return turn.entry or turn.outcome.value

    async def until(self, is_so):
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.02)

    async def publish(self, *edits, **more):
        return await self.reloader.publish(make_rework(edits), who="Anna", how="tap", **more)


@asynccontextmanager
async def running(folder, faq):
    bot = Bot(folder, faq)
    task = asyncio.create_task(bot.reloader.run())
    try:
        await bot.until(lambda: bot.reloader._find_base() and bot.reloader._seen)
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """A bot that has run once: content, vectors, a checked snapshot."""
    folder = tmp_path_factory.mktemp("seed")
    faq = make_faq(folder)

    async def run_once():
        async with running(folder, faq):
            async with asyncio.timeout(PATIENCE):
                while not Snapshots(folder / "bot.db.content/snapshots").verdict(load(faq).version):
                    await asyncio.sleep(0.05)

    asyncio.run(run_once())
    return folder


@pytest.fixture
def faq(tmp_path, seed):
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    return tmp_path / "faq"


def rewrite(faq, name, old, new):
    file = faq / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


ICE = "en/entries/ice.yaml"
CHEST = "en/red-flags/chest-pain-breathing.yaml"
BRASS_BAND = "  - the brass band plays  # what one family calls it: the model does not know it\n"


async def test_a_saved_file_is_live_and_numbered(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        rewrite(faq, ICE, "Wrap it in a towel first.", "Wrap it in a cloth first.")
        await bot.until(lambda: bot.told)
        assert "cloth" in bot.holder().content.entries["ice"].answer
        (news,) = bot.told
        assert news.change.number == 1
        assert news.change.how == "file"
        assert news.change.summary == (
            "“Does ice help?” has a new answer.",
            "⚠️ A warning is taken out: «Wrap it in a towel first.»",
            "Added: «Wrap it in a cloth first.»",
        )
        assert bot.reloader.snapshots.current() == (bot.holder().version, 1)


async def test_a_broken_file_is_refused_with_file_line_and_cure_and_answers_go_on(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        before = bot.holder().version
        rewrite(faq, ICE, "disclaimer: general", "disclaimer: generel")
        await bot.until(lambda: bot.told)
        problem = bot.told[0].verdict.refused[0]
        assert (problem.path, problem.line) == (ICE, 16)
        assert problem.cure
        assert bot.holder().version == before
        assert bot.answer("does ice help") == "ice"
        assert "refused" in bot.holder.trouble
        rewrite(faq, ICE, "disclaimer: generel", "disclaimer: general")
        await bot.until(lambda: not bot.holder.trouble)
        assert bot.holder.swaps == 0


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (CHEST, BRASS_BAND, "", "must raise emergency"),
        (ICE, "  - ice?\n  - should i put ice on it\n", "", ""),
        ("en/utterances/ice.yaml", "ice on my back", "when do you close", "does not reach ice"),
    ],
)  # fmt: skip
async def test_an_edit_that_breaks_the_contents_own_tests_is_refused(tmp_path, faq, name, old, new, said):
    async with running(tmp_path, faq) as bot:
        rewrite(faq, name, old, new)
        if not said:
            await bot.until(lambda: bot.told)
            assert bot.told[0].change
            return
        await bot.until(lambda: bot.told)
        assert said in str(bot.told[0].verdict.refused[0])
        assert bot.answer("i have chest pain") == "escalation"


async def test_a_restart_serves_the_last_good_content_whatever_lies_in_the_folder(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        good = bot.holder().version
    shutil.rmtree(faq / "en")
    (faq / "clinic.yaml").write_bytes(b"\x00\xff")
    async with running_broken(tmp_path, faq) as bot:
        assert bot.holder().version == good
        assert bot.answer("does ice help") == "ice"
        await bot.until(lambda: bot.told)
        assert "refused" in bot.holder.trouble


@asynccontextmanager
async def running_broken(folder, faq):
    bot = Bot(folder, faq)
    task = asyncio.create_task(bot.reloader.run())
    try:
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.long
async def test_what_was_saved_while_the_bot_was_off_is_checked_before_it_answers(tmp_path, faq):
    async with running(tmp_path, faq):
        pass
    rewrite(faq, CHEST, BRASS_BAND, "")
    async with running_broken(tmp_path, faq) as bot:
        assert bot.answer("the brass band plays") == "escalation"
        await bot.until(lambda: bot.told)
        assert not bot.told[0].verdict.is_good


def test_without_a_snapshot_broken_content_is_an_error(tmp_path, faq):
    (faq / "clinic.yaml").unlink()
    with pytest.raises(ContentError, match=r"clinic.yaml:1"):
        starting_content(faq, Snapshots(tmp_path / "none"))


def test_a_damaged_snapshot_is_passed_over(tmp_path, faq):
    snapshots = Snapshots(tmp_path / "snapshots")
    (snapshots.folder / "abc").mkdir(parents=True)
    snapshots.make_current("abc", 3)
    (snapshots.folder / "abc/verdict.json").write_text("{")
    assert starting_content(faq, snapshots).version == load(faq).version


async def test_temporary_files_of_editors_change_nothing(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        for name in (".ice.yaml.swp", "#ice.yaml#", "ice.yaml~", ".ice.yaml.x1", "4913", "ice.yaml.tmp"):
            (faq / "en/entries" / name).write_bytes(b"\xff half a file: [")
        await asyncio.sleep(1.0)
        assert not bot.told
        assert not bot.holder.trouble


async def test_a_mended_file_is_told_and_one_that_is_not_read_is_named(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        text = (faq / ICE).read_text()
        rewrite(faq, ICE, "answer: |", "answer |")
        await bot.until(lambda: bot.told)
        refused = bot.told[0].verdict.refused[0]
        assert (refused.path, text.splitlines()[refused.line - 1]) == (ICE, "answer: |")
        (faq / ICE).write_text(text)
        await bot.until(lambda: len(bot.told) == 2)
        assert (bot.told[1].verdict.is_good, bot.told[1].change) == (True, None)
        (faq / "en/kids.yml").write_text("id: kids\n")
        await bot.until(lambda: len(bot.told) == 3)
        assert bot.told[2].verdict.remarks[0].path == "en/kids.yml"


async def test_a_swapped_config_map_is_noticed(tmp_path, faq, monkeypatch):
    """Kubernetes mounts links through ..data, and swaps that one link."""
    monkeypatch.setattr("bot.staff.reload.LOOK_SECONDS", 3600)  # the event alone must do
    faq.rename(tmp_path / "old")
    faq.mkdir()
    (tmp_path / "old").rename(faq / "..1")
    (faq / "..data").symlink_to("..1")
    for name in ("clinic.yaml", "en"):
        (faq / name).symlink_to(f"..data/{name}")
    async with running(tmp_path, faq) as bot:
        shutil.copytree(faq / "..1", faq / "..2")
        rewrite(faq, f"..2/{ICE}", "in a towel", "in a cloth")
        (faq / "..new").symlink_to("..2")
        (faq / "..new").rename(faq / "..data")
        shutil.rmtree(faq / "..1")
        await bot.until(lambda: bot.told)
        assert "cloth" in bot.holder().content.entries["ice"].answer


async def test_a_file_written_in_pieces_is_taken_when_it_is_whole(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        text = (faq / ICE).read_text().replace("in a towel", "in a cloth")
        with (faq / ICE).open("w") as file:
            for start in range(0, len(text), 90):
                file.write(text[start : start + 90])
                file.flush()
                await asyncio.sleep(0.1)
        await bot.until(lambda: bot.told)
        assert "cloth" in bot.holder().content.entries["ice"].answer
        assert [news.verdict.is_good for news in bot.told] == [True]


# Taps and commands


async def test_a_tap_is_live_when_it_returns_and_is_told_once(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        assert bot.answer("kimono weather for my spine") != "ice"
        done = await bot.publish(Edit(ICE, "add", ("phrasings",), "kimono weather for my spine"))
        assert bot.answer("kimono weather for my spine") == "ice"
        assert done.change.summary == ("«kimono weather for my spine» leads to “Does ice help?”.",)
        assert done.verdict.is_medical
        await asyncio.sleep(1.0)
        assert not bot.told
        assert [change.number for change in bot.reloader.history.newest_first()] == [1]


@pytest.mark.long
async def test_a_tap_that_breaks_a_test_writes_nothing(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        before = bot.reloader.folder.read()
        done = await bot.publish(Edit("en/utterances/ice.yaml", "add", ("utterances",), "opening hours on sunday"))
        assert done.change is None
        assert "does not reach ice" in str(done.verdict.refused[0])
        assert bot.reloader.folder.read() == before
        assert not list(bot.reloader.history.newest_first())


@pytest.mark.long
async def test_an_undo_is_a_change_like_any_other(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        before = bot.reloader.folder.read()
        first = await bot.publish(Edit("clinic.yaml", "add", ("closed",), "7 May"))
        assert "7 May" in bot.holder().content.clinic.closed
        assert not first.verdict.is_medical
        await bot.publish(Edit(ICE, "add", ("phrasings",), "kimono weather for my spine"))
        done = await bot.reloader.undo(1, "Ben")
        assert done.change.undoes == 1
        assert "7 May" not in bot.holder().content.clinic.closed
        assert bot.reloader.folder.read()["clinic.yaml"] == before["clinic.yaml"]


async def test_a_file_edit_and_a_tap_at_once_are_both_live(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        tap = asyncio.create_task(bot.publish(Edit(ICE, "add", ("phrasings",), "kimono weather for my spine")))
        await asyncio.sleep(0.1)
        rewrite(faq, "en/entries/heat.yaml", "Keep it warm, not hot.", "Keep it cosy.")
        done = await tap
        assert done.change
        await bot.until(lambda: "cosy" in bot.holder().content.entries["heat"].answer)
        assert "kimono weather for my spine" in bot.holder().content.entries["ice"].phrasings
        await bot.until(lambda: len(list(bot.reloader.history.newest_first())) == 2 or bot.told)
        summaries = [line for change in bot.reloader.history.newest_first() for line in change.summary]
        assert any("kimono" in line for line in summaries)
        assert any("“Does heat help?” has a new answer" in line for line in summaries)


@pytest.mark.long
async def test_the_verdict_says_which_messages_get_another_reply(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        bot.missed = ["kimono weather for my spine"]
        verdict = await bot.reloader.preview(
            make_rework([Edit(ICE, "add", ("phrasings",), "kimono weather for my spine")])
        )
        (found,) = [one for one in verdict.differences if one.source == "missed"]
        assert found.after == "“Does ice help?”"
        assert (
            "kimono"
            not in (bot.state / "snapshots" / verdict.version / "verdict.json").read_text().split('"summary"')[0]
        )
        assert bot.holder.swaps == 0


def test_no_token_reaches_the_child(monkeypatch):
    from bot.staff import checker

    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:secret")
    assert "secret" not in str(checker._environment())


# Random edits: a sample; `make bench` runs 500


def spoil(random_, text):
    """One thing that happens to a file in an editor."""
    lines = text.splitlines(keepends=True) or [b"\n"]
    at = random_.randrange(len(lines))
    kinds = {
        "deleted line": lambda: b"".join(lines[:at] + lines[at + 1 :]),
        "repeated line": lambda: b"".join([*lines[: at + 1], *lines[at:]]),
        "tab": lambda: b"".join([*lines[:at], b"\t" + lines[at], *lines[at + 1 :]]),
        "indent": lambda: b"".join([*lines[:at], b"   " + lines[at], *lines[at + 1 :]]),
        "cut short": lambda: text[: random_.randrange(len(text) or 1)],
        "quote": lambda: b"".join([*lines[:at], lines[at].rstrip() + b'"\n', *lines[at + 1 :]]),
        "quotes swapped": lambda: text.replace(b'"', b"'", 1) if b'"' in text else text + b"'",
        "binary": lambda: text[:40] + bytes(random_.randrange(256) for _ in range(60)) + text[40:],
        "empty": lambda: b"",
        "colon": lambda: b"".join([*lines[:at], lines[at].replace(b"e", b": ", 1), *lines[at + 1 :]]),
        "another id": lambda: text.replace(b"id: ", b"id: walking\nx: ", 1),
    }
    kind = random_.choice(sorted(kinds))
    return kind, kinds[kind]()


@pytest.mark.long
async def test_random_edits_never_hurt(tmp_path, faq):
    """Whatever lies in the folder: known questions keep a right answer, a refusal names file and line."""
    random_ = random.Random(11)
    bot = Bot(tmp_path, faq)
    good = bot.reloader.folder.read()
    for _ in range(12):
        name = random_.choice(sorted(good))
        kind, raw = spoil(random_, good[name])
        verdict = await bot.reloader.check({**good, name: raw})
        for problem in verdict.refused:
            assert problem.path in good, (kind, name, problem)
            assert problem.line >= 1
            assert "check itself failed" not in problem.message, (kind, name, problem)
        if verdict.is_good:
            live = build(bot.reloader.snapshots.content(verdict.version))
            assert ask(live, "i have chest pain", datetime.now(UTC)).screening.top.level == "emergency", (kind, name)


async def test_a_fact_takes_over_what_answers_and_anything_else_is_built_anew(tmp_path, faq):
    async with running(tmp_path, faq) as bot:
        before = bot.holder()
        await bot.publish(edits.close_on("7 May", TODAY))
        assert bot.holder()._matcher is before._matcher
        assert "7 May" in bot.holder().content.clinic.closed
        await bot.publish(Edit("en/out-of-scope.yaml", "add", ("messages",), "sell me a horse"))
        assert bot.holder()._matcher is not before._matcher
        assert not bot.holder().content.documents


# The child that checks


async def test_a_child_that_dies_over_an_edit_is_a_refusal(tmp_path, faq, monkeypatch):
    async with running(tmp_path, faq) as bot:
        with monkeypatch.context() as patch:
            patch.setattr(Request, "to_json", lambda _: "no json")
            done = await bot.publish(edits.close_on("7 May", TODAY))
        assert done.change is None
        assert "the check itself failed" in done.verdict.refused[0].message
        assert "JSONDecodeError" in done.verdict.refused[0].message
        assert (await bot.publish(edits.close_on("7 May", TODAY))).change


async def test_a_check_that_nobody_waits_for_any_more_leaves_no_child(tmp_path, faq, monkeypatch):
    bot = Bot(tmp_path, faq)
    children = asyncio.Queue()
    begin = asyncio.create_subprocess_exec

    async def begin_and_tell(*arguments, **options):
        child = await begin(*arguments, **options)
        children.put_nowait(child)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin_and_tell)
    check = asyncio.create_task(bot.reloader.check(bot.reloader.folder.read()))
    child = await children.get()
    check.cancel()
    await asyncio.gather(check, return_exceptions=True)
    assert child.returncode is not None
    assert not list((bot.state / "snapshots").glob("stage-*"))


def test_a_check_that_works_too_long_ends():
    pid = os.fork()
    if pid == 0:
        check_worker._limit_work(1)
        while True:
            pass
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGXCPU


def check(folder, files, base="", **more):
    """What the child does."""
    snapshots = Snapshots(folder / "bot.db.content/snapshots")
    place, now = snapshots.stage(files), datetime(2026, 11, 27, tzinfo=UTC).isoformat()
    return check_content(Request(str(snapshots.folder), str(place), base, str(folder / "cache"), now, **more))


def test_words_of_patients_are_not_kept(tmp_path, faq):
    base = Snapshots(tmp_path / "bot.db.content/snapshots").current()[0]
    files = Folder(faq).read()
    edited = {**files, ICE: files[ICE].replace(b"  - ice?", b"  - ice?\n  - kimono weather for my spine")}
    verdict = check(tmp_path, edited, base, missed=("kimono weather for my secret spine",))
    assert [one.source for one in verdict.differences] == ["missed"]
    assert "secret" not in (tmp_path / "bot.db.content/snapshots" / verdict.version / "verdict.json").read_text()
    (kept,) = (tmp_path / "cache").glob("lines-*.npz")
    keys = np.load(kept)["keys"].tolist()
    assert key_of("kimono weather for my spine") in keys
    assert key_of("kimono weather for my secret spine") not in keys


def test_a_fact_is_checked_without_asking_everything_again(tmp_path, faq, monkeypatch):
    """And what is known of the rest goes on: the next edit is not told of it as new."""
    base = Snapshots(tmp_path / "bot.db.content/snapshots").current()[0]
    files = Folder(faq).read()
    wrong = {**files, "en/utterances/ice.yaml": b"entry: ice\nutterances:\n  - when do you close\n"}
    assert len(check(tmp_path, wrong, base).refused) == 1
    base = check(tmp_path, wrong, Snapshots(tmp_path / "bot.db.content/snapshots").add(wrong)).version
    fact = {**wrong, "clinic.yaml": wrong["clinic.yaml"].replace(b"7946 0123", b"7946 0124")}
    with monkeypatch.context() as patch:
        patch.delattr(check_worker, "_try_out")
        verdict = check(tmp_path, fact, base)
    assert verdict.is_good
    assert verdict.summary
    assert "does not reach ice" in verdict.in_use[0].message
    assert check(tmp_path, {**fact, ICE: fact[ICE].replace(b"a new spasm", b"a fresh spasm")}, verdict.version).is_good


async def test_an_edit_in_the_first_minute_is_compared_with_what_answered_at_the_start(tmp_path, faq, monkeypatch):
    monkeypatch.setattr("bot.staff.reload.CALM_SECONDS", 3600.0)
    shutil.rmtree(tmp_path / "bot.db.content")
    bot = Bot(tmp_path, faq)
    assert stat.S_IMODE((tmp_path / "bot.db.content").stat().st_mode) == 0o700
    assert bot.reloader.snapshots.verdict(bot.holder().version) is None
    told = []

    async def tell(news):
        told.append(news)

    bot.reloader.tell = tell
    task = asyncio.create_task(bot.reloader.run())
    try:
        await bot.until(lambda: bot.reloader._seen)
        entry = faq / "en/entries/ice.yaml"
        entry.write_text(entry.read_text().replace("ease a new spasm", "ease a fresh spasm"))
        await bot.until(lambda: told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert told[0].verdict.is_good
    assert any("ice" in line.lower() for line in told[0].verdict.summary)


def test_an_edit_that_can_be_compared_with_nothing_may_be_medical(tmp_path, faq):
    assert check(tmp_path, Folder(faq).read()).is_medical


async def test_a_verdict_of_an_earlier_run_is_not_believed_and_one_that_waits_is_read(tmp_path, faq, monkeypatch):
    monkeypatch.setattr("bot.staff.reload.CALM_SECONDS", 3600.0)
    snapshots = Snapshots(tmp_path / "bot.db.content/snapshots")
    version = snapshots.current()[0]
    assert snapshots.verdict(version)
    async with running(tmp_path, faq):
        assert snapshots.verdict(version) is None
    assert starting_content(faq, snapshots).version == version
    stored = {"version": version, "refused": [], "known": [], "summary": ["Phone."], "screens_as": "x"}
    assert Verdict.from_json(stored).summary == ("Phone.",)
