"""Measures the service against a Bot API test server on loopback, beside a plain bot in the same run.

    python benchmarks/reliability.py                      all, 2,000 messages, medians of 3
    python benchmarks/reliability.py --quick kill speed    some, smaller
    python benchmarks/reliability.py --minutes 20 soak     the long one

One row each: asked, answered, lost (nobody answered), twice (answers too many), and what else the row is about.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parent.parent
TOKEN = "123456:test-token"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def utterances(count: int) -> list[str]:
    """``count`` distinct messages, as patients write them."""
    lines = [json.loads(line)["text"] for line in (ROOT / "tests/eval/questions_dev.jsonl").read_text().splitlines()]
    return [f"{lines[n % len(lines)]} ({n})" if n >= len(lines) else lines[n] for n in range(count)]


@dataclass
class Bot:
    """A bot in a process of its own."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = await asyncio.create_subprocess_exec(
            *self.command, cwd=self.folder, env=self.environment, stderr=log, stdout=log
        )
        log.close()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE / 1e6

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def end(self, name: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(name)
        return await self.process.wait()


@dataclass
class Bench:
    count: int
    runs: int
    minutes: float
    rows: list[str] = field(default_factory=list)

    def row(self, what: str, **figures: Any) -> None:
        shown = "  ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
        )
        print(f"{what:<62} {shown}", flush=True)
        self.rows.append(f"| {what} | {shown.replace('  ', ' · ')} |")


class Api:
    """The Bot API test server in a process of its own, steered over HTTP."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.port = port
        self._session = session

    async def do(self, what: str, given: Any = None) -> Any:
        async with self._session.post(f"http://127.0.0.1:{self.port}/control/{what}", json=given or {}) as response:
            return await response.json()

    async def write(self, chats: range, texts: list[str]) -> None:
        messages = [{"chat": chat, "text": texts[n % len(texts)]} for n, chat in enumerate(chats)]
        for start in range(0, len(messages), 5000):
            await self.do("write", {"messages": messages[start : start + 5000]})

    async def fault(self, method: str, kind: str, share: float = 1.0) -> None:
        await self.do("fault", {"method": method, "kind": kind, "share": share})

    async def state(self) -> Any:
        return await self.do("state")

    async def sent(self) -> list[Any]:
        found: list[Any] = await self.do("sent")
        return found

    async def until(self, count: int, seconds: float) -> float:
        """Waits until ``count`` messages were sent; returns when that was, or when the time was over."""
        end = time.time() + seconds
        while time.time() < end and (await self.state())["sent"] < count:
            await asyncio.sleep(0.02)
        return time.time()

    async def until_all(self, chats: range, seconds: float) -> None:
        end = time.time() + seconds
        while time.time() < end:
            if (await self.state())["sent"] >= len(chats) and len({one[0] for one in await self.sent()}) >= len(chats):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.7)

    async def score(self, chats: range) -> dict[str, int]:
        answers = Counter(one[0] for one in await self.sent())
        lost = sum(chat not in answers for chat in chats)
        twice = sum(count - 1 for count in answers.values())
        return {"asked": len(chats), "answered": len(answers), "lost": lost, "twice": twice}


@asynccontextmanager
async def server(latency: float = 0.0) -> AsyncIterator[Api]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "tests/botapi.py"), "--latency", str(latency), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            yield Api(port, session)
        finally:
            process.kill()
            await process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def bot(api: Api, kind: str = "ours", *, is_free: bool = False, is_webhook: bool = False) -> AsyncIterator[Bot]:
    """``kind``: ours or plain; ``is_free``: with an assistant that costs nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_BASE_URL": f"http://127.0.0.1:{api.port}/bot",
            "TELEGRAM_SEND_RATE": "0",
            "DATABASE_URL": f"sqlite:///{folder}/bot.db",
            "WEB_PORT": str(free_port()),
            "LOG_LEVEL": "warning",
        }
        if is_webhook:
            environment["TELEGRAM_WEBHOOK_URL"] = f"http://127.0.0.1:{environment['WEB_PORT']}"
        script = {
            ("ours", True): "free_assistant.py",
            ("plain", True): "plain_bot.py",
            ("plain", False): "plain_bot.py",
        }
        if is_free:
            environment["FREE"] = "1"
        file = script.get((kind, is_free))
        command = [sys.executable, str(ROOT / "benchmarks" / file)] if file else [sys.executable, "-m", "bot", "run"]
        running = Bot(command, environment, folder)
        await running.start()
        try:
            yield running
        finally:
            await running.end()
            if sys.exc_info()[0]:
                print((folder / "log").read_text()[-1000:])


async def is_up(api: Api, running: Bot) -> None:
    """Waits until the bot has answered one message."""
    chat = 10**9
    await api.write(range(chat, chat + 1), ["hello"])
    if await api.until(1, 60) and (await api.state())["sent"] < 1:
        raise RuntimeError("the bot does not answer: " + (running.folder / "log").read_text()[-2000:])
    await api.do("forget")


# --- What is measured ------------------------------------------------------------------------------------------------


async def kill(bench: Bench) -> None:
    for is_webhook in (False, True):
        for kills in (1, 3):
            totals: list[dict[str, int]] = []
            for _ in range(bench.runs):
                async with server() as api, bot(api, is_webhook=is_webhook) as ours:
                    chats = range(1, bench.count + 1)
                    await is_up(api, ours)
                    await api.write(chats, utterances(bench.count))
                    for number in range(kills):
                        await api.until(int(bench.count * (number + random.uniform(0.2, 0.8)) / (kills + 1)), 60)
                        await ours.end()
                        await ours.start()
                    await api.until_all(chats, 90)
                    totals.append(await api.score(chats))
            worst = max(one["twice"] for one in totals)
            lost = sum(one["lost"] for one in totals)
            way = "webhook" if is_webhook else "polling"
            bench.row(
                f"kill -9, {way}, {kills} × a run, {bench.runs} runs",
                asked=totals[0]["asked"],
                lost=lost,
                twice_a_kill_at_most=worst / kills,
            )
    async with server() as api, bot(api, "plain") as plain:
        chats = range(1, bench.count + 1)
        await is_up(api, plain)
        await api.write(chats, utterances(bench.count))
        await api.until(bench.count // 3, 60)
        await plain.end()
        await plain.start()
        await api.until_all(chats, 20)
        bench.row("kill -9, plain bot, polling", **await api.score(chats))


async def terminate(bench: Bench) -> None:
    codes, seconds, scores = [], [], []
    for _ in range(bench.runs):
        async with server() as api, bot(api) as ours:
            chats = range(1, bench.count + 1)
            await is_up(api, ours)
            await api.write(chats, utterances(bench.count))
            await api.until(bench.count // 3, 60)
            began = time.time()
            codes.append(await ours.end(signal.SIGTERM))
            seconds.append(time.time() - began)
            await ours.start()
            await api.until_all(chats, 60)
            scores.append(await api.score(chats))
    bench.row(
        f"SIGTERM under load, {bench.runs} runs",
        asked=bench.count,
        lost=sum(one["lost"] for one in scores),
        twice=sum(one["twice"] for one in scores),
        exit_code=max(codes),
        seconds=max(seconds),
    )


async def sending(bench: Bench) -> None:
    """sendMessage is down for a minute while questions come in."""
    for kind in ("500", "429", "hang", "reset-before", "reset-after"):
        async with server() as api, bot(api) as ours:
            chats = range(1, bench.count + 1)
            await is_up(api, ours)
            await api.fault("sendMessage", kind)
            await api.write(chats, utterances(bench.count))
            await asyncio.sleep(bench.minutes * 60)
            hit = (await api.state())["sent"] if kind == "reset-after" else 0
            hit_chats = len({one[0] for one in await api.sent()})
            await api.do("clear")
            began = time.time()
            await api.until(1, 30)
            waited = time.time() - began
            await api.until_all(chats, 120)
            score = await api.score(chats)
            more: dict[str, Any] = {"first_answer_after_s": waited}
            if kind == "reset-after":
                answers = Counter(one[0] for one in await api.sent())
                most = max(answers.values())
                more = {
                    "hit": hit_chats,
                    "sent_while_down": hit,
                    "answers_a_question": sum(answers.values()) / len(chats),
                    "most_for_one": most,
                }
            bench.row(f"sendMessage: {kind} for {bench.minutes * 60:.0f} s", **score, **more)


async def polling(bench: Bench) -> None:
    """getUpdates fails for a while; questions come in meanwhile."""
    for kind in ("404", "404-own", "401", "502", "409", "hang", "garbage", "reset-before"):
        async with server() as api, bot(api) as ours:
            count = min(bench.count, 500)
            chats = range(1, count + 1)
            await is_up(api, ours)
            await api.fault("getUpdates" if kind != "reset-before" else "*", kind)
            await api.write(chats, utterances(count))
            await asyncio.sleep(min(12.0, bench.minutes * 60))
            before, began = (await api.state())["sent"], time.time()
            await api.do("clear")
            goes_on = await api.until(before + 1, 30) - began
            await api.until_all(chats, 60)
            what = "getUpdates" if kind != "reset-before" else "all of Telegram"
            bench.row(f"{what}: {kind}", **await api.score(chats), goes_on_after_s=goes_on)


async def webhook_again(bench: Bench) -> None:
    async with server() as api, bot(api, is_webhook=True) as ours:
        chats = range(1, bench.count + 1)
        await is_up(api, ours)
        await api.do("set", {"lose_answers": bench.count // 2})
        await api.write(chats, utterances(bench.count))
        await api.until_all(chats, 60)
        await asyncio.sleep(2)
        bench.row(f"webhook: {bench.count // 2} × 200 that Telegram never saw", **await api.score(chats))


async def order(bench: Bench) -> None:
    """100 chats × 20 messages with faults on every method: the answers of a chat keep the order of its questions."""
    async with server() as api, bot(api, is_free=True) as ours:
        await is_up(api, ours)
        for kind, share in (("502", 0.05), ("429", 0.02), ("reset-before", 0.05)):
            await api.fault("sendMessage", kind, share)
            await api.fault("getUpdates", kind, share)
        texts = utterances(20)
        for text in texts:
            await api.write(range(1, 101), [text])
        await api.until(2000, 120)
        await asyncio.sleep(1)
        wrong = 0
        quoted: dict[int, list[int]] = {}
        for chat, _, _, answers in await api.sent():
            quoted.setdefault(chat, []).append(answers)
        for answered in quoted.values():
            known = [one for one in answered if one]
            wrong += known != sorted(known)
        asked, answered_count = 2000, sum(map(len, quoted.values()))
        bench.row(
            "order within 100 chats × 20 messages, faults on",
            asked=asked,
            answered=answered_count,
            chats_in_wrong_order=wrong,
        )


async def _rate(bench: Bench, kind: str, *, is_webhook: bool, latency: float, is_free: bool) -> tuple[float, float]:
    """Answers a second, and CPU seconds a thousand answers."""
    async with server(latency) as api, bot(api, kind, is_webhook=is_webhook, is_free=is_free) as running:
        await is_up(api, running)
        # With 50 ms to Telegram the plain bot needs a minute for 1,000.
        count = bench.count if not latency else bench.count // (1 if kind == "ours" else 10)
        cpu, began = running.cpu(), time.time()
        await api.write(range(1, count + 1), utterances(count))
        ended = await api.until(count, 240)
        done = (await api.state())["sent"]
        return done / (ended - began), (running.cpu() - cpu) / done * 1000


async def speed(bench: Bench) -> None:
    for is_free in (False, True):
        for is_webhook, latency in ((False, 0.0), (True, 0.0), (False, 0.05)):
            figures: dict[str, list[tuple[float, float]]] = {"ours": [], "plain": []}
            for _ in range(bench.runs):
                for kind, found in figures.items():
                    found.append(await _rate(bench, kind, is_webhook=is_webhook, latency=latency, is_free=is_free))
            ours, plain = (
                (statistics.median(r for r, _ in found), statistics.median(c for _, c in found))
                for found in figures.values()
            )
            what = "webhook" if is_webhook else "polling"
            what += (", 50 ms to Telegram" if latency else "") + (", free assistant" if is_free else "")
            bench.row(
                f"answers a second, {what}",
                ours=ours[0],
                plain=plain[0],
                ratio=ours[0] / plain[0],
                cpu_s_a_1000=ours[1],
                plain_cpu=plain[1],
                cpu_ratio=ours[1] / plain[1],
            )


async def latency(bench: Bench) -> None:
    """From update to sendMessage at 40 a second."""
    figures: dict[str, list[float]] = {}
    for kind in ("ours", "plain"):
        async with server() as api, bot(api, kind) as running:
            await is_up(api, running)
            written: dict[int, float] = {}
            texts = utterances(800)
            began = time.time()
            for number in range(800):
                await asyncio.sleep(max(0.0, began + number / 40 - time.time()))
                written[number + 1] = time.time()
                await api.write(range(number + 1, number + 2), [texts[number]])
            await api.until(800, 20)
            took = sorted(one[2] - written[one[0]] for one in await api.sent() if one[0] in written)
            figures[kind] = [took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000]
    (p50, p99), (plain50, plain99) = figures["ours"], figures["plain"]
    bench.row(
        "from update to sendMessage at 40 a second, ms",
        p50=p50,
        p99=p99,
        plain_p50=plain50,
        plain_p99=plain99,
        p99_ratio=p99 / plain99,
    )


async def start(bench: Bench) -> None:
    for kind in ("ours", "plain"):
        seconds, memory = [], []
        for _ in range(max(3, bench.runs)):
            async with server() as api:
                began = time.time()
                async with bot(api, kind) as running:
                    while not (polled := (await api.state())["first_poll"]):
                        await asyncio.sleep(0.01)
                    seconds.append(polled[0] - began)
                    await is_up(api, running)
                    await asyncio.sleep(1.5)
                    memory.append(running.memory())
        bench.row(
            f"start to first poll, {kind}", seconds=statistics.median(seconds), resident_MB=statistics.median(memory)
        )


async def flood(bench: Bench) -> None:
    async with server() as api, bot(api) as ours:
        await is_up(api, ours)
        before, most = ours.memory(), 0.0
        await api.write(range(1, 100_001), utterances(2000))
        end = time.time() + bench.minutes * 60
        while time.time() < end and (await api.state())["sent"] < 100_000:
            await asyncio.sleep(0.5)
            most = max(most, ours.memory())
        bench.row(
            "flood of 100,000 updates, resident MB", before=before, at_most=most, answered=(await api.state())["sent"]
        )


async def soak(bench: Bench) -> None:
    """50 a second with faults on: growth of memory and of open files after the first minute."""
    async with server() as api, bot(api) as ours:
        await is_up(api, ours)
        for kind, share in (("502", 0.02), ("429", 0.005), ("reset-before", 0.02), ("reset-after", 0.002)):
            await api.fault("sendMessage", kind, share)
            await api.fault("getUpdates", kind, share)
        texts, began, number = utterances(2000), time.time(), 0
        memory, files = 0.0, 0
        while (passed := time.time() - began) < bench.minutes * 60:
            await api.write(range(number + 1, number + 11), texts[number % 2000 : number % 2000 + 10])
            number += 10
            if not memory and passed > min(60.0, bench.minutes * 15):
                memory, files = ours.memory(), ours.files()
            await asyncio.sleep(max(0.0, began + number / 50 - time.time()))
        await api.until_all(range(1, number + 1), 60)
        await api.do("clear")
        await asyncio.sleep(2)
        score = await api.score(range(1, number + 1))
        bench.row(
            f"{bench.minutes:g} minutes at 50 a second, faults on",
            **score,
            growth_percent=(ours.memory() / memory - 1) * 100,
            files_more=ours.files() - files,
        )


SCENARIOS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "start": start,
    "speed": speed,
    "latency": latency,
    "kill": kill,
    "terminate": terminate,
    "sending": sending,
    "polling": polling,
    "webhook": webhook_again,
    "order": order,
    "flood": flood,
    "soak": soak,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="default: all")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1.0, help="of outages and of the soak")
    parser.add_argument("--quick", action="store_true", help="a sample: 400 messages, 1 run, 10 seconds")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.runs, arguments.minutes = 400, 1, 1 / 6
    bench = Bench(arguments.count, arguments.runs, arguments.minutes)
    for name in arguments.scenarios or SCENARIOS:
        asyncio.run(SCENARIOS[name](bench))
    print("\n| what | figures |\n|---|---|\n" + "\n".join(bench.rows))


if __name__ == "__main__":
    main()
