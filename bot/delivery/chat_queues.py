"""Queues by chat: in order within a chat, all chats at once, the most urgent chat first."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.store.values import ChatKey, Priority

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class ChatQueue(Generic[T]):
    """One chat's queue. ``is_busy``: its first item is in hand. ``not_before``: monotonic seconds."""

    key: ChatKey
    items: deque[tuple[Priority, T]] = field(default_factory=deque)
    is_busy: bool = False
    not_before: float = 0.0

    @property
    def first(self) -> T:
        return self.items[0][1]

    @property
    def priority(self) -> Priority:
        """An emergency lifts what stands before it in its own chat."""
        return min(priority for priority, _ in self.items)


class ChatQueues(Generic[T]):
    def __init__(self) -> None:
        self._queues: dict[ChatKey, ChatQueue[T]] = {}
        self._ready: list[tuple[int, int, ChatKey]] = []
        self._delayed: list[tuple[float, int, ChatKey]] = []
        self._order = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: ChatKey) -> ChatQueue[T] | None:
        return self._queues.get(key)

    def put(self, key: ChatKey, item: T, priority: Priority) -> ChatQueue[T]:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = ChatQueue(key)
        queue.items.append((priority, item))
        self._count += 1
        if not queue.is_busy and (len(queue.items) == 1 or priority < Priority.NORMAL):
            self._make_ready(queue)
        return queue

    def pick(self, now: float, worst: Priority = Priority.NORMAL) -> tuple[ChatQueue[T] | None, float | None]:
        """The queue to serve now and, without one, the seconds until there may be one."""
        while self._delayed and self._delayed[0][0] <= now:
            _, _, key = heapq.heappop(self._delayed)
            queue = self._queues.get(key)
            if queue and queue.items and not queue.is_busy and queue.not_before <= now:
                self._make_ready(queue)
        while self._ready:
            priority, _, key = self._ready[0]
            if priority > worst:
                return None, None  # a place that becomes free wakes the caller
            heapq.heappop(self._ready)
            queue = self._queues.get(key)
            if queue and queue.items and not queue.is_busy and queue.not_before <= now:
                return queue, None
        return None, max(0.0, self._delayed[0][0] - now) if self._delayed else None

    def start(self, queue: ChatQueue[T]) -> None:
        queue.is_busy = True

    def delay(self, queue: ChatQueue[T], until: float) -> None:
        """Not before ``until``."""
        queue.is_busy = False
        queue.not_before = until
        self._order += 1
        heapq.heappush(self._delayed, (until, self._order, queue.key))

    def retry(self, queue: ChatQueue[T], item: T, until: float) -> None:
        """The item in hand failed: ``item`` takes its place, not before ``until``."""
        queue.items[0] = (queue.items[0][0], item)
        self.delay(queue, until)

    def finish(self, queue: ChatQueue[T]) -> None:
        """The item in hand is over."""
        if not queue.items:  # drained meanwhile
            return
        queue.items.popleft()
        self._count -= 1
        queue.is_busy = False
        queue.not_before = 0.0
        if queue.items:
            self._make_ready(queue)
        else:
            self._queues.pop(queue.key, None)

    def take_out(self, key: ChatKey) -> list[T]:
        """Takes a chat's whole queue out, the item in hand included."""
        queue = self._queues.pop(key, None)
        if queue is None:
            return []
        items = [item for _, item in queue.items]
        queue.items.clear()
        self._count -= len(items)
        return items

    def items(self) -> list[T]:
        return [item for queue in self._queues.values() for _, item in queue.items]

    def wake_all(self) -> None:
        """Nothing is delayed any longer."""
        for queue in self._queues.values():
            if queue.not_before and not queue.is_busy and queue.items:
                queue.not_before = 0.0
                self._make_ready(queue)

    def _make_ready(self, queue: ChatQueue[T]) -> None:
        self._order += 1
        heapq.heappush(self._ready, (int(queue.priority), self._order, queue.key))
