"""A circuit breaker for a channel: while it takes nothing, one message tries at a time, not every waiting chat.

A send whose result was lost may have arrived; so the fewer try while Telegram is ill, the fewer get a reply twice.
"""

from bot.store.values import ChatKey

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
FLOODED_CHATS = 3  # that many within a second: the limit is the bot's, not a chat's


class CircuitBreaker:
    """``is_open``: the channel is down, and only trials are sent. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failing: set[ChatKey] = set()
        self._trying: ChatKey | None = None
        self._step = 0
        self._next_at = 0.0
        self._flooded: dict[ChatKey, float] = {}
        self._flood_until = 0.0
        self.is_open = False

    def wait(self, now: float) -> float | None:
        """Seconds until the next message may be sent, 0 for now, None while another one tries."""
        if now < self._flood_until:
            return self._flood_until - now
        if not self.is_open:
            return 0.0
        return None if self._trying else max(0.0, self._next_at - now)

    def is_flooded(self, now: float) -> bool:
        return now < self._flood_until

    def start_trial(self, key: ChatKey) -> None:
        if self.is_open and self._trying is None:
            self._trying = key

    def is_trial(self, key: ChatKey) -> bool:
        return self._trying == key

    def count_failure(self, key: ChatKey, now: float) -> None:
        """One chat failing is that chat's trouble; the second one without a success between them is the channel's."""
        self._failing.add(key)
        if self.is_open:
            if self._trying == key:
                self._trying = None
                self._step = min(self._step + 1, len(PAUSES) - 1)
                self._next_at = now + PAUSES[self._step]
        elif len(self._failing) > 1:
            self.is_open = True
            self._step = 0
            self._next_at = now + PAUSES[0]

    def count_success(self) -> bool:
        """The channel said yes or no. True if the circuit was open until now."""
        was_open = self.is_open
        self._failing.clear()
        self._trying = None
        self._step = 0
        self.is_open = False
        return was_open

    def count_flood_limit(self, key: ChatKey, now: float, seconds: float) -> None:
        """The channel asked to wait."""
        self._flooded = {one: at for one, at in self._flooded.items() if now - at < 1.0} | {key: now}
        if self._trying == key:
            self._trying = None
            self._next_at = now + seconds
        if len(self._flooded) >= FLOODED_CHATS:
            self._flood_until = max(self._flood_until, now + seconds)
