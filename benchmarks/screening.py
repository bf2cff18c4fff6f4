"""How well red flags are heard. Run from the repository: ``python benchmarks/screening.py WHAT``.

WHAT is ``round NN`` (one round of tests/rounds), ``rounds`` (all that are finished), ``set FILE.jsonl`` (any
labelled set), ``lines`` (must_fire and must_not_fire of the rules), ``phrasings`` (every phrasing of every entry; all
harmless) or ``speed``.
``--misses`` lists what went wrong, ``--rules-only`` leaves the second listener out.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import Content, load  # noqa: E402
from bot.safety import Screener  # noqa: E402
from bot.safety.refining import listening_closely  # noqa: E402

RANK = {"": 0, "none": 0, "check": 1, "soon": 2, "urgent": 3, "emergency": 4}
HOSTILE = 4096  # characters


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled message: what level it must raise, or "none"."""

    text: str
    level: str
    rule: str = ""


def labelled(path: Path) -> list[Line]:
    """The lines of a red-flag set in the format of tests/rounds."""
    found = []
    for raw in path.read_text("utf-8").splitlines():
        if raw.strip():
            row = json.loads(raw)
            level = row.get("level") if row.get("label", "escalate") != "none" else "none"
            found.append(Line(row["text"], level or "none", row.get("rule") or ""))
    return found


def rule_lines(content: Content) -> list[Line]:
    """must_fire and must_not_fire of every rule."""
    rules = content.red_flags.rules
    fire = [Line(text, rule.level, rule.id) for rule in rules for text in rule.must_fire]
    return fire + [Line(text, "none", rule.id) for rule in rules for text in rule.must_not_fire]


def phrasings(content: Content) -> list[Line]:
    return [Line(text, "none", entry.id) for entry in content.entries.values() for text in entry.phrasings]


def measure(screener: Screener, lines: Iterable[Line], show_misses: bool = False) -> dict[str, tuple[int, int]]:
    """Counts ``(how many, of how many)`` by name; prints the misses on request."""
    counts: dict[str, list[int]] = {}

    def count(name: str, is_so: bool) -> None:
        have = counts.setdefault(name, [0, 0])
        have[0] += is_so
        have[1] += 1

    for line in lines:
        screening = screener.listen(line.text, screener.find_red_flag(line.text))
        top = screening.top
        levels = [finding.level.value for finding in screening.findings]
        got = top.level.value if top else "none"
        raised = max((RANK[level] for level in levels), default=0)
        if line.level == "none":
            count("false alarms", raised >= RANK["urgent"])
            count("false checks", got == "check")
            count("soon on harmless", "soon" in levels)
            is_wrong = raised >= RANK["urgent"] or got == "check"
        else:
            is_wrong = raised < RANK[line.level]
            count(f"{line.level} recall", not is_wrong)
            if line.level in {"emergency", "urgent"}:
                count(f"{line.level} raised or asked", not is_wrong or "check" in levels)
        if is_wrong and show_misses:
            evidence = f"{top.rule}: {'; '.join(top.evidence)}" if top else "; ".join(screening.blocked[:2])
            print(f"  [{line.level}/{line.rule} got {got}] {line.text}\n      {evidence}")
    return {name: (some, of) for name, (some, of) in sorted(counts.items())}


def report(title: str, counts: dict[str, tuple[int, int]]) -> None:
    shown = " · ".join(f"{name} {100 * some / of:.1f} % ({some}/{of})" for name, (some, of) in counts.items())
    print(f"{title}: {shown}")


def speed(screener: Screener, lines: Sequence[Line]) -> None:
    """p50, p99 and the worst of real messages, and the worst of hostile ones, in milliseconds of CPU time."""
    for line in lines[:200]:
        screener.find_red_flag(line.text)
    times = sorted(timed(screener.find_red_flag, line.text) for line in lines)
    print(
        f"messages: p50 {statistics.median(times):.2f} ms · p99 {times[int(0.99 * len(times))]:.2f} ms · "
        f"worst {times[-1]:.2f} ms ({len(times)} messages)"
    )
    for name, text in hostile():
        print(f"hostile {name}: {min(timed(screener.find_red_flag, text) for _ in range(3)):.2f} ms")


def hostile() -> list[tuple[str, str]]:
    """Texts of 4,096 characters made to be slow."""
    pieces = {
        "one letter": "a", "no spaces": "cantfeelmylegs", "signs": "leg numb ", "denials": "no numbness or ",
        "cues": "can i not ", "commas": "numb,leg,", "slips": "nmubness lgeg tinglign ", "new lines": "numb\n",
        "emoji": "🦵🩸", "long words": "qwertyuiopasdfghjklzxcvbn ", "pee": "cant pee my leg since ",
        "other script": "не могу ", "numbers": "39.5 ", "pain": "severe pain in my back and belly ",
    }  # fmt: skip
    return [(name, (piece * (HOSTILE // len(piece) + 1))[:HOSTILE]) for name, piece in pieces.items()]


def timed(call: Callable[[str], object], text: str) -> float:
    start = time.thread_time()
    call(text)
    return 1000 * (time.thread_time() - start)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("round", "rounds", "set", "lines", "phrasings", "speed"))
    parser.add_argument("which", nargs="?", default="")
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--rules-only", action="store_true")
    options = parser.parse_args(arguments)
    content = load(ROOT / "faq")
    start = time.perf_counter()
    screener = Screener(content.red_flags) if options.rules_only else listening_closely(content, ROOT / "build")
    if options.what == "speed":
        print(f"compiled in {time.perf_counter() - start:.2f} s")
        speed(screener, phrasings(content) + rule_lines(content))
        return 0
    sets: dict[str, list[Line]] = {}
    rounds = ROOT / "tests" / "rounds"
    if options.what == "round":
        sets[f"round {options.which}"] = labelled(rounds / f"round-{int(options.which):02}.jsonl")
    elif options.what == "rounds":
        # Only finished ones: a round that has not joined the listener's lines must not be run in passing.
        finished = sorted(path.stem for path in (ROOT / "faq" / "en" / "overheard").glob("round-*.yaml"))
        sets |= {name: labelled(rounds / f"{name}.jsonl") for name in finished}
    elif options.what == "set":
        sets[options.which] = labelled(Path(options.which))
    elif options.what == "lines":
        sets["lines of the rules"] = rule_lines(content)
    else:
        sets["phrasings"] = phrasings(content)
    for title, lines in sets.items():
        report(title, measure(screener, lines, options.misses))
    return 0


if __name__ == "__main__":
    sys.exit(main())
