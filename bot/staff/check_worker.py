"""The child process that reads, builds and tests a content, so that nothing of it can harm the running bot.

``python -m bot.staff.check_worker``: one JSON request on standard input, one JSON verdict on standard output.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.assistant import Assistant, build
from bot.checking import problems, problems_in_use, problems_of_lines
from bot.content import Content, load
from bot.errors import ContentError, Problem, Severity
from bot.staff.comparing import Difference, differences, leads_alike
from bot.staff.line_vectors import LineEncoder
from bot.staff.parent import end_with_parent
from bot.staff.snapshots import SnapshotError, Snapshots, Verdict
from bot.staff.summary import find_unsigned, is_medical, summarise
from bot.understanding import ModelError, Understanding, known_words, load_understanding

MOST_SECONDS = 150  # of work for one edit; a busy machine may need minutes for it, which is no fault of the edit


@dataclass(frozen=True, slots=True)
class Request:
    """``place`` is staged in ``snapshots``; ``base`` is the version it is compared with, empty if there is none."""

    snapshots: str
    place: str
    base: str
    cache_dir: str
    now: str
    missed: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


class Builder:
    """Builds assistants as the bot does, but for an encoder that keeps the vectors of the lines it has read."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._encoder: LineEncoder | None
        try:
            self._encoder = LineEncoder(cache_dir)
        except ModelError:  # as in the bot: the floor answers, and the assistant's trouble says why
            self._encoder = None

    def build(self, content: Content) -> Assistant:
        understanding = (
            Understanding(known_words(content), self._encoder) if self._encoder else load_understanding(content)
        )
        return build(content, self._cache_dir, understanding=understanding)

    def keep_vectors(self) -> None:
        if self._encoder:
            self._encoder.keep()


def check_content(request: Request) -> Verdict:
    """Checks the staged content against the one in force, and makes it a snapshot if it may go live."""
    began = time.perf_counter()
    snapshots, place = Snapshots(Path(request.snapshots)), Path(request.place)
    try:
        content = load(place / "files")
    except ContentError as error:
        return Verdict("", refused=error.problems, seconds=_since(began))
    verdict = replace(_check_loaded(content, request, snapshots), seconds=_since(began))
    if verdict.is_good:
        # Missed messages are deleted after 30 days; a snapshot may live longer.
        kept = replace(verdict, differences=tuple(one for one in verdict.differences if one.source != "missed"))
        snapshots.keep(place, content.version, kept)
    return verdict


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


def _check_loaded(content: Content, request: Request, snapshots: Snapshots) -> Verdict:
    now = datetime.fromisoformat(request.now)
    old = _find_base(snapshots, request.base)
    before = snapshots.verdict(request.base) if old else None
    by_lines = tuple(problems_of_lines(content, now))
    if old and before and leads_alike(old, content):
        use = _Use(before.known, before.in_use)
    else:
        use = _try_out(content, old, before, request, now)
    found = sorted((*by_lines, *use.found))
    errors = _new_ones(found, use.known, Severity.ERROR)
    verdict = Verdict(content.version, refused=errors, by_lines=by_lines, in_use=use.found)
    if old is None:
        return replace(verdict, is_medical=True)  # nobody can say that it is not
    return replace(
        verdict,
        remarks=(*find_unsigned(old, content), *_new_ones(found, use.known, Severity.WARNING)),
        summary=summarise(old, content),
        differences=use.differences,
        is_medical=is_medical(old, content),
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """What answering shows: problems that the base is ``known`` to have, those found now, and who gets another reply."""

    known: tuple[Problem, ...] = ()
    found: tuple[Problem, ...] = ()
    differences: tuple[Difference, ...] = ()


def _try_out(content: Content, old: Content | None, before: Verdict | None, request: Request, now: datetime) -> _Use:
    builder = Builder(Path(request.cache_dir))
    if old is None:
        found = tuple(problems_in_use(content, builder.build(content), now))
        builder.keep_vectors()
        return _Use((), found)
    # The new one last: of two contents, its vectors are those that stay in the cache.
    answering, edited = builder.build(old), builder.build(content)
    known = before.known if before else tuple(problems(old, answering, now))
    found = tuple(problems_in_use(content, edited, now))
    builder.keep_vectors()  # before any message of a patient is read
    return _Use(known, found, tuple(differences(answering, edited, request.missed, now)))


def check_alone(content: Content, cache_dir: Path, now: datetime) -> list[Problem]:
    """The problems of ``content``, for `python -m bot check`."""
    builder = Builder(cache_dir)
    found = problems(content, builder.build(content), now)
    builder.keep_vectors()
    return found


def _find_base(snapshots: Snapshots, version: str) -> Content | None:
    try:
        return snapshots.content(version)
    except (SnapshotError, ContentError):
        return None


def _new_ones(found: Iterable[Problem], known: Iterable[Problem], severity: Severity) -> tuple[Problem, ...]:
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


def _limit_work(seconds: int) -> None:
    """The process ends when it has worked that long."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> None:
    end_with_parent()
    _limit_work(MOST_SECONDS)
    stored = json.load(sys.stdin)
    verdict = check_content(Request(**{**stored, "missed": tuple(stored["missed"])}))
    print(json.dumps(verdict.to_json(), ensure_ascii=False))


if __name__ == "__main__":
    main()
