"""The figures of ``eval`` count what they say."""

import json

import pytest

from bot.cli.evaluation import Judged, curve, judge, read, report, wilson
from bot.errors import BotError


def reply(kind="answer", entry=None, suggestions=(), level=None, score=0.9):
    shown = {"entry": entry, "suggestions": list(suggestions)}
    return {"kind": kind, "level": level, "rule": None, "score": score} | shown


def asked(accept=("ice",), kind="in"):
    return {"text": "?", "accept": list(accept), "kind": kind, "style": "terse"}


def test_wilson_intervals_are_the_published_ones():
    """Newcombe 1998, table I: 81 of 263, and 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_an_answer_and_the_first_suggestion_are_what_is_shown_first():
    answered = Judged(asked(), reply(entry="ice"))
    suggested = Judged(asked(), reply("suggest", suggestions=[["heat", 0.4], ["ice", 0.3]]))
    assert (answered.is_first_right, answered.is_answered) == (True, True)
    assert (suggested.is_first_right, suggested.is_shown_right, suggested.is_answered) == (False, True, False)
    assert suggested.score == 0.4


def test_an_answer_to_what_nobody_can_answer_is_a_risk():
    judged = [
        Judged(asked(), reply(entry="ice", score=0.9)),
        Judged(asked((), "out"), reply(entry="ice", score=0.8)),
        Judged(asked(), reply("fallback", score=0.1)),
    ]
    assert curve(judged) == [(pytest.approx(1 / 3), 0.0), (pytest.approx(2 / 3), 0.5)]


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def figure(lines, name):
    return next(line.split()[-4] for line in lines if name in line)


def test_questions_are_counted_by_scope(tmp_path):
    file = write(tmp_path / "q.jsonl", asked(), asked(("heat",)), asked((), "out"), asked((), "smalltalk"))
    lines = list(report(file, lambda _: reply(entry="ice"), misses=True))
    assert figure(lines, "answered, and right") == "1/2"
    assert figure(lines, "answered, and wrong") == "1/2"
    assert figure(lines, "out of scope: answered") == "1/1"
    assert sum("wanted" in line for line in lines) == 3


def test_red_flags_are_counted_by_level(tmp_path):
    levels = ("emergency", "urgent", "soon")
    rows = [{"text": "a", "label": "escalate", "level": level, "rule": "r"} for level in levels]
    file = write(tmp_path / "flags.jsonl", *rows, {"text": "b", "label": "none", "level": None, "rule": None})
    lines = list(report(file, lambda _: reply(level="urgent")))
    assert figure(lines, "emergency: raised") == "0/1"
    assert figure(lines, "urgent: raised at") == "1/1"
    assert figure(lines, "raised or asked") == "2/2"
    assert figure(lines, "false alarm") == "1/1"


@pytest.mark.parametrize("line", ["not json", '{"text": 3, "accept": []}', '{"accept": []}', '{"text": "x"}', "[]"])
def test_a_line_that_is_no_labelled_message_is_named(tmp_path, line):
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps(asked()) + "\n" + line)
    with pytest.raises(BotError, match=r"bad\.jsonl:2"):
        read(file)


def test_the_curve_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    file = write(tmp_path / "q.jsonl", *[asked() for _ in range(5)])
    assert list(report(file, lambda _: reply(entry="ice"), plot=tmp_path / "curve.png"))
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_every_message_is_answered_once():
    calls = []
    judge([asked(), asked()], lambda text: calls.append(text) or reply(entry="ice"))
    assert calls == ["?", "?"]
