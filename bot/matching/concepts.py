"""Finds the lexicon's concepts in an utterance, by stems."""

import re
from collections.abc import Iterable, Sequence

from bot.text import words
from bot.vocabulary import stem

GAP = "..."
# A gap in a word group ("threw ... out") spans at most this many words.
LONGEST_GAP = 3


def stems_of(text: str) -> tuple[str, ...]:
    """Stems of the words of ``text``, in order."""
    return tuple(stem(word) for word in words(text))


def stemmed(wording: str) -> str:
    """A word group of the lexicon as its stems, gaps kept."""
    return f" {GAP} ".join(" ".join(stems_of(piece)) for piece in wording.split(GAP))


class ConceptFinder:
    """Knows which stems, one after another, mean which concept; immutable.

    ``wordings`` are pairs of concept and ``stemmed`` word group.
    """

    def __init__(self, wordings: Iterable[tuple[str, str]]) -> None:
        self._plain: dict[tuple[str, ...], list[str]] = {}
        self._gapped: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for concept, wording in wordings:
            pieces = [tuple(piece.split()) for piece in wording.split(GAP)]
            if not all(pieces):
                continue
            if len(pieces) == 1:
                concepts = self._plain.setdefault(pieces[0], [])
                if concept not in concepts:
                    concepts.append(concept)
            else:
                gap = rf" (?:\S+ ){{0,{LONGEST_GAP}}}?"
                pattern = re.compile(" " + gap.join(re.escape(" ".join(piece)) for piece in pieces) + " ")
                self._gapped.setdefault(pieces[0][0], []).append((pattern, concept))
        lengths: dict[str, set[int]] = {}
        for stems in self._plain:
            lengths.setdefault(stems[0], set()).add(len(stems))
        self._lengths = {first: tuple(sorted(of, reverse=True)) for first, of in lengths.items()}

    def find(self, stems: Sequence[str]) -> tuple[str, ...]:
        """Concepts in ``stems``, in the order of their first words; the longest word group at a place wins."""
        found: list[tuple[int, str]] = []
        at = 0
        while at < len(stems):
            for length in self._lengths.get(stems[at], ()):
                if concepts := self._plain.get(tuple(stems[at : at + length])):
                    found.extend((at, concept) for concept in concepts)
                    at += length - 1
                    break
            at += 1
        found.extend(self._find_gapped(stems))
        return tuple(dict.fromkeys(concept for _, concept in sorted(found)))

    def _find_gapped(self, stems: Sequence[str]) -> Iterable[tuple[int, str]]:
        if self._gapped.keys().isdisjoint(stems):
            return
        line = f" {' '.join(stems)} "
        for first in self._gapped.keys() & set(stems):
            for pattern, concept in self._gapped[first]:
                if match := pattern.search(line):
                    yield line.count(" ", 0, match.start() + 1) - 1, concept
