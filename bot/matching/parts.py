"""The parts of an utterance: its sentences, and in a long stretch without punctuation windows of words.

People tell a story and hide the question in it, or ask two things at once; a part shows what the whole drowns.
"""

import re

# A shorter piece ("so anyway.") asks nothing by itself.
FEWEST_WORDS = 3
# Longer pieces are cut into windows of this many words, each beginning halfway through the one before.
WINDOW = 14
MOST_PARTS = 24

_JOINING = r",?\s+(?:but also|and also|also|plus|and then|another thing)\s+"
_CUT = re.compile(rf"(?<=[.!?…])\s+|\n+|[;:]\s+|\s+[-–—]\s+|{_JOINING}", re.IGNORECASE)


def parts(utterance: str) -> list[str]:
    """Parts of ``utterance`` in order, none if it is a single one. At most ``MOST_PARTS``, the first ones."""
    found: list[str] = []
    for piece in _CUT.split(utterance):
        words = piece.split()
        if len(words) > WINDOW + FEWEST_WORDS:
            starts = range(0, len(words) - WINDOW // 2, WINDOW // 2)
            found += [" ".join(words[start : start + WINDOW]) for start in starts]
        elif len(words) >= FEWEST_WORDS:
            found.append(" ".join(words))
        if len(found) >= MOST_PARTS:
            break
    return found[:MOST_PARTS] if len(found) > 1 else []
