"""The child process that reads, builds and tests a content, so that nothing of it can harm the running bot.

``python -m bot.staff.candidate``: one JSON request on standard input, one JSON verdict on standard output.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.assistant import Assistant
from bot.checking import problems
from bot.content import Content, load
from bot.errors import ContentError, Problem, Severity
from bot.staff.comparing import Difference, differences, red_flag_lines, tests
from bot.staff.remembering import Remembering, matching_key, rules_key
from bot.staff.snapshots import SnapshotError, Snapshots, Verdict
from bot.staff.summary import is_medical, summary

NICER = 5  # answering patients goes first


@dataclass(frozen=True, slots=True)
class Request:
    """``place`` is staged in ``snapshots``; ``base`` is the version it is compared with, empty if there is none.

    ``is_live``: it answers already and is only to be learned, so that nothing but what can't be read is refused.
    """

    snapshots: str
    place: str
    base: str
    cache_dir: str
    now: str
    is_live: bool = False
    second_stage: bool = True
    missed: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def judge(request: Request) -> Verdict:
    """Checks the staged content against the one in force; keeps what was built if it may go live."""
    began = time.perf_counter()
    snapshots = Snapshots(Path(request.snapshots))
    place = Path(request.place)
    now = datetime.fromisoformat(request.now)
    try:
        content = load(place / "files")
    except ContentError as error:
        return Verdict("", refused=error.problems, seconds=round(time.perf_counter() - began, 3))
    checked = Remembering(content, Path(request.cache_dir), second_stage=request.second_stage)
    checked.find_out(_messages(content), tests(content))
    found = problems(content, checked.assistant, now)
    errors = () if request.is_live else tuple(one for one in found if one.severity is Severity.ERROR)
    verdict = Verdict(
        content.version, refused=errors, known=tuple(found),
        screens_as=rules_key(content), matches_as=matching_key(content),
    )  # fmt: skip
    base = _base(snapshots, request.base)
    if base:
        before = snapshots.verdict(request.base)
        old = Remembering(base, Path(request.cache_dir), second_stage=request.second_stage).assistant
        known = before.known if before else problems(load(snapshots.files(request.base)), old, now)
        verdict = replace(
            verdict,
            refused=_new_ones(found, known, Severity.ERROR),
            remarks=_new_ones(found, known, Severity.WARNING),
            summary=summary(base, content),
            differences=_differences(old, checked.assistant, request, now),
            is_medical=is_medical(base, content),
        )
    verdict = replace(verdict, seconds=round(time.perf_counter() - began, 3))
    checked.keep(_messages(content))
    if verdict.is_good:
        checked.learn()
        # Missed messages are deleted after 30 days; a snapshot may live longer.
        kept = replace(verdict, differences=tuple(one for one in verdict.differences if one.source != "missed"))
        snapshots.keep(place, content, kept, like=base)
    return verdict


def _differences(old: Assistant, new: Assistant, request: Request, now: datetime) -> tuple[Difference, ...]:
    """None where nothing changed that decides which reply a message gets: only what the replies say."""
    before, after = old.content, new.content
    is_same = rules_key(before) == rules_key(after) and matching_key(before) == matching_key(after)
    if is_same and before.entries.keys() == after.entries.keys():
        return ()
    return tuple(differences(old, new, request.missed, now))


def _messages(content: Content) -> set[str]:
    return (tests(content) | red_flag_lines(content)).union(*(one.phrasings for one in content.entries.values()))


def _base(snapshots: Snapshots, version: str) -> Content | None:
    try:
        return snapshots.content(version)
    except (SnapshotError, ContentError):
        return None


def _new_ones(found: Sequence[Problem], known: Sequence[Problem], severity: Severity) -> tuple[Problem, ...]:
    """Problems that the content in force does not have: an old one must not keep the clinic from closing today."""
    counted = Counter((one.path, one.message) for one in known)
    new = []
    for problem in found:
        if problem.severity is not severity:
            continue
        key = (problem.path, problem.message)
        counted[key] -= 1
        if counted[key] < 0:
            new.append(problem)
    return tuple(new)


def main() -> None:
    os.nice(NICER)
    stored = json.loads(sys.stdin.buffer.read())
    verdict = judge(Request(**{**stored, "missed": tuple(stored["missed"])}))
    sys.stdout.write(json.dumps(verdict.to_json(), ensure_ascii=False))


if __name__ == "__main__":
    main()
