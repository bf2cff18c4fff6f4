"""Turns content into replies: cards, answers, menus. One renderer for all channels; no decision is taken here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bot.assistant.conversation import Block, BlockKind, Button, Reply
from bot.content import Content, Entry, fill
from bot.content.red_flags import Card, RedFlag
from bot.safety import Level

# Telegram allows 4,096 UTF-16 units; cards and answers are far below, so only a clinic's own long text is cut.
MAX_UNITS = 4_096
MOST_NAMED = 3  # other signs on one card

# Entries about the clinic itself carry no safety line: opening hours are no health advice.
CLINIC_GROUP = "clinic"

Rows = tuple[tuple[Button, ...], ...]


class Facts(Protocol):
    """What a placeholder stands for; KeyError where it is unknown."""

    def __call__(self, name: str, /) -> str: ...


class Action:
    """What a button carries. Ids only, at most 64 bytes, readable in a log, valid across restarts."""

    ENTRY = "e"
    MENU_ENTRY = "m"
    FEEDBACK = "f"
    HELP_ARRANGED = "h"
    CONTACT = "p"
    CHECK = "c"
    NONE_OF_THESE = "n"
    TOPICS = "t"

    @staticmethod
    def entry(entry_id: str) -> str:
        """Answer with this entry, as a new message."""
        return f"{Action.ENTRY}:{entry_id}"

    @staticmethod
    def menu_entry(entry_id: str) -> str:
        """Show this entry in place of the menu."""
        return f"{Action.MENU_ENTRY}:{entry_id}"

    @staticmethod
    def group(group_id: str) -> str:
        return f"{Action.TOPICS}:{group_id}"

    @staticmethod
    def feedback(entry_id: str, is_helpful: bool) -> str:
        return f"{Action.FEEDBACK}:{'+' if is_helpful else '-'}:{entry_id}"

    @staticmethod
    def check(rule_id: str, is_yes: bool) -> str:
        return f"{Action.CHECK}:{'y' if is_yes else 'n'}:{rule_id}"


def blocks(text: str) -> tuple[Block, ...]:
    """Paragraphs and bullets of ``text``: a blank line ends a paragraph, a line that starts with ``- `` is a bullet."""
    found: list[Block] = []
    bullets: list[str] = []
    lines: list[str] = []

    def close() -> None:
        if bullets:
            found.append(Block(BlockKind.BULLETS, items=tuple(bullets)))
            bullets.clear()
        if lines:
            found.append(Block(BlockKind.PARAGRAPH, "\n".join(lines)))
            lines.clear()

    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("- "):
            if lines:
                close()
            bullets.append(stripped[2:].strip())
        elif not stripped:
            close()
        else:
            if bullets:
                close()
            lines.append(stripped)
    close()
    return tuple(found)


def note(text: str) -> tuple[Block, ...]:
    return (Block(BlockKind.NOTE, text.strip()),) if text.strip() else ()


def _rows(buttons: Iterable[Button]) -> Rows:
    return tuple((button,) for button in buttons)


class Replies:
    """The replies of one content. Cards are made once, when the content is built: a message can't make one fail."""

    def __init__(self, content: Content, facts: Callable[[str], str] | None = None) -> None:
        """``facts`` adds placeholders that are not the clinic's, such as how long things are kept."""
        self._content = content
        self._phrases = content.phrases
        self._more_facts = facts
        self._cards = {page.id: self._card(page) for page in content.red_flags.pages if page.card}
        self._names = {page.id: page.name for page in content.red_flags.pages}
        self._bare_card = Reply(
            (
                Block(
                    BlockKind.HEADING, f"{self._phrases.emergency_heading}: call {content.clinic.emergency_number} now."
                ),
                Block(BlockKind.NUMBER, content.clinic.emergency_number),
            ),
            level=Level.EMERGENCY,
        )

    def fill(self, text: str, now: datetime) -> str:
        """``text`` with the clinic's placeholders as they stand at ``now``."""

        def fact(name: str) -> str:
            try:
                return self._content.clinic.fact(name, now)
            except KeyError:
                if self._more_facts is None:
                    raise
                return self._more_facts(name)

        return fill(text, fact)

    def say(self, text: str, now: datetime, buttons: Rows = (), *, replaces: bool = False) -> Reply:
        """A reply of running text."""
        return Reply(blocks(self.fill(text, now)), buttons, replaces=replaces)

    # Cards

    def card(self, page_id: str, others: Sequence[str] = ()) -> Reply:
        """The card of a red flag; a bare one with the emergency number if its page is gone. ``others``: signs as loud
        that were heard too, named in one line."""
        card = self._cards.get(page_id, self._bare_card)
        if not (names := [self._names[other] for other in others if other in self._names][:MOST_NAMED]):
            return card
        line = Block(BlockKind.PARAGRAPH, f"{self._phrases.also_heard} {', '.join(names)}.")
        *rest, last = card.blocks
        return replace(card, blocks=(*rest, line, last) if last.kind is BlockKind.NOTE else (*rest, last, line))

    def _card(self, rule: RedFlag) -> Reply:
        card, level = rule.card, Level(rule.level)
        assert card is not None
        is_emergency = level is Level.EMERGENCY
        heading = self._phrases.emergency_heading if is_emergency else self._phrases.urgent_heading
        found = [Block(BlockKind.HEADING, f"{heading}: {self._static(card.action)}")]
        found += [Block(BlockKind.NUMBER, number) for number in self._numbers(card, level)]
        found.append(Block(BlockKind.PARAGRAPH, self._static(card.because)))
        if card.bullets:
            above_bullets = self._phrases.emergency_bullets if is_emergency else self._phrases.urgent_bullets
            found.append(Block(BlockKind.PARAGRAPH, self._static(above_bullets)))
            found.append(Block(BlockKind.BULLETS, items=tuple(self._static(line) for line in card.bullets)))
        found += note(self._phrases.not_a_person)
        return Reply(tuple(found), self.alarm_buttons() if is_emergency else (), level)

    def _numbers(self, card: Card, level: Level) -> list[str]:
        """Numbers of a card: a crisis, poison or advice line where the card names one, then the emergency number.

        An urgent card sends to a doctor, so the line for medical advice stands there where the country has one.
        """
        clinic = self._content.clinic
        if level is Level.URGENT and card.number == "emergency" and clinic.advice_line:
            return [clinic.advice_line]
        named = {"crisis": clinic.crisis_line, "poison": clinic.poison_line, "advice": clinic.advice_line}
        shown = dict.fromkeys((named.get(card.number, ""), clinic.emergency_number))
        return [number for number in shown if number]

    def _static(self, text: str) -> str:
        # Cards hold only facts that do not change with the clock.
        clinic = self._content.clinic

        def fact(name: str) -> str:
            if name in {"open_now", "hours", "closures"} or not hasattr(clinic, name):
                raise KeyError(name)
            return str(getattr(clinic, name))

        return fill(text, fact)

    def alarm_buttons(self) -> Rows:
        return ((Button(self._phrases.buttons.help_arranged, Action.HELP_ARRANGED),),)

    def reminder(self, level: Level) -> Block:
        """The line that stands above every reply while an alarm is raised."""
        is_emergency = level is Level.EMERGENCY
        text = self._phrases.reminder_emergency if is_emergency else self._phrases.reminder_urgent
        return Block(BlockKind.HEADING, self._static(text))

    def soon(self, rule: RedFlag) -> tuple[Block, ...]:
        """The line of a ``soon`` rule under an answer."""
        return (
            (Block(BlockKind.PARAGRAPH, f"{self._phrases.soon_heading}: {self._static(rule.line)}"),)
            if rule.line
            else ()
        )

    def check(self, rule: RedFlag) -> tuple[tuple[Block, ...], Rows]:
        """The closed question of a rule: its text and its two buttons."""
        if rule.check is None:
            return (), ()
        buttons = (
            Button(rule.check.yes, Action.check(rule.id, True)),
            Button(rule.check.no, Action.check(rule.id, False)),
        )
        return (Block(BlockKind.PARAGRAPH, self._static(rule.check.question)),), _rows(buttons)

    # Answers

    def answer(self, entry: Entry, now: datetime) -> tuple[Block, ...]:
        """The entry's answer, its disclaimer and the standing safety line."""
        disclaimer = self._phrases.disclaimers.get(entry.disclaimer, "")
        is_medical = entry.group != CLINIC_GROUP
        small_print = f"{disclaimer} {self._phrases.safety_line}" if is_medical else disclaimer
        return blocks(self.fill(entry.answer, now)) + note(self.fill(small_print, now))

    def feedback_row(self, entry: Entry) -> tuple[Button, ...]:
        buttons = self._phrases.buttons
        return (
            Button(buttons.helpful, Action.feedback(entry.id, True)),
            Button(buttons.not_helpful, Action.feedback(entry.id, False)),
        )

    def entry_buttons(self, entry_ids: Iterable[str]) -> Rows:
        """One button an entry, labelled with its question."""
        found = (self._content.entry(entry_id) for entry_id in entry_ids)
        return _rows(Button(entry.question, Action.entry(entry.id)) for entry in found if entry)

    def suggestions(self, entry_ids: Iterable[str], now: datetime) -> Reply:
        """Did you mean …, with a way out."""
        last = Button(self._phrases.buttons.none_of_these, Action.NONE_OF_THESE)
        return self.say(self._phrases.did_you_mean, now, (*self.entry_buttons(entry_ids), (last,)))

    def way_out(self) -> Rows:
        """Where to go when there is no answer: the topics, or a person."""
        buttons = self._phrases.buttons
        return ((Button(buttons.topics, Action.TOPICS), Button(buttons.contact, Action.CONTACT)),)

    # Menus

    def greeting(self, now: datetime) -> Reply:
        topics = Button(self._phrases.buttons.topics, Action.TOPICS)
        return self.say(self._phrases.greeting, now, (*self.entry_buttons(self._phrases.examples), (topics,)))

    def topics(self, now: datetime, *, replaces: bool) -> Reply:
        groups = self._content.groups()
        labels = self._phrases.groups
        buttons = _rows(
            Button(labels.get(group, group.replace("-", " ").capitalize()), Action.group(group)) for group in groups
        )
        return self.say(self._phrases.topics, now, buttons, replaces=replaces)

    def group(self, group_id: str, now: datetime) -> Reply | None:
        """The entries of a group in place of the menu; None if there is no such group."""
        entries = self._content.groups().get(group_id)
        if entries is None:
            return None
        back = Button(self._phrases.buttons.back, Action.TOPICS)
        buttons = (*_rows(Button(entry.question, Action.menu_entry(entry.id)) for entry in entries), (back,))
        return self.say(self._phrases.groups.get(group_id, self._phrases.topics), now, buttons, replaces=True)

    def menu_entry(self, entry: Entry, now: datetime) -> Reply:
        """An entry in place of the menu, with the way back to its group."""
        label = self._phrases.groups.get(entry.group, self._phrases.buttons.back)
        rows = (self.feedback_row(entry), (Button(f"← {label}", Action.group(entry.group)),))
        return Reply(self.answer(entry, now), rows, replaces=True)
