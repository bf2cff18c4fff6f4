"""How fast a channel may be written to. Telegram's own limits: about 30 messages a second overall, one a second in a
chat (short bursts pass), 20 a minute in a group (core.telegram.org/bots/faq, "My bot is hitting limits")."""

from dataclasses import dataclass

MAX_CHATS = 4_000


@dataclass(slots=True)
class _Bucket:
    """Fills with ``rate`` tokens a second up to ``size``. May be overdrawn, which delays what follows."""

    rate: float
    size: float
    tokens: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until one token is there."""
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        return max(0.0, (1.0 - self.tokens) / self.rate)


class RateLimiter:
    """Token buckets, one for the bot and one for each chat. Times are monotonic seconds.

    ``rate``: messages a second overall; 0 lifts all limits.
    """

    def __init__(self, rate: float = 0) -> None:
        self._is_on = rate > 0
        rate *= 0.93  # sends bunch up on the way
        size = max(1.0, rate / 15)
        self._overall = _Bucket(rate or 1.0, size, size, 0.0)
        self._chats: dict[str, _Bucket] = {}

    def wait_for_bot(self, now: float) -> float:
        return self._overall.wait(now) if self._is_on else 0.0

    def wait_for_chat(self, chat: str, now: float) -> float:
        return self._chat(chat, now).wait(now) if self._is_on else 0.0

    def count_send(self, chat: str, now: float) -> None:
        """Accounts for one message sent to ``chat``."""
        if not self._is_on:
            return
        for bucket in (self._overall, self._chat(chat, now)):
            bucket.wait(now)
            bucket.tokens -= 1.0

    def _chat(self, chat: str, now: float) -> _Bucket:
        if (bucket := self._chats.get(chat)) is None:
            if len(self._chats) >= MAX_CHATS:
                self._forget_full_buckets(now)
            is_group = chat.startswith("-")  # Telegram numbers groups below zero
            bucket = _Bucket(0.25 if is_group else 1.0, 5.0, 5.0, now)
            self._chats[chat] = bucket
        return bucket

    def _forget_full_buckets(self, now: float) -> None:
        for bucket in self._chats.values():
            bucket.wait(now)
        self._chats = {chat: bucket for chat, bucket in self._chats.items() if bucket.tokens < bucket.size}
