"""Build and ranking time of the first stage from 100 to 50,000 phrasings, on made-up content.

Run from the repository: ``python benchmarks/growth.py [PHRASINGS ...]``. Words follow Zipf's law; each entry has some
of its own. Build is processor time in seconds; ranking in milliseconds, for messages with a slip of the thumb in every
second word.
"""

import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import Content, Entry, Lexicon  # noqa: E402
from bot.matching import Matcher, build  # noqa: E402

SIZES = (100, 1_000, 10_000, 50_000)
A_LABEL = 100
SYLLABLES = "ba ko ri ten mal sor pi dun vex lo gra shi nu fol che zam ot wi sta ler".split()


class Maker:
    """Makes phrasings; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        made = {"".join(self.random.choices(SYLLABLES, k=self.random.randint(1, 4))) for _ in range(12_000)}
        self.words = sorted(made)
        self.random.shuffle(self.words)
        self.weights = [1 / (rank + 5) for rank in range(len(self.words))]

    def phrasings(self, count: int) -> Iterator[str]:
        """``count`` phrasings of one entry, with words that mostly only this entry has."""
        own = self.random.sample(self.words, 20)
        for _ in range(count):
            length = self.random.randint(3, 14)
            common = self.random.choices(self.words, self.weights, k=length)
            yield " ".join(self.random.choice(own) if self.random.random() < 0.3 else word for word in common)

    def slipped(self, phrasing: str) -> str:
        words = phrasing.split()
        for at in range(0, len(words), 2):
            place = self.random.randrange(len(words[at]))
            words[at] = words[at][:place] + self.random.choice("etaoin") + words[at][place + 1 :]
        return " ".join(words)


def measure(size: int) -> str:
    maker = Maker(seed=size)
    labels = max(2, size // A_LABEL)
    entries, asked = {}, []
    for number in range(labels):
        lines = list(maker.phrasings(size // labels + 2))
        name = f"entry-{number}"
        entries[name] = Entry(id=name, question=name, phrasings=tuple(lines[2:]), answer="Yes.")
        asked += [(maker.slipped(line), name) for line in lines[:2]]
    content = Content(entries=entries, red_flags=None, phrases=None, clinic=None, lexicon=Lexicon())  # type: ignore[arg-type]
    started = time.process_time()
    model = build(content, second_stage=False)
    built = time.process_time() - started
    matcher, times, right = Matcher(model), [], 0
    for text, name in maker.random.sample(asked, min(len(asked), 600)):
        started = time.perf_counter()
        ranking = matcher.rank(text)
        times.append((time.perf_counter() - started) * 1000)
        right += bool(ranking.candidates) and ranking.candidates[0].entry == name
    times.sort()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{size:>10,}{labels:>8}{built:>10.1f}{times[len(times) // 2]:>10.2f}{times[int(0.99 * len(times))]:>10.2f}"
        f"{right / len(times):>9.1%}{memory:>10}"
    )


def main() -> None:
    print(f"{'phrasings':>10}{'entries':>8}{'build s':>10}{'p50 ms':>10}{'p99 ms':>10}{'right':>9}{'peak MB':>10}")
    for size in [int(argument) for argument in sys.argv[1:]] or SIZES:
        print(measure(size), flush=True)


if __name__ == "__main__":
    main()
