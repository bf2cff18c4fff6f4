"""Red flags in one message: the first thing that happens to it, and the one thing that nothing goes round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Self

from bot.content.red_flags import ALL_HEEDS, RedFlags
from bot.safety.compiling import compile_lexicon
from bot.safety.concepts import Found, Occurrence
from bot.safety.items import Items
from bot.safety.languages import LanguageScreen
from bot.safety.levels import Finding, Heard, Level, Screening
from bot.safety.listener import Listener, Opinion
from bot.safety.meaning import Meaning, judge
from bot.safety.reading import Fillers, Reading, read
from bot.safety.rules import MESSAGE_SPAN, Combination, CompiledRule, RuleBook, compile_rule, quoted_names
from bot.safety.scope import CUES, Match, MessageScope, ScopeWords
from bot.safety.spelling import Speller
from bot.safety.traits import Traits, traits
from bot.text import normalize

MOST_CHARACTERS = 4096  # Telegram's own limit; longer text is screened in pieces of this size
WINDOW = 160  # words read at once
OVERLAP = 40
MOST_BLOCKED_TOLD = 20
MOST_HEARD = 4  # places of one concept that are weighed before it is kept
_HEARD_HEEDS = ("denied", "asked", "supposed", "told", "past")


@dataclass(frozen=True, slots=True)
class Unjudged:
    """What the second listener goes by in one window of a message; ``signs``: the rules of which a sign stands there."""

    heard: Traits
    is_asking: bool
    signs: frozenset[str]


class Screener:
    """All rules of one content version, compiled. Immutable: threads may share it."""

    def __init__(self, red_flags: RedFlags) -> None:
        scope = red_flags.scope
        same = dict(pair.replace(" ", "").split("=", 1) for pair in scope.same if "==" not in pair and "=" in pair)
        self._same = {left: right.replace("_", " ") for left, right in same.items()}
        self._fillers = Fillers(frozenset(scope.fillers) | frozenset(scope.owners), frozenset(scope.owners))
        concepts: dict[str, Iterable[str]] = dict(red_flags.concepts)
        concepts |= {"scope " + name: getattr(scope, name) for name in CUES}
        quoted = (name for rule in red_flags.rules for name in quoted_names(rule))
        self._lexicon = compile_lexicon(concepts, Items(self._fillers.silent, self._same), quoted)
        self._book = RuleBook(compile_rule(rule, order, self._lexicon) for order, rule in enumerate(red_flags.rules))
        self._scope_words = ScopeWords(scope, self._lexicon)
        written = " ".join(
            item
            for items in (*red_flags.concepts.values(), *(getattr(scope, name) for name in type(scope).model_fields))
            for item in items
        )
        pieces = {piece.strip("=").replace("'", "") for piece in set(written.lower().split())}
        exact = {piece for piece in pieces if piece.isalpha()}
        known = self._lexicon.known_words | self._fillers.silent | set(self._same) | exact
        self._speller = Speller(known, scope.real_words, scope.joints, self._lexicon.words_written)
        self._languages = LanguageScreen(red_flags)
        self._heard = self._concepts_worth_keeping()
        self.levels = {rule.id: rule.level for rule in self._book.rules}
        self._listener: Listener | None = None
        self._lacks_listener = False
        self._meaning: Meaning | None = None
        self._signs = {
            rule.id: frozenset(combination.concepts[0] for combination in (*rule.when, *rule.ask_when))
            for rule in self._book.rules
        }

    def with_listener(self, listener: Listener) -> Self:
        """This screener with a second listener, which may only raise what the rules found."""
        both = copy(self)
        both._listener = listener
        return both

    def without_listener(self) -> Self:
        """This screener where its second listener should be there but is not: every screening is degraded."""
        alone = copy(self)
        alone._listener, alone._lacks_listener = None, True
        return alone

    def with_meaning(self, meaning: Meaning) -> Self:
        """This screener with a second listener that also goes by meaning. Its words alone then raise nothing any more:
        they count in ``listen``, together with what is meant."""
        closer = copy(self)
        closer._meaning = meaning
        return closer

    @property
    def is_slow(self) -> bool:
        """Whether ``listen`` takes tens of milliseconds."""
        return self._meaning is not None

    def traits(self, text: str) -> Traits:
        """What the second listener goes by in ``text``."""
        reading = next(
            iter(_windows(read(normalize(text[:MOST_CHARACTERS]), self._speller, self._fillers, self._same)))
        )
        found = self._lexicon.find(reading)
        return traits(reading, found, MessageScope(self._scope_words, reading, found), self._lexicon)

    def find_red_flag(self, utterance: str, earlier: Sequence[Heard] = ()) -> Screening:
        """Red flags in ``utterance``, read together with what was heard in the last hour. Never raises."""
        result = Screening()
        for piece in _pieces(utterance):
            result = _joined(result, self._screen(piece, earlier))
        return result

    def listen(self, utterance: str, screening: Screening) -> Screening:
        """``screening`` of ``utterance`` and what its meaning adds: it only raises. Never raises an exception.

        Some 20 ms where sentence vectors are installed, at once where not or where the rules found an emergency.
        """
        if self._meaning is None or (screening.top and screening.top.level is Level.EMERGENCY):
            return screening
        try:
            verdict = judge(self._meaning.hear(utterance), self._by_words(utterance))
        except Exception:
            return _joined(screening, Screening(is_degraded=True))
        if verdict is None or (_is_loud(screening) and verdict.level is not Level.EMERGENCY):
            return screening
        evidence = f"second listener: means {verdict.rule} ({verdict.certainty:.2f})"
        return _joined(screening, Screening((Finding(verdict.level, verdict.rule, (evidence,)),)))

    def _by_words(self, utterance: str) -> float:
        """How sure the listener that goes by words is of an alarm, as logit; 0 where there is none."""
        if self._listener is None:
            return 0.0
        _, unjudged = self.hearing(utterance)
        return max((self._listener.alarm_logit(one.heard)[0] for one in unjudged), default=0.0)

    def hearing(self, utterance: str) -> tuple[Screening, tuple[Unjudged, ...]]:
        """What the rules alone find in a message that stands alone, and what is left to ask a second listener.

        For checks of thousands of lines: this part stays the same while only what was learned changes.
        """
        result, unjudged = Screening(), []
        for piece in _pieces(utterance):
            by_rules, windows = self._by_rules(piece, ())
            result = _joined(result, by_rules)
            for window, found, scope, screening in windows:
                if not _is_loud(screening):
                    signs = frozenset(rule for rule in self._signs if self._has_sign(rule, found, scope))
                    heard = traits(window, found, scope, self._lexicon)
                    unjudged.append(Unjudged(heard, _is_asking(screening), signs))
        return result, tuple(unjudged)

    def _screen(self, text: str, earlier: Sequence[Heard]) -> Screening:
        result, windows = self._by_rules(text, earlier)
        for window in windows:
            result = _joined(result, self._listen(*window))
        return result

    def _by_rules(
        self, text: str, earlier: Sequence[Heard]
    ) -> tuple[Screening, list[tuple[Reading, Found, MessageScope, Screening]]]:
        """What the rules find in all, and each window with what they found there."""
        normal, foreign, is_degraded = text.lower(), False, False
        found_abroad: tuple[Finding, ...] = ()
        try:
            normal = normalize(text)
            foreign, found_abroad = self._languages.screen(text, normal)
        except Exception:
            is_degraded = True
        result = Screening(findings=found_abroad, is_foreign=foreign, is_degraded=is_degraded)
        try:
            reading = read(normal, self._speller, self._fillers, self._same)
        except Exception:
            return _joined(result, Screening(is_degraded=True)), []
        windows = []
        for window in _windows(reading):
            try:
                found = self._lexicon.find(window)
                scope = MessageScope(self._scope_words, window, found)
            except Exception:
                result = _joined(result, Screening(is_degraded=True))
                continue
            screening = self._screen_window(window, earlier, found, scope)
            result = _joined(result, screening)
            windows.append((window, found, scope, screening))
        return result, windows

    def _listen(self, reading: Reading, found: Found, scope: MessageScope, screening: Screening) -> Screening:
        """What the second listener adds; nothing where the rules have raised an alarm."""
        if self._listener is None:
            return Screening(is_degraded=self._lacks_listener)
        if _is_loud(screening) or self._meaning:
            return Screening()
        try:
            heard = traits(reading, found, scope, self._lexicon)
            opinion = self._listener.hear(heard, is_asking=_is_asking(screening))
        except Exception:
            return Screening(is_degraded=True)
        level = level_of(opinion, self.levels, lambda rule: self._has_sign(rule, found, scope))
        if level is None:
            return Screening()
        words = ", ".join(self._listener.telling(reading.words))
        evidence = f"second listener: sounds like {opinion.rule} ({opinion.certainty:.2f}): {words}"
        return Screening((Finding(level, opinion.rule, (evidence,)),))

    def _has_sign(self, rule: str, found: Found, scope: MessageScope) -> bool:
        """Whether a sign of ``rule`` stands in the message and is not denied, asked about or past."""
        return any(
            not scope.why_blocked(_alone(occurrence), ALL_HEEDS, ())
            for concept in self._signs[rule] & found.keys()
            for occurrence in found[concept][:MOST_HEARD]
        )

    def _screen_window(
        self, reading: Reading, earlier: Sequence[Heard], found: Found, scope: MessageScope
    ) -> Screening:
        if scope.idiom_mask:
            found = _without(found, scope.idiom_mask, keep=frozenset(self._scope_words.cue.values()))
        before = {self._lexicon.number(kept.concept) for kept in earlier if self._counts(kept)}
        findings: list[tuple[int, Finding]] = []
        blocked: list[str] = []
        is_degraded = False
        possible = self._book.possible(found)
        for rule in self._book.rules:
            if rule.id not in possible and not before:
                continue
            try:
                finding = self._apply(rule, possible.get(rule.id, []), reading, found, scope, before, blocked)
            except Exception:
                # A rule that breaks must not lose a sign: ask about it instead of saying nothing.
                finding, is_degraded = Finding(Level.CHECK, rule.id, ("the rule failed",)), True
            if finding:
                findings.append((rule.order, finding))
        findings.sort(key=lambda pair: (-pair[1].level.rank, pair[0]))
        heard = self._hear(found, scope)
        return Screening(
            tuple(finding for _, finding in findings),
            tuple(blocked[:MOST_BLOCKED_TOLD]),
            heard,
            is_degraded=is_degraded,
        )

    def _apply(
        self,
        rule: CompiledRule,
        possible: Iterable[tuple[Combination, Level]],
        reading: Reading,
        found: Found,
        scope: MessageScope,
        before: set[int],
        blocked: list[str],
    ) -> Finding | None:
        asked: Finding | None = None
        for combination, level in possible:
            if asked and level is Level.CHECK:
                break
            for match in combination.matches(reading, found, scope.is_absent):
                try:
                    reason = scope.why_blocked(match, rule.heeds, rule.excuses)
                except Exception:
                    reason = ""
                words = f"{combination.text}: {reading.text(match.mask)}"
                if reason:
                    blocked.append(f"{rule.id}: {words} ({reason})")
                elif level is Level.CHECK:
                    asked = Finding(level, rule.id, (words,))
                    break
                else:
                    return Finding(level, rule.id, (words,))
        if before:
            for combinations, level in ((rule.when, rule.level), (rule.ask_when, Level.CHECK)):
                if level is Level.CHECK and asked:
                    break
                if finding := self._with_earlier(rule, combinations, level, reading, found, scope, before):
                    return finding
        return asked

    def _with_earlier(
        self,
        rule: CompiledRule,
        combinations: tuple[Combination, ...],
        level: Level,
        reading: Reading,
        found: Found,
        scope: MessageScope,
        before: set[int],
    ) -> Finding | None:
        """A combination begun in an earlier message and completed by this one."""
        is_short = len(reading.words) <= 8
        for combination in combinations:
            if len(combination.concepts) < 2 or not (is_short or combination.span == MESSAGE_SPAN):
                continue
            here = [concept for concept in combination.concepts if concept in found and concept not in before]
            if not here or len(here) == len(combination.concepts):
                continue
            if any(concept not in found and concept not in before for concept in combination.concepts):
                continue
            if all(self._stands(concept, rule, found, scope) for concept in here):
                names = ", ".join(self._lexicon.names[c] for c in combination.concepts if c not in here)
                return Finding(level, rule.id, (f"{combination.text}: with {names} from an earlier message",))
        return None

    def _stands(self, concept: int, rule: CompiledRule, found: Found, scope: MessageScope) -> bool:
        return any(not scope.why_blocked(_alone(o), rule.heeds, rule.excuses) for o in found[concept])

    def _concepts_worth_keeping(self) -> frozenset[int]:
        return frozenset(
            concept
            for rule in self._book.rules
            for combination in (*rule.when, *rule.ask_when)
            if len(combination.concepts) > 1
            for concept in combination.concepts
        )

    def _hear(self, found: Found, scope: MessageScope) -> tuple[Heard, ...]:
        reasons: dict[Occurrence, str] = {}  # many concepts stand on the same words
        heard = []
        for concept in sorted(self._heard & found.keys()):
            name = self._lexicon.names[concept]
            if name.startswith('"'):
                continue
            met = set()
            for occurrence in found[concept][:MOST_HEARD]:
                if occurrence not in reasons:
                    reasons[occurrence] = self._reason(occurrence, scope)
                met.add(reasons[occurrence])
            if "" in met:
                heard.append(Heard(name, "said"))
            elif "denied" in met:
                heard.append(Heard(name, "denied"))
            elif "past and over" in met:
                heard.append(Heard(name, "said", "past"))
        return tuple(heard)

    def _reason(self, occurrence: Occurrence, scope: MessageScope) -> str:
        try:
            return scope.why_blocked(_alone(occurrence), _HEARD_HEEDS, ())
        except Exception:
            return ""

    def _counts(self, kept: Heard) -> bool:
        return kept.polarity == "said" and kept.time == "now" and self._lexicon.knows(kept.concept)


def level_of(opinion: Opinion, levels: Mapping[str, Level], has_sign: Callable[[str], bool]) -> Level | None:
    """What the second listener's opinion is worth: nothing without a sign, only a question without one of its rule."""
    is_own = opinion.asks and has_sign(opinion.rule)
    if not opinion.asks or not (is_own or any(map(has_sign, levels))):
        return None
    return levels[opinion.rule] if opinion.raises and is_own else Level.CHECK


def _is_loud(screening: Screening) -> bool:
    return screening.top is not None and screening.top.level.rank >= Level.URGENT.rank


def _is_asking(screening: Screening) -> bool:
    return screening.top is not None and screening.top.level is Level.CHECK


def _pieces(utterance: str) -> list[str]:
    return [utterance[i : i + MOST_CHARACTERS] for i in range(0, max(len(utterance), 1), MOST_CHARACTERS - 200)]


def _alone(occurrence: Occurrence) -> Match:
    return Match(occurrence, occurrence.mask, occurrence.start, occurrence.end)


def _without(found: Found, mask: int, keep: frozenset[int]) -> Found:
    """``found`` without what an idiom covers."""
    kept = {c: all_ if c in keep else [o for o in all_ if not o.mask & mask] for c, all_ in found.items()}
    return {concept: occurrences for concept, occurrences in kept.items() if occurrences}


def _windows(reading: Reading) -> Iterable[Reading]:
    if len(reading.words) <= WINDOW:
        return [reading]
    windows = []
    for start in range(0, len(reading.words), WINDOW - OVERLAP):
        cut = slice(start, start + WINDOW)
        windows.append(
            Reading(
                reading.words[cut], reading.values[cut], reading.places[cut], reading.breaks[cut], reading.owned[cut],
                reading.sentences[cut], reading.asks,
            )
        )  # fmt: skip
    return windows


def _joined(first: Screening, second: Screening) -> Screening:
    best: dict[str, Finding] = {}
    for finding in (*first.findings, *second.findings):
        if finding.rule not in best or finding.level.rank > best[finding.rule].level.rank:
            best[finding.rule] = finding
    findings = sorted(best.values(), key=lambda finding: -finding.level.rank)
    return Screening(
        tuple(findings),
        (first.blocked + second.blocked)[:MOST_BLOCKED_TOLD],
        tuple(dict.fromkeys(first.heard + second.heard)),
        first.is_foreign or second.is_foreign,
        first.is_degraded or second.is_degraded,
    )
