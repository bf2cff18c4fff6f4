"""Time and memory of the matcher on the shipped content.

Run from the repository: ``python benchmarks/speed.py [FILE.jsonl]`` (default: tests/eval/questions_dev.jsonl). One
thread. Build is processor time; ranking and loading are wall time; memory is what the process holds in the end.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.learning.sentences import find  # noqa: E402

from bot.content import load  # noqa: E402
from bot.evaluation import read  # noqa: E402
from bot.matching import Matcher  # noqa: E402


def resident() -> float:
    """Megabytes that this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(name: str, second_stage: bool, texts: list[str]) -> None:
    content = load(ROOT / "faq")
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        Matcher.of(content, Path(folder), second_stage=second_stage)
        built = time.process_time() - started
        started = time.perf_counter()
        matcher = Matcher.of(content, Path(folder), second_stage=second_stage)
        loaded = time.perf_counter() - started
    times = []
    for text in texts:
        started = time.perf_counter()
        matcher.rank(text)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    print(
        f"{name:<14} build {built:5.1f} s  load {loaded:5.2f} s  p50 {times[len(times) // 2]:6.2f} ms  "
        f"p99 {times[int(0.99 * len(times))]:6.2f} ms  {1000 * len(times) / sum(times):7.0f} a second  "
        f"{resident():5.0f} MB",
        flush=True,
    )


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/eval/questions_dev.jsonl"
    texts = [row["text"] for row in read(file)]
    measure("first stage", False, texts)
    if find():
        measure("both stages", True, texts)


if __name__ == "__main__":
    main()
