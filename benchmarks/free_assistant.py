"""An assistant that costs nothing, so that only the service is measured. Run as a script it serves."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.assistant.conversation import Block, BlockKind, Button, Conversation, Message, Outcome, Reply, Turn
from bot.safety import Screening
from bot.understanding import Parsed

ANSWER = Reply(
    (
        Block(
            BlockKind.PARAGRAPH,
            "Yes. Wrap ice in a cloth and hold it on the sore spot for ten to fifteen minutes. " * 4,
        ),
        Block(BlockKind.BULLETS, items=("Stop if it burns.", "Try heat after two days.", "Keep moving gently.")),
        Block(BlockKind.NOTE, "This is general advice and no diagnosis."),
    ),
    ((Button("👍 Helped me", "f:+:ice"), Button("👎 Did not", "f:-:ice")), (Button("Does heat help?", "e:heat"),)),
    quotes=True,
)


class FreeAssistant:
    """Always the same answer."""

    version = "free"
    trouble = ""

    def __init__(self) -> None:
        profile = SimpleNamespace(description="Ask.", short_description="Ask.")
        phrases = SimpleNamespace(profile=profile, commands={"start": "Begin"}, too_many="Too many.")
        self.content = SimpleNamespace(phrases=phrases, version="free")
        self.replies = SimpleNamespace(way_out=lambda: ())

    def parse(self, texts: Sequence[str]) -> list[Parsed]:
        return [Parsed(text) for text in texts]

    def screen(self, message: Message, conversation: Conversation, before: str = "") -> Screening:  # noqa: ARG002
        return Screening()

    def card(self, screening: Screening) -> Reply | None:  # noqa: ARG002
        return None

    def fallback(self, message: Message) -> Reply:  # noqa: ARG002
        return ANSWER

    def reply(self, message: Message, conversation: Conversation, *_: Any) -> Turn:  # noqa: ARG002
        return Turn(Outcome.ANSWER, ANSWER, conversation, Screening(), entry="ice")


def main() -> None:
    from bot.cli.main import main as run_command
    from bot.ops import run, service

    def free_build(*_: Any, **__: Any) -> Any:
        return FreeAssistant()

    run.build = free_build  # type: ignore[assignment]
    run.starting_content = lambda *_: SimpleNamespace(version="free")  # type: ignore[assignment, return-value]
    service.Service._make_staff = lambda *_: None  # type: ignore[assignment, method-assign]
    sys.argv[1:] = ["run"]
    run_command()


if __name__ == "__main__":
    main()
