"""The child process that reads, builds and tests a content, so that nothing of it can harm the running bot.

``python -m bot.staff.candidate``: a JSON request a line on standard input, a JSON verdict a line on standard output,
until the input ends. A request with no ``place`` has no answer: it says what to have at hand for the next one.
"""

import gc
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.checking import problems, problems_in_use, problems_of_lines
from bot.content import Content, load
from bot.errors import ContentError, Problem, Severity
from bot.staff.beside import begin
from bot.staff.comparing import Difference, differences, red_flag_lines, tests
from bot.staff.remembering import Remembering
from bot.staff.snapshots import SnapshotError, Snapshots, Verdict
from bot.staff.summary import is_medical, summary, unsigned
from bot.startup import end_with_parent

TURN_SECONDS = 0.0002  # both stages learn beside each other and wait for each other between products
MOST_SECONDS = 150  # of work for one edit; a busy machine may need minutes for it, which is no fault of the edit


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


class AtHand:
    """The contents judged last with what is remembered of them: the next edit is one of them and a few lines."""

    def __init__(self) -> None:
        self._last: dict[str, Remembering] = {}

    def get(self, request: Request, snapshots: Snapshots) -> Remembering | None:
        """What ``request`` is compared with; None if there is nothing of the kind."""
        if request.base not in self._last:
            content = _base(snapshots, request.base)
            if content is None:
                return None
            self.put(Remembering(content, Path(request.cache_dir), second_stage=request.second_stage))
        return self._last[request.base]

    def put(self, remembering: Remembering) -> None:
        version = remembering.assistant.version
        self._last = {version: remembering} | {name: one for name, one in [*self._last.items()][:1] if name != version}


def judge(request: Request, at_hand: AtHand | None = None) -> Verdict:
    """Checks the staged content against the one in force; keeps what was built if it may go live."""
    began = time.perf_counter()
    snapshots = Snapshots(Path(request.snapshots))
    place = Path(request.place)
    now = datetime.fromisoformat(request.now)
    try:
        content = load(place / "files")
    except ContentError as error:
        return Verdict("", refused=error.problems, seconds=round(time.perf_counter() - began, 3))
    at_hand = at_hand or AtHand()
    base = at_hand.get(request, snapshots)
    if base:
        base.hold()
    lines_read = begin(lambda: problems_of_lines(content, now))
    checked = Remembering(content, Path(request.cache_dir), second_stage=request.second_stage, like=base)
    checked.find_out(_messages(content), tests(content))
    found = sorted([*lines_read(), *problems_in_use(content, checked.assistant, now)])
    errors = () if request.is_live else tuple(one for one in found if one.severity is Severity.ERROR)
    screens_as, matches_as = checked.keys
    verdict = Verdict(
        content.version, refused=errors, known=tuple(found), screens_as=screens_as, matches_as=matches_as
    )  # fmt: skip
    if base:
        old = base.assistant
        before = snapshots.verdict(request.base)
        known = before.known if before else problems(load(snapshots.files(request.base)), old, now)
        verdict = replace(
            verdict,
            refused=_new_ones(found, known, Severity.ERROR),
            remarks=(*unsigned(old.content, content), *_new_ones(found, known, Severity.WARNING)),
            summary=summary(old.content, content),
            differences=_differences(base, checked, request, now),
            is_medical=is_medical(old.content, content),
        )
    elif not request.is_live:
        verdict = replace(verdict, is_medical=True)  # nobody can say that it is not
    verdict = replace(verdict, seconds=round(time.perf_counter() - began, 3))
    checked.keep(_messages(content))
    if verdict.is_good:
        checked.learn()
        # Missed messages are deleted after 30 days; a snapshot may live longer.
        kept = replace(verdict, differences=tuple(one for one in verdict.differences if one.source != "missed"))
        snapshots.keep(place, content, kept, like=base.assistant.content if base else None)
        at_hand.put(checked)
    for one in filter(None, (checked, base)):
        one.forget(request.missed)
    return verdict


def _differences(old: Remembering, new: Remembering, request: Request, now: datetime) -> tuple[Difference, ...]:
    """None where nothing changed that decides which reply a message gets: only what the replies say."""
    before, after = old.assistant, new.assistant
    if old.keys == new.keys and before.content.entries.keys() == after.content.entries.keys():
        return ()
    return tuple(differences(before, after, request.missed, now))


def checked_problems(content: Content, cache_dir: Path, now: datetime, *, second_stage: bool) -> list[Problem]:
    """The problems of ``content``, by what is remembered in ``cache_dir`` and what has to be found out."""
    checked = Remembering(content, cache_dir, second_stage=second_stage)
    checked.find_out(_messages(content), tests(content))
    found = problems(content, checked.assistant, now)
    checked.keep(_messages(content))
    return found


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


def _limit(seconds: int) -> None:
    """The process ends when it has worked that long from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


def main() -> None:
    end_with_parent()
    sys.setswitchinterval(TURN_SECONDS)
    gc.disable()  # an edit is many objects and hardly a cycle; to look for them while it is judged takes a tenth of the time
    at_hand = AtHand()
    for line in sys.stdin.buffer:
        stored = json.loads(line)
        request = Request(**{**stored, "missed": tuple(stored["missed"])})
        _limit(MOST_SECONDS)
        if not request.place:
            if base := at_hand.get(request, Snapshots(Path(request.snapshots))):
                base.prepare()
            continue
        print(json.dumps(judge(request, at_hand).to_json(), ensure_ascii=False), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
