"""How well labelled messages are answered and screened.

Works on the lines of ``ask --jsonl`` alone, so it judges what patients get and knows nothing of how it came about.
Two kinds of sets: questions (``text, accept, kind, style``) and red flags (``text, label, level, rule``).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from bot.errors import BotError

Reply = Mapping[str, Any]
Answer = Callable[[str], Reply]

# From "nothing heard" to "call now", as ``level`` names them.
_RANK = {None: 0, "check": 1, "soon": 2, "urgent": 3, "emergency": 4}
_Z95 = 1.959964
# An entry or style with fewer messages than this says too little for a line of its own.
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled message and the reply that it got."""

    label: Mapping[str, Any]
    reply: Reply

    @property
    def kind(self) -> str:
        return str(self.label.get("kind", "in"))

    @property
    def shown(self) -> tuple[str, ...]:
        """Entries shown: the answer, or the suggestions, the first one first."""
        if self.reply["entry"]:
            return (self.reply["entry"],)
        return tuple(entry for entry, _ in self.reply["suggestions"])

    @property
    def is_answered(self) -> bool:
        return bool(self.reply["entry"])

    @property
    def is_first_right(self) -> bool:
        return self.shown[:1] != () and self.shown[0] in self.label["accept"]

    @property
    def is_shown_right(self) -> bool:
        return not set(self.shown).isdisjoint(self.label["accept"])

    @property
    def level(self) -> int:
        return _RANK[self.reply["level"]]

    @property
    def wanted_level(self) -> int:
        return _RANK[self.label["level"]] if self.label["label"] == "escalate" else 0

    @property
    def score(self) -> float:
        suggestions = self.reply["suggestions"]
        return float(suggestions[0][1] if suggestions and not self.is_answered else self.reply["score"])


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (0..1) by Wilson's score method; (0, 1) where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, z2 = hits / total, _Z95 * _Z95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z95 * sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def read(path: Path) -> list[dict[str, Any]]:
    """Labelled messages of a JSON-lines file; BotError names the line that is none."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row["text"], str) or not ("accept" in row or "label" in row):
                raise KeyError("label")
        except (ValueError, KeyError, TypeError) as error:
            expected = '{"text": …, "accept": […]} or {"text": …, "label": …}'
            raise BotError(f"{path}:{number}: expected {expected}.") from error
        rows.append(row)
    return rows


def judge(rows: Iterable[Mapping[str, Any]], answer: Answer) -> list[Judged]:
    """Every message of ``rows`` with the reply that ``answer`` gives."""
    return [Judged(row, answer(row["text"])) for row in rows]


def report(path: Path, answer: Answer, *, misses: bool = False, plot: Path | None = None) -> Iterator[str]:
    """Lines of figures for the set in ``path``; ``misses`` lists what went wrong; ``plot`` draws the curve there."""
    judged = judge(read(path), answer)
    questions = [one for one in judged if "accept" in one.label]
    flags = [one for one in judged if "accept" not in one.label]
    yield f"{path.name}: {len(judged)} messages"
    if questions:
        yield from question_figures(questions)
        yield from breakdown(questions)
        yield from curve_lines(questions)
        if plot:
            draw(questions, plot)
            yield f"  curve drawn to {plot}"
    if flags:
        yield from flag_figures(flags)
    if misses:
        yield from missed(questions, flags)


def question_figures(judged: Sequence[Judged]) -> Iterator[str]:
    """First right, shown, answered, fallbacks, checks; the same for what is out of scope and for small talk."""
    inside = [one for one in judged if one.kind == "in"]
    outside = [one for one in judged if one.kind == "out"]
    talk = [one for one in judged if one.kind == "smalltalk"]
    if inside:
        yield _line("in scope: first shown is right", inside, lambda one: one.is_first_right)
        yield _line("in scope: right among what is shown", inside, lambda one: one.is_shown_right)
        yield _line("in scope: answered, and right", inside, lambda one: one.is_answered and one.is_first_right)
        yield _line("in scope: answered, and wrong", inside, lambda one: one.is_answered and not one.is_first_right)
        yield _line("in scope: fallback", inside, lambda one: one.reply["kind"] == "fallback")
        yield _line("in scope: taken for small talk", inside, lambda one: one.reply["kind"] == "smalltalk")
        yield _line("in scope: asked a safety question", inside, lambda one: one.reply["level"] == "check")
        yield _line("in scope: alarm", inside, lambda one: one.level >= _RANK["urgent"])
    if outside:
        yield _line("out of scope: answered", outside, lambda one: one.is_answered)
        yield _line("out of scope: given suggestions", outside, lambda one: one.reply["kind"] == "suggest")
    if talk:
        yield _line("small talk: taken as such", talk, lambda one: one.reply["kind"] == "smalltalk")
        yield _line("small talk: answered from an entry", talk, lambda one: one.is_answered)


def flag_figures(judged: Sequence[Judged]) -> Iterator[str]:
    """Recall by level, raised or asked, false alarms, false checks."""
    signs = [one for one in judged if one.label["label"] == "escalate"]
    harmless = [one for one in judged if one.label["label"] != "escalate"]
    for level in ("emergency", "urgent", "soon"):
        of_level = [one for one in signs if one.label["level"] == level]
        yield _line(f"{level}: raised at its level or above", of_level, lambda one: one.level >= one.wanted_level)
    grave = [one for one in signs if one.label["level"] != "soon"]
    yield _line("emergency and urgent: raised or asked", grave, lambda one: one.level >= _RANK["check"])
    yield _line("harmless: false alarm", harmless, lambda one: one.level >= _RANK["urgent"])
    yield _line("harmless: false check", harmless, lambda one: one.reply["level"] == "check")


def breakdown(judged: Sequence[Judged]) -> Iterator[str]:
    """In scope: first right by style, and the entries that fare worst."""
    inside = [one for one in judged if one.kind == "in"]
    by_style: dict[str, list[Judged]] = defaultdict(list)
    by_entry: dict[str, list[Judged]] = defaultdict(list)
    for one in inside:
        by_style[str(one.label.get("style", "-"))].append(one)
        by_entry[one.label["accept"][0]].append(one)
    for style, group in sorted(by_style.items()):
        if len(group) >= _FEWEST:
            yield _line(f"style {style}: first right", group, lambda one: one.is_first_right)
    for entry, group in sorted(by_entry.items()):
        wrong = Counter(one.shown[0] if one.shown else one.reply["kind"] for one in group if not one.is_first_right)
        if wrong and len(group) >= _FEWEST:
            taken_for = ", ".join(f"{other} {times}" for other, times in wrong.most_common(4))
            yield f"  entry {entry}: {len(group) - wrong.total()}/{len(group)} first right; taken for {taken_for}"


def curve(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """Risk against coverage: (share answered, share of those that is wrong) if only the surest were answered.

    In scope and out of scope together, so that answering what nobody could answer counts as wrong.
    """
    ranked = sorted((one for one in judged if one.shown and one.kind != "smalltalk"), key=lambda one: -one.score)
    total = sum(one.kind != "smalltalk" for one in judged)
    points, wrong = [], 0
    for count, one in enumerate(ranked, 1):
        wrong += one.kind != "in" or not one.is_first_right
        points.append((count / total, wrong / count))
    return points


def curve_lines(judged: Sequence[Judged]) -> Iterator[str]:
    points = curve(judged)
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        within = [risk for coverage, risk in points if coverage <= share]
        if within and points[-1][0] >= share:
            yield f"  answering the surest {share:.0%} of all messages: {within[-1]:.1%} of the answers wrong"


def draw(judged: Sequence[Judged], path: Path) -> None:
    """The curve as a PNG; BotError if the optional matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BotError("--plot needs matplotlib: install the extra `reports`.") from error
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    points = curve(judged)
    axes.plot([100 * coverage for coverage, _ in points], [100 * risk for _, risk in points])
    answered = [one for one in judged if one.is_answered and one.kind != "smalltalk"]
    wrong = sum(one.kind != "in" or not one.is_first_right for one in answered)
    total = sum(one.kind != "smalltalk" for one in judged)
    if answered:
        axes.plot(100 * len(answered) / total, 100 * wrong / len(answered), "o", label="answered directly today")
        axes.legend()
    axes.set(xlabel="messages answered, surest first (%)", ylabel="wrong among the answers (%)", ylim=(0, None))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def missed(questions: Sequence[Judged], flags: Sequence[Judged]) -> Iterator[str]:
    """One line for each message that went wrong."""
    for one in questions:
        if one.kind == "in" and not one.is_first_right:
            wanted = "/".join(one.label["accept"])
        elif one.kind == "out" and one.shown:
            wanted = "nothing"
        elif one.kind == "smalltalk" and one.reply["kind"] != "smalltalk":
            wanted = "small talk"
        else:
            continue
        got = ", ".join(one.shown) or "-"
        yield f"  {one.reply['kind']:<9} wanted {wanted}, got {got} ({one.score:.2f}): {one.label['text']}"
    for one in flags:
        is_false = one.wanted_level == 0 and (one.level >= _RANK["urgent"] or one.level == _RANK["check"])
        if one.level < one.wanted_level or is_false:
            wanted = one.label["level"] or "no alarm"
            got = f"{one.reply['level'] or '-'} {one.reply['rule'] or ''}".strip()
            yield f"  wanted {wanted} {one.label.get('rule') or ''}, got {got}: {one.label['text']}"


def _line(name: str, judged: Sequence[Judged], is_hit: Callable[[Judged], bool]) -> str:
    hits, total = sum(map(is_hit, judged)), len(judged)
    if total == 0:
        return f"  {name:<42} -"
    low, high = wilson(hits, total)
    return f"  {name:<42} {hits / total:6.1%}  {hits}/{total}  ({low:.1%} to {high:.1%})"
