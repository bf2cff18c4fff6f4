"""The second listener on lines of writers whom it has never met. Run from the repository: ``python benchmarks/listening.py``.

Each round and each writer of overheard/ is a group that is left out in turn; the content's other lines are split by turn.
Prints, for several amounts of overheard lines (the learning curve) or for the full amount with ``--full``, what rules and
listener hear together at the thresholds in force. ``--sweep`` shows other thresholds. The grammar itself was mended after
rounds 1 to 6, so figures on rounds flatter it; the writers' lines were never used to mend it.
"""

import argparse
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.content import load  # noqa: E402
from bot.content.red_flags import HARMLESS  # noqa: E402
from bot.safety import Level, Screener  # noqa: E402
from bot.safety import listener as thresholds  # noqa: E402
from bot.safety.learning import Line, learn, lines_of  # noqa: E402
from bot.safety.traits import Traits  # noqa: E402

TURNS = 4
SHARES = (0.25, 0.5, 1.0)


class Lines:
    """All lines with their traits and what the rules alone say."""

    def __init__(self) -> None:
        content = load(ROOT / "faq")
        screener = Screener(content.red_flags)
        self.lines = lines_of(content)
        self.heard: list[Traits] = [screener.traits(line.text) for line in self.lines]
        tops = [screener.find_red_flag(line.text).top for line in self.lines]
        self.alone = np.array([top.level.rank if top else 0 for top in tops])
        rules = [rule for rule in content.red_flags.rules if rule.level != "soon"]
        self.rules = tuple(rule.id for rule in rules)
        self.emergencies = np.array([rule.level == "emergency" for rule in rules])
        rank = {rule.id: Level(rule.level).rank for rule in rules}
        self.rank = np.array([rank.get(line.rule, 0) for line in self.lines])
        self.group = np.array([group_of(line) for line in self.lines])
        self.fold = np.array([self._fold(at) for at in range(len(self.lines))])

    def _fold(self, at: int) -> int:
        groups = sorted({name for name in self.group if name not in {"rules", "faq", "other"}})
        folds = {name: number % TURNS for number, name in enumerate(groups)}
        writer = self.lines[at].writer
        return folds.get(
            self.group[at], zlib.crc32(writer.encode()) % TURNS if writer.startswith("faq") else at % TURNS
        )

    def judged(self, share: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Logit, and rank of the level that the listener would raise to, for each line as one who never met its writer."""
        logits, ranks = np.zeros(len(self.lines)), np.zeros(len(self.lines), np.int64)
        chance = np.random.default_rng(1).random(len(self.lines))
        is_overheard = ~np.isin(self.group, ("rules", "faq", "other"))
        levels = dict(zip(self.rules, (4 if so else 3 for so in self.emergencies), strict=True))
        for fold in range(TURNS):
            kept = np.flatnonzero((self.fold != fold) & (~is_overheard | (chance < share))).tolist()
            listener = learn([self.heard[i] for i in kept], [self.lines[i] for i in kept], self.rules, self.emergencies)
            for i in np.flatnonzero(self.fold == fold).tolist():
                logits[i], places, values = listener.alarm_logit(self.heard[i])
                ranks[i] = levels[listener.rule(self.heard[i], places, values)]
        return logits, ranks


def group_of(line: Line) -> str:
    """A round is a group, and all files of one writer are."""
    return line.writer if line.writer.startswith("round") else line.writer.split("-")[0]


def report(
    title: str,
    data: Lines,
    logits: NDArray[np.float64],
    ranks: NDArray[np.int64],
    ask: float,
    sure: float,
    check: float,
) -> None:
    """One line for each kind of writer."""
    raises = logits >= np.where(data.alone == Level.CHECK.rank, check, sure)
    quiet = data.alone < Level.URGENT.rank
    level = np.where(quiet & raises, np.maximum(ranks, data.alone), data.alone)
    asked = (level >= 3) | (level == Level.CHECK.rank) | (quiet & (logits >= ask))
    harmless = np.array([line.rule == HARMLESS for line in data.lines])
    rounds = np.char.startswith(data.group, "round")
    kinds = {
        "rounds": rounds,
        "writers": ~rounds & ~np.isin(data.group, ("rules", "faq", "other")),
        "faq": data.group == "faq",
    }
    for name, kind in kinds.items():
        shown = []
        for of, rank in (("emergency", 4), ("urgent", 3)):
            if (chosen := kind & (data.rank == rank)).any():
                shown.append(
                    f"{of} recall {share(data.alone[chosen] >= rank)} → {share(level[chosen] >= rank)}, raised at all "
                    f"{share(level[chosen] >= 3)}, or asked {share(asked[chosen])}"
                )
        chosen = kind & harmless
        shown.append(
            f"false alarms {share(data.alone[chosen] >= 3)} → {share(level[chosen] >= 3)}, "
            f"false checks {share(asked[chosen] & (level[chosen] < 3))} of {chosen.sum()}"
        )
        print(f"{title} · {name}: " + " · ".join(shown), flush=True)


def share(found: NDArray[np.bool_]) -> str:
    return f"{100 * found.mean():.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all lines only, no learning curve")
    parser.add_argument("--sweep", action="store_true", help="several thresholds")
    options = parser.parse_args(arguments)
    data = Lines()
    ours = (thresholds.ASK_AT, thresholds.RAISE_AT, thresholds.RAISE_CHECK_AT)
    for part in (1.0,) if options.full or options.sweep else SHARES:
        judged = data.judged(part)
        report(f"{100 * part:.0f} % of overheard", data, *judged, *ours)
    if options.sweep:
        for sure, check, ask in ((1.5, 0.5, -1), (2.0, 0.5, -0.5), (2.5, 1, 0), (3.0, 1.5, 0.5), (3.5, 2.0, 0.5)):
            report(f"raise {sure} check {check} ask {ask}", data, *judged, ask, sure, check)
    return 0


if __name__ == "__main__":
    sys.exit(main())
