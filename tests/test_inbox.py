"""The inbox with a hand-written assistant and a real store."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from serving import EMERGENCY, FakeAssistant, message

from bot.assistant.conversation import Conversation
from bot.delivery.inbox import Full, Inbox
from bot.delivery.metrics import Metrics
from bot.delivery.turns import ArrivalCounter
from bot.errors import StoreError
from bot.store import Outgoing, Store, list_dead_letters, open_store, retry_dead_letters


@dataclass
class Desk:
    """What is round the inbox in a test: replies are kept instead of sent."""

    inbox: Any
    store: Store
    assistant: Any
    metrics: Metrics
    replies: list[Outgoing] = field(default_factory=list)
    direct: list[Outgoing] = field(default_factory=list)
    waiting_out: int = 0

    def put(self, due: Iterable[Outgoing]) -> None:
        self.replies.extend(due)

    async def send_now(self, outgoing: Outgoing) -> bool:
        self.direct.append(outgoing)
        return True

    async def answered(self, count: int, seconds: float = 5.0) -> list[str]:
        async with asyncio.timeout(seconds):
            while len(self.replies) < count:
                await asyncio.sleep(0.01)
        return [one.reply.plain() for one in self.replies if one.reply]


@asynccontextmanager
async def desk(folder: Path, assistant: Any = None, *, runs: bool = True) -> AsyncIterator[Desk]:
    store = open_store(f"sqlite:///{folder}/bot.db")
    made = Desk(None, store, assistant or FakeAssistant(), Metrics())
    made.inbox = Inbox(store, lambda: made.assistant, made.put, made.send_now, lambda: made.waiting_out, made.metrics)
    task = asyncio.create_task(made.inbox.run()) if runs else None
    try:
        yield made
    finally:
        await made.inbox.stop(1.0)
        if task:
            await task
        store.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.delivery.inbox.PAUSES", (0.02,) * 5)


def break_store(desk: Desk, method: str, times: int = 1) -> None:
    real, left = getattr(desk.store, method), [times]

    async def broken(*args: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise StoreError("The disk is full.")
        return await real(*args)

    setattr(desk.store, method, broken)


async def test_a_message_is_on_disk_when_accept_returns(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        assert await at.inbox.accept([message()]) == (True,)
        assert len(await at.store.load_inbox()) == 1


async def test_a_repeated_message_is_told_apart_and_answered_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert await at.inbox.accept([message(), message()]) == (True, False)
        assert await at.inbox.accept([message()]) == (False,)
        await at.answered(1)
        await asyncio.sleep(0.05)
        assert len(at.replies) == 1


async def test_concurrent_deliveries_keep_each_chats_conversation(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for number in range(10):
            await asyncio.gather(
                *(at.inbox.accept([message(f"q{number}", chat=c, update_id=f"{c}{number}")]) for c in "abcde")
            )
        texts = await at.answered(50)
        assert sorted(texts) == sorted(f"{n + 1}: q{n}" for n in range(10) for _ in "abcde")


async def test_emergencies_of_other_chats_overtake(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        await at.inbox.accept([message(chat=str(n), update_id=str(n)) for n in range(100)])
        await at.inbox.accept([message(EMERGENCY, chat="e", update_id="e")])
        task = asyncio.create_task(at.inbox.run())
        await at.answered(101)
        await at.inbox.stop()
        await task
        assert at.assistant.asked[0] == EMERGENCY


async def test_a_burst_is_heard_together_at_intake(tmp_path: Path) -> None:
    seen: list[int] = []

    class Listening(FakeAssistant):
        def screen(self, message: Any, conversation: Conversation, before: str = "") -> Any:
            seen.append(len(conversation.heard))
            return super().screen(message, conversation, before)

    async with desk(tmp_path, Listening(), runs=False) as at:
        await at.inbox.accept([message("my pain", update_id="1"), message("more pain", update_id="2")])
        assert seen == [0, 1]


async def test_what_was_screened_at_intake_is_screened_again_only_when_more_was_heard(tmp_path: Path) -> None:
    screened: list[str] = []

    class Listening(FakeAssistant):
        def screen(self, message: Any, conversation: Conversation, before: str = "") -> Any:
            screened.append(message.text)
            return super().screen(message, conversation, before)

    async with desk(tmp_path, Listening()) as at:
        await at.inbox.accept([message("ice?")])
        await at.answered(1)
        assert screened == ["ice?"]
        at.assistant.version = "v2"
        at.inbox._intake._current = lambda: FakeAssistant()  # content was swapped after the intake
        await at.inbox.accept([message("heat?", update_id="2")])
        await at.answered(2)
        assert screened == ["ice?", "heat?"]


async def test_poison_is_set_aside_after_five_tries_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.inbox.accept([message("boom", update_id="1"), message("next", update_id="2")])
        await at.inbox.accept([message("other chat", chat="2", update_id="3")])
        texts = await at.answered(3)
        assert sorted(texts) == ["1: next", "1: other chat", "I could not answer. Call 0123."]
        assert at.metrics.dead_letters == 1
        (listed,) = list_dead_letters(f"sqlite:///{tmp_path}/bot.db")
        assert listed.error == "RuntimeError"


async def test_an_answer_that_failed_inside_counts_as_a_try(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.inbox.accept([message("poison")])
        assert await at.answered(1) == ["I could not answer. Call 0123."]
        assert at.assistant.asked == ["poison"] * 5


async def test_what_was_set_aside_is_answered_when_put_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.inbox.accept([message("boom and ice")])
        await at.answered(1)
        at.assistant = type(
            "Mended",
            (FakeAssistant,),
            {"reply": lambda s, m, c, _: super(type(s), s).reply(replace(m, text="mended"), c)},
        )()
        assert retry_dead_letters(f"sqlite:///{tmp_path}/bot.db") == 1
        await at.inbox.recover()
        assert (await at.answered(2))[1].endswith("mended")


async def test_the_card_goes_out_whatever_else_breaks(tmp_path: Path) -> None:
    async with desk(tmp_path, FakeAssistant(is_broken=True)) as at:
        await at.inbox.accept([message(EMERGENCY)])
        assert (await at.answered(1))[0].startswith("Emergency")


async def test_a_broken_screening_still_lets_messages_in(tmp_path: Path) -> None:
    async with desk(tmp_path, FakeAssistant(is_screening_broken=True), runs=False) as at:
        assert await at.inbox.accept([message(EMERGENCY)]) == (True,)


async def test_with_a_full_disk_nothing_is_accepted_and_cards_go_out_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        break_store(at, "accept", times=3)
        for _ in range(3):
            with pytest.raises(StoreError):
                await at.inbox.accept([message(EMERGENCY, update_id="1"), message("ice?", update_id="2")])
        assert [one.answers for one in at.direct] == ["1"]
        assert await at.inbox.accept([message(EMERGENCY, update_id="1")]) == (True,)
        await at.answered(1)


async def test_an_answer_found_is_kept_until_it_can_be_stored(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        break_store(at, "finish", times=4)
        await at.inbox.accept([message("ice?"), message(EMERGENCY, chat="2", update_id="2")])
        await at.answered(2)
        assert at.assistant.asked.count("ice?") == 1
        assert [one.answers for one in at.direct] == ["2"]


async def test_a_store_that_fails_is_no_fault_of_the_message(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.inbox._conversations.clear()
        break_store(at, "conversations", times=8)
        await at.inbox.accept([message("ice?")])
        await at.answered(1, seconds=12)
        assert at.metrics.dead_letters == 0


async def test_above_two_thousand_waiting_nothing_more_is_taken(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        for start in range(0, 2000, 100):
            await at.inbox.accept([message(update_id=str(n), chat=str(n)) for n in range(start, start + 100)])
        with pytest.raises(Full):
            await at.inbox.accept([message(update_id="x")])


async def test_replies_that_wait_count_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.waiting_out = 2000
        with pytest.raises(Full):
            await at.inbox.accept([message()])


async def test_a_restart_answers_what_was_left(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        await at.inbox.accept([message(str(n), update_id=str(n)) for n in range(5)])
    async with desk(tmp_path) as at:
        await at.inbox.recover()
        assert await at.answered(5) == [f"{n + 1}: {n}" for n in range(5)]


async def test_a_message_that_kills_the_bot_is_set_aside_after_five_starts(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        await at.inbox.accept([message("kills"), message("fine", chat="2", update_id="2")])
    for _ in range(5):  # each start counts a try before it tries, then dies
        async with desk(tmp_path, runs=False) as at:
            await at.store.count_attempts([1])
    async with desk(tmp_path) as at:
        await at.inbox.recover()
        texts = await at.answered(2)
        assert "kills" not in at.assistant.asked
        assert "I could not answer. Call 0123." in texts


async def test_the_loop_is_free_while_messages_are_screened(tmp_path: Path) -> None:
    class Slow(FakeAssistant):
        def screen(self, message: Any, conversation: Conversation, before: str = "") -> Any:
            time.sleep(0.05)
            return super().screen(message, conversation, before)

    async with desk(tmp_path, Slow()) as at:
        accepting = asyncio.create_task(at.inbox.accept([message(chat=str(n), update_id=str(n)) for n in range(5)]))
        turns = 0
        while not accepting.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 20


async def test_stopping_answers_what_is_in_hand_and_leaves_the_rest_on_disk(tmp_path: Path) -> None:
    async with desk(tmp_path, FakeAssistant(seconds=0.005)) as at:
        await at.inbox.accept([message(chat=str(n), update_id=str(n)) for n in range(200)])
        await asyncio.sleep(0.1)
        await at.inbox.stop(2.0)
        left = len(await at.store.load_inbox())
        assert left + len(at.replies) == 200
        assert left > 0
        with pytest.raises(Full):
            await at.inbox.accept([message(update_id="late")])


async def test_origins_come_back_with_the_reply(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.inbox.accept([message(update_id="5")], {"5": {"query": "q1"}})
        await at.answered(1)
        assert dict(at.replies[0].origin) == {"query": "q1"}


async def test_a_version_of_a_row_nobody_understands_does_not_stop_the_start(tmp_path: Path) -> None:
    async with desk(tmp_path, runs=False) as at:
        await at.inbox.accept([message("odd"), message("fine", update_id="2")])
        await at.store._writer.write(lambda c: c.exec_driver_sql("UPDATE inbox SET message = '{}' WHERE id = 1"))
    async with desk(tmp_path) as at:
        await at.inbox.recover()
        assert await at.answered(1) == ["1: fine"]


def test_the_arrivals_of_a_chat_are_counted_over_a_minute() -> None:
    arrivals = ArrivalCounter()
    assert [arrivals.count_arrival(("web", "1"), float(n)) for n in range(3)] == [1, 2, 3]
    assert arrivals.count_arrival(("web", "1"), 61.5) == 2
    assert arrivals.count_arrival(("web", "2"), 61.5) == 1
