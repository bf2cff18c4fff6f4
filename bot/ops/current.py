"""The assistant in force."""

import time

from bot.assistant import Assistant
from bot.ops.memory import return_memory


class Current:
    """Holds the assistant in force; a reload swaps this one reference."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self.since = time.time()
        self.trouble = ""

    def __call__(self) -> Assistant:
        return self.assistant

    def swap(self, assistant: Assistant) -> None:
        self.assistant, self.since = assistant, time.time()
        return_memory()
