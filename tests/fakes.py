"""Hand-written stand-ins for what the assistant is made of."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.assistant.conversation import Kind, Message
from bot.matching import Candidate, Confidence, Ranking
from bot.safety import Finding, Heard, Level, Screening
from bot.understanding import Parsed, Understanding

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def text(
    utterance: str, *, now: datetime = NOON, sent_at: datetime | None = None, kind: Kind = Kind.TEXT, **more: str
) -> Message:
    return Message(
        channel="test", chat="1", update_id="1", kind=kind, text=utterance, sent_at=sent_at or now, now=now, **more
    )  # fmt: skip


def tap(action: str, utterance: str = "", *, now: datetime = NOON) -> Message:
    return text(utterance, now=now, kind=Kind.BUTTON, action=action)


def command(name: str, rest: str = "", *, now: datetime = NOON) -> Message:
    return text(rest, now=now, kind=Kind.COMMAND, action=name)


# Reads words, encodes nothing: for tests whose parts are fakes.
READS_ONLY = Understanding((), None)


class FakeScreener:
    """Finds what it was told to find in which words."""

    def __init__(self, findings: dict[str, tuple[Level, str]] | None = None) -> None:
        self.findings = findings or {}
        self.earlier: list[Sequence[Heard]] = []

    def screen(self, parsed: Parsed, earlier: Sequence[Heard] = ()) -> Screening:
        utterance = parsed.text
        self.earlier.append(earlier)
        found = [
            Finding(level, rule, ("told so",)) for words, (level, rule) in self.findings.items() if words in utterance
        ]
        found.sort(key=lambda finding: -finding.level.rank)
        heard = (Heard("pain"),) if "pain" in utterance else ()
        return Screening(tuple(found), heard=heard, is_foreign="foreign" in utterance)


class FakeMatcher:
    """Ranks by the words it was told."""

    def __init__(self, rankings: dict[str, Ranking] | None = None) -> None:
        self.rankings = rankings or {}

    def rank(self, parsed: Parsed) -> Ranking:
        utterance = parsed.text
        return next((ranking for words, ranking in self.rankings.items() if words in utterance), Ranking())


class BrokenMatcher:
    """Fails on every utterance."""

    def rank(self, parsed: Parsed) -> Ranking:
        raise RuntimeError(parsed.text)


def sure(entry: str, **more: object) -> Ranking:
    return Ranking((Candidate(entry, 0.9),), Confidence.HIGH, 0.8, 0.05, **more)  # type: ignore[arg-type]


def unsure(*entries: str) -> Ranking:
    candidates = tuple(Candidate(entry, 0.4) for entry in entries)
    return Ranking(candidates, Confidence.MEDIUM, 0.05, 0.2, suggested=candidates)


def small_talk(kind: str) -> Ranking:
    return Ranking(small_talk=kind)
