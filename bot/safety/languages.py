"""Messages in another script or language: told at once, and the worst signs heard in ten of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.content.red_flags import RedFlags
from bot.safety.levels import Finding, Level
from bot.understanding.text import is_other_script, normalize

_WORD = re.compile(r"[^\W_]+")
# A message is foreign when this share of its words, and at least this many, belong to one other language.
FOREIGN_SHARE = 0.4
FOREIGN_WORDS = 2
MOST_WORDS = 400  # a message is long before its language is in doubt


@dataclass(frozen=True, slots=True)
class _Sign:
    """How one of the worst signs is said: parts that stand in this order, anything between them."""

    rule: str
    language: str
    parts: tuple[str, ...]

    def is_in(self, text: str) -> bool:
        at = 0
        for part in self.parts:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return True


class LanguageScreen:
    """Word lists of other languages, and phrases for the worst signs in them."""

    def __init__(self, red_flags: RedFlags) -> None:
        self._levels = {rule.id: Level(rule.level) for rule in red_flags.pages}
        self._languages_of: dict[str, list[str]] = {}
        for name, language in red_flags.languages.items():
            for word in dict.fromkeys(_tokens(" ".join(language.words))):
                self._languages_of.setdefault(word, []).append(name)
        self._by_word: dict[str, list[_Sign]] = {}  # by their longest word: few are ever looked at
        self._unspaced: list[_Sign] = []
        for name, language in red_flags.languages.items():
            for rule, phrases in language.signs.items():
                for phrase in phrases if rule in self._levels else ():
                    parts = tuple(" ".join(_tokens(part)) for part in phrase.split("…"))
                    self._index(_Sign(rule, name, parts))

    def _index(self, sign: _Sign) -> None:
        if all(part.isascii() for part in sign.parts):
            longest = max((word for part in sign.parts for word in part.split()), key=len)
            self._by_word.setdefault(longest, []).append(sign)
        else:
            self._unspaced.append(sign)

    def screen(self, text: str, normal: str) -> tuple[bool, tuple[Finding, ...]]:
        """Whether ``text`` is in a language the bot doesn't read, and the worst signs it names. ``normal`` is the same text
        normalised, its slips not mended: the speller knows English only, and "entre" is no slip for "enter"."""
        typed = _WORD.findall(normal)
        spaced = " ".join(typed)
        findings: dict[str, Finding] = {}
        for sign in self._possible(typed, spaced):
            if sign.rule not in findings and sign.is_in(spaced):
                evidence = f"{sign.language}: {'…'.join(sign.parts)}"
                findings[sign.rule] = Finding(self._levels[sign.rule], sign.rule, (evidence,))
        return is_other_script(text) or self._is_other_language(typed), tuple(findings.values())

    def _possible(self, typed: list[str], spaced: str) -> Iterator[_Sign]:
        for word in dict.fromkeys(typed):
            yield from self._by_word.get(word, ())
        if not spaced.isascii():
            yield from self._unspaced

    def _is_other_language(self, typed: list[str]) -> bool:
        start = typed[:MOST_WORDS]
        counts: dict[str, int] = {}
        for word in start:
            for language in self._languages_of.get(word, ()):
                counts[language] = counts.get(language, 0) + 1
        return max(counts.values(), default=0) >= max(FOREIGN_WORDS, FOREIGN_SHARE * len(start))


def _tokens(text: str) -> list[str]:
    """``text`` in words with every accent off, so that people who type without accents are understood."""
    return _WORD.findall(normalize(text))
