"""Evidence beyond examples for the screening. Run from the repository: ``python benchmarks/evidence.py [WHAT]``.

WHAT is ``changes`` (every line of the rules in another person's typing keeps its verdict), ``frames`` (every sign, denied,
asked, supposed, past, told, and said), ``everyday`` (phrasings of all entries and the development questions raise nothing) or
nothing for all. Prints shares; exit 1 below a bar. ``--misses N`` lists N misses of each kind.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import Content, load  # noqa: E402
from bot.safety import Level, Screener  # noqa: E402
from bot.safety.learning import listening  # noqa: E402
from tests.changes import changed  # noqa: E402
from tests.frames import Frames  # noqa: E402

KEPT = 0.995  # of changed lines
HEARD_IN_FRAME = 0.99
QUIET_IN_FRAME = 0.97
MOST_ALARMS = 0.002  # of everyday questions
MOST_CHECKS = 0.03
ALL_ITEMS = 100_000


class Shares:
    """How many of each kind went well, and what did not."""

    def __init__(self) -> None:
        self._count: defaultdict[str, int] = defaultdict(int)
        self._missed: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, text: str, is_well: bool) -> None:
        self._count[kind] += 1
        if not is_well:
            self._missed[kind].append(text)

    def share(self, kinds: Callable[[str], bool] = lambda _: True) -> float:
        missed = sum(len(texts) for kind, texts in self._missed.items() if kinds(kind))
        return 1 - missed / max(sum(count for kind, count in self._count.items() if kinds(kind)), 1)

    def print(self, misses: int) -> None:
        for kind, count in self._count.items():
            missed = self._missed[kind]
            print(f"  {kind:45} {100 * (1 - len(missed) / count):6.2f} %  ({count - len(missed)}/{count})")
            for text in missed[:misses]:
                print(f"      {text}")


def is_loud(screener: Screener, text: str) -> bool:
    return any(f.level in {Level.URGENT, Level.EMERGENCY} for f in screener.find_red_flag(text).findings)


def rank(screener: Screener, text: str) -> int:
    top = screener.find_red_flag(text).top
    return top.level.rank if top else 0


def all_changes(
    content: Content, screener: Screener, fire: Iterable[tuple[str, Level]], quiet: Iterable[str]
) -> Shares:
    """Which of the changed lines keep their verdict."""
    questions = [entry.question for entry in content.entries.values()]
    shares = Shares()
    for text, level in fire:
        for name, new in changed(text, questions):
            shares.add(f"must fire, {name}", f"[{level}] {new}", rank(screener, new) >= level.rank)
    for text in quiet:
        for name, new in changed(text, questions):
            shares.add(f"must not fire, {name}", new, not is_loud(screener, new))
    return shares


def all_frames(frames: Frames, most_items: int, most_each: int) -> Shares:
    """Which of the framed signs get their verdict."""
    shares = Shares()
    for framed in frames.framed(most_items, most_each):
        speaks = frames.speaks(framed.sign.rule, framed.text)
        kind = f"{framed.frame}{', must be heard' if framed.must_speak else ''}"
        shares.add(kind, f"[{framed.sign.rule}: {framed.sign.concept}] {framed.text}", speaks == framed.must_speak)
    return shares


def everyday(content: Content, screener: Screener, name: str) -> Shares:
    """Questions that nobody should be alarmed by."""
    shares = Shares()
    asked = {"phrasings": [text for entry in content.entries.values() for text in entry.phrasings]}
    lines = (ROOT / "tests" / "eval" / "questions_dev.jsonl").read_text("utf-8").splitlines()
    asked["development questions"] = [json.loads(line)["text"] for line in lines]
    for kind, texts in asked.items():
        for text in texts:
            top = screener.find_red_flag(text).top
            shares.add(f"{kind}, {name}: no alarm", text, not is_loud(screener, text))
            shares.add(f"{kind}, {name}: no check", text, top is None or top.level is not Level.CHECK)
    return shares


def check_changes(content: Content, misses: int) -> bool:
    rules = content.red_flags.rules
    fire = [(text, Level(rule.level)) for rule in rules for text in rule.must_fire]
    quiet = [text for rule in rules for text in rule.must_not_fire]
    shares = all_changes(content, Screener(content.red_flags), fire, quiet)
    print(f"Lines of the rules, changed: {100 * shares.share():.2f} % keep their verdict (bar {100 * KEPT:.1f} %)")
    shares.print(misses)
    return shares.share() >= KEPT


def check_frames(content: Content, misses: int) -> bool:
    shares = all_frames(Frames(content.red_flags, Screener(content.red_flags)), ALL_ITEMS, ALL_ITEMS)
    heard = shares.share(lambda kind: kind.endswith("must be heard"))
    quiet = shares.share(lambda kind: not kind.endswith("must be heard"))
    print(f"Signs in frames: heard where said {100 * heard:.2f} %, quiet where not {100 * quiet:.2f} %")
    print(f"  (bars {100 * HEARD_IN_FRAME:.0f} % and {100 * QUIET_IN_FRAME:.0f} %)")
    shares.print(misses)
    return heard >= HEARD_IN_FRAME and quiet >= QUIET_IN_FRAME


def check_everyday(content: Content, misses: int) -> bool:
    is_well = True
    alone = Screener(content.red_flags)
    for name, screener in (("rules alone", alone), ("with the listener", listening(content, ROOT / "build"))):
        shares = everyday(content, screener, name)
        alarms = 1 - shares.share(lambda kind: kind.endswith("alarm"))
        checks = 1 - shares.share(lambda kind: kind.endswith("check"))
        print(
            f"Everyday questions, {name}: {100 * alarms:.2f} % alarms, {100 * checks:.2f} % checks (bars 0.2 % and 3 %)"
        )
        shares.print(misses)
        is_well = is_well and alarms <= MOST_ALARMS and checks <= MOST_CHECKS
    return is_well


CHECKS = {"changes": check_changes, "frames": check_frames, "everyday": check_everyday}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=tuple(CHECKS))
    parser.add_argument("--misses", type=int, default=0, metavar="N")
    options = parser.parse_args(arguments)
    content = load(ROOT / "faq")
    results = [check(content, options.misses) for what, check in CHECKS.items() if options.what in {None, what}]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
