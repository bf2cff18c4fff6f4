"""The weekly report: one picture and five lines, the same as PNG and CSV. Counts only, nothing of anybody."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

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
    parts: Mapping[str, int]
    entries: tuple[tuple[str, int], ...]
    votes: Mapping[str, tuple[int, int]]
    alarms: Mapping[str, int]
    missed: int
    near: Mapping[str, int]
    reviews: tuple[str, ...]
    names: Mapping[str, str]


def week_of(content: Content, counts: Counts, now: datetime, days: int = 7) -> Week:
    """The last ``days`` days."""
    parts = {
        name: sum(n for (outcome, _), n in counts.outcomes.items() if outcome in [one.value for one in outcomes])
        for name, outcomes, _ in _PARTS
    }
    entries: dict[str, int] = {}
    for (_, entry), n in counts.outcomes.items():
        if entry in content.entries:
            entries[entry] = entries.get(entry, 0) + n
    today = now.date()
    due = [(entry.review_by, name) for name, entry in content.entries.items() if entry.review_by]
    return Week(
        first=today - timedelta(days=days),
        last=today,
        parts=parts,
        entries=tuple(sorted(entries.items(), key=lambda one: -one[1])),
        votes=counts.feedback,
        alarms=counts.alarms,
        missed=counts.missed,
        near=counts.near,
        reviews=tuple(name for by, name in sorted(due) if by <= today + REVIEW_AHEAD),
        names={name: entry.question for name, entry in content.entries.items()},
    )


def lines(week: Week) -> list[str]:
    """Five lines."""
    total = sum(week.parts.values())
    parts = ", ".join(f"{n} {name}" for name, n in week.parts.items())
    asked = ", ".join(f"{week.names.get(name, name)} ({n})" for name, n in week.entries[:3]) or "nothing yet"
    up, down = (sum(votes[side] for votes in week.votes.values()) for side in (0, 1))
    disliked = max(week.votes.items(), key=lambda one: one[1][1], default=("", (0, 0)))
    worst = f"; most 👎: {week.names.get(disliked[0], disliked[0])}" if disliked[1][1] else ""
    nearest = sorted(week.near.items(), key=lambda one: -one[1])[:3]
    near = ", ".join(f"{week.names.get(name, name)} ({n})" for name, n in nearest)
    write = f"{week.missed} missed questions wait (/missed)" if week.missed else "no missed question waits"
    write += f"; nearest to: {near}" if near else ""
    reviews = ", ".join(week.reviews[:5]) + (" …" if len(week.reviews) > 5 else "") if week.reviews else "none"
    return [
        f"{week.first:%d %b} – {week.last:%d %b}: {total} messages, {parts}.",
        f"Asked most: {asked}.",
        f"👍 {up}, 👎 {down}{worst}.",
        f"To write next: {write}.",
        f"Reviews due within 30 days: {reviews}.",
    ]


def write_csv(week: Week, path: Path) -> None:
    """One row each: what, which, how often."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("what", "which", "times"))
        rows.writerows(("outcome", name, n) for name, n in week.parts.items())
        rows.writerows(("entry", name, n) for name, n in week.entries)
        for name, (up, down) in sorted(week.votes.items()):
            rows.writerow(("helpful", name, up))
            rows.writerow(("not helpful", name, down))
        rows.writerows(("red flag", rule, n) for rule, n in sorted(week.alarms.items()))
        rows.writerow(("missed and waiting", "", week.missed))
        rows.writerows(("missed, nearest to", name, n) for name, n in sorted(week.near.items()))
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
    figure, (above, below) = plt.subplots(
        2,
        1,
        figsize=(7, 2.2 + 0.34 * max(len(shown), 3)),
        height_ratios=(1, 0.6 + 0.45 * max(len(shown), 3)),
        layout="constrained",
    )
    try:
        _draw_parts(above, week)
        below.barh([week.names.get(name, name) for name, _ in shown], [n for _, n in shown], color="#2a7f62")
        below.bar_label(below.containers[0], padding=3)
        below.set_title("Questions by answer", loc="left")
        for side in ("top", "right", "bottom"):
            below.spines[side].set_visible(False)
        below.set_xticks([])
        if not shown:
            below.set_axis_off()
            below.set_title("No question was answered.", loc="left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    finally:
        plt.close(figure)
    return path


def _draw_parts(axes: Any, week: Week) -> None:
    left = 0
    for name, _, colour in _PARTS:
        n = week.parts[name]
        axes.barh([0], [n], left=left, color=colour, label=f"{name} {n}")
        left += n
    axes.set_title(f"{week.first:%d %b} – {week.last:%d %b %Y}: {left} messages", loc="left")
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.02), frameon=False)
    axes.set_axis_off()
