"""Decides what one message is answered with. Pure: no clock, no I/O, no async.

The screening is the first line of every reply and nothing goes round it: whatever fails afterwards, the card goes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.assistant.conversation import (
    Alarm,
    Conversation,
    Escalated,
    Kind,
    Message,
    Outcome,
    Reply,
    Turn,
)
from bot.assistant.decide import Decision
from bot.assistant.replies import Action, Replies
from bot.assistant.turn_builder import list_others_as_loud
from bot.content import Content
from bot.content.red_flags import RedFlag
from bot.matching import Confidence, Matcher, Ranking
from bot.safety import Level, Screener, Screening
from bot.understanding import Parsed, Understanding, load_understanding
from bot.understanding.text import words

_LOUD = (Level.EMERGENCY, Level.URGENT)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What staff switched off for now: entries that are not given, and with ``is_paused`` all but screening and the
    clinic's phone."""

    off: frozenset[str] = frozenset()
    is_paused: bool = False

    def __bool__(self) -> bool:
        return self.is_paused or bool(self.off)


class Assistant:
    """Content, rules and matcher together: immutable, so a reload swaps one reference."""

    def __init__(
        self,
        content: Content,
        understanding: Understanding,
        screener: Screener,
        matcher: Matcher,
        facts: Callable[[str], str] | None = None,
        overrides: Overrides = Overrides(),
    ) -> None:
        given = {name: entry for name, entry in content.entries.items() if name not in overrides.off}
        self.content = content if len(given) == len(content.entries) else replace(content, entries=given)
        self.version = content.version
        self.overrides = overrides
        self.replies = Replies(self.content, facts)
        self._whole = content, facts
        self._understanding = understanding
        self._screener = screener
        self._matcher = matcher
        self._pages = {page.id: page for page in content.red_flags.pages}
        self._arranged = [words(said) for said in content.phrases.help_arranged_said]

    @property
    def trouble(self) -> str:
        """Why the model does not hear, and the cure; empty while it does."""
        return self._understanding.trouble

    def parse(self, texts: Sequence[str]) -> list[Parsed]:
        """What ``texts`` say; many at once take less time than one by one."""
        return self._understanding.parse_all(texts)

    def screen(self, message: Message, conversation: Conversation, before: str = "") -> Screening:
        """What the message holds of red flags, heard together with what the chat said in the last hour.

        ``before``: messages of the same burst, which wait too; read as one text with this one they may only raise.
        """
        if message.kind is Kind.BUTTON and message.action.startswith(f"{Action.CHECK}:"):
            return Screening()  # the label of a closed question's button is our own words about a sign
        earlier = conversation.heard_lately(message.now)
        alone, *joined = self.parse([message.text, f"{before}\n{message.text}"] if before else [message.text])
        screening = self._screener.screen(alone, earlier)
        for one in joined:
            together = self._screener.screen(one)
            if together.top and (screening.top is None or together.top.level.rank > screening.top.level.rank):
                screening = replace(screening, findings=together.findings)
        return screening

    def find_red_flag(self, utterance: str) -> Screening:
        """The screening of a message that stands alone."""
        return self._screener.screen(self._understanding.parse(utterance))

    def card(self, screening: Screening) -> Reply | None:
        """The card of a screening's emergency or urgent finding, from memory: needs no store and no matcher."""
        top = screening.top
        return self.replies.card(top.rule, list_others_as_loud(screening)) if top and top.level in _LOUD else None

    def fallback(self, message: Message) -> Reply:
        """What is said when an answer can't be made: the clinic's phone and the emergency number."""
        return self.replies.say(self.content.phrases.fallback, message.now, self.replies.way_out())

    def reply(self, message: Message, conversation: Conversation, screening: Screening | None = None) -> Turn:
        """The turn that ``message`` leads to. Never raises: a failure after the screening becomes card or fallback.

        ``screening``: what ``screen`` said of the same message and conversation, when it was asked already.
        """
        screening = self.screen(message, conversation) if screening is None else screening
        heard = conversation.hearing(screening.heard, message.now)
        try:
            turn = Decision(self, message, heard, screening).build_turn()
        except Exception as error:  # the card and the clinic's phone must go out whatever broke
            turn = self._after_failure(message, heard, screening, type(error).__name__)
        return turn

    def _after_failure(self, message: Message, conversation: Conversation, screening: Screening, failure: str) -> Turn:
        top, card = screening.top, self.card(screening)
        if top is None or card is None:
            return Turn(Outcome.FALLBACK, self.fallback(message), conversation, screening, failure=failure)
        alarmed = replace(conversation, alarm=Alarm(top.rule, top.level, message.now))
        record = Escalated(top.rule, top.level, self.version)
        return Turn(Outcome.ESCALATION, card, alarmed, screening, records=(record,), failure=failure)

    def page(self, page_id: str) -> RedFlag | None:
        return self._pages.get(page_id)

    def rank(self, utterance: str) -> Ranking:
        ranking = self._matcher.rank(self._understanding.parse(utterance))
        return _without(ranking, self.overrides.off) if self.overrides.off else ranking

    def renewed(self, content: Content) -> "Assistant":
        """An assistant of ``content``, of which nothing changed that decides which reply a message gets."""
        return Assistant(content, self._understanding, self._screener, self._matcher, self._whole[1], self.overrides)

    def with_overrides(self, overrides: Overrides) -> "Assistant":
        """The same assistant with other things switched off; takes a millisecond."""
        content, facts = self._whole
        return Assistant(content, self._understanding, self._screener, self._matcher, facts, overrides)

    def says_help_is_arranged(self, utterance: str) -> bool:
        """Whether the patient says that help is on its way, and neither denies nor asks it."""
        said = words(utterance)
        if "?" in utterance or not _DENIALS.isdisjoint(said):
            return False
        return any(_stands_in(phrase, said) for phrase in self._arranged)


def _without(ranking: Ranking, off: frozenset[str]) -> Ranking:
    """``ranking`` without entries switched off. If the best one is, nothing else is answered in its place."""
    candidates = tuple(candidate for candidate in ranking.candidates if candidate.entry not in off)
    suggested = tuple(candidate for candidate in ranking.suggested if candidate.entry not in off)
    is_best_off = bool(ranking.best) and ranking.best != (candidates[0] if candidates else None)
    also = ranking.also if ranking.also and ranking.also.entry not in off else None
    confidence = Confidence.LOW if is_best_off else ranking.confidence
    return replace(
        ranking, candidates=candidates, suggested=() if is_best_off else suggested, also=also, confidence=confidence
    )


_DENIALS = frozenset(
    "no not never nobody none dont didnt cant couldnt wont isnt arent havent hasnt if when should".split()
)


def _stands_in(phrase: list[str], said: list[str]) -> bool:
    size = len(phrase)
    return any(said[start : start + size] == phrase for start in range(len(said) - size + 1))


def build(
    content: Content,
    cache_dir: Path | None = None,
    facts: Callable[[str], str] | None = None,
    understanding: Understanding | None = None,
) -> Assistant:
    """The assistant of ``content``. ``facts`` adds placeholders that are not the clinic's. What has to be computed for a
    content that was not shipped is kept in ``cache_dir``, if given. Whatever is wrong with the model, there is an
    assistant, whose ``trouble`` says so."""

    def assemble(understanding: Understanding) -> Assistant:
        matcher = Matcher.of(content, understanding, cache_dir)
        return Assistant(content, understanding, Screener(content.red_flags, understanding), matcher, facts)

    understanding = understanding or load_understanding(content)
    try:
        return assemble(understanding)
    except Exception as error:
        if understanding.encoder is None:
            raise
        return assemble(understanding.without_model(error))
