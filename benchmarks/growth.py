"""What matching costs from 100 to 50,000 phrasings, on made-up content: encoding, fitting the head, ranking, memory.

Run from the repository: ``python benchmarks/growth.py [PHRASINGS ...]``. The words are English and follow Zipf's law; each
entry has some of its own. One thread. Encoding is what the first start with this content costs, once; "again" is any other
start, with the vectors read from the cache. Messages have a slip of the thumb and are parsed before. All times are
processor time, so that a busy machine tells the same.
"""

import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


from bot.content import Content, Entry, RedFlags  # noqa: E402
from bot.matching import Matcher  # noqa: E402
from bot.matching.scoring import Scorer  # noqa: E402
from bot.understanding import Encoder, Understanding, load_understanding  # noqa: E402

SIZES = (100, 1_000, 10_000, 50_000)
A_LABEL = 100
ASKED = 600


class Maker:
    """Makes phrasings of ``words``; the same seed makes the same ones."""

    def __init__(self, seed: int, words: list[str]) -> None:
        self.random = random.Random(seed)
        self.words = words
        self.random.shuffle(self.words)
        self.weights = [1 / (rank + 5) for rank in range(len(self.words))]

    def phrasings(self, count: int) -> Iterator[str]:
        """``count`` phrasings of one entry, with words that mostly only this entry has."""
        own = self.random.sample(self.words, 20)
        for _ in range(count):
            length = self.random.randint(3, 14)
            common = self.random.choices(self.words, self.weights, k=length)
            yield " ".join(self.random.choice(own) if self.random.random() < 0.5 else word for word in common)

    def slipped(self, phrasing: str) -> str:
        place = self.random.randrange(len(phrasing))
        return phrasing[:place] + self.random.choice("etaoin") + phrasing[place + 1 :]


def make_content(maker: Maker, size: int) -> tuple[Content, list[tuple[str, str]]]:
    """``size`` phrasings, and messages with the entry that each is meant for."""
    labels = max(2, size // A_LABEL)
    entries, asked = {}, []
    for number in range(labels):
        lines = list(maker.phrasings(size // labels + 2))
        name = f"entry-{number}"
        entries[name] = Entry(id=name, question=name, phrasings=tuple(lines[2:]), answer="Yes.")
        asked += [(maker.slipped(line), name) for line in lines[:2]]
    content = Content(entries=entries, red_flags=RedFlags(()), phrases=None, clinic=None)  # type: ignore[arg-type]
    return content, maker.random.sample(asked, min(len(asked), ASKED))


def time_building(content: Content, understanding: Understanding, cache: Path) -> tuple[float, Matcher]:
    started = time.process_time()
    matcher = Matcher.of(content, understanding, cache)
    return time.process_time() - started, matcher


def time_fitting(matcher: Matcher) -> float:
    """Of what is fitted to a content: the head and naive Bayes."""
    started = time.process_time()
    Scorer(matcher.scorer.lines)
    return time.process_time() - started


def measure(size: int) -> str:
    content, asked = make_content(Maker(size, sorted(word for word in Encoder().words if len(word) > 3)), size)
    understanding = load_understanding(content)
    with tempfile.TemporaryDirectory() as cache:
        first, _ = time_building(content, understanding, Path(cache))
        again, matcher = time_building(content, understanding, Path(cache))
    fitted = time_fitting(matcher)
    times, right = [], 0
    for parsed, (_, name) in zip(understanding.parse_all([text for text, _ in asked]), asked, strict=True):
        started = time.thread_time()
        ranking = matcher.rank(parsed)
        times.append((time.thread_time() - started) * 1000)
        right += bool(ranking.candidates) and ranking.candidates[0].entry == name
    times.sort()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{size:>10,}{len(content.entries):>8}{first - again:>10.1f}{again:>10.1f}{fitted:>10.2f}"
        f"{times[len(times) // 2]:>10.2f}{times[int(0.99 * len(times))]:>10.2f}{right / len(times):>9.1%}{memory:>10}"
    )


def main() -> None:
    names = ("encode s", "again s", "fit s", "p50 ms", "p99 ms")
    print(f"{'phrasings':>10}{'entries':>8}{''.join(f'{name:>10}' for name in names)}{'right':>9}{'peak MB':>10}")
    for size in [int(argument) for argument in sys.argv[1:]] or SIZES:
        print(measure(size), flush=True)


if __name__ == "__main__":
    main()
