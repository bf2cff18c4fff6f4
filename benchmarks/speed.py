"""What one message costs on the shipped content, as patients are served, and what a start costs.

Run from the repository: ``python benchmarks/speed.py [--sample N]``; the messages are all question sets and red-flag
sets of tests/eval up to 60 words. One thread. ``ask --jsonl`` runs in a process of its own on one core, with an empty
cache, and once more with another trade's content. Times of single messages are processor time, so that a busy machine
tells the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.assistant import Assistant, build  # noqa: E402
from bot.assistant.asking import ask  # noqa: E402
from bot.cli.evaluation import read  # noqa: E402
from bot.content import load  # noqa: E402
from bot.matching import Matcher  # noqa: E402
from bot.safety import Screener  # noqa: E402
from bot.understanding import Understanding, known_words, load_understanding  # noqa: E402

LONGEST = 60  # words
HOSTILE = 4096  # characters
# Pieces that are repeated to make a text slow for the speller, the floor, negation or the encoder.
PIECES = {
    "one letter": "a", "no spaces": "cantfeelmylegs", "signs": "leg numb ", "denials": "no numbness or ",
    "cues": "can i not ", "commas": "numb,leg,", "slips": "nmubness lgeg tinglign ", "new lines": "numb\n",
    "emoji": "🦵🩸", "long words": "qwertyuiopasdfghjklzxcvbn ", "new words": "", "pee": "cant pee my leg since ",
    "other script": "не могу ", "numbers": "39.5 ", "questions": "should i rest? can i walk? ", "one question": "?",
}  # fmt: skip


def read_messages(sample: int) -> list[str]:
    paths = sorted((ROOT / "tests/eval").glob("*.jsonl"))
    texts = dict.fromkeys(row["text"] for path in paths for row in read(path))
    return [text for text in texts if len(text.split()) <= LONGEST][::sample]


def hostile_texts() -> dict[str, str]:
    texts = {name: (piece * HOSTILE)[:HOSTILE] for name, piece in PIECES.items() if piece}
    letters = (chr(97 + (at * at + at // 7) % 26) if at % 8 else " " for at in range(HOSTILE))
    return texts | {"new words": "".join(letters)}


def time_call(call: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of this thread, and what the call returned."""
    started = time.thread_time()
    found = call()
    return (time.thread_time() - started) * 1000, found


class Parts:
    """The parts that a message goes through, one after the other, with the time that each takes."""

    def __init__(self) -> None:
        content = load(ROOT / "faq")
        self.understanding = load_understanding(content)
        self.deaf = Understanding(known_words(content), None)
        self.screener = Screener(content.red_flags, self.understanding)
        self.matcher = Matcher.of(content, self.understanding)

    def time_message(self, text: str) -> dict[str, float]:
        read_alone, _ = time_call(lambda: self.deaf.parse(text))
        parsing, parsed = time_call(lambda: self.understanding.parse(text))
        screening, _ = time_call(lambda: self.screener.screen(parsed))
        ranking, _ = time_call(lambda: self.matcher.rank(parsed))
        return {
            "parse": read_alone, "encode": parsing - read_alone, "screen": screening, "rank": ranking,
            "all four": parsing + screening + ranking,
        }  # fmt: skip


def print_spread(name: str, times: Sequence[float]) -> None:
    ordered = sorted(times)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
    print(f"{name:<34}p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   most {ordered[-1]:7.2f} ms", flush=True)


def time_parts(texts: Sequence[str]) -> None:
    parts = Parts()
    for text in texts[:20]:
        parts.time_message(text + ".")
    found = [parts.time_message(text) for text in texts]
    print(f"{len(texts)} messages of up to {LONGEST} words")
    for name in found[0]:
        print_spread(name, [one[name] for one in found])


def time_whole(assistant: Assistant, texts: Sequence[str]) -> None:
    """With the answer made; and texts made to be slow."""
    now = datetime.now(UTC)
    print_spread("all, with the answer", [time_call(lambda text=text: ask(assistant, text, now))[0] for text in texts])
    for name, text in hostile_texts().items():
        took = [time_call(lambda text=text + letter: ask(assistant, text, now))[0] for letter in "xy"]
        print(f"{HOSTILE:,} characters, {name:<16}{min(took):9.1f} ms", flush=True)


def time_asking(name: str, faq: Path, texts: Sequence[str]) -> None:
    """``ask --jsonl`` on one core: the first answer with an empty cache and with a full one, answers a second, memory."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    core = min(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"FAQ_DIR": str(faq), "DATA_DIR": folder, "WEIGHTS_DIR": f"{folder}/cache"}
        for state in ("empty", "full"):
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", "ask", "--jsonl"], cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )  # fmt: skip
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"text": "hello"}) + "\n")
            process.stdin.flush()
            if not process.stdout.readline():
                sys.exit(f"{name}: ask --jsonl ended with {process.wait()}.")
            print(f"{name}: first answer after {time.perf_counter() - started:.2f} s with a cache that is {state}")
            if state == "full":
                started = time.perf_counter()
                answers, _ = process.communicate(lines)
                took = time.perf_counter() - started
                print(f"{name}: {answers.count(chr(10)) / took:.0f} answers a second from ask --jsonl", flush=True)
            else:
                process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th message only, to try things")
    texts = read_messages(parser.parse_args().sample)
    time_parts(texts)
    assistant = build(load(ROOT / "faq"))
    time_whole(assistant, texts)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(f"resident, content and model twice over: {pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB")
    time_asking("shipped content", ROOT / "faq", texts)
    time_asking("a vet's 30 entries", ROOT / "tests/contents/vet", texts[:200])


if __name__ == "__main__":
    main()
