"""Counts kept as plain numbers while the bot serves; turned into Prometheus' text only when somebody asks.

No label ever holds a word of a patient, a chat or a name.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)


@dataclass(slots=True)
class Spread:
    """How long something took, in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        running, rows = 0, []
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], self.counts, strict=True):
            running += count
            rows.append((bound, float(running)))
        return rows


@dataclass(slots=True)
class Metrics:
    started_at: float = field(default_factory=time.time)
    received: Counter[str] = field(default_factory=Counter)  # by kind
    duplicates: int = 0
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # outcome, entry, level
    sent: Counter[str] = field(default_factory=Counter)  # by result
    retries: Counter[str] = field(default_factory=Counter)  # by cause
    api_errors: Counter[str] = field(default_factory=Counter)  # by cause
    dead_letters: int = 0  # bot_set_aside_total
    rate_limited: int = 0
    store_failures: int = 0
    direct_cards: int = 0
    staff_chat_failures: int = 0
    answering: Spread = field(default_factory=Spread)  # assistant.reply alone
    delivery: Spread = field(default_factory=Spread)  # arrival to the channel's OK
    gauges: dict[str, Callable[[], float]] = field(default_factory=dict)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self))
        return generate_latest(registry)


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        m = self._metrics

        def counter(name: str, text: str, labels: tuple[str, ...], rows: dict[Any, int]) -> Any:
            family = CounterMetricFamily(f"bot_{name}", text, labels=labels)
            for key, value in rows.items():
                family.add_metric(key if isinstance(key, tuple) else (key,) if labels else (), value)
            return family

        yield counter("messages_received", "Messages stored, by kind.", ("kind",), m.received)
        yield counter("duplicates", "Updates delivered again and dropped.", (), {"": m.duplicates})
        yield counter("outcomes", "What came of messages.", ("outcome", "entry", "level"), m.outcomes)
        yield counter("replies_sent", "Replies by result.", ("result",), m.sent)
        yield counter("send_retries", "Sends tried again, by cause.", ("cause",), m.retries)
        yield counter("api_errors", "Failed calls of Telegram, by cause.", ("cause",), m.api_errors)
        yield counter("set_aside", "Messages that can't be read, stored or answered.", (), {"": m.dead_letters})
        yield counter("rate_limited", "Messages over a chat's limit.", (), {"": m.rate_limited})
        yield counter("store_failures", "Failed transactions.", (), {"": m.store_failures})
        yield counter("direct_cards", "Alarm cards sent from memory.", (), {"": m.direct_cards})
        yield counter(
            "staff_chat_failures", "Posts or looks that the staff chat refused.", (), {"": m.staff_chat_failures}
        )
        for name, text, spread in (
            ("answering_seconds", "Time to find an answer.", m.answering),
            ("delivery_seconds", "From arrival to the channel's OK.", m.delivery),
        ):
            family = HistogramMetricFamily(f"bot_{name}", text)
            family.add_metric((), buckets=spread.buckets(), sum_value=spread.total)
            yield family
        yield GaugeMetricFamily("bot_started_at_seconds", "Start, seconds since 1970.", value=m.started_at)
        for name, read in m.gauges.items():
            yield GaugeMetricFamily(f"bot_{name}", name.replace("_", " ").capitalize() + ".", value=read())
