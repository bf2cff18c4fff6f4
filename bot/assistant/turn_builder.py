"""Builds the turns that a message can lead to. Which one it is, ``decide`` says."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.assistant.conversation import (
    Alarm,
    Block,
    BlockKind,
    Conversation,
    Escalated,
    Message,
    Missed,
    Outcome,
    Reply,
    Turn,
)
from bot.assistant.identifiers import scrub
from bot.assistant.replies import Rows, note
from bot.content import Entry
from bot.content.red_flags import RedFlag
from bot.matching import Ranking
from bot.safety import Finding, Level, Screening

if TYPE_CHECKING:
    from bot.assistant.assistant import Assistant


class TurnBuilder:
    """For one message: ``conversation`` as it is once the message was heard, ``screening`` of that message."""

    def __init__(
        self, assistant: "Assistant", message: Message, conversation: Conversation, screening: Screening
    ) -> None:
        self.assistant = assistant
        self.content = assistant.content
        self.phrases = assistant.content.phrases
        self.replies = assistant.replies
        self.message = message
        self.conversation = conversation
        self.screening = screening

    # Red flags

    def escalate(self, finding: Finding) -> Turn:
        """An emergency: the card is the only thing said."""
        return Turn(
            Outcome.ESCALATION,
            self.replies.card(finding.rule, list_others_as_loud(self.screening)),
            replace(self.conversation, alarm=Alarm(finding.rule, finding.level, self.message.now), asked=""),
            self.screening,
            score=1.0,
            records=(Escalated(finding.rule, finding.level, self.assistant.version),),
        )

    def with_urgent_card(self, finding: Finding, turn: Turn) -> Turn:
        """The urgent card first, then what was answered, in one message."""
        card = self.replies.card(finding.rule, list_others_as_loud(self.screening))
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

    # Answers

    def answer_best(self, ranking: Ranking) -> Turn:
        assert ranking.best is not None
        entry = self.content.entries[ranking.best.entry]
        turn = self.answer_entry(entry)
        if ranking.also and turn.reply:
            asked = Block(BlockKind.PARAGRAPH, self.replies.fill(self.phrases.also_asked, self.message.now))
            rows = self.replies.entry_buttons((ranking.also.entry,)) + turn.reply.buttons
            turn = replace(turn, reply=replace(turn.reply, blocks=(*turn.reply.blocks, asked), buttons=rows))
        return replace(turn, score=ranking.best.score, why=ranking.why)

    def answer_entry(self, entry: Entry) -> Turn:
        """The entry's answer with feedback and related questions under it."""
        rows = (self.replies.feedback_row(entry), *self.replies.entry_buttons(entry.see_also))
        reply = Reply(self.replies.answer(entry, self.message.now), rows, quotes=True)
        conversation = replace(self.conversation, misses=0, last_entry=entry.id, asked="")
        return Turn(Outcome.ANSWER, reply, conversation, self.screening, entry=entry.id, score=1.0)

    def suggest_entries(self, ranking: Ranking) -> Turn:
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

    def say_not_understood(self, ranking: Ranking) -> Turn:
        """Nothing fits: say so; the second time in a row offer a person first."""
        is_again = self.conversation.misses > 0
        turn = self.say(
            Outcome.FALLBACK,
            self.phrases.fallback_again if is_again else self.phrases.fallback,
            self.replies.way_out(),
            ranking,
        )
        return replace(
            turn,
            conversation=replace(self.conversation, misses=self.conversation.misses + 1, asked=""),
            records=(self.note_missed("not understood", ranking),) if self.message.text.strip() else (),
        )

    def note_missed(self, reason: str, ranking: Ranking) -> Missed:
        guesses = tuple(candidate.entry for candidate in ranking.candidates[:3])
        return Missed(scrub(self.message.text), reason, guesses)

    def make_small_talk(self, ranking: Ranking) -> Turn:
        kind = ranking.small_talk or ""
        return self.say(Outcome.SMALL_TALK, self.content.small_talk[kind].reply, (), ranking)

    def say_paused(self) -> Turn:
        """Staff paused the answers: that is said, and whom to call."""
        return self.say(Outcome.HANDOFF, self.phrases.paused, ())

    def say(self, outcome: Outcome, text: str, buttons: Rows, ranking: Ranking | None = None) -> Turn:
        reply = self.replies.say(text, self.message.now, buttons)
        score = ranking.best.score if ranking and ranking.best else 0.0
        conversation = replace(self.conversation, asked="")
        return Turn(outcome, reply, conversation, self.screening, score=score, why=ranking.why if ranking else ())

    def show_menu(self, reply: Reply) -> Turn:
        return Turn(Outcome.MENU, reply, replace(self.conversation, asked=""), self.screening)

    def with_lines(self, turn: Turn) -> Turn:
        """A ``soon`` rule is a line under the answer; ``check`` is one closed question under it."""
        if turn.reply is None:
            return turn
        reply, conversation = turn.reply, turn.conversation
        soon, check = self.find_page(Level.SOON), self.find_page(Level.CHECK)
        if soon:
            reply = replace(reply, blocks=reply.blocks + self.replies.soon(soon), level=Level.SOON)
        if check:
            question, buttons = self.replies.check(check)
            reply = replace(reply, blocks=reply.blocks + question, buttons=buttons + reply.buttons, level=Level.CHECK)
            conversation = replace(conversation, asked=check.id)
        return replace(turn, reply=reply, conversation=conversation)

    def find_page(self, level: Level) -> RedFlag | None:
        """The first rule met at ``level`` that the patient has not denied in this conversation."""
        found = (finding.rule for finding in self.screening.findings if finding.level is level)
        return next(
            (page for page in map(self.assistant.page, found) if page and page.id not in self.conversation.denied), None
        )

    def with_attachment(self, turn: Turn) -> Turn:
        if not self.message.attachment or turn.reply is None:
            return turn
        return replace(turn, reply=replace(turn.reply, blocks=turn.reply.blocks + note(self.phrases.attachment_unread)))


def list_others_as_loud(screening: Screening) -> tuple[str, ...]:
    """Other signs as loud as the one whose card is shown."""
    top = screening.top
    return tuple(one.rule for one in screening.findings[1:] if top and one.level is top.level)
