"""What the check found out before is not found out again: most edits leave most messages alone.

Screening and ranking are pure, so a message's result holds for as long as the rules, or what is learned, stay.
"""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np

from bot.assistant import Assistant
from bot.content import Content
from bot.learning.sentences import SentenceModel
from bot.matching import Matcher, Ranking
from bot.matching.model import fingerprint
from bot.safety import Finding, Heard, Level, Screener, Screening
from bot.safety.learning import listening
from bot.staff.folder import replace_file

T = TypeVar("T")
KEPT = 6


class _Memory(Generic[T]):
    """Results by message, in one file for all that share ``key``."""

    def __init__(self, folder: Path, key: str) -> None:
        self._file = folder / f"{key}.results"
        self._found: dict[str, T] = self._read()
        self._count = len(self._found)

    def _read(self) -> dict[str, T]:
        try:
            return cast("dict[str, T]", pickle.loads(self._file.read_bytes()))
        except Exception:  # none, or a damaged one: found out anew
            return {}

    def get(self, message: str, find: Callable[[], T]) -> T:
        if message not in self._found:
            self._found[message] = find()
        return self._found[message]

    def keep(self, messages: set[str]) -> None:
        """Writes down the results of ``messages``; those of patients are not among them."""
        kept = {message: result for message, result in self._found.items() if message in messages}
        if len(kept) != self._count:
            replace_file(self._file, pickle.dumps(kept, protocol=5))
        files = sorted(self._file.parent.glob("*.results"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)


class RememberingScreener:
    """Stands in for the screener of one set of rules; compiles them only when it meets a new message."""

    def __init__(self, content: Content, folder: Path) -> None:
        self._content = content
        self._folder = folder
        self.memory: _Memory[tuple[tuple[str, str], ...]] = _Memory(folder, f"screened-{rules_key(content)}")

    @cached_property
    def _screener(self) -> Screener:
        return listening(self._content, self._folder)

    def find_red_flag(self, utterance: str, earlier: Sequence[Heard] = ()) -> Screening:
        if earlier:
            return self._screener.find_red_flag(utterance, earlier)
        found = self.memory.get(utterance, lambda: self._findings(utterance))
        return Screening(tuple(Finding(Level(level), rule, ()) for level, rule in found))

    def _findings(self, utterance: str) -> tuple[tuple[str, str], ...]:
        """What the check needs of a screening; thousands of these are read at every check."""
        return tuple((one.level.value, one.rule) for one in self._screener.find_red_flag(utterance).findings)


class RememberingMatcher:
    """Stands in for the matcher of one content; learns or loads only when it meets a new message."""

    has_second_stage = False

    def __init__(self, content: Content, folder: Path, *, second_stage: bool) -> None:
        self._content = content
        self._folder = folder
        self._second_stage = second_stage
        self.memory: _Memory[Ranking] = _Memory(folder, f"ranked-{matching_key(content)}-{int(second_stage)}")

        self._vectors: _Memory[Any] = _Memory(folder, "vectors")

    @cached_property
    def _matcher(self) -> Matcher:
        matcher = Matcher.of(self._content, self._folder, second_stage=self._second_stage)
        if matcher._sentences:
            matcher._sentences = cast("Any", _RememberingSentences(matcher._sentences, self._vectors))
        return matcher

    def keep(self, messages: set[str]) -> None:
        self.memory.keep(messages)
        self._vectors.keep(messages)

    def learn(self) -> None:
        """Sees to it that what is learned is in the folder, where the running bot looks for it."""
        if not any(self._folder.glob(f"matcher-{matching_key(self._content)}*.npz")):
            _ = self._matcher

    def rank(self, utterance: str) -> Ranking:
        return self.memory.get(utterance, lambda: self._matcher.rank(utterance))


class _RememberingSentences:
    """A text's vector depends on nothing else."""

    def __init__(self, model: SentenceModel, memory: _Memory[Any]) -> None:
        self._model = model
        self._memory = memory

    def vectors(self, texts: Sequence[str]) -> Any:
        return np.stack([self._memory.get(text, lambda text=text: self._model.vectors([text])[0]) for text in texts])  # type: ignore[misc]


def rules_key(content: Content) -> str:
    """16 hex digits that change with the red flags, the lines that screening learns from, or its code."""
    bot = Path(__file__).parent.parent
    digest = hashlib.sha256(content.red_flags.model_dump_json().encode())
    digest.update(repr((content.overheard, [entry.phrasings for entry in content.entries.values()])).encode())
    for file in (*sorted((bot / "safety").glob("*.py")), bot / "text.py", bot / "vocabulary.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def matching_key(content: Content) -> str:
    """Changes with anything that is learned from, or the code that learns."""
    return fingerprint(content)


class Remembering:
    """An assistant for checks only; ``keep`` writes down what was found out of ``messages``."""

    def __init__(self, content: Content, folder: Path, *, second_stage: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._screener = RememberingScreener(content, folder)
        self._matcher = RememberingMatcher(content, folder, second_stage=second_stage)
        parts: Any = (self._screener, self._matcher)
        self.assistant = Assistant(content, *parts)

    def learn(self) -> None:
        self._matcher.learn()

    def keep(self, messages: set[str]) -> None:
        self._screener.memory.keep(messages)
        self._matcher.keep(messages)
