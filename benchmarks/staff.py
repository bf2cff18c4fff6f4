"""The bars of live content: random edits, reloads under load, taps taken back, writers at once, save to live.

``python benchmarks/staff.py [edits] [reloads] [taps] [writers] [live] [--sample N]`` (all without a name). It works on
copies.
"""

import argparse
import asyncio
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from small_faq import make_faq  # noqa: E402

from bot.assistant import build  # noqa: E402
from bot.assistant.asking import ask  # noqa: E402
from bot.checking import shown_for  # noqa: E402
from bot.content import load, red_flag_file  # noqa: E402
from bot.safety import Level  # noqa: E402
from bot.staff import edits, reload  # noqa: E402
from bot.staff.check_worker import Request, check_content  # noqa: E402
from bot.staff.folder import Folder, version_of  # noqa: E402
from bot.staff.history import History  # noqa: E402
from bot.staff.publishing import make_rework  # noqa: E402
from bot.staff.reload import Reloader, starting_content  # noqa: E402
from bot.staff.snapshots import Snapshots, Verdict  # noqa: E402
from bot.staff.yaml_edit import Edit  # noqa: E402

EDITS, RELOADS, SHIPPED_RELOADS, TAPS = 500, 200, 10, 200
BEGINNINGS = ("is it: ok", "“why” & how", "no", "hm, #1?", "🧊 or", "- dash", "9:30")  # what YAML may misread


def spoil(random_: random.Random, raw: bytes) -> tuple[str, bytes]:
    """One thing that happens to a file in an editor."""
    lines = raw.splitlines(keepends=True) or [b"\n"]
    at = random_.randrange(len(lines))

    def put(line: bytes) -> bytes:
        return b"".join([*lines[:at], line, *lines[at + 1 :]])

    kinds: dict[str, Callable[[], bytes]] = {
        "deleted line": lambda: put(b""),
        "repeated line": lambda: put(lines[at] * 2),
        "tab": lambda: put(b"\t" + lines[at]),
        "bad indent": lambda: put(b"   " + lines[at]),
        "lost indent": lambda: put(lines[at].lstrip()),
        "cut short": lambda: raw[: random_.randrange(len(raw) or 1)],
        "open quote": lambda: put(lines[at].rstrip() + b'"\n'),
        "swapped quotes": lambda: raw.replace(b'"', b"'", 1) if b'"' in raw else raw + b"'",
        "binary": lambda: raw[:40] + bytes(random_.randrange(256) for _ in range(60)) + raw[40:],
        "empty": lambda: b"",
        "colon": lambda: put(lines[at].replace(b"e", b": ", 1)),
        "repeated key": lambda: raw + (lines[1].split(b":")[0] + b": x\n" if len(lines) > 1 else b"x"),
        "another id": lambda: raw.replace(b"id: ", b"id: walking\nx: ", 1),
        "broken page": lambda: raw.replace(b"level: emergency", b"level: emergancy", 1),
        "weaker page": lambda: raw.replace(b"the brass band plays", b"the string quartet plays", 1),
        "moved test": lambda: raw.replace(b"ice on my back", b"who won the match", 1),
    }
    kind = random_.choice(sorted(kinds))
    return kind, kinds[kind]()


def random_edits(folder: Path, count: int) -> None:
    """Each edit is checked as the child does it; what may go live must keep every test of the content before it."""
    snapshots, cache, now = Snapshots(folder / "snapshots"), folder / "cache", datetime.now(UTC)
    good = Folder(make_faq(folder)).read()

    def check(place: Path, base: str) -> Verdict:
        return check_content(Request(str(snapshots.folder), str(place), base, str(cache), now.isoformat()))

    base = check(snapshots.stage(good), "")
    assert base.is_good, base.refused
    content = load(folder / "faq")
    must = {line: (page.id, Level(page.level)) for page in content.red_flags.pages for line in page.must_raise}
    tests = [(test.entry, said) for test in content.utterances for said in test.utterances]
    random_, counted, began = random.Random(6), Counter[str](), time.perf_counter()
    for _ in range(count):
        name = random_.choice(sorted(good))
        kind, raw = spoil(random_, good[name])
        files = {**good, name: raw}
        place = snapshots.stage(files)
        try:
            verdict = check(place, base.version)
        except Exception as error:  # the bar counts these
            counted["crash"] += 1
            print("crash", kind, name, type(error).__name__, error)
            continue
        finally:
            snapshots.drop(place)
        counted["refused" if verdict.refused else "live"] += 1
        if any(problem.path not in good or problem.line < 1 or not problem.cure for problem in verdict.refused):
            counted["refused without file, line or cure"] += 1
            print("vague", kind, name, [str(one) for one in verdict.refused][:2])
        if verdict.refused or verdict.version == base.version:
            continue
        live = build(snapshots.content(verdict.version), cache)
        for line, (page, level) in must.items():
            top = live.find_red_flag(line).top
            if (top is None or top.level.rank < level.rank) and line.encode() in files.get(red_flag_file(page), b""):
                counted["missed alarm live"] += 1
                print("alarm", kind, name, line)
        for entry, said in tests:
            is_kept = said.encode() in files.get(f"en/utterances/{entry}.yaml", b"")
            if is_kept and live.content.entry(entry) and entry not in shown_for(live, said, now):
                counted["wrong answer live"] += 1
                print("answer", kind, name, said)
    print(f"{count} random edits in {time.perf_counter() - began:.0f} s: {dict(counted)}")


class Holder:
    """What the service holds the assistant in."""

    trouble = ""

    def __init__(self, assistant: object) -> None:
        self.assistant = assistant

    def __call__(self):  # type: ignore[no-untyped-def]
        return self.assistant

    def swap(self, assistant: object) -> None:
        self.assistant = assistant


async def _nobody() -> tuple[str, ...]:
    return ()


async def _reloader(folder: Path, faq: Path) -> Reloader:
    """As the service has it a minute after its start: what answers has been checked."""
    cache, state = folder / "cache", folder / "state"
    content = starting_content(faq, Snapshots(state / "snapshots"))
    holder = Holder(build(content, cache))
    reloader = Reloader(faq, state, cache, holder, lambda edited_: build(edited_, cache), _nobody)
    await reloader._check_what_is_live()
    return reloader


async def reloads(folder: Path, count: int, faq: Path, said: list[str], name: str) -> None:
    """Questions all the time while content is reloaded; each answer must be whole, of one version, and in time."""
    reloader = await _reloader(folder, faq)
    delays: list[float] = []
    quiet: list[float] = []
    wrong = 0
    is_over = False
    swaps = 0

    async def patients() -> None:
        nonlocal wrong
        number = 0
        while not is_over:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            assistant = reloader.current()
            turn = ask(assistant, said[number % len(said)], datetime.now(UTC))
            took = time.perf_counter() - due
            (delays if swaps >= 0 else quiet).append(took)
            number += 1
            entry = assistant.content.entry(turn.entry)
            first = entry.answer.split("\n")[0].split("{")[0] if entry else ""
            wrong += turn.failure != "" or turn.reply is None or first not in turn.reply.plain()

    swaps = -1
    task = asyncio.create_task(patients())
    await asyncio.sleep(3)
    swaps = 0
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        text = f"Yes, ice can help. This is edit {number}."
        done = await reloader.publish(make_rework(edits.set_answer("ice", text)), who="bench", how="tap")
        seconds.append(time.perf_counter() - began)
        if not done.change:
            print(f"edit {number} is refused: {done.verdict.refused[0]}")
        elif f"edit {number}." not in reloader.current().content.entries["ice"].answer:
            wrong += 1
    is_over = True
    await task
    quiet.sort(), delays.sort()
    print(
        f"{count} reloads of {name} content under load: {len(delays)} answers, {wrong} wrong or lost; "
        f"answer p50 {delays[len(delays) // 2] * 1e3:.1f} ms, p99 {delays[int(len(delays) * 0.99)] * 1e3:.1f} ms, "
        f"most {delays[-1] * 1e3:.1f} ms (without reloads {quiet[len(quiet) // 2] * 1e3:.1f}, "
        f"{quiet[int(len(quiet) * 0.99)] * 1e3:.1f}, {quiet[-1] * 1e3:.1f}); "
        f"tap to live p50 {sorted(seconds)[count // 2]:.2f} s, most {max(seconds):.2f} s"
    )


def taps(folder: Path, count: int) -> None:
    """Learn taps on the shipped content, taken back in another order."""
    faq = Path(shutil.copytree(ROOT / "faq", folder / "faq"))
    on_disk, history = Folder(faq), History(folder / "state")
    content, first = load(faq), on_disk.read()
    random_ = random.Random(9)
    counted = Counter[str]()
    numbers = []
    for number in range(count):
        entry = random_.choice(sorted(content.entries))
        said = f"{random_.choice(BEGINNINGS)} number {number}"
        before = on_disk.read()
        after = make_rework(edits.add_phrasings(content, entry, [said]))(before)
        change = history.record({name: before.get(name) for name in after}, after, who="b", how="tap", summary=[said])
        on_disk.write(after, {name: before.get(name) for name in after})
        numbers.append(change.number)
        for name, raw in after.items():
            old, new = before.get(name, b"").splitlines(), (raw or b"").splitlines()
            counted["diff only the line meant"] += len(new) == len(old) + 1 and set(old) <= set(new)
            counted["comments kept"] += [x for x in old if b"#" in x] == [x for x in new if b"#" in x and x in old]
    load(faq)
    random_.shuffle(numbers)
    for number in numbers:
        now = on_disk.read()
        after = history.undo(number, now)
        history.record({name: now.get(name) for name in after}, after, who="b", how="undo", summary=(), undoes=number)
        on_disk.write(after, {name: now.get(name) for name in after})
    same = on_disk.read() == first
    print(f"{count} learn taps: {dict(counted)} of {2 * count} files, content loads; undone to the same bytes: {same}")


def _writer(faq: str, state: str, who: int, count: int) -> None:
    on_disk, history = Folder(Path(faq)), History(Path(state))
    for number in range(count):
        edit = Edit("en/entries/ice.yaml", "add", ("phrasings",), f"said by {who} as {number}")
        with on_disk.locked():
            before = on_disk.read()
            after = make_rework([edit])(before)
            history.record({edit.file: before[edit.file]}, after, who=str(who), how="tap", summary=[str(edit.value)])
            on_disk.write(after, {edit.file: before[edit.file]})


async def writers(folder: Path) -> None:
    """Four processes write to one file; then taps while an editor saves other files."""
    faq = make_faq(folder)
    jobs = [
        multiprocessing.Process(target=_writer, args=(str(faq), str(folder / "state"), who, 50)) for who in range(4)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    text = (faq / "en/entries/ice.yaml").read_text()
    lost = sum(f"said by {who} as {number}\n" not in text for who in range(4) for number in range(50))
    count = sum(1 for _ in History(folder / "state").newest_first())
    print(f"4 processes, 200 edits of one file: {lost} lost, {count} numbered")

    reloader = await _reloader(folder / "b", make_faq(folder / "b"))
    task = asyncio.create_task(reloader.run())
    lost = 0
    for number in range(10):
        tap = asyncio.create_task(
            reloader.publish(make_rework([edits.close_on(f"{number + 1} May", date.today())]), who="tap", how="tap")
        )
        await asyncio.sleep(0.05 * number)
        heat = folder / "b/faq/en/entries/heat.yaml"
        heat.write_text(heat.read_text().replace("answer: |\n", f"answer: |\n  Edit {number}.\n", 1))
        lost += (await tap).change is None
    async with asyncio.timeout(60):
        while version_of(reloader.folder.read()) != reloader.current().version:
            await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    live = reloader.current().content
    lost += sum(f"{number + 1} May" not in live.clinic.closed for number in range(10))
    lost += sum(f"Edit {number}." not in live.entries["heat"].answer for number in range(10))
    print(
        f"10 taps with a file saved meanwhile: {lost} lost, {sum(1 for _ in reloader.history.newest_first())} numbered"
    )


async def live(folder: Path) -> None:
    """Save to live with the shipped content: a fact, an answer, a way to ask."""
    faq = Path(shutil.copytree(ROOT / "faq", folder / "faq"))
    reloader = await _reloader(folder, faq)
    task = asyncio.create_task(reloader.run())
    await asyncio.sleep(2)
    for what, name, old, new in (
        ("phone", "clinic.yaml", "7946 0123", "7946 0124"),
        ("answer", "en/entries/ice.yaml", "Wrap an ice pack", "Wrap a cold pack"),
        ("way to ask", "en/entries/ice.yaml", "phrasings:\n", "phrasings:\n  - kimono weather for spines\n"),
    ):
        version, file = reloader.current().version, faq / name
        text = file.read_text()
        assert old in text
        began = time.perf_counter()
        file.write_text(text.replace(old, new, 1))
        while reloader.current().version == version and not reloader.refused:
            await asyncio.sleep(0.01)
        refused = f", refused: {reloader.refused.refused[0]}" if reloader.refused else ""
        print(f"save to live, shipped content, {what}: {time.perf_counter() - began:.2f} s{refused}")
        reloader.refused = None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="edits, reloads, taps, writers, live")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="an N-th of the work, to try things")
    options = parser.parse_args()
    wanted, sample = set(options.parts) or {"edits", "reloads", "taps", "writers", "live"}, options.sample
    reload.CALM_SECONDS = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("edits", "reloads", "taps", "writers", "live", "shipped", "writers/b"):
            (folder / part).mkdir(parents=True)
        if "taps" in wanted:
            taps(folder / "taps", TAPS // sample)
        if "writers" in wanted:
            asyncio.run(writers(folder / "writers"))
        if "reloads" in wanted:
            said = ["does ice help", "hot water bottle", "i have chest pain"]
            asyncio.run(reloads(folder / "reloads", RELOADS // sample, make_faq(folder / "reloads"), said, "small"))
        if "live" in wanted:
            asyncio.run(live(folder / "live"))
            faq = Path(shutil.copytree(ROOT / "faq", folder / "shipped/faq"))
            said = ["does ice help", "when are you open", "chest pain"]
            asyncio.run(reloads(folder / "shipped", max(2, SHIPPED_RELOADS // sample), faq, said, "shipped"))
        if "edits" in wanted:
            random_edits(folder / "edits", EDITS // sample)


if __name__ == "__main__":
    main()
