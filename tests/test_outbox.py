"""The outbox with a hand-written channel and a real store: order, limits, retry."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from serving import message, said

from bot.assistant.conversation import Conversation
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.metrics import Metrics
from bot.delivery.outbox import Again, Moved, Outbox, Refused, Result, Sent, Wait
from bot.delivery.rate_limit import RateLimiter
from bot.safety import Level
from bot.store import Arrival, Handled, Outgoing, Store, open_store


@dataclass
class FakeChannel:
    """Answers what ``answer`` says; by default everything arrives."""

    answer: Callable[[Outgoing], Result] = lambda _: Sent("1")
    seconds: float = 0.0
    is_up: bool = True
    name: str = "web"
    tried: list[tuple[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    probes: int = 0

    async def send(self, outgoing: Outgoing) -> Result:
        assert outgoing.reply is not None
        self.tried.append((outgoing.chat, outgoing.reply.plain()))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.seconds)
        self.in_flight -= 1
        return self.answer(outgoing)

    async def is_reachable(self) -> bool:
        self.probes += 1
        return self.is_up


async def due(store: Store, *chats_and_texts: tuple[str, str], level: Level | None = None) -> list[Outgoing]:
    arrivals = [
        Arrival(message(t, chat=c, update_id=f"{c}-{t}-{time.monotonic_ns()}"), {}, None) for c, t in chats_and_texts
    ]
    stored = await store.accept(arrivals)
    return await store.finish(
        [
            Handled(incoming=one, conversation=Conversation(), reply=said(one.message.text, level=level))
            for one in stored
            if one is not None
        ]
    )


@asynccontextmanager
async def sending(
    folder: Path, channel: FakeChannel, limiter: RateLimiter | None = None
) -> AsyncIterator[tuple[Outbox, Store]]:
    store = open_store(f"sqlite:///{folder}/bot.db")
    outbox = Outbox(store, [channel], Metrics(), {"web": limiter} if limiter else None)
    task = asyncio.create_task(outbox.run())
    try:
        yield outbox, store
    finally:
        await outbox.stop(1.0)
        await task
        store.close()


async def emptied(outbox: Outbox, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while len(outbox):
            await asyncio.sleep(0.01)


async def test_replies_go_in_order_within_a_chat_and_chats_in_parallel(tmp_path: Path) -> None:
    channel = FakeChannel(seconds=0.02)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, *((str(chat), str(n)) for n in range(5) for chat in range(8))))
        await emptied(outbox)
        assert all([t for c, t in channel.tried if c == str(chat)] == list("01234") for chat in range(8))
        assert channel.most_in_flight == 8


async def test_at_most_sixteen_are_in_flight_two_of_them_kept_for_emergencies(tmp_path: Path) -> None:
    channel = FakeChannel(seconds=0.4)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, *((str(chat), "x") for chat in range(40))))
        await asyncio.sleep(0.02)
        assert channel.in_flight == 14
        outbox.put(await due(store, *((f"e{chat}", "x") for chat in range(5)), level=Level.EMERGENCY))
        await asyncio.sleep(0.02)
        assert channel.in_flight == 16
        assert {chat for chat, _ in channel.tried[-2:]} == {"e0", "e1"}
        await emptied(outbox)
        assert channel.most_in_flight == 16


async def test_what_is_sent_is_marked_and_a_restart_sends_the_rest(tmp_path: Path) -> None:
    stubborn = FakeChannel(lambda outgoing: Again("network") if outgoing.chat == "2" else Sent("5"))
    async with sending(tmp_path, stubborn) as (outbox, store):
        outbox.put(await due(store, ("1", "a"), ("2", "b")))
        await asyncio.sleep(0.1)
    channel = FakeChannel()
    async with sending(tmp_path, channel) as (outbox, _):
        await outbox.recover()
        await emptied(outbox)
    assert channel.tried == [("2", "b")]


async def test_a_flood_limit_is_waited_for_as_told(tmp_path: Path) -> None:
    answers = iter([Wait(0.3), Sent()])
    channel = FakeChannel(lambda _: next(answers))
    async with sending(tmp_path, channel) as (outbox, store):
        began = time.monotonic()
        outbox.put(await due(store, ("1", "a")))
        await emptied(outbox)
        assert 0.3 <= time.monotonic() - began < 0.6


async def test_one_chat_that_fails_does_not_hold_up_the_others(tmp_path: Path) -> None:
    channel = FakeChannel(lambda outgoing: Again("network") if outgoing.chat == "bad" else Sent())
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, ("bad", "x"), *((str(chat), "x") for chat in range(50))))
        async with asyncio.timeout(1):
            while len(outbox) > 1:
                await asyncio.sleep(0.01)


async def test_while_a_channel_is_down_few_try_and_only_after_a_probe(tmp_path: Path) -> None:
    channel = FakeChannel(lambda _: Again("network") if not channel.is_up else Sent(), is_up=False)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, *((str(chat), "x") for chat in range(100))))
        await asyncio.sleep(1.0)
        assert len(channel.tried) == 14
        assert 1 <= channel.probes <= 3
        channel.is_up = True
        await emptied(outbox)
        assert len(channel.tried) == 114


async def test_an_emergency_is_tried_at_once_even_then(tmp_path: Path) -> None:
    channel = FakeChannel(lambda outgoing: Sent() if outgoing.chat == "e" else Again("network"), is_up=False)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, *((str(chat), "x") for chat in range(30))))
        await asyncio.sleep(0.1)
        outbox.put(await due(store, ("e", "card"), level=Level.EMERGENCY))
        await asyncio.sleep(0.1)
        assert ("e", "card") in channel.tried


async def test_what_is_refused_is_over_and_the_chat_goes_on(tmp_path: Path) -> None:
    channel = FakeChannel(
        lambda outgoing: Refused("blocked") if outgoing.reply and outgoing.reply.plain() == "a" else Sent()
    )
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, ("1", "a"), ("1", "b")))
        await emptied(outbox)
        assert [t for _, t in channel.tried] == ["a", "b"]
        assert await store.load_outbox() == []


async def test_a_moved_chat_keeps_its_order(tmp_path: Path) -> None:
    channel = FakeChannel(lambda outgoing: Moved("new") if outgoing.chat == "old" else Sent())
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, ("old", "a"), ("old", "b")))
        await emptied(outbox)
        assert channel.tried == [("old", "a"), ("new", "a"), ("new", "b")]


async def test_a_bug_in_a_channel_ends_after_five_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.delivery.outbox.PAUSES", (0.01,))

    def bug(_: Outgoing) -> Result:
        raise ValueError("patient's words")

    channel = FakeChannel(bug)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, ("1", "a")))
        await emptied(outbox)
        assert len(channel.tried) == 5
        assert await store.load_outbox() == []


async def test_stopping_waits_for_what_is_in_flight_and_begins_nothing(tmp_path: Path) -> None:
    channel = FakeChannel(seconds=0.1)
    async with sending(tmp_path, channel) as (outbox, store):
        outbox.put(await due(store, *((str(chat), "x") for chat in range(40))))
        await asyncio.sleep(0.02)
        await outbox.stop(1.0)
        assert len(channel.tried) == 14
        assert len(await store.load_outbox()) == 26


async def test_a_chats_limit_delays_only_that_chat(tmp_path: Path) -> None:
    channel = FakeChannel()
    async with sending(tmp_path, channel, RateLimiter(1000)) as (outbox, store):
        outbox.put(await due(store, *(("1", str(n)) for n in range(7)), ("2", "x")))
        await asyncio.sleep(0.2)
        assert len([1 for chat, _ in channel.tried if chat == "1"]) == 5
        assert ("2", "x") in channel.tried


@pytest.mark.parametrize(("chat", "most"), [("5", 65), ("-5", 20)])
def test_a_minute_holds_no_more_than_telegram_allows(chat: str, most: int) -> None:
    limiter, now, sent = RateLimiter(30), 1000.0, 0
    while now < 1060:
        if not limiter.wait_for_chat(chat, now) and not limiter.wait_for_bot(now):
            limiter.count_send(chat, now)
            sent += 1
        now += 0.05
    assert sent <= most


def test_no_second_holds_more_than_the_overall_rate() -> None:
    limiter, sent, now = RateLimiter(30), [], 1000.0
    while now < 1010:
        if not limiter.wait_for_bot(now):
            limiter.count_send(str(len(sent)), now)
            sent.append(now)
        now += 0.001
    assert max(sum(at <= one < at + 1 for one in sent) for at in sent) <= 30
    assert len(sent) > 270


def test_a_rate_of_nothing_lifts_all_limits() -> None:
    limiter = RateLimiter(0)
    for _ in range(1000):
        limiter.count_send("-1", 1.0)
    assert limiter.wait_for_bot(1.0) == limiter.wait_for_chat("-1", 1.0) == 0


def test_a_clock_that_stands_still_or_jumps_back_delays_by_no_more_than_a_token() -> None:
    limiter = RateLimiter(10)
    for _ in range(10):
        limiter.count_send("1", 500.0)
    assert limiter.wait_for_chat("1", 400.0) <= 6.0


def test_a_thousand_chats_are_forgotten_when_they_rest() -> None:
    limiter = RateLimiter(30)
    for number in range(10_000):
        limiter.count_send(str(number), float(number))
    assert len(limiter._chats) <= 4_001


def test_trials_of_an_open_circuit_grow_rarer_up_to_four_seconds() -> None:
    breaker, now, tried = CircuitBreaker(), 0.0, []
    for chat in ("a", "b"):
        breaker.count_failure(("web", chat), now)
    while now < 60:
        if breaker.wait(now) == 0:
            breaker.start_trial(("web", "a"))
            tried.append(now)
            breaker.count_failure(("web", "a"), now)
        now += 0.05
    assert 14 <= len(tried) <= 20
    assert max(b - a for a, b in pairwise(tried)) <= 4.1


def test_several_flooded_chats_mean_that_all_must_wait() -> None:
    breaker = CircuitBreaker()
    for chat in "abc":
        breaker.count_flood_limit(("web", chat), 10.0, 3.0)
    assert breaker.wait(11.0) == pytest.approx(2.0)
    assert breaker.wait(13.1) == 0
