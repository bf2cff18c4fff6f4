"""Decides which turn a message leads to: the one place that says what goes before what."""

from dataclasses import replace

from bot.assistant.conversation import Conversation, Feedback, Forget, Kind, Missed, Outcome, Turn
from bot.assistant.identifiers import scrub
from bot.assistant.replies import Action, blocks
from bot.assistant.turn_builder import TurnBuilder
from bot.content import Entry
from bot.matching import Confidence, Ranking
from bot.safety import Finding, Level


class Decision(TurnBuilder):
    """One message on its way to a turn. An emergency comes before everything; other signs stand beside what was asked."""

    def build_turn(self) -> Turn:
        turn = self.decide()
        return self.with_safety_line(turn) if self.assistant.trouble or self.screening.is_degraded else turn

    def decide(self) -> Turn:
        top = self.screening.top
        if top and top.level is Level.EMERGENCY:
            return self.escalate(top)
        handler = {
            Kind.COMMAND: self.decide_command,
            Kind.BUTTON: self.decide_button,
            Kind.UNREADABLE: self.decide_unreadable,
        }.get(self.message.kind, self.decide_utterance)
        turn = handler()
        if top and top.level is Level.URGENT:
            turn = self.with_urgent_card(top, turn)
        elif turn.outcome is not Outcome.ESCALATION:
            turn = self.with_reminder(turn)
        return self.with_apology(turn)

    def decide_utterance(self) -> Turn:
        conversation = self.conversation
        if conversation.raised(self.message.now) and self.assistant.says_help_is_arranged(self.message.text):
            return self.end_alarm()
        ranking = self.assistant.rank(self.message.text)
        if conversation.asked and ranking.small_talk in ("yes", "no"):
            return self.take_check_answer(conversation.asked, is_yes=ranking.small_talk == "yes")
        if self.assistant.overrides.is_paused:
            return self.with_lines(self.say_paused())
        if self.screening.is_foreign and not (ranking.best and ranking.confidence is Confidence.HIGH):
            return self.with_lines(self.say(Outcome.FALLBACK, self.phrases.foreign, self.replies.way_out(), ranking))
        if ranking.small_talk in self.content.small_talk:
            return self.with_lines(self.make_small_talk(ranking))
        if ranking.confidence is Confidence.HIGH and ranking.best:
            turn = self.answer_best(ranking)
        elif ranking.confidence is Confidence.MEDIUM and ranking.suggested:
            turn = self.suggest_entries(ranking)
        else:
            turn = self.say_not_understood(ranking)
        return self.with_attachment(self.with_lines(turn))

    def decide_unreadable(self) -> Turn:
        texts = self.phrases.unreadable
        text = {"voice": texts.voice, "photo": texts.photo}.get(self.message.attachment, texts.other)
        return self.with_safety_line(self.say(Outcome.FALLBACK, text, self.replies.way_out()))

    # Commands and buttons

    def decide_command(self) -> Turn:
        """What stands behind a command was written by the patient, so it is heard like any message."""
        turn = self.run_command()
        return self.with_lines(turn) if self.message.text.strip() else turn

    def run_command(self) -> Turn:
        now = self.message.now
        match self.message.action:
            case "start":
                entry = self.content.entry(self.message.text.strip())
                if self.assistant.overrides.is_paused:
                    return self.say_paused()
                return self.answer_entry(entry) if entry else self.show_menu(self.replies.greeting(now))
            case "topics":
                return self.show_menu(self.replies.topics(now, replaces=False))
            case "contact":
                return self.say(Outcome.HANDOFF, self.phrases.contact, ())
            case "help":
                return self.say(Outcome.MENU, self.phrases.help, self.replies.way_out())
            case "privacy":
                return self.say(Outcome.MENU, self.phrases.privacy, ())
            case "forget":
                return self.forget_chat()
        if self.message.text.strip():
            return self.decide_utterance()
        return self.say(Outcome.MENU, self.phrases.unknown_command + "\n\n" + self.phrases.help, self.replies.way_out())

    def forget_chat(self) -> Turn:
        turn = self.say(Outcome.MENU, self.phrases.forgotten, ())
        return replace(turn, conversation=Conversation(), records=(Forget(),))

    def decide_button(self) -> Turn:
        kind, _, rest = self.message.action.partition(":")
        match kind:
            case Action.HELP_ARRANGED:
                return self.end_alarm()
            case Action.CONTACT:
                return self.say(Outcome.HANDOFF, self.phrases.contact, ())
            case Action.NONE_OF_THESE:
                return self.take_none_of_these()
            case Action.TOPICS:
                reply = (
                    self.replies.group(rest, self.message.now)
                    if rest
                    else self.replies.topics(self.message.now, replaces=True)
                )
                return self.show_menu(reply) if reply else self.say_unknown_button()
            case Action.CHECK:
                answer, _, rule_id = rest.partition(":")
                return self.take_check_answer(rule_id, is_yes=answer == "y")
        if self.assistant.overrides.is_paused and kind != Action.FEEDBACK:
            return self.say_paused()
        entry = self.content.entry(rest.partition(":")[2] if kind == Action.FEEDBACK else rest)
        if entry is None:
            return self.say_unknown_button()
        match kind:
            case Action.ENTRY:
                return self.answer_entry(entry)
            case Action.MENU_ENTRY:
                return self.show_menu_entry(entry)
            case Action.FEEDBACK:
                return self.take_feedback(entry, is_helpful=rest.startswith("+"))
        return self.say_unknown_button()

    def show_menu_entry(self, entry: Entry) -> Turn:
        turn = self.show_menu(self.replies.menu_entry(entry, self.message.now))
        return replace(turn, outcome=Outcome.ANSWER, entry=entry.id, score=1.0)

    def end_alarm(self) -> Turn:
        turn = self.say(Outcome.HANDOFF, self.phrases.help_arranged, ())
        return replace(turn, conversation=replace(turn.conversation, alarm=None, heard=()))

    def take_check_answer(self, rule_id: str, *, is_yes: bool) -> Turn:
        """The patient answered the closed question: Yes escalates, No is remembered for the conversation."""
        rule = self.assistant.page(rule_id)
        if rule is None:
            return self.say_unknown_button()
        if is_yes:
            return self.escalate(Finding(Level(rule.level), rule.id, ("answered yes to the closed question",)))
        turn = self.say(Outcome.SMALL_TALK, self.phrases.check_denied, ())
        denied = tuple(dict.fromkeys((*self.conversation.denied, rule_id)))
        return replace(turn, conversation=replace(turn.conversation, denied=denied))

    def take_none_of_these(self) -> Turn:
        turn = self.say(Outcome.FALLBACK, self.phrases.none_of_these, self.replies.way_out())
        records = (self.note_missed("none of the suggestions", Ranking()),) if self.message.text.strip() else ()
        return replace(
            turn, records=records, conversation=replace(turn.conversation, misses=self.conversation.misses + 1)
        )

    def take_feedback(self, entry: Entry, *, is_helpful: bool) -> Turn:
        text = self.phrases.thanks_helpful if is_helpful else self.phrases.thanks_not_helpful
        records: list[Feedback | Missed] = [Feedback(entry.id, is_helpful)]
        if not is_helpful and self.message.text.strip():
            records.append(Missed(scrub(self.message.text), "not helpful", (entry.id,)))
        turn = self.say(Outcome.FEEDBACK, text, () if is_helpful else self.replies.way_out())
        toast = self.replies.fill(self.phrases.thanks_helpful, self.message.now)
        return replace(
            turn, entry=entry.id, records=tuple(records), toast=toast, reply=None if is_helpful else turn.reply
        )

    def say_unknown_button(self) -> Turn:
        menu = self.replies.topics(self.message.now, replaces=False)
        first = blocks(self.replies.fill(self.phrases.unknown_button, self.message.now))
        return self.show_menu(replace(menu, blocks=first + menu.blocks))
