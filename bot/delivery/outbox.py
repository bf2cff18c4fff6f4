"""The only one that sends: retry, limits and order are here; a channel just tries once and says what came of it."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol, runtime_checkable

from bot.delivery.chat_queues import ChatQueue, ChatQueues
from bot.delivery.circuit_breaker import PAUSES, CircuitBreaker
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics
from bot.delivery.rate_limit import RateLimiter
from bot.errors import StoreError
from bot.store import ChatKey, Mark, Outgoing, Priority, Store

IN_FLIGHT: Final = 16  # in each channel: what a kill can send twice
FOR_EMERGENCIES: Final = 2  # of these
MAX_BUGS: Final = 5


@dataclass(frozen=True, slots=True)
class Sent:
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """A flood limit: try again after ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """It failed, or nobody knows: try again. ``why`` is one of few fixed words: no text of a patient, no token."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Final: it will never arrive. ``is_of_chat``: nothing would in this chat, as things are."""

    why: str
    is_of_chat: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """The chat has another id now."""

    chat: str


Result = Sent | Wait | Again | Refused | Moved


class Channel(Protocol):
    """One way to reach patients. ``name`` is the ``channel`` of its messages: "web", "telegram:<bot id>"."""

    @property
    def name(self) -> str: ...
    async def send(self, outgoing: Outgoing) -> Result: ...


class Watcher(Protocol):
    """Is told what a channel says of a chat."""

    def keeps(self, outgoing: Outgoing) -> bool:
        """Whether what its chat refused waits for ``Outbox.release``."""

    async def moved(self, channel: str, old: str, new: str) -> None: ...


@runtime_checkable
class Probed(Protocol):
    """A channel that can tell by a cheap harmless call whether sending makes sense."""

    async def is_reachable(self) -> bool: ...


class Outbox:
    """``limiters``: the flood limits of channels, by name; a channel without an entry has none."""

    def __init__(
        self,
        store: Store,
        channels: Iterable[Channel],
        metrics: Metrics,
        limiters: Mapping[str, RateLimiter] | None = None,
    ) -> None:
        self._store = store
        self._outs = {one.name: _Outlet(one, (limiters or {}).get(one.name) or RateLimiter()) for one in channels}
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._kept: dict[ChatKey, list[Outgoing]] = {}
        self.watcher: Watcher | None = None

    def __len__(self) -> int:
        return sum(len(out.queues) for out in self._outs.values())

    def oldest(self) -> float:
        """Seconds the oldest reply has waited to be sent."""
        now = time.time()
        return max((now - one.since for out in self._outs.values() for one in out.queues.items()), default=0.0)

    def put(self, due: Iterable[Outgoing]) -> None:
        """Takes over replies that are stored already."""
        for outgoing in due:
            if out := self._outs.get(outgoing.channel):
                out.queues.put(outgoing.key, outgoing, outgoing.priority)
        self._changed.set()

    def release(self, key: ChatKey) -> None:
        """Sends what a chat refused and what was kept; until then it waits on disk."""
        self.put(self._kept.pop(key, ()))

    async def recover(self) -> None:
        """Takes up what an earlier run left unsent."""
        left = await self._store.load_outbox()
        foreign = sum(outgoing.channel not in self._outs for outgoing in left)
        if foreign:
            log().warning("replies wait for a channel that is not served now", count=foreign)
        self.put(left)

    async def send_now(self, outgoing: Outgoing) -> bool:
        """Sends a card from memory, past the store and all queues: for when the store is down. False if it failed."""
        if (out := self._outs.get(outgoing.channel)) is None:
            return False
        for pause in PAUSES[:3]:
            match await self._try_send(out.channel, outgoing):
                case Sent():
                    self._metrics.direct_cards += 1
                    return True
                case Refused():
                    return False
                case Wait(seconds):
                    await asyncio.sleep(min(seconds, 5.0))
                case Moved(chat):
                    outgoing = replace(outgoing, chat=chat)
                case Again():
                    await asyncio.sleep(pause)
        return False

    async def run(self) -> None:
        """Sends until ``stop``."""
        while not self._is_stopping:
            self._changed.clear()
            pause = self._start_sends()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def stop(self, patience: float = 4.0) -> None:
        """Begins nothing new and waits for what is in flight; what is then unsure goes out again at the next start."""
        self._is_stopping = True
        self._changed.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()

    def _start_sends(self) -> float | None:
        """Starts every send that may start now; returns the seconds until another may, None if only a change helps."""
        now = time.monotonic()
        pauses = [self._start_sends_of(out, now) for out in self._outs.values()]
        return min((pause for pause in pauses if pause is not None), default=None)

    def _start_sends_of(self, out: "_Outlet", now: float) -> float | None:
        while out.in_flight < IN_FLIGHT and not self._is_stopping:
            hold = out.hold(now)
            is_reserved = out.in_flight >= IN_FLIGHT - FOR_EMERGENCIES
            only_emergencies = is_reserved or hold != 0
            if out.breaker.is_flooded(now):
                return hold
            queue, wait = out.queues.pick(now, Priority.EMERGENCY if only_emergencies else Priority.NORMAL)
            if queue is None:
                return _sooner(hold or None, wait)
            if (wait := out.limiter.wait_for_chat(queue.first.chat, now)) > 0:
                out.queues.delay(queue, now + wait)
                continue
            if hold == 0:
                out.breaker.start_trial(queue.key)
            self._start_send(out, queue, now)
        return None

    def _start_send(self, out: "_Outlet", queue: ChatQueue[Outgoing], now: float) -> None:
        out.queues.start(queue)
        out.limiter.count_send(queue.first.chat, now)
        task = asyncio.create_task(self._send_first(out, queue, queue.first))
        self._tasks.add(task)
        out.in_flight += 1
        task.add_done_callback(partial(self._end_send, out))

    def _end_send(self, out: "_Outlet", task: "asyncio.Task[None]") -> None:
        out.in_flight -= 1
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()):
            log().error("sending failed by a bug", error=describe(error))

    async def _send_first(self, out: "_Outlet", queue: ChatQueue[Outgoing], outgoing: Outgoing) -> None:
        if (
            out.breaker.is_trial(outgoing.key)
            and isinstance(out.channel, Probed)
            and not await out.channel.is_reachable()
        ):
            self._retry_later(out, queue, outgoing, "unreachable")
            return
        result = await self._try_send(out.channel, outgoing)
        now = time.monotonic()
        if isinstance(result, Sent | Refused | Moved) and out.breaker.count_success():
            log().info("replies are sent again")
            out.queues.wake_all()
        match result:
            case Sent(message_id):
                await self._mark_sent(Mark(outgoing, sent_id=message_id))
                self._metrics.sent["sent"] += 1
                self._metrics.delivery.add(max(0.0, time.time() - outgoing.since))
                out.queues.finish(queue)
                self.release(outgoing.key)
            case Refused(why, True) if self.watcher and self.watcher.keeps(outgoing):
                self._metrics.sent["kept"] += 1
                log().warning("what a chat refused is kept for later", row=outgoing.id, why=why)
                self._kept.setdefault(outgoing.key, []).extend(out.queues.take_out(outgoing.key))
            case Refused(why):
                await self._mark_sent(Mark(outgoing, error=why))
                self._metrics.sent["refused"] += 1
                log().warning("a reply was refused", row=outgoing.id, why=why)
                out.queues.finish(queue)
            case Wait(seconds):
                self._metrics.retries["flood limit"] += 1
                out.breaker.count_flood_limit(outgoing.key, now, seconds)
                out.queues.retry(queue, outgoing, now + seconds)
            case Moved(chat):
                await self._move_chat(out, outgoing, chat)
            case Again(why):
                self._retry_later(out, queue, outgoing, why)

    async def _try_send(self, channel: Channel, outgoing: Outgoing) -> Result:
        try:
            return await channel.send(outgoing)
        except Exception as error:
            log().error("a channel could not send", row=outgoing.id, error=describe(error))
            return Again("bug") if outgoing.attempts < MAX_BUGS - 1 else Refused("bug")

    def _retry_later(self, out: "_Outlet", queue: ChatQueue[Outgoing], outgoing: Outgoing, why: str) -> None:
        now = time.monotonic()
        self._metrics.retries[why] += 1
        was_open = out.breaker.is_open
        out.breaker.count_failure(outgoing.key, now)
        if out.breaker.is_open and not was_open:
            log().warning("replies can't be sent; trying again", why=why)
        pause = PAUSES[min(outgoing.attempts, len(PAUSES) - 1)]
        out.queues.retry(queue, replace(outgoing, attempts=outgoing.attempts + 1), now + pause)

    async def _mark_sent(self, mark: Mark) -> None:
        """Keeps the queue and its place in flight until the mark is stored: else a kill could double more than 16."""
        for attempt in range(1_000_000):
            try:
                await self._store.mark(mark)
            except StoreError as error:
                self._metrics.store_failures += 1
                if attempt == 0:
                    log().error("a sent reply could not be marked", why=str(error))
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            else:
                return

    async def _move_chat(self, out: "_Outlet", outgoing: Outgoing, chat: str) -> None:
        log().info("a group has a new id")
        with contextlib.suppress(StoreError):
            await self._store.move_chat(outgoing.channel, outgoing.chat, chat)
        waiting = [*self._kept.pop(outgoing.key, ()), *out.queues.take_out(outgoing.key)]
        self.put(replace(one, chat=chat) for one in waiting)
        if self.watcher:
            await self.watcher.moved(outgoing.channel, outgoing.chat, chat)


@dataclass(slots=True)
class _Outlet:
    """A channel with what waits for it."""

    channel: Channel
    limiter: RateLimiter
    queues: ChatQueues[Outgoing] = field(default_factory=ChatQueues)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    in_flight: int = 0

    def hold(self, now: float) -> float | None:
        """Seconds until something that is no emergency may be sent; 0 for now, None until a change."""
        wait = self.breaker.wait(now)
        return None if wait is None else max(wait, self.limiter.wait_for_bot(now))


def _sooner(first: float | None, second: float | None) -> float | None:
    return min((one for one in (first, second) if one is not None), default=None)
