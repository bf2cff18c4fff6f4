"""Red flags in one message: the first thing that happens to it, and the one thing that nothing goes round."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bot.content import RedFlags
from bot.safety.decide import decide
from bot.safety.floor import Floor, FloorHearing
from bot.safety.languages import LanguageScreen
from bot.safety.levels import Finding, Heard, Level, Screening
from bot.safety.model import Judgement, SignModel
from bot.understanding import Parsed, Understanding

MOST_BLOCKED_TOLD = 20
_Found = TypeVar("_Found")


class Screener:
    """Floor and model of one content version. Immutable: threads may share it."""

    def __init__(self, red_flags: RedFlags, understanding: Understanding) -> None:
        self._levels = {page.id: Level(page.level) for page in red_flags.pages}
        self._ranks = {page.id: page.rank for page in red_flags.pages}
        self._floor = Floor(red_flags.pages)
        self._languages = LanguageScreen(red_flags)
        encoder = understanding.encoder
        self._model = SignModel(encoder, self._levels) if encoder else None

    def screen(self, parsed: Parsed, earlier: Sequence[Heard] = ()) -> Screening:
        """Red flags in ``parsed``, read together with what was heard in the last hour. Never raises: a part that breaks
        leaves the others' findings, and the screening is degraded."""
        nothing: tuple[bool, tuple[Finding, ...]] = False, ()
        (is_foreign, abroad), is_read = _attempt(lambda: self._languages.screen(parsed.text, parsed.normal), nothing)
        heard, is_heard = _attempt(lambda: self._floor.listen(parsed, (one.concept for one in earlier)), FloorHearing())
        judgement, _ = _attempt(lambda: self._judge(parsed), None)
        findings, is_decided = _attempt(
            lambda: decide(heard.hits, judgement, self._model, self._levels, len(parsed.words)),
            [Finding(self._levels[hit.rule], hit.rule, (f"phrase: {hit.phrase}",)) for hit in heard.hits],
        )
        return Screening(
            self._ordered((*abroad, *findings)),
            tuple(f"{hit.rule}: {hit.phrase} (denied)" for hit in heard.denied[:MOST_BLOCKED_TOLD]),
            tuple(map(Heard, heard.halves)),
            is_foreign=is_foreign,
            is_degraded=judgement is None or not (is_read and is_heard and is_decided),
        )

    def _judge(self, parsed: Parsed) -> Judgement | None:
        return None if self._model is None or parsed.vectors is None else self._model.judge(parsed.vectors.signs)

    def _ordered(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Each sign once, at its highest level; the highest first, then the one that can wait least."""
        best: dict[str, Finding] = {}
        for finding in findings:
            known = best.get(finding.rule)
            if known is None or finding.level.rank > known.level.rank:
                best[finding.rule] = finding
        return tuple(sorted(best.values(), key=lambda one: (-one.level.rank, self._ranks.get(one.rule, 0))))


def _attempt(part: Callable[[], _Found], otherwise: _Found) -> tuple[_Found, bool]:
    """What ``part`` finds, or ``otherwise`` where it breaks, and whether it worked."""
    try:
        return part(), True
    except Exception:
        return otherwise, False
