"""Every message is stored here before anybody hears that it arrived, and answered once, in order within its chat."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.assistant import Assistant
from bot.assistant.conversation import Conversation, Message
from bot.delivery.chat_queues import Lane, Lanes
from bot.delivery.intake import Arriving, Intake
from bot.delivery.logs import describe, log
from bot.delivery.metrics import Metrics
from bot.delivery.turns import Staff, Turns
from bot.errors import BotError, StoreError
from bot.store import MAX_TRIES, ChatKey, Handled, Incoming, Origin, Outgoing, Store

MAX_WAITING: Final = 2_000
TOGETHER: Final = 32  # messages answered in one transaction
SWEEP_SECONDS: Final = 30.0
PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)


class Full(BotError):
    """More messages wait than memory should hold; the sender is to try again in a second."""


class Inbox:
    """``current`` gives the assistant in force, ``put`` hands stored replies to the outbox, ``send_now`` sends a card
    past the store, ``waiting_out`` says how many replies wait."""

    def __init__(
        self,
        store: Store,
        current: Callable[[], Assistant],
        put: Callable[[Iterable[Outgoing]], None],
        send_now: Callable[[Outgoing], Awaitable[bool]],
        waiting_out: Callable[[], int],
        metrics: Metrics,
        staff: Staff | None = None,
    ) -> None:
        self._store = store
        self._put = put
        self._waiting_out = waiting_out
        self._metrics = metrics
        self._intake = Intake(store, current, send_now, self._remembered, self._take, metrics)
        self._turns = Turns(current, metrics, staff)
        self._lanes: Lanes[Incoming] = Lanes()
        self._conversations: dict[ChatKey, Conversation] = {}  # of chats with a message in hand
        self._held: set[int] = set()
        self._changed = asyncio.Event()
        self._batches: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def is_full(self) -> bool:
        return len(self._lanes) + self._waiting_out() >= MAX_WAITING

    @property
    def trouble(self) -> str:
        """Why the last message could not be stored; "" once one was."""
        return self._intake.trouble

    def oldest(self) -> float:
        """Seconds the oldest message has waited to be answered."""
        now = datetime.now(UTC)
        return max(((now - one.message.now).total_seconds() for one in self._lanes.items()), default=0.0)

    async def accept(
        self,
        messages: Sequence[Message],
        origins: Mapping[str, Origin] | None = None,
        faults: Mapping[str, str] | None = None,
    ) -> tuple[bool, ...]:
        """Screens and stores messages; they are on disk when it returns. True for each new one, False for a known one.

        ``origins``: by update id, what the channel wants back in ``Outgoing.origin``. ``faults``: by update id, why a
        message could not be read as it came; it is set aside. Raises Full or StoreError; before a StoreError the cards
        of alarms were sent from memory, once per update id.
        """
        if not messages:
            return ()
        if self.is_full or self._is_stopping:
            raise Full("Too many messages wait. Try again in a second.")
        arriving = [
            Arriving(one, (origins or {}).get(one.update_id, {}), (faults or {}).get(one.update_id, ""))
            for one in messages
        ]
        return await self._intake.accept(arriving)

    async def _remembered(self, arriving: Sequence[Arriving]) -> dict[ChatKey, Conversation]:
        keys = {(one.message.channel, one.message.chat) for one in arriving}
        known = {key: self._conversations[key] for key in keys if key in self._conversations}
        try:
            known |= await self._store.conversations(keys - known.keys())
        except StoreError:  # storing the message will fail too, and say so
            pass
        except Exception as error:
            log().error("what is remembered of chats could not be read", error=describe(error))
        return known

    def _take(self, stored: Iterable[Incoming]) -> None:
        for one in stored:
            if one.id not in self._held:
                self._held.add(one.id)
                self._lanes.put(one.key, one, one.priority)
        self._changed.set()

    async def recover(self) -> None:
        """Takes up what an earlier run stored and did not answer, or what was put back to be tried again."""
        self._take(await self._store.load_inbox())

    async def sweep(self) -> None:
        """Every half minute looks for messages that were put back (`python -m bot stuck --retry`)."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            with contextlib.suppress(StoreError):
                if not self.is_full:
                    await self.recover()

    async def run(self) -> None:
        """Answers until ``stop``. One batch is written while the next is thought about."""
        while not self._is_stopping:
            self._changed.clear()
            pause: float | None = None
            if len(self._batches) < 2:
                batch, pause = self._next_batch()
                if batch:
                    task = asyncio.create_task(self._answer(batch))
                    self._batches.add(task)
                    task.add_done_callback(self._ended)
                    await asyncio.sleep(0)
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def stop(self, patience: float = 2.0) -> None:
        """Begins nothing new and waits for what is in hand; the rest waits on disk."""
        self._is_stopping = True
        self._changed.set()
        if self._batches:
            await asyncio.wait(self._batches, timeout=patience)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()):
            log().error("answering failed by a bug", error=describe(error))

    def _next_batch(self) -> tuple[list[Lane[Incoming]], float | None]:
        batch: list[Lane[Incoming]] = []
        now = time.monotonic()
        while len(batch) < TOGETHER:
            lane, wait = self._lanes.next(now)
            if lane is None:
                return batch, wait
            if _is_suspect(lane.first) and batch:  # it may have killed the last run: alone
                self._lanes.delay(lane, now)
                return batch, None
            self._lanes.start(lane)
            batch.append(lane)
            if _is_suspect(lane.first):
                return batch, None
        return batch, None

    async def _answer(self, batch: list[Lane[Incoming]]) -> None:
        handled: list[tuple[Lane[Incoming], Handled]] = []
        try:
            await self._prepare(batch)
            for lane in batch:
                one = await self._turn(lane)
                if one is not None:
                    handled.append((lane, one))
        except Exception as error:  # the store's, or a bug: no chat may wait for ever because of another's message
            await self._postpone(batch, error)
            return
        if handled:
            await self._finish(handled)

    async def _prepare(self, batch: list[Lane[Incoming]]) -> None:
        """Loads what is remembered of the chats; counts a try of what an earlier run had in hand, before trying."""
        recovered = [lane.first.id for lane in batch if lane.first.is_recovered]
        if recovered:
            await self._store.count_attempts(recovered)
        unknown = [lane.key for lane in batch if lane.key not in self._conversations]
        if unknown:
            found = await self._store.conversations(unknown)
            self._conversations |= {key: found.get(key, Conversation()) for key in unknown}

    async def _turn(self, lane: Lane[Incoming]) -> Handled | None:
        """What came of a lane's first message; None when it failed and will be tried again or was set aside."""
        incoming, conversation = lane.first, self._conversations[lane.key]
        if incoming.attempts >= MAX_TRIES:
            await self._set_aside(lane, incoming.fault or "it never came back from being answered")
            return None
        try:
            return await self._turns.take(incoming, conversation)
        except Exception as error:
            log().error(
                "a message could not be answered", row=incoming.id, attempt=incoming.attempts + 1, error=describe(error)
            )
            tried = replace(incoming, attempts=incoming.attempts + 1)
            if tried.attempts < MAX_TRIES:
                if not incoming.is_recovered:
                    await self._store.count_attempts([incoming.id], type(error).__name__)
                self._lanes.again(lane, tried, time.monotonic() + PAUSES[min(tried.attempts, 5) - 1])
            else:
                await self._set_aside(lane, type(error).__name__)
            return None

    async def _set_aside(self, lane: Lane[Incoming], fault: str) -> None:
        incoming = lane.first
        given_up = await self._turns.give_up(incoming, self._conversations[lane.key])
        self._put(await self._store.set_aside(given_up, fault))
        self._metrics.set_aside += 1
        log().error("a message was set aside; see `python -m bot stuck`", row=incoming.id, why=fault)
        self._conversations[lane.key] = given_up.conversation
        self._close(lane)

    async def _finish(self, handled: list[tuple[Lane[Incoming], Handled]]) -> None:
        """Stores turns, for as long as it takes: an answer found is not thrown away because the disk is full."""
        turns = [one for _, one in handled]
        for attempt in range(1_000_000):
            try:
                due = await self._store.finish(turns)
                break
            except StoreError as error:
                self._metrics.store_failures += 1
                if attempt == 0:
                    log().error("answers can't be stored", why=str(error))
                await self._intake.send_alarms(turns)
                if self._is_stopping:
                    return
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            except Exception as error:  # what came of one message is what can't be stored
                log().error("an answer can't be stored", error=describe(error))
                await self._finish_each(handled, type(error).__name__)
                return
        for lane, one in handled:
            self._conversations[lane.key] = one.conversation
            self._close(lane)
        self._put(due)
        self._changed.set()

    async def _finish_each(self, handled: list[tuple[Lane[Incoming], Handled]], fault: str) -> None:
        """One by one, so that the one to blame is set aside alone; an alarm still goes out."""
        if len(handled) > 1:
            for one in handled:
                await self._finish([one])
            return
        ((lane, turn),) = handled
        await self._intake.send_alarms([turn])
        try:
            await self._set_aside(lane, fault)
        except Exception as error:
            await self._postpone([lane], error)

    def _close(self, lane: Lane[Incoming]) -> None:
        self._held.discard(lane.first.id)
        self._lanes.finish(lane)
        if self._lanes.get(lane.key) is None:
            self._conversations.pop(lane.key, None)
        self._changed.set()

    async def _postpone(self, batch: list[Lane[Incoming]], error: Exception) -> None:
        self._metrics.store_failures += 1
        log().error("messages can't be answered", why=str(error) if isinstance(error, StoreError) else describe(error))
        for lane in batch:
            if lane.is_busy:
                self._lanes.delay(lane, time.monotonic() + PAUSES[2])


def _is_suspect(incoming: Incoming) -> bool:
    return incoming.is_recovered and incoming.attempts > 0
