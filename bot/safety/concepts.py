"""Concepts: all the words for one thing, found in a message.

An item of a concept is written as people say it. ``between my legs`` are words one after the other (fillers such as
"my" don't count); ``…`` stands for up to three words; ``<cannot>`` is any item of another concept; ``give/gave`` is
either word; ``=bits`` is exactly this form, where every other word also stands for its plural, ``-ed``, ``-ing`` and so
on; ``#38-42`` is any number from 38 to 42, in digits or words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from bot.safety.reading import COMMA, Reading

LONGEST_GAP = 3
# A concept met more often than this in one window (160 words) is repetition; the rest adds nothing but time.
MOST_OCCURRENCES = 16
_NUMBER = re.compile(r"#(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$")
_VOWELS = "aeiou"
_NOT = frozenset({"not", "isnt", "wasnt", "aint"})  # "is not" reads as "isnt", "am not" as "aint"


class Occurrence(NamedTuple):
    """Where a concept stands: from word ``start`` to before ``end``; ``mask`` has one bit for each word that counts."""

    start: int
    end: int
    mask: int


Found = dict[int, list[Occurrence]]


@dataclass(frozen=True, slots=True)
class _Element:
    concept: int
    gap_before: bool


@dataclass(frozen=True, slots=True)
class _Pattern:
    elements: tuple[_Element, ...]
    needs: frozenset[int]
    gives: int


@dataclass(slots=True)
class _Node:
    next: dict[int, "_Node"] = field(default_factory=dict)
    gives: list[int] = field(default_factory=list)


@cache
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


def _alternatives(part: str) -> list[str]:
    """``give/gave`` as two words; ``10/10`` is one."""
    return [part] if part[0].isdigit() else part.split("/")


class Lexicon:
    """All concepts, compiled; immutable once built. Concepts are known by number, ``number`` and ``name`` translate."""

    def __init__(self, concepts: Mapping[str, Iterable[str]], silent: frozenset[str], same: Mapping[str, str]) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self._atoms: dict[str, set[int]] = {}  # word as typed → atoms it stands for
        self._atom_number: dict[str, int] = {}
        self._ranges: list[tuple[float, float, int]] = []
        self._root = _Node()
        self._silent, self._same = silent, same
        self._patterns: dict[str, list[_Pattern]] = {}
        self._refers: dict[str, set[str]] = {}
        for name in concepts:
            self._add_name(name)
        self.words_written: set[str] = set()
        for name, items in concepts.items():
            for item in items:
                self._add_item(name, item)
        self._layers = self._in_layers()
        self._direct = {word: tuple(sorted(atoms)) for word, atoms in self._atoms.items()}

    @property
    def known_words(self) -> frozenset[str]:
        """Every word form that means something to a rule."""
        return frozenset(self._atoms)

    def number(self, name: str) -> int:
        """The number of concept ``name``; a name in double quotes is an item of its own. KeyError if unknown."""
        return self._number[name]

    def add(self, name: str, item: str) -> int:
        """An unnamed concept of one ``item``, for a combination that quotes words."""
        if name not in self._number:
            self._add_name(name)
            self._add_item(name, item)
            self._layers = self._in_layers()
            self._direct = {word: tuple(sorted(atoms)) for word, atoms in self._atoms.items()}
        return self._number[name]

    def _add_name(self, name: str) -> int:
        self._number[name] = len(self.names)
        self.names.append(name)
        return self._number[name]

    def _parts(self, item: str) -> list[tuple[str, bool]]:
        parts: list[tuple[str, bool]] = []
        gap = False
        for raw in item.replace("’", "'").lower().split():
            if raw in {"…", "..."}:
                gap = True
                continue
            if raw[0] in "<#":
                written = [raw]
            else:
                exact = "=" if raw[0] == "=" else ""
                words = [self._same.get(w, w) for w in _alternatives(raw.lstrip("=").replace("'", ""))]
                words = [word for word in words if word not in self._silent]
                if not words:
                    continue
                written = [exact + "/".join(words)] if len(words) > 1 else [exact + w for w in words[0].split()]
            for part in written:
                parts.append((part, gap))
                gap = False
        return parts

    def _add_item(self, name: str, item: str) -> None:
        parts = self._parts(item)
        if not parts:
            raise ValueError(f"`{item}` holds no word that counts.")
        concept = self._number[name]
        if all(part[0] != "<" and not gap for part, gap in parts):
            node = self._root
            for part, _ in parts:
                node = node.next.setdefault(self._atom(part), _Node())
            node.gives.append(concept)
            return
        elements = []
        for part, gap in parts:
            if part[0] == "<":
                reference = part.strip("<>")
                if reference not in self._number:
                    raise ValueError(f"`{part}` is no concept of this file.")
                self._refers.setdefault(name, set()).add(reference)
                elements.append(_Element(self._number[reference], gap))
            else:
                elements.append(_Element(self._word_concept(part), gap))
        pattern = _Pattern(tuple(elements), frozenset(e.concept for e in elements), concept)
        self._patterns.setdefault(name, []).append(pattern)

    def _word_concept(self, part: str) -> int:
        name = f'"{part}"'
        if name not in self._number:
            self._add_name(name)
            self._root.next.setdefault(self._atom(part), _Node()).gives.append(self._number[name])
        return self._number[name]

    def _atom(self, part: str) -> int:
        if part in self._atom_number:
            return self._atom_number[part]
        atom = self._atom_number[part] = len(self._atom_number)
        if match := _NUMBER.match(part):
            self._ranges.append((float(match[1]), float(match[2]), atom))
            return atom
        words = _alternatives(part.lstrip("="))
        for word in words:
            self.words_written.add(word)
            for form in {word} if part[0] == "=" else inflections(word):
                self._atoms.setdefault(form, set()).add(atom)
        return atom

    def _in_layers(self) -> list[dict[int, list[_Pattern]]]:
        depth: dict[str, int] = {}

        def measure(name: str, path: tuple[str, ...] = ()) -> int:
            if name in path:
                raise ValueError(f"the concepts {' → '.join((*path, name))} refer to each other in a circle.")
            if name not in depth:
                below = [measure(reference, (*path, name)) for reference in sorted(self._refers.get(name, ()))]
                depth[name] = max(below, default=-1) + 1 if name in self._patterns else 0
            return depth[name]

        layers: list[dict[int, list[_Pattern]]] = []
        for name, patterns in self._patterns.items():
            layer = measure(name)
            while len(layers) <= layer:
                layers.append({})
            for pattern in patterns:
                trigger = max((e.concept for e in pattern.elements), key=lambda c: (self.names[c][0] == '"', c))
                layers[layer].setdefault(trigger, []).append(pattern)
        return layers

    def find(self, reading: Reading) -> Found:
        """Every occurrence of every concept in ``reading``, in order of start."""
        found: Found = {}
        atoms = [self._atoms_at(reading, index) for index in range(len(reading.words))]
        for start, first in enumerate(atoms):
            if first:
                self._walk(reading, atoms, start, found)
        for layer in self._layers:
            made: list[int] = []
            for concept in list(found):
                for pattern in layer.get(concept, ()):
                    if pattern.needs <= found.keys() and self._match(reading, pattern, found):
                        made.append(pattern.gives)
            for concept in set(made):
                found[concept] = sorted(set(found[concept]))
        return found

    def _atoms_at(self, reading: Reading, index: int) -> tuple[int, ...]:
        atoms = self._direct.get(reading.words[index], ())
        value = reading.values[index]
        if value is not None:
            atoms += tuple(atom for low, high, atom in self._ranges if low <= value <= high)
        return atoms

    def _walk(self, reading: Reading, atoms: list[tuple[int, ...]], start: int, found: Found) -> None:
        nodes = [self._root]
        mask = 0
        for index in range(start, len(atoms)):
            if index > start and reading.breaks[index] > COMMA:
                return
            nodes = [node.next[atom] for node in nodes for atom in atoms[index] if atom in node.next]
            if not nodes:
                return
            mask |= 1 << index
            for node in nodes:
                for concept in node.gives:
                    known = found.setdefault(concept, [])
                    if len(known) < MOST_OCCURRENCES:
                        known.append(Occurrence(start, index + 1, mask))

    def _match(self, reading: Reading, pattern: _Pattern, found: Found) -> bool:
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
