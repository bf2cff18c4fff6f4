"""The share of mutants that the tests caught. Run by ``make mutants``, after mutmut; exit 1 below the bar."""

import json
import sys
from pathlib import Path

STATS = Path(__file__).resolve().parent.parent / "mutants" / "mutmut-cicd-stats.json"
BAR = 0.90


def main() -> int:
    stats = json.loads(STATS.read_text("utf-8"))
    # A mutant that no test meets, or that was skipped, was not caught.
    caught = stats["killed"] + stats["timeout"] + stats["segfault"]
    print(f"Mutants caught: {100 * caught / stats['total']:.1f} % ({caught}/{stats['total']}), bar {100 * BAR:.0f} %")
    return 0 if caught >= BAR * stats["total"] else 1


if __name__ == "__main__":
    sys.exit(main())
