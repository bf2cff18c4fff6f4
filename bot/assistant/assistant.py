"""Decides what one message is answered with. Pure: no clock, no I/O, no async.

The screening is the first line of every reply and nothing goes round it: whatever fails afterwards, the card goes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.assistant.conversation import (
    Alarm,
    Block,
    BlockKind,
    Conversation,
    Escalated,
    Feedback,
    Forget,
    Kind,
    Message,
    Missed,
    Outcome,
    Reply,
    Turn,
)
from bot.assistant.identifiers import scrub
from bot.assistant.replies import Action, Replies, Rows, blocks, note
from bot.content import Content, Entry
from bot.content.red_flags import RedFlag
from bot.matching import Confidence, Matcher, Ranking
from bot.safety import Finding, Level, Screener, Screening
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
        return self.replies.card(top.rule, _others(screening)) if top and top.level in _LOUD else None

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
            turn = _Turning(self, message, heard, screening).turn()
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


def _others(screening: Screening) -> tuple[str, ...]:
    """Other signs as loud as the one whose card is shown."""
    top = screening.top
    return tuple(one.rule for one in screening.findings[1:] if top and one.level is top.level)


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


class _Turning:
    """One message on its way to a turn."""

    def __init__(
        self, assistant: Assistant, message: Message, conversation: Conversation, screening: Screening
    ) -> None:
        self.assistant = assistant
        self.content = assistant.content
        self.phrases = assistant.content.phrases
        self.replies = assistant.replies
        self.message = message
        self.conversation = conversation
        self.screening = screening

    def turn(self) -> Turn:
        turn = self.decide()
        return self.with_safety_line(turn) if self.assistant.trouble or self.screening.is_degraded else turn

    def decide(self) -> Turn:
        top = self.screening.top
        if top and top.level is Level.EMERGENCY:
            return self.escalate(top)
        handler = {
            Kind.COMMAND: self.command,
            Kind.BUTTON: self.button,
            Kind.UNREADABLE: self.unreadable,
        }.get(self.message.kind, self.utterance)
        turn = handler()
        if top and top.level is Level.URGENT:
            turn = self.with_urgent_card(top, turn)
        elif turn.outcome is not Outcome.ESCALATION:
            turn = self.with_reminder(turn)
        return self.with_apology(turn)

    # Red flags

    def escalate(self, finding: Finding) -> Turn:
        """An emergency: the card is the only thing said."""
        return Turn(
            Outcome.ESCALATION,
            self.replies.card(finding.rule, _others(self.screening)),
            replace(self.conversation, alarm=Alarm(finding.rule, finding.level, self.message.now), asked=""),
            self.screening,
            score=1.0,
            records=(Escalated(finding.rule, finding.level, self.assistant.version),),
        )

    def with_urgent_card(self, finding: Finding, turn: Turn) -> Turn:
        """The urgent card first, then what was answered, in one message."""
        card = self.replies.card(finding.rule, _others(self.screening))
        is_answered = turn.outcome in (Outcome.ANSWER, Outcome.MENU, Outcome.HANDOFF)
        after = turn.reply if turn.reply and is_answered else Reply((), self.replies.way_out())
        raised = self.conversation.raised(self.message.now)
        # An emergency that still stands is not replaced by something milder.
        alarm = (
            raised
            if raised and raised.level is Level.EMERGENCY
            else Alarm(finding.rule, finding.level, self.message.now)
        )
        return replace(
            turn,
            outcome=Outcome.ESCALATION,
            reply=Reply(card.blocks + after.blocks, self.replies.alarm_buttons() + after.buttons, finding.level),
            conversation=replace(turn.conversation, alarm=alarm),
            entry=turn.entry if is_answered else "",
            suggestions=(),
            records=(*turn.records, Escalated(finding.rule, finding.level, self.assistant.version)),
        )

    def with_reminder(self, turn: Turn) -> Turn:
        """While an alarm is raised, its reminder stands above whatever is said."""
        alarm = turn.conversation.raised(self.message.now)
        if alarm is None or turn.reply is None:
            return turn
        reply = turn.reply
        reminded = replace(reply, blocks=(self.replies.reminder(alarm.level), *reply.blocks))
        return replace(turn, reply=replace(reminded, buttons=self.replies.alarm_buttons() + reply.buttons))

    def with_safety_line(self, turn: Turn) -> Turn:
        """What a patient can look for herself, where the bot hears less than it should."""
        line = self.replies.fill(self.phrases.safety_line, self.message.now)
        if turn.reply is None or any(line in block.text for block in turn.reply.blocks):
            return turn
        return replace(turn, reply=replace(turn.reply, blocks=(*turn.reply.blocks, Block(BlockKind.PARAGRAPH, line))))

    def with_apology(self, turn: Turn) -> Turn:
        if not self.message.is_late or turn.reply is None:
            return turn
        late = Block(BlockKind.PARAGRAPH, self.replies.fill(self.phrases.late, self.message.now))
        return replace(turn, reply=replace(turn.reply, blocks=(late, *turn.reply.blocks)))

    # What the patient did

    def utterance(self) -> Turn:
        conversation = self.conversation
        if conversation.raised(self.message.now) and self.assistant.says_help_is_arranged(self.message.text):
            return self.help_arranged()
        ranking = self.assistant.rank(self.message.text)
        if conversation.asked and ranking.small_talk in ("yes", "no"):
            return self.checked(conversation.asked, is_yes=ranking.small_talk == "yes")
        if self.assistant.overrides.is_paused:
            return self.with_lines(self.paused())
        if self.screening.is_foreign and not (ranking.best and ranking.confidence is Confidence.HIGH):
            return self.with_lines(self.said(Outcome.FALLBACK, self.phrases.foreign, self.replies.way_out(), ranking))
        if ranking.small_talk in self.content.small_talk:
            return self.with_lines(self.small_talk(ranking))
        if ranking.confidence is Confidence.HIGH and ranking.best:
            turn = self.answer(ranking)
        elif ranking.confidence is Confidence.MEDIUM and ranking.suggested:
            turn = self.suggest(ranking)
        else:
            turn = self.miss(ranking)
        return self.with_attachment(self.with_lines(turn))

    def paused(self) -> Turn:
        """Staff paused the answers: that is said, and whom to call."""
        return self.said(Outcome.HANDOFF, self.phrases.paused, ())

    def answer(self, ranking: Ranking) -> Turn:
        assert ranking.best is not None
        entry = self.content.entries[ranking.best.entry]
        turn = self.answered(entry)
        if ranking.also and turn.reply:
            asked = Block(BlockKind.PARAGRAPH, self.replies.fill(self.phrases.also_asked, self.message.now))
            rows = self.replies.entry_buttons((ranking.also.entry,)) + turn.reply.buttons
            turn = replace(turn, reply=replace(turn.reply, blocks=(*turn.reply.blocks, asked), buttons=rows))
        return replace(turn, score=ranking.best.score, why=ranking.why)

    def answered(self, entry: Entry) -> Turn:
        """The entry's answer with feedback and related questions under it."""
        rows = (self.replies.feedback_row(entry), *self.replies.entry_buttons(entry.see_also))
        reply = Reply(self.replies.answer(entry, self.message.now), rows, quotes=True)
        conversation = replace(self.conversation, misses=0, last_entry=entry.id, asked="")
        return Turn(Outcome.ANSWER, reply, conversation, self.screening, entry=entry.id, score=1.0)

    def suggest(self, ranking: Ranking) -> Turn:
        suggestions = ranking.suggested[:3]
        reply = self.replies.suggestions((candidate.entry for candidate in suggestions), self.message.now)
        return Turn(
            Outcome.DISAMBIGUATION,
            replace(reply, quotes=True),
            replace(self.conversation, misses=0, asked=""),
            self.screening,
            suggestions=suggestions,
            score=suggestions[0].score,
            why=ranking.why,
        )

    def miss(self, ranking: Ranking) -> Turn:
        """Nothing fits: say so; the second time in a row offer a person first."""
        is_again = self.conversation.misses > 0
        turn = self.said(
            Outcome.FALLBACK,
            self.phrases.fallback_again if is_again else self.phrases.fallback,
            self.replies.way_out(),
            ranking,
        )
        return replace(
            turn,
            conversation=replace(self.conversation, misses=self.conversation.misses + 1, asked=""),
            records=(self.missed("not understood", ranking),) if self.message.text.strip() else (),
        )

    def missed(self, reason: str, ranking: Ranking) -> Missed:
        guesses = tuple(candidate.entry for candidate in ranking.candidates[:3])
        return Missed(scrub(self.message.text), reason, guesses)

    def small_talk(self, ranking: Ranking) -> Turn:
        kind = ranking.small_talk or ""
        return self.said(
            Outcome.SMALL_TALK, self.content.small_talk[kind].reply, self.replies.entry_buttons(()), ranking
        )

    def said(self, outcome: Outcome, text: str, buttons: Rows, ranking: Ranking | None = None) -> Turn:
        reply = self.replies.say(text, self.message.now, buttons)
        score = ranking.best.score if ranking and ranking.best else 0.0
        conversation = replace(self.conversation, asked="")
        return Turn(outcome, reply, conversation, self.screening, score=score, why=ranking.why if ranking else ())

    def with_lines(self, turn: Turn) -> Turn:
        """A ``soon`` rule is a line under the answer; ``check`` is one closed question under it."""
        if turn.reply is None:
            return turn
        reply, conversation = turn.reply, turn.conversation
        soon, check = self.finding(Level.SOON), self.finding(Level.CHECK)
        if soon:
            reply = replace(reply, blocks=reply.blocks + self.replies.soon(soon), level=Level.SOON)
        if check:
            question, buttons = self.replies.check(check)
            reply = replace(reply, blocks=reply.blocks + question, buttons=buttons + reply.buttons, level=Level.CHECK)
            conversation = replace(conversation, asked=check.id)
        return replace(turn, reply=reply, conversation=conversation)

    def finding(self, level: Level) -> RedFlag | None:
        """The first rule met at ``level`` that the patient has not denied in this conversation."""
        found = (finding.rule for finding in self.screening.findings if finding.level is level)
        return next(
            (page for page in map(self.assistant.page, found) if page and page.id not in self.conversation.denied), None
        )

    def with_attachment(self, turn: Turn) -> Turn:
        if not self.message.attachment or turn.reply is None:
            return turn
        return replace(turn, reply=replace(turn.reply, blocks=turn.reply.blocks + note(self.phrases.attachment_unread)))

    def unreadable(self) -> Turn:
        texts = self.phrases.unreadable
        text = {"voice": texts.voice, "photo": texts.photo}.get(self.message.attachment, texts.other)
        return self.with_safety_line(self.said(Outcome.FALLBACK, text, self.replies.way_out()))

    # Commands and buttons

    def command(self) -> Turn:
        """What stands behind a command was written by the patient, so it is heard like any message."""
        turn = self.commanded()
        return self.with_lines(turn) if self.message.text.strip() else turn

    def commanded(self) -> Turn:
        now = self.message.now
        match self.message.action:
            case "start":
                entry = self.content.entry(self.message.text.strip())
                if self.assistant.overrides.is_paused:
                    return self.paused()
                return self.answered(entry) if entry else self.menu(self.replies.greeting(now))
            case "topics":
                return self.menu(self.replies.topics(now, replaces=False))
            case "contact":
                return self.said(Outcome.HANDOFF, self.phrases.contact, ())
            case "help":
                return self.said(Outcome.MENU, self.phrases.help, self.replies.way_out())
            case "privacy":
                return self.said(Outcome.MENU, self.phrases.privacy, ())
            case "forget":
                return self.forget()
        if self.message.text.strip():
            return self.utterance()
        return self.said(
            Outcome.MENU, self.phrases.unknown_command + "\n\n" + self.phrases.help, self.replies.way_out()
        )

    def menu(self, reply: Reply) -> Turn:
        return Turn(Outcome.MENU, reply, replace(self.conversation, asked=""), self.screening)

    def forget(self) -> Turn:
        turn = self.said(Outcome.MENU, self.phrases.forgotten, ())
        return replace(turn, conversation=Conversation(), records=(Forget(),))

    def button(self) -> Turn:
        kind, _, rest = self.message.action.partition(":")
        match kind:
            case Action.HELP_ARRANGED:
                return self.help_arranged()
            case Action.CONTACT:
                return self.said(Outcome.HANDOFF, self.phrases.contact, ())
            case Action.NONE_OF_THESE:
                return self.none_of_these()
            case Action.TOPICS:
                reply = (
                    self.replies.group(rest, self.message.now)
                    if rest
                    else self.replies.topics(self.message.now, replaces=True)
                )
                return self.menu(reply) if reply else self.unknown_button()
            case Action.CHECK:
                answer, _, rule_id = rest.partition(":")
                return self.checked(rule_id, is_yes=answer == "y")
        if self.assistant.overrides.is_paused and kind != "f":
            return self.paused()
        entry = self.content.entry(rest.partition(":")[2] if kind == "f" else rest)
        if entry is None:
            return self.unknown_button()
        match kind:
            case "e":
                return self.answered(entry)
            case "m":
                return self.menu_entry(entry)
            case "f":
                return self.feedback(entry, is_helpful=rest.startswith("+"))
        return self.unknown_button()

    def menu_entry(self, entry: Entry) -> Turn:
        turn = self.menu(self.replies.menu_entry(entry, self.message.now))
        return replace(turn, outcome=Outcome.ANSWER, entry=entry.id, score=1.0)

    def help_arranged(self) -> Turn:
        turn = self.said(Outcome.HANDOFF, self.phrases.help_arranged, ())
        return replace(turn, conversation=replace(turn.conversation, alarm=None, heard=()))

    def checked(self, rule_id: str, *, is_yes: bool) -> Turn:
        """The patient answered the closed question: Yes escalates, No is remembered for the conversation."""
        rule = self.assistant.page(rule_id)
        if rule is None:
            return self.unknown_button()
        if is_yes:
            return self.escalate(Finding(Level(rule.level), rule.id, ("answered yes to the closed question",)))
        turn = self.said(Outcome.SMALL_TALK, self.phrases.check_denied, ())
        denied = tuple(dict.fromkeys((*self.conversation.denied, rule_id)))
        return replace(turn, conversation=replace(turn.conversation, denied=denied))

    def none_of_these(self) -> Turn:
        turn = self.said(Outcome.FALLBACK, self.phrases.none_of_these, self.replies.way_out())
        records = (self.missed("none of the suggestions", Ranking()),) if self.message.text.strip() else ()
        return replace(
            turn, records=records, conversation=replace(turn.conversation, misses=self.conversation.misses + 1)
        )

    def feedback(self, entry: Entry, *, is_helpful: bool) -> Turn:
        text = self.phrases.thanks_helpful if is_helpful else self.phrases.thanks_not_helpful
        records: list[Feedback | Missed] = [Feedback(entry.id, is_helpful)]
        if not is_helpful and self.message.text.strip():
            records.append(Missed(scrub(self.message.text), "not helpful", (entry.id,)))
        turn = self.said(Outcome.FEEDBACK, text, () if is_helpful else self.replies.way_out())
        toast = self.replies.fill(self.phrases.thanks_helpful, self.message.now)
        return replace(
            turn, entry=entry.id, records=tuple(records), toast=toast, reply=None if is_helpful else turn.reply
        )

    def unknown_button(self) -> Turn:
        menu = self.replies.topics(self.message.now, replaces=False)
        first = blocks(self.replies.fill(self.phrases.unknown_button, self.message.now))
        return self.menu(replace(menu, blocks=first + menu.blocks))


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
