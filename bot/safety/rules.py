"""Rules compiled: combinations of concepts, and where in a message they stand together."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bot.content.red_flags import Rule, When
from bot.safety.concepts import Found, Lexicon, Occurrence
from bot.safety.levels import Level
from bot.safety.reading import Reading
from bot.safety.scope import Match

# How far apart, in places (a word is 1, a comma 1 more, a full stop 3 more), the concepts of a combination may stand.
CLAUSE_SPAN = 9
SENTENCE_SPAN = 22
MESSAGE_SPAN = 10_000
# Hostile repetition ("leg numb leg numb …") meets a combination hundreds of times; all of them read the same.
MOST_MATCHES = 24


@dataclass(frozen=True, slots=True)
class Combination:
    """Concepts (the sign first) that must stand within ``span`` places of each other."""

    concepts: tuple[int, ...]
    span: int
    text: str

    def matches(
        self, reading: Reading, found: Found, is_absent: Callable[[Occurrence, Occurrence], bool]
    ) -> Iterator[Match]:
        """Every way the concepts stand together, at most ``MOST_MATCHES``, nearest first for each sign.

        ``is_absent`` says of a company and a sign that the company is denied where it stands.
        """
        count = 0
        for sign in found.get(self.concepts[0], ()):
            if match := self._complete(reading, found, sign, is_absent):
                yield match
                count += 1
                if count >= MOST_MATCHES:
                    return

    def _complete(
        self, reading: Reading, found: Found, sign: Occurrence, is_absent: Callable[[Occurrence, Occurrence], bool]
    ) -> Match | None:
        mask, start, end = sign.mask, sign.start, sign.end
        for concept in self.concepts[1:]:
            best: tuple[int, Occurrence] | None = None
            for other in found.get(concept, ()):
                if other.mask & mask:
                    continue
                span = reading.places[max(end, other.end) - 1] - reading.places[min(start, other.start)]
                if span <= self.span and (best is None or span < best[0]) and not is_absent(other, sign):
                    best = span, other
            if best is None:
                return None
            mask |= best[1].mask
            start, end = min(start, best[1].start), max(end, best[1].end)
        return Match(sign, mask, start, end)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be looked for. ``order`` is its place in the file."""

    id: str
    level: Level
    order: int
    when: tuple[Combination, ...]
    ask_when: tuple[Combination, ...]
    excuses: tuple[tuple[int, ...], ...]  # concepts of one excuse must all be met
    heeds: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Use:
    rule: CompiledRule
    combination: Combination
    level: Level
    place: int  # among the combinations of the rule: `when` before `ask_when`


class RuleBook:
    """All rules, with their combinations by sign, so that a message meets only those that it may complete."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = tuple(rules)
        self._by_sign: dict[int, list[_Use]] = {}
        for rule in self.rules:
            uses = [(c, rule.level) for c in rule.when] + [(c, Level.CHECK) for c in rule.ask_when]
            for place, (combination, level) in enumerate(uses):
                use = _Use(rule, combination, level, place)
                self._by_sign.setdefault(combination.concepts[0], []).append(use)

    def possible(self, found: Found) -> dict[str, list[tuple[Combination, Level]]]:
        """By rule id, the combinations all of whose concepts were found, in the order of the file."""
        met: dict[str, list[_Use]] = {}
        for concept in found:
            for use in self._by_sign.get(concept, ()):
                if all(other in found for other in use.combination.concepts):
                    met.setdefault(use.rule.id, []).append(use)
        return {
            rule: [(use.combination, use.level) for use in sorted(uses, key=lambda use: use.place)]
            for rule, uses in met.items()
        }


def compile_rule(rule: Rule, order: int, lexicon: Lexicon) -> CompiledRule:
    """``rule`` with its names looked up. KeyError for a concept that does not exist."""
    return CompiledRule(
        rule.id,
        Level(rule.level),
        order,
        _combinations(rule.when, lexicon),
        _combinations(rule.ask_when, lexicon),
        tuple(tuple(lexicon.number(name.strip()) for name in text.split("+")) for text in rule.unless),
        frozenset(rule.heeds),
    )


def _combinations(when: When, lexicon: Lexicon) -> tuple[Combination, ...]:
    spans = ((when.clause, CLAUSE_SPAN), (when.sentence, SENTENCE_SPAN), (when.message, MESSAGE_SPAN))
    return tuple(
        Combination(tuple(lexicon.number(name.strip()) for name in text.split("+")), span, text)
        for texts, span in spans
        for text in texts
    )


def quoted_names(rule: Rule) -> Iterator[str]:
    """Words that combinations of ``rule`` quote instead of naming a concept, quotes and all, in order."""
    for when in (rule.when, rule.ask_when):
        for text in (*when.clause, *when.sentence, *when.message):
            yield from (stripped for name in text.split("+") if (stripped := name.strip()).startswith('"'))
