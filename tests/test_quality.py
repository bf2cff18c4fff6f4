"""The gate of quality: how well red flags are heard as patients are served, never below the floors of benchmarks/quality.py."""

import json
from pathlib import Path

import pytest

from benchmarks import quality
from benchmarks.quality import FLOORS, Floor, Judged, Line, breaches, figures, judge, lines_of, read_lines
from bot.content import Content
from bot.safety import Finding, Level, Screener, Screening
from bot.understanding import Understanding, load_understanding

LONG = {"questions"}  # thousands of lines


@pytest.fixture(scope="module")
def served(content: Content) -> tuple[Screener, Understanding]:
    understanding = load_understanding(content)
    return Screener(content.red_flags, understanding), understanding


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in FLOORS])
def test_no_set_falls_below_its_floors(served: tuple[Screener, Understanding], content: Content, name: str) -> None:
    judged = judge(*served, lines_of(FLOORS[name], content))
    assert len(judged) > 200
    assert not list(breaches(figures(judged), FLOORS[name]))


def make_judged(level: str, *found: Level) -> Judged:
    return Judged(Line("text", level), Screening(tuple(Finding(one, "sign") for one in found)))


def test_what_counts_as_what() -> None:
    judged = [
        make_judged("emergency", Level.EMERGENCY),
        make_judged("emergency", Level.URGENT),  # too low to be raised, and yet an alarm
        make_judged("emergency", Level.CHECK, Level.SOON),
        make_judged("emergency"),
        make_judged("urgent", Level.EMERGENCY),
        make_judged("urgent", Level.CHECK),
        make_judged("", Level.SOON),
        make_judged("", Level.CHECK),
        make_judged("", Level.URGENT),
        make_judged(""),
    ]
    assert figures(judged) == ((1, 4), (3, 4), (1, 2), (1, 4), (1, 4))


def test_a_set_below_its_bar_is_told_and_the_benchmark_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not list(breaches(((1, 2), (2, 2), (0, 0), (1, 2), (0, 2)), Floor((), 50, 100, None, 50, 0)))
    worse = list(breaches(((1, 2), (2, 2), (1, 4), (1, 2), (1, 2)), Floor((), 51, 100, 26, 49, 49)))
    assert [text.partition(":")[0] for text in worse] == [
        "emergency raised", "urgent raised", "false alarms", "false questions",
    ]  # fmt: skip
    name = "tests/eval/terse_red_flags_dev.jsonl"
    monkeypatch.setattr(quality, "FLOORS", {"terse": Floor((name,), 100.1, None, None, 100, 100)})
    assert quality.main([]) == 1
    assert "BELOW THE BAR  emergency raised" in capsys.readouterr().out
    monkeypatch.setattr(quality, "FLOORS", {"terse": Floor((name,), None, None, None, 100, 100)})
    assert quality.main([]) == 0


def test_labels_of_every_kind_of_set_are_read(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": "escalate", "level": "emergency", "rule": "one-sided"},
        {"text": "b", "label": "none", "level": None, "rule": None},
        {"text": "c", "label": "one-sided", "level": "emergency", "split": "held-out"},
        {"text": "d", "label": "harmless", "level": "none", "split": "held-out"},
        {"text": "e", "accept": ["ice"], "kind": "in"},
        {"text": "left out", "label": "none", "level": "none", "doubt": True},
        {"text": "left out", "label": "harmless", "level": "none", "split": "train"},
        {"text": "left out", "accept": [], "kind": "out"},
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [(line.text, line.level) for line in read_lines(path)] == [
        ("a", "emergency"), ("b", ""), ("c", "emergency"), ("d", ""), ("e", ""),
    ]  # fmt: skip


def test_no_sign_that_measures_is_taught() -> None:
    sets = [path for folder in ("eval/*red_flags*", "rounds/*") for path in (quality.ROOT / "tests").glob(folder)]
    measured = {line.text for path in sets for line in read_lines(path)}
    assert len(measured) > 1_500
    taught = {
        row["text"]
        for path in (quality.ROOT / "training/messages").glob("*.jsonl")
        for row in map(json.loads, path.read_text("utf-8").splitlines())
        if row.get("split") != quality.HELD_OUT
    }
    assert {text for text in measured & taught if len(text.split()) > 3} == set()
