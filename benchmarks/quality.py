"""How well red flags are heard, as patients are served. Run from the repository: ``python benchmarks/quality.py [FILE.jsonl …]``.

Without a file: every set of ``FLOORS``, exit 1 where one is below its floor or above its ceiling. A line is labelled with
the ``level`` that it must raise (or none); lines marked ``doubt`` are left out. ``--misses`` lists what went wrong.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.cli.evaluation import wilson  # noqa: E402
from bot.content import Content, load  # noqa: E402
from bot.safety import Level, Screener, Screening  # noqa: E402
from bot.understanding import Understanding, load_understanding  # noqa: E402

PHRASINGS = "phrasings"  # of all entries, in place of files
HELD_OUT = "held-out"
FIGURES = ("emergency raised", "emergency raised or asked", "urgent raised", "false alarms", "false questions")


@dataclass(frozen=True, slots=True)
class Floor:
    """Per cent of a set's messages. Floors of the first three, ceilings of the last two; None where it holds none."""

    files: tuple[str, ...]
    raised: float | None
    asked: float | None
    urgent: float | None
    alarms: float
    questions: float

    def bars(self) -> tuple[float | None, ...]:
        return self.raised, self.asked, self.urgent, self.alarms, self.questions


TAUGHT = "training/messages/real-{}.jsonl"
# Fields that were searched for frightening words, and for none.
SEARCHED = tuple(map(TAUGHT.format, ("nerves", "sudden-signs", "slow-signs", "illness")))
AS_THEY_COME = tuple(map(TAUGHT.format, ("ordinary-backs", "clinic-desk", "body", "life", "work", "sport", "family")))
# Today's figures, half a point aside. As the work goes on, floors only rise and ceilings only fall.
FLOORS = {
    # name                    files                                                         raised asked urgent alarms questions
    "real, frightening": Floor(("tests/eval/real_red_flags_dev.jsonl", "tests/rounds/round-29.jsonl", "tests/rounds/round-3*.jsonl"),
                                                                                              95,   98.8, 92,   11.2,  14),
    "real, searched for": Floor(SEARCHED,                                                     90,   97,   92.3, 20.6,  20),
    "real, as they come": Floor(AS_THEY_COME,                                                 None, None, None, 8.3,   12.6),
    "terse":              Floor(("tests/eval/terse_red_flags_dev.jsonl",),                    93.3, 97.7, 99,   11.4,  6),
    "invented":           Floor(("tests/eval/red_flags_dev.jsonl", "tests/rounds/round-2[5-8].jsonl"),
                                                                                              98.4, 99.5, 98.9, 4.4,   10.7),
    "questions":          Floor(("tests/eval/*questions_*.jsonl", PHRASINGS),                 None, None, None, 2.3,   5.6),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled message; ``level`` is empty where it must raise nothing."""

    text: str
    level: str = ""
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    line: Line
    screening: Screening

    @property
    def rank(self) -> int:
        return self.screening.top.level.rank if self.screening.top else 0

    @property
    def is_raised(self) -> bool:
        return self.rank >= Level(self.line.level).rank

    @property
    def is_alarm(self) -> bool:
        return self.rank >= Level.URGENT.rank

    @property
    def is_asked(self) -> bool:
        return self.rank == Level.CHECK.rank

    @property
    def is_wrong(self) -> bool:
        return not self.is_raised if self.line.level else self.is_alarm or self.is_asked


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a labelled set that are sure; of what is taught, those that were held out."""
    for raw in path.read_text("utf-8").splitlines():
        row = json.loads(raw)
        is_measured = row.get("split", HELD_OUT) == HELD_OUT and row.get("kind") != "out"
        if is_measured and not row.get("doubt"):
            level = "" if row.get("label") == "none" else (row.get("level") or "none").replace("none", "")
            yield Line(row["text"], level, row.get("rule") or row.get("label") or "")


def lines_of(floor: Floor, content: Content) -> Iterator[Line]:
    for name in floor.files:
        if name == PHRASINGS:
            yield from (Line(text) for entry in content.entries.values() for text in entry.phrasings)
        for path in sorted(ROOT.glob(name)) if name != PHRASINGS else ():
            yield from read_lines(path)


def judge(screener: Screener, understanding: Understanding, lines: Iterable[Line]) -> list[Judged]:
    """What the bot makes of each line as the first message of a chat."""
    return [Judged(line, screener.screen(understanding.parse(line.text))) for line in lines]


def figures(judged: Sequence[Judged]) -> tuple[tuple[int, int], ...]:
    """How many, of how many, for each of ``FIGURES``."""
    emergencies = [one for one in judged if one.line.level == "emergency"]
    urgent = [one for one in judged if one.line.level == "urgent"]
    harmless = [one for one in judged if not one.line.level]
    return (
        (sum(one.is_raised for one in emergencies), len(emergencies)),
        (sum(one.is_alarm or one.is_asked for one in emergencies), len(emergencies)),
        (sum(one.is_raised for one in urgent), len(urgent)),
        (sum(one.is_alarm for one in harmless), len(harmless)),
        (sum(one.is_asked for one in harmless), len(harmless)),
    )


def breaches(found: Sequence[tuple[int, int]], floor: Floor) -> Iterator[str]:
    """Each figure that is worse than its bar, in words."""
    for name, (some, of), bar in zip(FIGURES, found, floor.bars(), strict=True):
        share = 100 * some / of if of else 0
        is_ceiling = name.startswith("false")
        if bar is not None and (share > bar if is_ceiling else share < bar):
            yield f"{name}: {share:.1f} % ({some}/{of}), {'at most' if is_ceiling else 'at least'} {bar} %"


def print_figures(title: str, judged: Sequence[Judged], *, misses: bool) -> None:
    print(f"{title}: {len(judged)} messages")
    for name, (some, of) in zip(FIGURES, figures(judged), strict=True):
        if of:
            low, high = wilson(some, of)
            print(f"  {name:<26} {100 * some / of:5.1f} %  {some}/{of}  ({100 * low:.1f} to {100 * high:.1f})")
    for one in judged if misses else ():
        if one.is_wrong:
            top = one.screening.top
            got = f"{top.level} {top.rule} ({'; '.join(top.evidence)})" if top else "nothing"
            print(f"    [{one.line.level or 'harmless'} {one.line.sign}] got {got}: {one.line.text}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args(arguments)
    content = load(ROOT / "faq")
    understanding = load_understanding(content)
    if understanding.trouble:
        print(f"The model does not hear: {understanding.trouble}")
        return 1
    screener = Screener(content.red_flags, understanding)
    for path in options.files:
        print_figures(path.name, judge(screener, understanding, read_lines(path)), misses=options.misses)
    is_well = True
    for name, floor in FLOORS.items() if not options.files else ():
        judged = judge(screener, understanding, lines_of(floor, content))
        print_figures(name, judged, misses=options.misses)
        for breach in breaches(figures(judged), floor):
            is_well = False
            print(f"  BELOW THE BAR  {breach}")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
