"""The staff chat, through real parts: what a receptionist taps is what patients get."""

import asyncio
import itertools
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from bot.assistant.conversation import Kind, Message
from bot.delivery.metrics import Metrics
from bot.staff.chat import StaffChat
from bot.staff.group import StaffGroup, staff_of
from bot.store import open_store
from bot.store.tables import missed, outbox
from tests.small_faq import make_faq
from tests.test_reload import Bot, running

ANNA, BEN, STRANGER = "111", "222", "999"  # an editor, a reviewer
KIMONO = "kimono weather for my spine"


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed")
    faq = make_faq(folder)

    async def run_once():
        async with running(folder, faq):
            pass

    asyncio.run(run_once())
    return folder


class Chat:
    """The staff chat as its members see it."""

    def __init__(self, bot, staff, store, posted, sent):
        self.bot, self.staff, self.store, self.posted, self.sent = bot, staff, store, posted, sent
        self.last = ""  # id of the bot's last answer in the chat
        self._ids = itertools.count(1)

    def _message(self, user, kind, **more):
        now = datetime.now(UTC)
        return Message(
            channel="telegram:1",
            chat="-5",
            update_id=str(next(self._ids)),
            kind=kind,
            sent_at=now,
            now=now,
            user=user,
            **more,
        )

    async def say(self, text, user=ANNA, to=None):
        """Writes, in reply to the bot's last answer or to ``to``; returns what is answered, the later post if any."""
        if text.startswith("/"):
            name, _, rest = text[1:].partition(" ")
            return await self._answer(self._message(user, Kind.COMMAND, text=rest, action=name))
        return await self._answer(self._message(user, Kind.TEXT, text=text, replies_to=self.last if to is None else to))

    async def tap(self, reply, label, user=ANNA):
        """Taps the button whose label begins so."""
        button = next(b for row in reply.buttons for b in row if b.label.startswith(label))
        assert len(button.action.encode()) <= 64
        return await self._answer(
            self._message(user, Kind.BUTTON, action=button.action, text=button.label, message_id="7")
        )

    async def _answer(self, message):
        said = await self.staff.take(message)
        count = len(self.posted)
        if said.reply and not said.reply.replaces:
            await self._mark_sent(message.channel, message.update_id)
        await self.staff.proposals.finish()
        if self.sent and self.sent[-1].answers:
            await self._mark_sent(message.channel, self.sent[-1].answers)
            self.sent.clear()
        self.toast = said.toast
        later = self.posted[count:]
        return later[-1] if later else said.reply

    async def _mark_sent(self, channel, answers):
        """As the outbox does once Telegram has taken it."""
        self.last = f"sent-{next(self._ids)}"
        row = {"channel": channel, "chat": "", "answers": answers, "sent_id": self.last}
        more = {"clinic": "", "reply": None, "created_at": 0.0, "state": 1}
        await self.store._writer.write(lambda c: c.execute(insert(outbox), row | more))

    async def miss(self, utterance, reason="not understood", candidates="[]"):
        row = {
            "person": "x",
            "utterance": utterance,
            "reason": reason,
            "candidates": candidates,
            "created_at": datetime.now(UTC).timestamp(),
        }
        await self.store._writer.write(lambda c: c.execute(insert(missed), row))


@asynccontextmanager
async def chatting(folder):
    bot = Bot(folder, folder / "faq")
    store = open_store(f"sqlite:///{folder}/bot.db")
    posted, sent = [], []

    async def report():
        return "Seven days.", {}

    people = staff_of({111: "editor:Anna", 222: "reviewer:Ben"})
    put = lambda out: sent.extend(out) or posted.extend(one.reply for one in out)  # noqa: E731
    group = StaffGroup("telegram:1", "-5", people, store, Metrics(), put)
    staff = StaffChat(group, store, bot.reloader, report)
    bot.reloader.tell = staff.tell
    await staff.start()
    try:
        yield Chat(bot, staff, store, posted, sent)
    finally:
        await staff.proposals.finish()
        store.close()


@pytest.fixture
async def chat(tmp_path, seed):
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    async with chatting(tmp_path) as chat:
        yield chat


def labels(reply):
    return [button.label for row in reply.buttons for button in row]


async def test_one_tap_teaches_a_question_and_one_takes_it_back(chat):
    """Missed, grouped, shown once; a reviewer's second tap; live; undone to the same bytes."""
    before = chat.bot.reloader.folder.read()
    await chat.miss(KIMONO)
    await chat.miss(KIMONO.upper() + "!")
    (question,) = await chat.staff.missed.begin_new()
    assert "(2 times)" in question.plain()
    assert await chat.staff.missed.begin_new() == []

    await chat.tap(question, "Another answer")
    found = await chat.say("ice")
    preview = await chat.tap(found, "Does ice help?")
    assert f"«{KIMONO}» leads to “Does ice help?”" in preview.plain()
    assert "reviewer" in preview.plain()
    assert chat.bot.answer(KIMONO) != "ice"

    await chat.tap(preview, "Put live", ANNA)
    assert "reviewer" in chat.toast
    live = await chat.tap(preview, "Put live", BEN)
    assert "change 1 by Ben" in live.plain()
    assert chat.bot.answer(KIMONO) == "ice"
    text = chat.bot.reloader.folder.read()["en/entries/ice.yaml"].decode()
    assert "# Remark of the receptionist on ice." in text
    assert await chat.store.staff.missed() == []

    await chat.tap(preview, "Put live", BEN)
    assert "settled" in chat.toast
    undone = await chat.tap(live, "Undo change 1", BEN)
    assert "Live: change 2" in undone.plain()
    assert chat.bot.reloader.folder.read() == before


@pytest.mark.long
async def test_thrown_away_goes_back_to_the_question_and_ignored_is_forgotten(chat):
    await chat.miss(KIMONO)
    (question,) = await chat.staff.missed.begin_new()
    preview = await chat.tap(question, "Not for us")
    assert f"«{KIMONO}» is not for us" in preview.plain()
    assert "reviewer" not in preview.plain()
    again = await chat.tap(preview, "Throw away")
    assert KIMONO in again.plain()
    await chat.tap(again, "Ignore")
    assert await chat.store.staff.missed() == []


async def test_what_a_patient_erased_is_not_taught(chat):
    await chat.miss(KIMONO)
    (question,) = await chat.staff.missed.begin_new()
    await chat.store.staff.deal_with([row.id for row in await chat.store.staff.missed()])
    assert "erased" in (await chat.tap(question, "Not for us")).plain()


async def test_closed_today_is_two_taps_of_the_receptionist(chat):
    preview = await chat.say("/closed today")
    today = datetime.now(UTC)
    assert f"{today:%b} {today.year}" in preview.plain()
    assert "reviewer" not in preview.plain()
    live = await chat.tap(preview, "Put live")
    assert "change 1 by Anna" in live.plain()
    assert not chat.bot.holder().content.clinic.times.is_open(today)
    listed = await chat.say("/closed")
    preview = await chat.tap(listed, f"Open again: {today.day} {today:%b}")
    await chat.tap(preview, "Put live")
    assert str(today.year) not in "".join(chat.bot.holder().content.clinic.closed)


@pytest.mark.long
async def test_hours_that_nobody_can_read_are_refused_in_plain_words(chat):
    asked = await chat.say("/hours")
    assert "mon-fri: 8-12, 13-18" in asked.plain()
    refused = await chat.say("mon-fri: 8-25")
    assert "clinic.yaml:" in refused.plain()
    assert "not a time of day" in refused.plain()
    assert "Put live" not in labels(refused)


@pytest.mark.long
async def test_an_answer_is_changed_by_sending_it_and_seen_as_patients_will(chat):
    shown = await chat.say("/edit ice")
    assert "Yes, ice can ease a new spasm." in shown.plain()
    assert "SMOG grade" in shown.plain()
    await chat.tap(shown, "Change the answer")
    refused = await chat.say("Take 400 mg of it.\n\n• Then rest.")
    assert "is a dose" in refused.plain()
    shown = await chat.say("/edit does ice help")
    shown = await chat.tap(shown, "Does ice help?")
    await chat.tap(shown, "Change the answer")
    preview = await chat.say("Yes, cold can help.\n\n• Wrap it in a cloth.")
    assert "Yes, cold can help." in preview.plain()
    assert "• Wrap it in a cloth." in preview.plain()
    await chat.tap(preview, "Put live", BEN)
    assert chat.bot.holder().content.entries["ice"].answer == "Yes, cold can help.\n\n- Wrap it in a cloth."


async def test_silence_and_pause_stay_over_a_reload_and_a_restart_and_end_by_a_tap(chat, tmp_path):
    off = await chat.say("/off ice")
    assert "Silenced: “Does ice help?”" in off.plain()
    assert chat.bot.answer("does ice help") == "fallback"
    assert "In an emergency call 999 now" in (await chat.say("/pause")).plain()
    assert chat.bot.answer("hot water bottle on my back") == "handoff"
    preview = await chat.say("/phone +44 20 7946 0999")
    await chat.tap(preview, "Put live")
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0999"
    assert chat.bot.answer("does ice help") == "handoff"
    chat.store.close()
    async with chatting(tmp_path) as later:
        assert "Paused for all patients" in later.posted[0].plain()
        assert later.bot.answer("hot water bottle on my back") == "handoff"
        switches = await later.tap(await later.say("/pause"), "Answer again")
        assert later.bot.answer("hot water bottle on my back") == "heat"
        await later.tap(switches, "Give again: ice")
        assert later.bot.answer("does ice help") == "ice"


@pytest.mark.long
async def test_a_new_answer_needs_a_source_and_reaches_who_asked(chat):
    await chat.miss(KIMONO)
    (question,) = await chat.staff.missed.begin_new()
    await chat.tap(question, "New answer")
    assert "first line is the question" in (await chat.say("Only a question")).plain()
    refused = await chat.say("What is a kimono belt?\nIt is a soft band.")
    assert "no source is named" in refused.plain()
    await chat.tap(refused, "Throw away")
    await chat.tap(question, "New answer")
    preview = await chat.say("What is a kimono belt?\nIt is a soft band. It does not help.\nSource: Belts, A clinic")
    live = await chat.tap(preview, "Put live", BEN)
    assert "is a new answer" in live.plain()
    assert chat.bot.answer(KIMONO) == "kimono-belt"


async def test_strangers_change_nothing(chat):
    assert "not in the list" in (await chat.say("/closed today", STRANGER)).plain()
    shown = await chat.say("/edit ice")
    await chat.tap(shown, "Silence it", STRANGER)
    assert "not in the list" in chat.toast
    assert chat.bot.answer("does ice help") == "ice"


@pytest.mark.long
async def test_history_is_listed_shown_and_undone_by_number(chat):
    assert "Nothing was changed yet" in (await chat.say("/history")).plain()
    await chat.tap(await chat.say("/closed 7 May"), "Put live")
    listed = await chat.say("/history")
    assert "1 · " in listed.plain()
    assert "Closed days: 24 Dec 12:00 – 3 Jan, 7 May." in (await chat.say("/show 1")).plain()
    assert "Live: change 2" in (await chat.say("/undo 1")).plain()
    assert "already undone" in (await chat.say("/undo 1")).plain()
    assert "no change 9" in (await chat.say("/undo 9")).plain()
    assert "Which change" in (await chat.say("/show x")).plain()


async def test_a_question_in_the_staff_chat_shows_what_a_patient_gets(chat):
    reply = await chat.say("does ice help")
    assert "Yes, ice can ease a new spasm." in reply.plain()
    assert labels(reply) == ["Edit “ice”"]
    assert "/edit ice" in (await chat.say("/help")).plain()


@pytest.mark.long
async def test_what_a_kill_interrupted_goes_on(chat, tmp_path):
    preview = await chat.say("/closed 7 May")
    step = int(preview.buttons[0][0].action.split(":")[1])
    kept = await chat.store.staff.step(step)
    await chat.store.staff.save(step, {**kept.details, "by": "Anna"}, "working")
    chat.store.close()
    async with chatting(tmp_path) as later:
        await later.staff.proposals.finish()
        assert "Live: change 1" in later.posted[-1].plain()
        assert "7 May" in later.bot.holder().content.clinic.closed
