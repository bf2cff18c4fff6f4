"""Items: how the words for one thing are written in ``red-flags.yaml``.

An item is written as people say it. ``between my legs`` are words one after the other (fillers such as "my" don't
count); ``…`` stands for up to three words; ``<cannot>`` is any item of another concept; ``give/gave`` is either word;
``=bits`` is exactly this form, where every other word also stands for its plural, ``-ed``, ``-ing`` and so on;
``walk .`` is "walk" where a thought ends (a comma, a full stop, the end of the message);
``#38-42`` is any number from 38 to 42, in digits or words.
"""

import re
from collections.abc import Collection, Mapping

GAPS = frozenset({"…", "..."})
END = "."
_NUMBER = re.compile(r"#(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$")
_VOWELS = "aeiou"
_NOT = frozenset({"not", "isnt", "wasnt", "aint"})  # "is not" reads as "isnt", "am not" as "aint"


class Items:
    """Reads the pieces of items: ``silent`` words don't count, ``same`` leads variants to one form."""

    def __init__(self, silent: Collection[str], same: Mapping[str, str]) -> None:
        self._silent, self._same = silent, same
        self._parts: dict[str, tuple[str, ...]] = {}  # twenty thousand items are made of a few thousand pieces

    def pieces(self, item: str) -> list[str]:
        """``item`` cut at its spaces, in lower case."""
        return item.replace("’", "'").lower().split()

    def parts(self, piece: str) -> tuple[str, ...]:
        """What counts in ``piece`` (no gap): no part, one, or two ("im" is "i am")."""
        if (known := self._parts.get(piece)) is None:
            known = self._parts[piece] = self._read(piece)
        return known

    def _read(self, piece: str) -> tuple[str, ...]:
        if piece[0] in "<#":
            return (piece,)
        exact = "=" if piece[0] == "=" else ""
        words = [self._same.get(word, word) for word in alternatives(piece.lstrip("=").replace("'", ""))]
        words = [word for word in words if word not in self._silent]
        if len(words) == 1:
            return tuple(exact + word for word in words[0].split())
        return (exact + "/".join(words),) if words else ()


def alternatives(part: str) -> list[str]:
    """``give/gave`` as two words; ``10/10`` is one."""
    return part.split("/") if "/" in part and not part[0].isdigit() else [part]


def number_range(part: str) -> tuple[float, float] | None:
    """The lowest and highest number that ``#38-42`` stands for; None for words."""
    match = _NUMBER.match(part) if part[0] == "#" else None
    return (float(match[1]), float(match[2])) if match else None


def forms(part: str) -> set[str]:
    """Every form of a word that ``part`` stands for."""
    words = alternatives(part.lstrip("="))
    return set(words) if part[0] == "=" else {form for word in words for form in inflections(word)}


def inflections(word: str) -> frozenset[str]:
    """``word`` with its regular endings; some of them are no words, which does no harm."""
    if word == "not":
        return _NOT
    forms = {word, word + "s"}
    if len(word) < 3:
        return frozenset({word})
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms |= {word + "es", word + "ed", word + "ing"}
    elif word.endswith("e"):
        forms |= {word + "d", (word if word.endswith(("ee", "oe", "ye")) else word[:-1]) + "ing"}
    elif word.endswith("y") and word[-2] not in _VOWELS:
        forms |= {word[:-1] + "ies", word[:-1] + "ied", word + "ing"}
    else:
        forms |= {word + "ed", word + "ing"}
        if word[-1] not in "wxy" + _VOWELS and word[-2] in _VOWELS and word[-3] not in _VOWELS:
            forms |= {word + word[-1] + "ed", word + word[-1] + "ing"}
    return frozenset(forms)
