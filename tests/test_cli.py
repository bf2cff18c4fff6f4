"""The commands, run as people run them: their own process, their exit codes, no tracebacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMANDS = ["run", "chat", "ask", "check", "eval", "missed"]


@pytest.fixture
def bot(tmp_path):
    def call(*arguments, stdin="", **environment):
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TELEGRAM", "FAQ", "DATABASE", "WEB_"))
        }
        variables = clean | {"DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}"} | environment
        return subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=variables,
            timeout=120,
            check=False,
        )

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(bot, command):
    shown = bot(command, "--help")
    assert shown.returncode == 0
    assert "Usage" in shown.stdout


def test_wrong_use_is_exit_code_2(bot):
    assert bot("ask").returncode == 2
    assert bot("no-such-command").returncode == 2
    assert bot("ask", "--jsonl", stdin="not json\n").returncode == 2


def test_ask_explains_what_was_screened_and_why_it_decided(bot):
    shown = bot("ask", "does ice help a back spasm")
    assert shown.returncode == 0, shown.stderr
    assert "no red flag" in shown.stdout
    assert "ice" in shown.stdout
    assert "decision   answer: ice" in shown.stdout


def test_ask_jsonl_keeps_its_fixed_format(bot):
    asked = [
        "does ice help a back spasm",
        "can't pee since last night",
        "hello",
        "who won the football",
        "",
        "\x00<b>",
        "🧊" * 2000,
    ]
    shown = bot("ask", "--jsonl", stdin="".join(json.dumps({"text": text}) + "\n" for text in asked))
    assert shown.returncode == 0, shown.stderr
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert len(lines) == len(asked)
    for line in lines:
        assert list(line) == ["kind", "entry", "suggestions", "level", "rule", "score"]
        assert line["kind"] in {"answer", "suggest", "fallback", "escalate", "smalltalk"}
        assert line["level"] in {None, "emergency", "urgent", "soon", "check"}
        assert 0 <= line["score"] <= 1
        assert len(line["suggestions"]) <= 3
        assert bool(line["suggestions"]) == (line["kind"] == "suggest")
    assert (lines[0]["kind"], lines[0]["entry"]) == ("answer", "ice")
    assert (lines[1]["kind"], lines[1]["level"], lines[1]["entry"]) == ("escalate", "emergency", None)
    assert lines[2]["kind"] == "smalltalk"
    assert lines[3]["kind"] == "fallback"


def test_check_passes_the_shipped_content_and_check_live_does_not(bot):
    assert bot("check").returncode == 0
    live = bot("check", "--live")
    assert live.returncode == 1
    assert "clinic.yaml:" in live.stdout


def test_broken_content_is_file_line_and_cure_without_a_traceback(bot, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in (["check"], ["ask", "ice"]):
        shown = bot(*command, FAQ_DIR=str(empty))
        assert shown.returncode == 1
        assert "clinic.yaml:1:" in shown.stdout + shown.stderr
        assert "Traceback" not in shown.stderr
    assert bot("check", FAQ_DIR=str(tmp_path / "nowhere")).returncode == 1


def test_a_wrong_setting_is_one_line_with_its_name(bot):
    shown = bot("ask", "ice", WEB_PORT="many")
    assert shown.returncode == 1
    assert "WEB_PORT" in shown.stderr
    assert "Traceback" not in shown.stderr
