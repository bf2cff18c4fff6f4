"""Writes ``MODEL_CARD.md``: what the model is, what it learned from, and how it does on sets that it was not taught."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from lines import HELD_OUT, Line, read_messages  # noqa: E402
from quality import FIGURES, FLOORS, figures, judge, lines_of  # noqa: E402

from bot.cli.evaluation import wilson  # noqa: E402
from bot.content import load  # noqa: E402
from bot.safety import Screener  # noqa: E402
from bot.understanding import load_understanding  # noqa: E402
from bot.understanding.encoder import FOLDER  # noqa: E402

CARD = Path(__file__).with_name("MODEL_CARD.md")

_HEAD = """# Model card: the encoder and its heads

One sentence encoder hears every message: all-MiniLM-L6-v2 (Apache-2.0, six layers of 384), exported to ONNX with weights in 8
bits. Its three lower layers are used as they are. A copy of the three upper ones is tuned on red flags: a softmax head over its
vector gives a probability for each of 38 signs and for *harmless*. Matching goes by the vector of the upper layers as they
were: vectors tuned on entries and signs together matched questions in real words worse. `make train` repeats it (seed fixed;
rounding differs between machines, so hashes do, figures hardly); in the first phase of the weights in force the pages' examples
still stood among the invented lines, and the phases were run one by one. This file is written by `training/card.py`.

It is a safety component: it is frozen by the hashes below, staff's edits never teach it, and a change of it comes with the figures
of this page taken again and a line in `docs/decisions.md`.
"""

_LIMITS = """## Limits

- English only; ten other languages are heard through phrases, all others get the emergency number.
- It reads one message (and what waits beside it), not a history. It knows nothing of who writes.
- Frightening ordinary stories alarm it more often than anything else; of terse messages it misses those whose words name no sign.
- Labels follow public guidance and were checked by two readers, none of them a clinician yet. Some half of each
  step of training was reworded from public posts, the rest invented; real patients of a clinic will differ from both.
- A probability is no certainty: thresholds were set on the lines held out, the development sets and rounds 29 to 31, and drift
  with what patients write.
"""


def write_card() -> None:
    """Takes the figures anew, in the configuration that patients get."""
    CARD.write_text("\n".join([_HEAD, *_data(read_messages()), "", *_figures(), "", _LIMITS, *_files()]) + "\n")


def _data(lines: Sequence[Line]) -> Iterator[str]:
    yield "## What it learned from\n"
    yield "| lines | taught | held out | emergency · urgent · soon · none (taught) |"
    yield "|---|---|---|---|"
    names = {
        "real": "reworded from real public posts", "terse": "terse and textbook, written for this",
        "invented": "invented messages and the signs' own lines",
    }  # fmt: skip
    for source, name in names.items():
        some = [line for line in lines if line.source == source]
        taught = [line for line in some if line.split != HELD_OUT]
        levels = Counter(line.level for line in taught)
        spread = " · ".join(str(levels[level]) for level in ("emergency", "urgent", "soon", "none"))
        yield f"| {name} | {len(taught)} | {len(some) - len(taught)} | {spread} |"
    yield "\nBesides these the content's own phrasings and out-of-scope lines, as harmless. Real lines are split by post, never within one."


def _figures() -> Iterator[str]:
    content = load(ROOT / "faq")
    understanding = load_understanding(content)
    screener = Screener(content.red_flags, understanding)
    yield "## How it does (floor and model together, as patients are served; 95 % intervals by Wilson)\n"
    yield "| set | " + " | ".join(FIGURES) + " |"
    yield "|---|" + "---|" * len(FIGURES)
    for name, floor in FLOORS.items():
        found = figures(judge(screener, understanding, lines_of(floor, content)))
        yield f"| {name} | " + " | ".join(_share(*one) for one in found) + " |"
    yield "\nThe sets and their files: `benchmarks/quality.py`, which takes these figures anew."


def _share(some: int, of: int) -> str:
    if not of:
        return "–"
    low, high = wilson(some, of)
    return f"{100 * some / of:.1f} % ({some}/{of}; {100 * low:.1f}–{100 * high:.1f})"


def _files() -> Iterator[str]:
    manifest: Mapping[str, object] = json.loads((FOLDER / "manifest.json").read_text())
    yield "## Files\n"
    yield (
        "Thresholds (probability of an alarm): "
        + ", ".join(f"{name} {manifest[name]}" for name in ("sure", "unsure", "harmless", "soon", "emergency"))
        + ".\n"
    )
    yield "| file | sha256 |"
    yield "|---|---|"
    hashes = manifest["sha256"]
    assert isinstance(hashes, dict)
    yield from (f"| `{name}` | `{value}` |" for name, value in hashes.items())


if __name__ == "__main__":
    write_card()
