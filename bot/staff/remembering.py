"""What the check found out before is not found out again: most edits leave most messages alone.

Screening and ranking are pure, so a message's result holds for as long as the rules, or what is learned, stay. What
rules hear in a message also holds while only the second listener learned something new, which any way to ask does.
"""

import hashlib
import pickle
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import numpy as np

from bot.assistant import Assistant
from bot.content import Content
from bot.learning.sentences import SentenceModel
from bot.matching import Matcher, Ranking
from bot.matching.model import fingerprint
from bot.safety import Finding, Heard, Level, Screener, Screening
from bot.safety.learning import fingerprint as fingerprint_of_listening
from bot.safety.learning import learned, lines_of
from bot.safety.listener import Listener
from bot.safety.screening import level_of
from bot.safety.traits import Traits
from bot.staff.beside import begin
from bot.staff.memory import Memory

MUCH = 500  # lines to read, from which on a second process is worth its start
_Traits = tuple[bytes, tuple[int, ...]]  # small and quick to unpickle: all places, and where each block ends


# Level and rule of each finding, whether it is foreign, whether degraded: thousands of these are read at every check.
_Screened = tuple[tuple[tuple[str, str], ...], bool, bool]


@dataclass(frozen=True, slots=True)
class _Hearing:
    """What the rules found, and what is left to ask the second listener."""

    by_rules: _Screened
    unjudged: tuple[tuple[_Traits, bool, frozenset[str]], ...]


def _packed(heard: Traits) -> _Traits:
    return np.concatenate(heard.blocks).tobytes(), tuple(accumulate(map(len, heard.blocks)))


def _unpacked(packed: _Traits) -> Traits:
    places, ends = np.frombuffer(packed[0], np.int32), packed[1]
    return Traits(tuple(map(places.__getitem__, map(slice, (0, *ends), ends))))


class RememberingScreener:
    """Stands in for the screener of one set of rules; compiles them only when it meets a new message.

    ``like``: another, whose rules and results are taken over where they are the same.
    """

    is_slow = False

    def __init__(self, content: Content, folder: Path, like: "RememberingScreener | None" = None) -> None:
        self._content = content
        self._folder = folder
        self.key = fingerprint_of_listening(content, lines_of(content))
        self._hearing_key = hearing_key(content)
        if like and like._hearing_key == self._hearing_key:
            self.__dict__ |= {name: part for name, part in like.__dict__.items() if name in _HEARS}

    @cached_property
    def _screened(self) -> Memory[_Screened]:
        weights = hashlib.sha256(pickle.dumps(self._listener, protocol=5)).hexdigest()[:16]
        return Memory(self._folder, "screened", f"{self._hearing_key}-{weights}")

    @cached_property
    def _hearings(self) -> Memory[_Hearing]:
        return Memory(self._folder, "heard", self._hearing_key)

    @cached_property
    def _traits(self) -> Memory[_Traits]:
        return Memory(self._folder, "traits", self._hearing_key)

    @cached_property
    def _rules(self) -> Screener:
        return Screener(self._content.red_flags)

    @cached_property
    def _levels(self) -> dict[str, Level]:
        return {rule.id: Level(rule.level) for rule in self._content.red_flags.rules}

    @cached_property
    def _listener(self) -> Listener | None:
        """As the bot has it: a listener that can't be learned must not take the rules with it."""
        try:
            return learned(self._content, self, self._folder)
        except Exception:
            return None

    def traits(self, text: str) -> Traits:
        """As the screener's own; learning asks for those of every line."""
        return _unpacked(self._traits.get(text, lambda: _packed(self._rules.traits(text))))

    def listen(self, _utterance: str, screening: Screening) -> Screening:
        """A check goes by rules and words: they are what an edit changes."""
        return screening

    def find_red_flag(self, utterance: str, _earlier: Sequence[Heard] = ()) -> Screening:
        """All that the check needs of a screening: no evidence, nothing that was heard before."""
        found, is_foreign, is_degraded = self._screened.get(utterance, lambda: self._screen(utterance))
        findings = tuple(Finding(Level(level), rule) for level, rule in found)
        return Screening(findings, is_foreign=is_foreign, is_degraded=is_degraded)

    def _screen(self, utterance: str) -> _Screened:
        hearing = self._hearings.get(utterance, lambda: self._hear(utterance))
        found, is_foreign, is_degraded = hearing.by_rules
        levels = {rule: Level(level) for level, rule in found}
        for packed, is_asking, signs in hearing.unjudged if self._listener else ():
            assert self._listener
            opinion = self._listener.hear(_unpacked(packed), is_asking=is_asking)
            level = level_of(opinion, self._levels, signs.__contains__)
            if level and (opinion.rule not in levels or level.rank > levels[opinion.rule].rank):
                levels[opinion.rule] = level
        loudest_first = sorted(levels.items(), key=lambda pair: -pair[1].rank)
        return tuple((level.value, rule) for rule, level in loudest_first), is_foreign, is_degraded

    def _hear(self, utterance: str) -> _Hearing:
        screening, unjudged = self._rules.hearing(utterance)
        found = tuple((one.level.value, one.rule) for one in screening.findings)
        left = tuple((_packed(one.heard), one.is_asking, one.signs) for one in unjudged)
        return _Hearing((found, screening.is_foreign, screening.is_degraded), left)

    def find_out(self, messages: Collection[str]) -> dict[str, _Screened]:
        """The results of ``messages``, found out on two cores where there is much to read."""
        self._read_all(messages)
        return {message: self._screened.get(message, partial(self._screen, message)) for message in messages}

    def _read_all(self, messages: Collection[str]) -> None:
        unheard = [message for message in messages if message not in self._hearings]
        lines = [line.text for line in lines_of(self._content) if line.text not in self._traits]
        if len(unheard) + len(lines) < MUCH:
            return
        _ = self._rules  # compiled before the fork, for both
        rest = begin(lambda: (self._heard(unheard[::2]), self._packed(lines[::2])))
        self._hearings.add(self._heard(unheard[1::2]))
        self._traits.add(self._packed(lines[1::2]))
        heard, packed = rest()
        self._hearings.add(heard)
        self._traits.add(packed)

    def _heard(self, messages: Sequence[str]) -> dict[str, _Hearing]:
        return {message: self._hear(message) for message in messages}

    def _packed(self, lines: Sequence[str]) -> dict[str, _Traits]:
        return {line: _packed(self._rules.traits(line)) for line in lines}

    def prepare(self) -> None:
        """Has at hand what the next edit will need."""
        _ = self._screened, self._hearings, self._traits, self._rules

    def forget(self, messages: Collection[str]) -> None:
        for memory in (self._screened, self._hearings):
            memory.forget(messages)

    def add(self, results: dict[str, _Screened]) -> None:
        """Takes over what another process found out; it has kept what it learned."""
        self._screened.add(results)

    def keep(self, messages: Collection[str]) -> None:
        self._screened.keep(messages)
        if "_hearings" in self.__dict__:
            self._hearings.keep(messages)
        if "_traits" in self.__dict__:
            self._traits.keep({line.text for line in lines_of(self._content)})


class RememberingMatcher:
    """Stands in for the matcher of one content; learns or loads only when it meets a new message."""

    has_second_stage = False

    def __init__(
        self, content: Content, folder: Path, like: "RememberingMatcher | None" = None, *, second_stage: bool
    ) -> None:
        if like and "_vectors" in like.__dict__:
            self._vectors = like._vectors
        self._content = content
        self._folder = folder
        self._second_stage = second_stage
        self.key = fingerprint(content)
        self._ranked: Memory[Ranking] = Memory(folder, "ranked", f"{self.key}-{int(second_stage)}")

    @cached_property
    def _vectors(self) -> Memory[Any]:
        return Memory(self._folder, "vectors", "all")

    @cached_property
    def _matcher(self) -> Matcher:
        matcher = Matcher.of(self._content, self._folder, second_stage=self._second_stage)
        if matcher._sentences:
            matcher._sentences = cast("Any", _RememberingSentences(matcher._sentences, self._vectors))
        return matcher

    def keep(self, messages: Collection[str]) -> None:
        self._ranked.keep(messages)
        if "_vectors" in self.__dict__:
            self._vectors.keep(messages)

    def prepare(self) -> None:
        """Has at hand what the next edit will need."""
        _ = self._vectors

    def forget(self, messages: Collection[str]) -> None:
        self._ranked.forget(messages)
        if "_vectors" in self.__dict__:
            self._vectors.forget(messages)

    @property
    def is_learned(self) -> bool:
        return any(self._folder.glob(f"matcher-{self.key}*.npz"))

    def learn(self) -> None:
        """Sees to it that what is learned is in the folder, where the running bot looks for it."""
        if not self.is_learned:
            _ = self._matcher

    def find_out(self, messages: Collection[str]) -> None:
        """Ranks ``messages`` on two cores, once what is to be learned for it is learned."""
        new = [message for message in messages if message not in self._ranked]
        if not new:
            return
        _ = self._matcher
        rest = begin(lambda: self._rankings(new[::2]))
        self._ranked.add(self._rankings(new[1::2])[0])
        rankings, vectors = rest()
        self._ranked.add(rankings)
        self._vectors.add(vectors)

    def _rankings(self, messages: Sequence[str]) -> tuple[dict[str, Ranking], dict[str, Any]]:
        """The rankings of ``messages``, and the sentence vectors that another process would have to compute again."""
        rankings = {message: self._matcher.rank(message) for message in messages}
        return rankings, self._vectors.of(messages)

    def rank(self, utterance: str) -> Ranking:
        return self._ranked.get(utterance, lambda: self._matcher.rank(utterance))


class _RememberingSentences:
    """A text's vector depends on nothing else."""

    def __init__(self, model: SentenceModel, memory: Memory[Any]) -> None:
        self._model = model
        self._memory = memory

    def vectors(self, texts: Sequence[str]) -> Any:
        return np.stack([self._memory.get(text, lambda text=text: self._model.vectors([text])[0]) for text in texts])  # type: ignore[misc]


def hearing_key(content: Content) -> str:
    """Changes with what rules hear in a message: neither with lines to learn from nor with what a card says."""
    red_flags = content.red_flags
    digest = hashlib.sha256(red_flags.model_dump_json(include={"concepts", "scope", "languages"}).encode())
    for rule in red_flags.rules:
        digest.update(rule.model_dump_json(include=_HEARD_BY).encode())
    bot = Path(__file__).parent.parent
    for file in (*sorted((bot / "safety").glob("*.py")), bot / "text.py", bot / "vocabulary.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


_HEARS = {"_hearings", "_traits", "_rules", "_levels"}
_HEARD_BY = {"id", "level", "when", "ask_when", "unless", "heeds"}


class Remembering:
    """An assistant for checks only, of ``content``; its parts find out what they do not remember, or ``like`` does."""

    def __init__(
        self, content: Content, folder: Path, *, second_stage: bool, like: "Remembering | None" = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        before = (like._screener, like._matcher) if like else (None, None)
        self._screener: RememberingScreener = RememberingScreener(content, folder, before[0])
        self._matcher: RememberingMatcher = RememberingMatcher(content, folder, before[1], second_stage=second_stage)
        parts: Any = (self._screener, self._matcher)
        self.assistant = Assistant(content, *parts)

    def find_out(self, screened: Collection[str], ranked: Collection[str]) -> None:
        """Finds out beforehand what a check will ask, learning included: both parts beside each other."""

        def screen() -> dict[str, _Screened]:
            results = self._screener.find_out(screened)
            self._screener.keep(screened)
            return results

        if self._matcher.is_learned:
            screen()
            return
        results = begin(screen)
        self._matcher.find_out(ranked)
        self._screener.add(results())

    @property
    def keys(self) -> tuple[str, str]:
        """Alike for contents that screen, and match, every message alike."""
        return self._screener.key, self._matcher.key

    def learn(self) -> None:
        """Sees to it that what is learned is in the folder, where the running bot looks for it."""
        self._matcher.learn()

    def prepare(self) -> None:
        """Has at hand what the next edit will need."""
        self._screener.prepare()
        self._matcher.prepare()

    def hold(self) -> None:
        """What answers now is not the first to go when old weights make room for those of edits that are only tried."""
        for name, key in zip(("listener", "matcher"), self.keys, strict=True):
            for file in self._folder.glob(f"{name}-{key}*.npz"):
                file.touch()

    def forget(self, messages: Collection[str]) -> None:
        """Lets go of messages of patients."""
        self._screener.forget(messages)
        self._matcher.forget(messages)

    def keep(self, messages: Collection[str]) -> None:
        """Writes down what was found out of ``messages``."""
        self._screener.keep(messages)
        self._matcher.keep(messages)
