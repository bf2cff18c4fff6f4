"""Whether the bot does its work, in the words of /readyz."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

OLDEST_ALLOWED: Final = 120.0  # seconds a message may wait
SILENCE_ALLOWED: Final = 60.0  # seconds without a poll that worked


@dataclass(slots=True, kw_only=True)
class Readiness:
    """Functions that tell the parts of the answer. ``heard``: when a poll last brought nothing that was not stored, or
    the webhook was set, seconds since 1970; None without Telegram."""

    trouble: Callable[[], str]
    model_trouble: Callable[[], str]
    channel_trouble: Callable[[], str]
    content_version: Callable[[], str]
    content_since: Callable[[], float]
    content_trouble: Callable[[], str]
    staff_chat_problems: Callable[[], list[str]]
    switched_off: Callable[[], list[str]]
    heard: Callable[[], float] | None
    is_polling: bool
    waiting: Callable[[], int]
    oldest: Callable[[], float]
    last_backup: Callable[[], float]

    def __call__(self) -> dict[str, Any]:
        now = time.time()
        problems = [problem for problem in (self.trouble(),) if problem]
        if model_trouble := self.model_trouble():
            problems.append(f"the model does not hear, red flags are missed: {model_trouble}")
        if self.heard is not None:
            heard = self.heard()
            if trouble := self.channel_trouble():
                problems.append(trouble)
            elif not heard:
                problems.append("Telegram has not answered since the start")
            elif self.is_polling and now - heard > SILENCE_ALLOWED:
                problems.append(f"no poll has worked for {now - heard:.0f} s")
        if self.oldest() > OLDEST_ALLOWED:
            problems.append(f"a message has waited for {self.oldest():.0f} s")
        return {
            "ready": not problems,
            "problems": problems,
            "content": self.content_version(),
            # A refused edit is for staff to mend; the last good content answers, so the bot is ready.
            "content_problem": self.content_trouble() or None,
            # Patients are answered all the same.
            "staff_chat_problems": self.staff_chat_problems(),
            "switched_off": self.switched_off(),
            "content_age_seconds": round(now - self.content_since()),
            "last_heard_seconds_ago": round(now - self.heard(), 1) if self.heard and self.heard() else None,
            "waiting": self.waiting(),
            "oldest_waiting_seconds": round(self.oldest(), 1),
            "last_backup_seconds_ago": round(now - self.last_backup()) if self.last_backup() else None,
        }
