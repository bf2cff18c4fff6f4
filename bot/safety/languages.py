"""Messages in another script or language: told at once, and the worst signs heard in ten of them."""

from bot.content.red_flags import RedFlags
from bot.safety.levels import Finding, Level
from bot.text import is_other_script, normalize, words

# A message is foreign when this share of its words, and at least this many, belong to one other language.
FOREIGN_SHARE = 0.4
FOREIGN_WORDS = 2


class LanguageScreen:
    """Word lists of other languages, and phrases for the worst signs in them."""

    def __init__(self, red_flags: RedFlags) -> None:
        self._levels = {rule.id: Level(rule.level) for rule in red_flags.rules}
        self._words = {name: frozenset(language.words) for name, language in red_flags.languages.items()}
        self._signs = [
            (rule, tuple(normalize(phrase).split("…")), name)
            for name, language in red_flags.languages.items()
            for rule, phrases in language.signs.items()
            for phrase in phrases
        ]

    def screen(self, text: str) -> tuple[bool, tuple[Finding, ...]]:
        """Whether ``text`` is in a language the bot doesn't read, and the worst signs it names."""
        normal = " " + " ".join(normalize(text).replace("'", " ").split()) + " "
        findings = {}
        for rule, parts, language in self._signs:
            if rule in self._levels and rule not in findings and _in_order(parts, normal):
                findings[rule] = Finding(self._levels[rule], rule, (f"{language}: {'…'.join(parts)}",))
        return is_other_script(text) or self._is_other_language(text), tuple(findings.values())

    def _is_other_language(self, text: str) -> bool:
        typed = words(text)
        return any(
            (count := sum(word in known for word in typed)) >= FOREIGN_WORDS and count >= FOREIGN_SHARE * len(typed)
            for known in self._words.values()
        )


def _in_order(parts: tuple[str, ...], text: str) -> bool:
    at = 0
    for part in parts:
        at = text.find(part.strip(), at)
        if at < 0:
            return False
        at += len(part.strip())
    return True
