"""Concepts: all the words for one thing, found in a message. How they are written: ``items``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from bot.safety.items import END
from bot.safety.reading import COMMA, Reading

LONGEST_GAP = 3
# A concept met more often than this in one window (160 words) is repetition; the rest adds nothing but time.
MOST_OCCURRENCES = 16
ROOT = 0


class Occurrence(NamedTuple):
    """Where a concept stands: from word ``start`` to before ``end``; ``mask`` has one bit for each word that counts."""

    start: int
    end: int
    mask: int


Found = dict[int, list[Occurrence]]


class Element(NamedTuple):
    """One concept of a pattern; ``gap_before``: up to ``LONGEST_GAP`` words may stand before it."""

    concept: int
    gap_before: bool


class Pattern(NamedTuple):
    """Concepts that make another one where they stand one after the other."""

    elements: tuple[Element, ...]
    gives: int


class Tree(NamedTuple):
    """Words one after the other. Node 0 is the root; ``following`` leads from a node by an atom to the next, ``gives``
    are the concepts met at a node. Flat lists, because as many objects would be slow to make and large to keep."""

    following: list[dict[int, int] | None]
    gives: list[tuple[int, ...]]


class Lexicon:
    """All concepts, compiled; immutable. Concepts are known by number, ``number`` and ``names`` translate.

    ``atoms`` are, by word as typed, the words of the rules that it is a form of; ``ranges`` (lowest, highest, atom) are
    those that a number is; ``layers`` are patterns by the concept that calls for them.
    """

    def __init__(
        self,
        number: Mapping[str, int],
        atoms: Mapping[str, tuple[int, ...]],
        ranges: Sequence[tuple[float, float, int]],
        tree: Tree,
        layers: Sequence[Mapping[int, Sequence[Pattern]]],
        words_written: set[str],
    ) -> None:
        self.names = list(number)
        self.words_written = words_written
        self._number = number
        self._atoms = atoms
        self._ranges = ranges
        self._tree = tree
        self._layers = layers
        self._atoms_of_number = lru_cache(maxsize=1000)(self._in_ranges)

    @property
    def known_words(self) -> frozenset[str]:
        """Every word form that means something to a rule."""
        return frozenset(self._atoms)

    def number(self, name: str) -> int:
        """The number of concept ``name``; a name in double quotes is an item of its own. KeyError if unknown."""
        return self._number[name]

    def knows(self, name: str) -> bool:
        """Whether there is a concept ``name``: what was heard an hour ago may be gone from the content."""
        return name in self._number

    def find(self, reading: Reading) -> Found:
        """Every occurrence of every concept in ``reading``, in order of start."""
        found: Found = {}
        atoms = [self._atoms.get(word, ()) for word in reading.words]
        for index, value in enumerate(reading.values):
            if value is not None:
                atoms[index] += self._atoms_of_number(value)
        for start, first in enumerate(atoms):
            if first:
                self._walk(reading.breaks, atoms, start, found)
        for layer in self._layers:
            made = {
                pattern.gives
                for concept in list(found)
                if concept in layer
                for pattern in layer[concept]
                if _match(reading, pattern, found)
            }
            for concept in made:
                found[concept] = sorted(set(found[concept]))
        return found

    def _in_ranges(self, value: float) -> tuple[int, ...]:
        return tuple(atom for low, high, atom in self._ranges if low <= value <= high)

    def _walk(self, breaks: list[int], atoms: list[tuple[int, ...]], start: int, found: Found) -> None:
        """Adds the concepts that begin at word ``start``."""
        following, gives = self._tree
        end_atoms = self._atoms.get(END, ())
        nodes = [ROOT]
        mask = 0
        for index in range(start, len(atoms)):
            if index > start and breaks[index] > COMMA:
                return
            nodes = [to[atom] for node in nodes if (to := following[node]) for atom in atoms[index] if atom in to]
            if not nodes:
                return
            mask |= 1 << index
            met = nodes
            if end_atoms and (index + 1 == len(atoms) or breaks[index + 1]):
                met = [
                    *nodes,
                    *(to[end] for node in nodes if (to := following[node]) for end in end_atoms if end in to),
                ]
            for node in met:
                for concept in gives[node]:
                    if (known := found.get(concept)) is None:
                        found[concept] = [Occurrence(start, index + 1, mask)]
                    elif len(known) < MOST_OCCURRENCES:
                        known.append(Occurrence(start, index + 1, mask))


def _match(reading: Reading, pattern: Pattern, found: Found) -> bool:
    """Whether ``pattern`` is met; if so what it gives is added to ``found``."""
    for concept, _ in pattern.elements:
        if concept not in found:
            return False
    first, *rest = pattern.elements
    any_found = False
    for occurrence in tuple(found[first.concept]):
        paths = [occurrence]
        for element in rest:
            reach = LONGEST_GAP if element.gap_before else 0
            paths = [
                Occurrence(path.start, following.end, path.mask | following.mask)
                for path in paths
                for following in found[element.concept]
                if path.end <= following.start <= path.end + reach
                and max(reading.breaks[path.end : following.start + 1], default=0) <= COMMA
            ]
            if not paths:
                break
        if paths:
            known = found.setdefault(pattern.gives, [])
            if len(known) < MOST_OCCURRENCES:
                known.extend(path for path in paths if path not in known)
            any_found = True
    return any_found
