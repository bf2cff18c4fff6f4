"""Queues by chat: in order within a chat, all chats at once, the most urgent chat first."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.store.values import ChatKey, Priority

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Lane(Generic[T]):
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


class Lanes(Generic[T]):
    def __init__(self) -> None:
        self._lanes: dict[ChatKey, Lane[T]] = {}
        self._ready: list[tuple[int, int, ChatKey]] = []
        self._delayed: list[tuple[float, int, ChatKey]] = []
        self._order = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: ChatKey) -> Lane[T] | None:
        return self._lanes.get(key)

    def put(self, key: ChatKey, item: T, priority: Priority) -> Lane[T]:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        lane.items.append((priority, item))
        self._count += 1
        if not lane.is_busy and (len(lane.items) == 1 or priority < Priority.NORMAL):
            self._make_ready(lane)
        return lane

    def next(self, now: float, worst: Priority = Priority.NORMAL) -> tuple[Lane[T] | None, float | None]:
        """The lane to serve now and, without one, the seconds until there may be one."""
        while self._delayed and self._delayed[0][0] <= now:
            _, _, key = heapq.heappop(self._delayed)
            lane = self._lanes.get(key)
            if lane and lane.items and not lane.is_busy and lane.not_before <= now:
                self._make_ready(lane)
        while self._ready:
            priority, _, key = self._ready[0]
            if priority > worst:
                return None, None  # a place that becomes free wakes the caller
            heapq.heappop(self._ready)
            lane = self._lanes.get(key)
            if lane and lane.items and not lane.is_busy and lane.not_before <= now:
                return lane, None
        return None, max(0.0, self._delayed[0][0] - now) if self._delayed else None

    def start(self, lane: Lane[T]) -> None:
        lane.is_busy = True

    def delay(self, lane: Lane[T], until: float) -> None:
        """Not before ``until``."""
        lane.is_busy = False
        lane.not_before = until
        self._order += 1
        heapq.heappush(self._delayed, (until, self._order, lane.key))

    def again(self, lane: Lane[T], item: T, until: float) -> None:
        """The item in hand failed: ``item`` takes its place, not before ``until``."""
        lane.items[0] = (lane.items[0][0], item)
        self.delay(lane, until)

    def finish(self, lane: Lane[T]) -> None:
        """The item in hand is over."""
        if not lane.items:  # drained meanwhile
            return
        lane.items.popleft()
        self._count -= 1
        lane.is_busy = False
        lane.not_before = 0.0
        if lane.items:
            self._make_ready(lane)
        else:
            self._lanes.pop(lane.key, None)

    def drain(self, key: ChatKey) -> list[T]:
        """Takes a chat's whole queue out, the item in hand included."""
        lane = self._lanes.pop(key, None)
        if lane is None:
            return []
        items = [item for _, item in lane.items]
        lane.items.clear()
        self._count -= len(items)
        return items

    def items(self) -> list[T]:
        return [item for lane in self._lanes.values() for _, item in lane.items]

    def wake_all(self) -> None:
        """Nothing is delayed any longer."""
        for lane in self._lanes.values():
            if lane.not_before and not lane.is_busy and lane.items:
                lane.not_before = 0.0
                self._make_ready(lane)

    def _make_ready(self, lane: Lane[T]) -> None:
        self._order += 1
        heapq.heappush(self._ready, (int(lane.priority), self._order, lane.key))
