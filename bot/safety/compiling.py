"""Makes the lexicon out of written items. It runs at every start, so twenty thousand items must take a tenth of a second."""

from collections.abc import Iterable, Mapping

from bot.safety.concepts import ROOT, Element, Lexicon, Pattern, Tree
from bot.safety.items import END, GAPS, Items, alternatives, forms, number_range


def compile_lexicon(concepts: Mapping[str, Iterable[str]], items: Items, quoted: Iterable[str] = ()) -> Lexicon:
    """The lexicon of ``concepts``. ``quoted`` are items that stand for themselves, known by their text in double quotes.

    ValueError for an item that can't be read.
    """
    compiler = _Compiler(items)
    for name in concepts:
        compiler.add_name(name)
    for name, written in concepts.items():
        compiler.add_items(name, written)
    for name in quoted:
        if name not in compiler.number:
            compiler.add_name(name)
            compiler.add_items(name, [name.strip('"')])
    return Lexicon(
        compiler.number, compiler.atoms, compiler.ranges, compiler.tree, compiler.layers(), compiler.words_written
    )


class _Compiler:
    """What is known while items are read one by one."""

    def __init__(self, items: Items) -> None:
        self.number: dict[str, int] = {}
        self.atoms: dict[str, tuple[int, ...]] = {}
        self.ranges: list[tuple[float, float, int]] = []
        self.tree = Tree([{}], [()])
        self.words_written: set[str] = set()
        self._items = items
        self._atom_of: dict[str, int] = {}  # by part
        self._atoms_of: dict[str, tuple[int, ...]] = {}  # by piece
        self._patterns: dict[str, list[Pattern]] = {}
        self._refers: dict[str, set[str]] = {}

    def add_name(self, name: str) -> int:
        return self.number.setdefault(name, len(self.number))

    def add_items(self, name: str, written: Iterable[str]) -> None:
        concept, known = self.number[name], self._atoms_of
        for item in written:
            pieces = self._items.pieces(item)
            if END in pieces[:-1] or (END in pieces and "<" in item):
                raise ValueError(f"`{item}`: a full stop may only end an item without <…>.")
            if "<" in item or not GAPS.isdisjoint(pieces):
                self._add_pattern(name, item, pieces)
                continue
            node = ROOT
            for piece in pieces:
                if (atoms := known.get(piece)) is None:
                    atoms = known[piece] = tuple(self._atom(part) for part in self._items.parts(piece))
                for atom in atoms:
                    node = self._step(node, atom)
            self._give(node, concept, item)

    def _step(self, node: int, atom: int) -> int:
        """The node that ``atom`` leads to from ``node``, made if there is none."""
        tree = self.tree
        if (following := tree.following[node]) is None:
            following = tree.following[node] = {}
        if (to := following.get(atom)) is None:
            to = following[atom] = len(tree.gives)
            tree.following.append(None)
            tree.gives.append(())
        return to

    def _give(self, node: int, concept: int, item: str) -> None:
        if node == ROOT:
            raise ValueError(f"`{item}` holds no word that counts.")
        self.tree.gives[node] += (concept,)

    def _add_pattern(self, name: str, item: str, pieces: list[str]) -> None:
        parts: list[tuple[str, bool]] = []
        gap = False
        for piece in pieces:
            if piece in GAPS:
                gap = True
                continue
            for part in self._items.parts(piece):
                parts.append((part, gap))
                gap = False
        if all(part[0] != "<" and not is_after_gap for part, is_after_gap in parts):
            node = ROOT
            for part, _ in parts:
                node = self._step(node, self._atom(part))
            self._give(node, self.number[name], item)
            return
        elements = tuple(Element(self._concept(name, part), is_after_gap) for part, is_after_gap in parts)
        self._patterns.setdefault(name, []).append(Pattern(elements, self.number[name]))

    def _concept(self, name: str, part: str) -> int:
        """The concept that one part of a pattern of ``name`` stands for."""
        if part[0] == "<":
            reference = part.strip("<>")
            if reference not in self.number:
                raise ValueError(f"`{part}` is no concept of this file.")
            self._refers.setdefault(name, set()).add(reference)
            return self.number[reference]
        word = f'"{part}"'
        if word not in self.number:
            self._give(self._step(ROOT, self._atom(part)), self.add_name(word), part)
        return self.number[word]

    def _atom(self, part: str) -> int:
        """The atom of ``part``, made if there is none."""
        if (known := self._atom_of.get(part)) is not None:
            return known
        atom = self._atom_of[part] = len(self._atom_of)
        if span := number_range(part):
            self.ranges.append((*span, atom))
            return atom
        written, alone = forms(part), (atom,)
        self.words_written.update(alternatives(part.lstrip("=")))
        for form in written:
            self.atoms[form] = self.atoms[form] + alone if form in self.atoms else alone
        return atom

    def layers(self) -> list[dict[int, list[Pattern]]]:
        """Patterns by the concept that calls for them, layer by layer: those that others refer to first."""
        depth: dict[str, int] = {}
        names = list(self.number)

        def measure(name: str, path: tuple[str, ...] = ()) -> int:
            if name in path:
                raise ValueError(f"the concepts {' → '.join((*path, name))} refer to each other in a circle.")
            if name not in depth:
                below = [measure(reference, (*path, name)) for reference in sorted(self._refers.get(name, ()))]
                depth[name] = max(below, default=-1) + 1 if name in self._patterns else 0
            return depth[name]

        layers: list[dict[int, list[Pattern]]] = []
        for name, patterns in self._patterns.items():
            layer = measure(name)
            while len(layers) <= layer:
                layers.append({})
            for pattern in patterns:
                trigger = max((e.concept for e in pattern.elements), key=lambda c: (names[c][0] == '"', c))
                layers[layer].setdefault(trigger, []).append(pattern)
        return layers
