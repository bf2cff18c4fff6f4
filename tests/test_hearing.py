"""Hearing can't be missing unseen: what is shipped contains the model, and without it everybody is told."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fakes import command, tap, text
from image import ROOT, copy_image, image_environment

from bot.assistant import Assistant
from bot.assistant.conversation import Conversation, Kind, Turn
from bot.matching import Matcher
from bot.safety import Level, Screener
from bot.understanding import Encoder, ModelError, Understanding, known_words
from bot.understanding.encoder import FOLDER, read_manifest

if TYPE_CHECKING:
    from bot.content import Content

MODEL = "bot/understanding/model"
# No phrase of the floor is in it: whoever raises it has the model.
ONLY_THE_MODEL_HEARS = "a strange feeling came over my left side and my words were all mixed up"
EVERYDAY = "the shopping was heavy and now my back is stiff"


# What is shipped


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_image(tmp_path_factory.mktemp("image"))


def run_bot(app: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The bot of ``app`` in a process of its own; of this checkout only the libraries are used."""
    environment = image_environment() | {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{app.parent}/bot.db"}
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], cwd=app, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_what_the_image_holds_hears_what_only_the_model_hears(app: Path) -> None:
    said = run_bot(app, "ask", ONLY_THE_MODEL_HEARS).stdout
    assert "screened   emergency: stroke-signs" in said
    assert "model: alarm" in said
    assert "phrase:" not in said
    assert run_bot(app, "doctor").stdout.count("ok     the model hears") == 1


def test_an_installed_package_holds_every_file_of_the_model() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["bot"]
    packed = {path for pattern in patterns for path in (ROOT / "bot").glob(pattern)}
    assert packed >= {FOLDER / "manifest.json", *(FOLDER / name for name in read_manifest()["sha256"])}


def test_an_install_that_fails_or_can_not_hear_fails_and_is_tried_again(app: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "app"
    shutil.copytree(app, checkout)
    shutil.copy(ROOT / "Makefile", checkout)
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    python = checkout / ".venv/bin/python"  # real but for pip, which ends as it is told
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] && exit "$PIP_ENDS"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)

    def install(pip: str) -> str:
        done = subprocess.run(
            ["make", "-s", "install"], cwd=checkout, env={"PATH": os.environ["PATH"], "PIP_ENDS": pip},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        is_marked = (checkout / ".venv/run.installed").exists()
        assert is_marked == (done.returncode == 0)
        return "done" if is_marked else done.stderr

    assert install(pip="1") != "done"
    (checkout / MODEL / "heads.npz").rename(checkout / "heads.npz")
    assert "heads.npz can't be read" in install(pip="0")
    (checkout / "heads.npz").rename(checkout / MODEL / "heads.npz")
    assert install(pip="0") == "done"


# What is damaged


def write_hash(folder: Path, name: str) -> None:
    """Makes the manifest agree with a damaged file."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])

    return damage


def cut(name: str, *, is_hash_right: bool = False) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        if is_hash_right:
            write_hash(folder, name)

    return damage


def write(name: str, said: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(said) and None


def hide_library(folder: Path) -> None:
    """What stands in the bot's own folder is imported first."""
    (folder.parents[2] / "onnxruntime.py").write_text("raise ImportError('libonnxruntime.so: no such file')\n")


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (shutil.rmtree, "manifest.json can't be read"),
        (change("encoder.onnx"), "encoder.onnx is damaged (its hash is "),
        (cut("encoder.onnx", is_hash_right=True), "it can't be loaded ("),
        (cut("tokenizer.json", is_hash_right=True), "it can't be loaded ("),
        (cut("manifest.json"), "manifest.json can't be read (JSONDecodeError)"),
        (write("manifest.json", "[" * 99_999), "manifest.json can't be read (RecursionError)"),
        (write("manifest.json", '{"sha256": {}}'), "manifest.json does not name"),
    ],
)
def test_a_damaged_model_is_told_by_its_file_and_with_a_cure(
    tmp_path: Path, damage: Callable[[Path], None], cause: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(FOLDER, folder)
    damage(folder)
    with pytest.raises(ModelError) as raised:
        Encoder(folder)
    told = str(raised.value)
    assert told.startswith(cause)
    assert "restart" in told.partition(cause)[2]
    assert "\n" not in told


@contextmanager
def served(app: Path) -> Iterator[tuple[httpx.Client, list[str]]]:
    """The bot of ``app`` with its chat page; a client of it, and what it logged until it served."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{app.parent}/served.db", "WEB_PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "run"], cwd=app, env=environment, stderr=subprocess.PIPE, text=True
    ) as bot:
        assert bot.stderr
        lines = []
        for line in bot.stderr:
            lines.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/", line):
                break
        else:
            pytest.fail("".join(lines))
        try:
            with httpx.Client(base_url=address[0], headers={"accept": "application/json"}) as client:
                yield client, lines
        finally:
            bot.terminate()
            bot.communicate()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (shutil.rmtree, "manifest.json can't be read"),
        (cut("heads.npz", is_hash_right=True), "it does not fit"),
        (hide_library, "it can't be loaded (ImportError: libonnxruntime.so"),
    ],
)
def test_without_a_model_the_bot_answers_and_tells_everybody(
    app: Path, tmp_path: Path, content: "Content", damage: Callable[[Path], None], why: str
) -> None:
    broken = tmp_path / "app"
    shutil.copytree(app, broken)
    damage(broken / MODEL)
    number = content.clinic.emergency_number
    with served(broken) as (client, lines):
        for said, replied in (
            ("i have chest pain", f"Call {number} now"),  # the floor
            (content.entries["ice"].question, "ice"),  # words
            ("hello", "Numb between the legs"),
            (ONLY_THE_MODEL_HEARS, "Numb between the legs"),
        ):
            reply = client.post("/messages", data={"text": said}).json()["items"][-1]["html"]
            assert replied in reply
            assert "Numb between the legs" in reply
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert f"the model does not hear, red flags are missed: {why}" in ready.json()["problems"][0]
        assert "bot_hearing 0.0" in client.get("/metrics").text
    assert len([line for line in lines if "the model does not hear" in line and why in line]) == 1
    assert f"The model does not hear, red flags are missed: {why}" in run_bot(broken, "ask", EVERYDAY).stderr


def test_the_doctors_cure_for_a_damaged_model_cures_it(app: Path, tmp_path: Path) -> None:
    broken = tmp_path / "a checkout"
    shutil.copytree(app, broken)
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.compression=0")
    for arguments in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *arguments], cwd=broken, check=True)
    (broken / MODEL / "heads.npz").unlink()
    cut("encoder.onnx")(broken / MODEL)
    assert "The model does not hear, red flags are missed: encoder.onnx" in run_bot(broken, "check").stderr
    (line,) = re.findall(r"^WRONG  the model does not hear.*$", run_bot(broken, "doctor").stdout, re.M)
    (cure,) = re.findall(r"`(.+)`", line)
    subprocess.run(cure, shell=True, cwd=tmp_path, check=True)
    assert "ok     the model hears" in run_bot(broken, "doctor").stdout


def test_the_cure_for_missing_libraries_fetches_them_as_pinned_for_this_python(app: Path, tmp_path: Path) -> None:
    broken = tmp_path / "app"
    shutil.copytree(app, broken)
    hide_library(broken / MODEL)
    shutil.copytree(ROOT / "requirements", broken / "requirements")
    (cure,) = re.findall(r"the model does not hear.*`(.+)`", run_bot(broken, "doctor").stdout)
    assert cure.startswith(f"{sys.executable} -m pip install --force-reinstall --require-hashes -r ")
    assert Path(cure.split()[-1]) == broken / "requirements/run.txt"


# Every reply


@pytest.fixture(scope="module")
def deaf(content: "Content") -> Assistant:
    understanding = Understanding(known_words(content), None, "it is gone")
    matcher = Matcher.of(content, understanding)
    return Assistant(content, understanding, Screener(content.red_flags, understanding), matcher)


@pytest.mark.parametrize(
    "message",
    [
        text("hello"),
        text("thanks"),
        text("do you like the theatre"),
        text("Does ice help?"),
        text("¿Me duele mucho la espalda?"),
        text("i have chest pain"),
        text("back pain and a fever of 39"),
        text("", kind=Kind.UNREADABLE, attachment="voice"),
        *(command(name) for name in ("start", "topics", "contact", "help", "privacy", "forget", "nonsense")),
        *(
            tap(action)
            for action in (
                "e:ice",
                "m:ice",
                "t",
                "h",
                "p",
                "n",
                "f:-:ice",
                "c:y:saddle-numbness",
                "c:n:night-pain",
                "gone",
            )
        ),
    ],
    ids=lambda message: message.text or message.action or message.attachment,
)
def test_every_reply_of_a_deaf_bot_carries_the_safety_line_once(deaf: Assistant, message: Any) -> None:
    turn: Turn = deaf.reply(message, Conversation())
    assert turn.failure == ""
    assert turn.reply is not None
    assert turn.reply.plain().count("Numb between the legs") == 1


def test_a_bot_that_hears_does_not_repeat_the_safety_line_everywhere(assistant: Assistant) -> None:
    assert assistant.trouble == ""
    reply = assistant.reply(text("hello"), Conversation()).reply
    assert reply
    assert "Numb between the legs" not in reply.plain()


# While it runs


class FailingEncoder:
    """Hears like the real one, or raises."""

    def __init__(self) -> None:
        self.real, self.is_failing = Encoder(), True
        self.words, self.manifest, self.version = self.real.words, self.real.manifest, self.real.version

    def encode(self, texts: list[str]) -> list[Any]:
        if self.is_failing:
            raise MemoryError
        return self.real.encode(texts)


def test_a_model_that_fails_while_it_runs_is_told_until_it_hears_again(content: "Content") -> None:
    encoder = FailingEncoder()
    understanding = Understanding(known_words(content), encoder)  # type: ignore[arg-type]
    screener = Screener(content.red_flags, understanding)
    screened = screener.screen(understanding.parse(ONLY_THE_MODEL_HEARS))
    assert (screened.findings, screened.is_degraded) == ((), True)
    assert "MemoryError" in understanding.trouble
    by_floor = screener.screen(understanding.parse("i have chest pain")).top
    assert by_floor
    assert by_floor.level is Level.EMERGENCY
    encoder.is_failing = False
    assert understanding.trouble == ""
    heard = screener.screen(understanding.parse(ONLY_THE_MODEL_HEARS))  # not what was kept of the failure
    assert (heard.top.level if heard.top else None, heard.is_degraded) == (Level.EMERGENCY, False)
