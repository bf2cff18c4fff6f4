"""The assistant in a terminal: buttons are numbers, and what is piped through reads like a chat afterwards."""

import os
import shutil
import sys
import textwrap
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

from bot.assistant.conversation import Block, BlockKind, Button, Conversation, Kind, Message, Reply, Turn
from bot.channels.taps import utterance
from bot.channels.typed import read_typed
from bot.safety import Level

MAX_WIDTH: Final = 80
_LEAVE: Final = {"/quit", "/exit", "/bye"}
_BOLD: Final = "\033[1m"
_COLOURS: Final = {Level.EMERGENCY: "\033[1;97;41m", Level.URGENT: "\033[1;30;43m"}
_PLAIN: Final = "\033[0m"
_HINT: Final = "Write a question, the number of a choice, or a command such as /help. /quit ends the chat."


class Answering(Protocol):
    """What the console needs of the assistant."""

    def reply(self, message: Message, conversation: Conversation) -> Turn: ...


class Console:
    """One chat. Nothing is stored: when it ends, it is forgotten."""

    def __init__(self, assistant: Answering, out: TextIO, *, width: int = MAX_WIDTH, has_colours: bool = False) -> None:
        self._assistant = assistant
        self._out = out
        self._width = width
        self._has_colours = has_colours
        self._conversation = Conversation()
        self._buttons: list[Button] = []
        self._question = ""
        self._count = 0

    def greet(self) -> None:
        self._show(self._turn(Kind.COMMAND, action="start"))
        self._write(_HINT)

    def hear(self, line: str, now: datetime | None = None) -> None:
        """Answers one line: a number that is on offer is a tapped button, everything else is what a patient types."""
        typed = line.strip()
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else 0
        if 1 <= number <= len(self._buttons):
            button = self._buttons[number - 1]
            text = utterance(button.action, button.label, self._question)
            turn = self._turn(Kind.BUTTON, text=text, action=button.action, now=now)
        else:
            kind, action, text = read_typed(typed)
            if kind is Kind.TEXT:
                self._question = text
            turn = self._turn(kind, text=text, action=action, now=now)
        self._show(turn)

    def _turn(self, kind: Kind, *, text: str = "", action: str = "", now: datetime | None = None) -> Turn:
        self._count += 1
        now = now or datetime.now(UTC)
        number = str(self._count)
        message = Message(
            channel="console", chat="console", update_id=number, message_id=number,
            kind=kind, text=text, action=action, sent_at=now, now=now,
        )  # fmt: skip
        turn = self._assistant.reply(message, self._conversation)
        self._conversation = turn.conversation
        return turn

    def _show(self, turn: Turn) -> None:
        if turn.reply is None:
            self._write(turn.toast)
            return
        for block in turn.reply.blocks:
            self._show_block(block, turn.reply)
        self._buttons = [button for row in turn.reply.buttons for button in row]
        for number, button in enumerate(self._buttons, 1):
            self._out.write(f"  {number:>2}  {button.label}\n")
        if self._buttons:
            self._out.write("\n")
        self._out.flush()

    def _show_block(self, block: Block, reply: Reply) -> None:
        match block.kind:
            case BlockKind.BULLETS:
                self._write(*(self._wrap(item, "  - ", "    ") for item in block.items))
            case BlockKind.HEADING:
                self._write(
                    self._paint(self._wrap(block.text), _COLOURS.get(reply.level, _BOLD) if reply.level else _BOLD)
                )
            case BlockKind.NUMBER:
                self._write(self._paint(f"  {block.text}", _BOLD))
            case _:
                self._write(*(self._wrap(line) for line in block.text.splitlines()))

    def _write(self, *lines: str) -> None:
        self._out.write("\n".join(lines) + "\n\n")
        self._out.flush()

    def _wrap(self, text: str, first: str = "", rest: str = "") -> str:
        # Addresses and numbers stay whole, so that they can be copied.
        return textwrap.fill(
            text, self._width, initial_indent=first, subsequent_indent=rest,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def _paint(self, text: str, colour: str) -> str:
        if not self._has_colours:
            return text
        return "\n".join(f"{colour}{line}{_PLAIN}" for line in text.splitlines())


def chat(assistant: Answering, source: TextIO | None = None, out: TextIO | None = None) -> None:
    """Talks until /quit, the end of the input, or Ctrl-C. Piped input is repeated, so that the output reads whole."""
    source, out = source or sys.stdin, out or sys.stdout
    for stream in (source, out):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # bytes that are no text, a terminal that can't show an emoji
    is_typed = source.isatty()
    has_colours = out.isatty() and not os.environ.get("NO_COLOR")
    width = min(MAX_WIDTH, shutil.get_terminal_size().columns - 1) if out.isatty() else MAX_WIDTH
    console = Console(assistant, out, width=max(20, width), has_colours=has_colours)
    if is_typed:
        import readline  # noqa: F401  line editing in input()
    try:
        console.greet()
        while (line := _next_line(source, out, is_typed)) is not None and line.strip().lower() not in _LEAVE:
            if line.strip():
                console.hear(line)
    except KeyboardInterrupt:
        out.write("\n")


def _next_line(source: TextIO, out: TextIO, is_typed: bool) -> str | None:
    """The next line of the patient; None at the end."""
    if is_typed and source is sys.stdin:
        try:
            return input("You: ")
        except EOFError:
            out.write("\n")
            return None
    line = source.readline()
    if not line:
        return None
    if line.strip():
        out.write(f"You: {line.strip()}\n\n")
    return line
