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
from bot.delivery.chat_queues import ChatQueue, ChatQueues
from bot.delivery.intake import Arriving, Intake
from bot.delivery.log import describe, log
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
        self._intake = Intake(store, current, send_now, self._load_conversations, self._enqueue, metrics)
        self._turns = Turns(current, metrics, staff)
        self._queues: ChatQueues[Incoming] = ChatQueues()
        self._conversations: dict[ChatKey, Conversation] = {}  # of chats with a message in hand
        self._held: set[int] = set()
        self._changed = asyncio.Event()
        self._batches: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._queues)

    @property
    def is_full(self) -> bool:
        return len(self._queues) + self._waiting_out() >= MAX_WAITING

    @property
    def trouble(self) -> str:
        """Why the last message could not be stored; "" once one was."""
        return self._intake.trouble

    def oldest(self) -> float:
        """Seconds the oldest message has waited to be answered."""
        now = datetime.now(UTC)
        return max(((now - one.message.now).total_seconds() for one in self._queues.items()), default=0.0)

    async def accept(
        self,
        messages: Sequence[Message],
        origins: Mapping[str, Origin] | None = None,
        faults: Mapping[str, str] | None = None,
    ) -> tuple[bool, ...]:
        """Screens and stores messages; they are on disk when it returns. True for each new one, False for a known one.

        ``origins``: by update id, what the channel wants back in ``Outgoing.origin``. ``faults``: by update id, why a
        message could not be read as it came; it becomes a dead letter. Raises Full or StoreError; before a StoreError the cards
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

    async def _load_conversations(self, arriving: Sequence[Arriving]) -> dict[ChatKey, Conversation]:
        keys = {(one.message.channel, one.message.chat) for one in arriving}
        known = {key: self._conversations[key] for key in keys if key in self._conversations}
        try:
            known |= await self._store.conversations(keys - known.keys())
        except StoreError:  # storing the message will fail too, and say so
            pass
        except Exception as error:
            log().error("what is remembered of chats could not be read", error=describe(error))
        return known

    def _enqueue(self, stored: Iterable[Incoming]) -> None:
        for one in stored:
            if one.id not in self._held:
                self._held.add(one.id)
                self._queues.put(one.key, one, one.priority)
        self._changed.set()

    async def recover(self) -> None:
        """Takes up what an earlier run stored and did not answer, or what was put back to be tried again."""
        self._enqueue(await self._store.load_inbox())

    async def pick_up_retried(self) -> None:
        """Every half minute looks for dead letters that were put back (`python -m bot stuck --retry`)."""
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
                    task = asyncio.create_task(self._answer_batch(batch))
                    self._batches.add(task)
                    task.add_done_callback(self._end_batch)
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

    def _end_batch(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()):
            log().error("answering failed by a bug", error=describe(error))

    def _next_batch(self) -> tuple[list[ChatQueue[Incoming]], float | None]:
        batch: list[ChatQueue[Incoming]] = []
        now = time.monotonic()
        while len(batch) < TOGETHER:
            queue, wait = self._queues.pick(now)
            if queue is None:
                return batch, wait
            if _is_suspect(queue.first) and batch:  # it may have killed the last run: alone
                self._queues.delay(queue, now)
                return batch, None
            self._queues.start(queue)
            batch.append(queue)
            if _is_suspect(queue.first):
                return batch, None
        return batch, None

    async def _answer_batch(self, batch: list[ChatQueue[Incoming]]) -> None:
        handled: list[tuple[ChatQueue[Incoming], Handled]] = []
        try:
            await self._prepare_batch(batch)
            for queue in batch:
                one = await self._answer_first(queue)
                if one is not None:
                    handled.append((queue, one))
        except Exception as error:  # the store's, or a bug: no chat may wait for ever because of another's message
            await self._postpone_batch(batch, error)
            return
        if handled:
            await self._store_turns(handled)

    async def _prepare_batch(self, batch: list[ChatQueue[Incoming]]) -> None:
        """Loads what is remembered of the chats; counts a try of what an earlier run had in hand, before trying."""
        recovered = [queue.first.id for queue in batch if queue.first.is_recovered]
        if recovered:
            await self._store.count_attempts(recovered)
        unknown = [queue.key for queue in batch if queue.key not in self._conversations]
        if unknown:
            found = await self._store.conversations(unknown)
            self._conversations |= {key: found.get(key, Conversation()) for key in unknown}

    async def _answer_first(self, queue: ChatQueue[Incoming]) -> Handled | None:
        """What came of a chat's first message; None when it failed and will be tried again or was set aside."""
        incoming, conversation = queue.first, self._conversations[queue.key]
        if incoming.attempts >= MAX_TRIES:
            await self._move_to_dead_letters(queue, incoming.fault or "it never came back from being answered")
            return None
        try:
            return await self._turns.answer_message(incoming, conversation)
        except Exception as error:
            log().error(
                "a message could not be answered", row=incoming.id, attempt=incoming.attempts + 1, error=describe(error)
            )
            tried = replace(incoming, attempts=incoming.attempts + 1)
            if tried.attempts < MAX_TRIES:
                if not incoming.is_recovered:
                    await self._store.count_attempts([incoming.id], type(error).__name__)
                self._queues.retry(queue, tried, time.monotonic() + PAUSES[min(tried.attempts, 5) - 1])
            else:
                await self._move_to_dead_letters(queue, type(error).__name__)
            return None

    async def _move_to_dead_letters(self, queue: ChatQueue[Incoming], fault: str) -> None:
        incoming = queue.first
        given_up = await self._turns.give_up_on(incoming, self._conversations[queue.key])
        self._put(await self._store.add_dead_letter(given_up, fault))
        self._metrics.dead_letters += 1
        log().error("a message was set aside; see `python -m bot stuck`", row=incoming.id, why=fault)
        self._conversations[queue.key] = given_up.conversation
        self._close_first(queue)

    async def _store_turns(self, handled: list[tuple[ChatQueue[Incoming], Handled]]) -> None:
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
                await self._store_each(handled, type(error).__name__)
                return
        for queue, one in handled:
            self._conversations[queue.key] = one.conversation
            self._close_first(queue)
        self._put(due)
        self._changed.set()

    async def _store_each(self, handled: list[tuple[ChatQueue[Incoming], Handled]], fault: str) -> None:
        """One by one, so that the one to blame is set aside alone; an alarm still goes out."""
        if len(handled) > 1:
            for one in handled:
                await self._store_turns([one])
            return
        ((queue, turn),) = handled
        await self._intake.send_alarms([turn])
        try:
            await self._move_to_dead_letters(queue, fault)
        except Exception as error:
            await self._postpone_batch([queue], error)

    def _close_first(self, queue: ChatQueue[Incoming]) -> None:
        self._held.discard(queue.first.id)
        self._queues.finish(queue)
        if self._queues.get(queue.key) is None:
            self._conversations.pop(queue.key, None)
        self._changed.set()

    async def _postpone_batch(self, batch: list[ChatQueue[Incoming]], error: Exception) -> None:
        self._metrics.store_failures += 1
        log().error("messages can't be answered", why=str(error) if isinstance(error, StoreError) else describe(error))
        for queue in batch:
            if queue.is_busy:
                self._queues.delay(queue, time.monotonic() + PAUSES[2])


def _is_suspect(incoming: Incoming) -> bool:
    return incoming.is_recovered and incoming.attempts > 0
