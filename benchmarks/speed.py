"""What a message costs on the shipped content, as patients are served. Run from the repository: ``python benchmarks/speed.py``.

One thread. ``--file`` names other messages than tests/eval/questions_dev.jsonl and the real ones. Messages of up to 60 words and
hostile ones are measured in processor time, so that a busy machine counts the same; starting is processor time too. Memory is
what the process holds in the end. Exit 1 above a bar.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.learning.sentences import find  # noqa: E402

from bot.content import load  # noqa: E402
from bot.evaluation import read  # noqa: E402
from bot.matching import Matcher  # noqa: E402
from bot.safety import Screener  # noqa: E402
from bot.understanding import Understanding, known_words, load_understanding  # noqa: E402

MOST_WORDS = 60
HOSTILE_CHARACTERS = 4_096
BARS = {"hear p50": 5.0, "hear p99": 15.0, "hostile": 80.0}  # ms
FILES = (
    "tests/eval/questions_dev.jsonl",
    "tests/eval/real_red_flags_dev.jsonl",
    "tests/eval/terse_red_flags_dev.jsonl",
)
# Made to be slow: each again and again.
HOSTILE = {
    "one letter": "a", "no spaces": "cantfeelmylegs", "signs": "both legs numb ", "denials": "no numbness or ", "lists": "no x, ",
    "cues": "can i not ", "commas": "numb,leg,", "slips": "nmubness lgeg tinglign ", "new lines": "numb\n", "emoji": "🦵🩸",
    "long words": "qwertyuiopasdfghjklzxcvbn ", "supposed": "what if i ", "other script": "не могу ", "numbers": "39.5 ",
    "one for eighteen": "ﷺ",
}  # fmt: skip


def resident() -> float:
    """Megabytes that this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(call: Callable[[], object]) -> float:
    """Milliseconds of this thread's processor time."""
    started = time.thread_time()
    call()
    return (time.thread_time() - started) * 1000


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", action="append", type=Path, metavar="FILE.jsonl")
    files = parser.parse_args(arguments).file or [ROOT / name for name in FILES]
    texts = [row["text"] for path in files for row in read(path) if len(row["text"].split()) <= MOST_WORDS]
    content = load(ROOT / "faq")
    started = time.process_time()
    understanding = load_understanding(content)
    screener = Screener(content.red_flags, understanding)
    with tempfile.TemporaryDirectory() as folder:
        matcher = Matcher.of(content, understanding, Path(folder))
    print(f"start: {time.process_time() - started:.2f} s", flush=True)

    def hear(text: str) -> object:
        # Another understanding for each pass: one that has met a text answers from memory.
        return screener.screen(fresh.parse(text))

    fresh = Understanding(known_words(content), understanding.encoder)
    for text in texts[:50]:
        hear(text)
    fresh = Understanding(known_words(content), understanding.encoder)
    found: dict[str, float] = {}
    found["hear p50"], found["hear p99"] = percentiles([measure(lambda text=text: hear(text)) for text in texts])  # type: ignore[misc]
    parsed = [understanding.parse(text) for text in texts]
    rank = percentiles([measure(lambda one=one: matcher.rank(one)) for one in parsed])  # type: ignore[misc]
    print(
        f"parse, encode and screen ({len(texts)} messages): p50 {found['hear p50']:.2f} ms · p99 {found['hear p99']:.2f} ms"
    )
    print(f"rank: p50 {rank[0]:.2f} ms · p99 {rank[1]:.2f} ms")
    found["hostile"] = 0.0
    for name, piece in HOSTILE.items():
        text = (piece * HOSTILE_CHARACTERS)[:HOSTILE_CHARACTERS]
        took = measure(lambda text=text: hear(text))  # type: ignore[misc]
        found["hostile"] = max(found["hostile"], took)
        print(f"  hostile, {name:<17} {took:6.1f} ms")
    print(f"resident: {resident():.0f} MB")
    over = [f"{name}: {found[name]:.1f} ms, at most {bar} ms" for name, bar in BARS.items() if found[name] > bar]
    for one in over:
        print(f"ABOVE THE BAR  {one}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
