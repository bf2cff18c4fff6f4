"""The weekly report: one picture and five lines, the same as PNG and CSV. Counts only, nothing of anybody."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from bot.assistant.conversation import Outcome
from bot.content import Content
from bot.store.staff import Counts

MOST: Final = 12
REVIEW_AHEAD: Final = timedelta(days=30)
_PARTS: Final = (
    ("answered", (Outcome.ANSWER, Outcome.HANDOFF), "#2a7f62"),
    ("unsure", (Outcome.DISAMBIGUATION,), "#e0a030"),
    ("missed", (Outcome.FALLBACK,), "#9a9a9a"),
    ("warned", (Outcome.ESCALATION,), "#c0392b"),
)


@dataclass(frozen=True, slots=True)
class Week:
    """``entries``: questions by entry, the most asked first. ``parts``: answered, unsure, missed, warned."""

    first: date
    last: date
    counts: Counts
    parts: Mapping[str, int]
    entries: tuple[tuple[str, int], ...]
    reviews: tuple[str, ...]
    names: Mapping[str, str]

    def name_most(self, counted: Mapping[str, int], most: int = 3) -> str:
        first = sorted(counted.items(), key=lambda one: -one[1])[:most]
        return ", ".join(f"{self.names.get(name, name)} ({n})" for name, n in first)


def count_week(content: Content, counts: Counts, now: datetime, days: int = 7) -> Week:
    """The last ``days`` days."""
    parts = {name: sum(n for (one, _), n in counts.outcomes.items() if one in these) for name, these, _ in _PARTS}
    entries: Counter[str] = Counter()
    for (_, entry), n in counts.outcomes.items():
        entries[entry] += n * (entry in content.entries)
    today = now.date()
    due = sorted((entry.review_by, name) for name, entry in content.entries.items() if entry.review_by)
    return Week(
        first=today - timedelta(days=days),
        last=today,
        counts=counts,
        parts=parts,
        entries=tuple((+entries).most_common()),
        reviews=tuple(name for by, name in due if by <= today + REVIEW_AHEAD),
        names={name: entry.question for name, entry in content.entries.items()},
    )


def describe_week(week: Week) -> list[str]:
    """Five lines."""
    parts = ", ".join(f"{n} {name}" for name, n in week.parts.items())
    votes = week.counts.feedback
    up, down = (sum(vote[side] for vote in votes.values()) for side in (0, 1))
    disliked = max(votes, key=lambda name: votes[name][1], default="")
    worst = f"; most 👎: {week.names.get(disliked, disliked)}" if down else ""
    missed, near = week.counts.missed, week.name_most(week.counts.near)
    write = f"{missed} missed questions wait (/missed)" if missed else "no missed question waits"
    reviews = ", ".join(week.reviews[:5]) + (" …" if len(week.reviews) > 5 else "")
    return [
        f"{week.first:%d %b} – {week.last:%d %b}: {sum(week.parts.values())} messages, {parts}.",
        f"Asked most: {week.name_most(dict(week.entries)) or 'nothing yet'}.",
        f"👍 {up}, 👎 {down}{worst}.",
        f"To write next: {write}{f'; nearest to: {near}' if near else ''}.",
        f"Reviews due within 30 days: {reviews or 'none'}.",
    ]


def write_csv(week: Week, path: Path) -> None:
    """One row each: what, which, how often."""
    counts = week.counts
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("what", "which", "times"))
        rows.writerows(("outcome", name, n) for name, n in week.parts.items())
        rows.writerows(("entry", name, n) for name, n in week.entries)
        for name, votes in sorted(counts.feedback.items()):
            rows.writerows((what, name, n) for what, n in zip(("helpful", "not helpful"), votes, strict=True))
        rows.writerows(("red flag", rule, n) for rule, n in sorted(counts.alarms.items()))
        rows.writerow(("missed and waiting", "", counts.missed))
        rows.writerows(("missed, nearest to", name, n) for name, n in sorted(counts.near.items()))
        rows.writerows(("review due", name, "") for name in week.reviews)


def draw(week: Week, path: Path) -> Path | None:
    """The picture as PNG at ``path``; None where matplotlib is not installed (extra ``reports``)."""
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = week.entries[:MOST][::-1]
    rows = max(len(shown), 3)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(7, 2.2 + 0.34 * rows), height_ratios=(1, 0.6 + 0.45 * rows), layout="constrained"
    )
    try:
        left = 0
        for name, _, colour in _PARTS:
            above.barh([0], [week.parts[name]], left=left, color=colour, label=f"{name} {week.parts[name]}")
            left += week.parts[name]
        above.set_title(f"{week.first:%d %b} – {week.last:%d %b %Y}: {left} messages", loc="left")
        above.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.02), frameon=False)
        above.set_axis_off()
        bars = below.barh([week.names[name] for name, _ in shown], [n for _, n in shown], color="#2a7f62")
        below.bar_label(bars, padding=3)
        below.set_title("Questions by answer" if shown else "No question was answered.", loc="left")
        below.spines[["top", "right", "bottom"]].set_visible(False)
        below.set_xticks([])
        if not shown:
            below.set_axis_off()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    finally:
        plt.close(figure)
    return path
