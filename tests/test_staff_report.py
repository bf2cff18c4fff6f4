"""The weekly report: five lines, a picture, a table; what to write next without a word of a patient."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from bot.content import load
from bot.staff.report import count_week, describe_week, draw, write_csv
from bot.store import open_store, read_counts
from bot.store.staff import Counts
from bot.store.tables import missed
from tests.small_faq import make_faq

NOW = datetime(2098, 12, 20, 9, tzinfo=UTC)
COUNTS = Counts(
    outcomes={("answer", "ice"): 5, ("answer", "heat"): 2, ("disambiguation", ""): 3, ("fallback", ""): 4, ("escalation", ""): 1},
    feedback={"ice": (2, 1)}, alarms={"chest-pain": 1}, missed=4, near={"heat": 3, "rest": 1},
)  # fmt: skip


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return load(make_faq(tmp_path_factory.mktemp("small")))


def test_five_lines_say_what_happened_and_what_to_write_next(content):
    first, asked, votes, write, reviews = describe_week(count_week(content, COUNTS, NOW))
    assert first == "13 Dec – 20 Dec: 15 messages, 7 answered, 3 unsure, 4 missed, 1 warned."
    assert asked == "Asked most: Does ice help? (5), Does heat help? (2)."
    assert votes == "👍 2, 👎 1; most 👎: Does ice help?."
    assert (
        write
        == "To write next: 4 missed questions wait (/missed); nearest to: Does heat help? (3), Must I stay in bed? (1)."
    )
    assert reviews.startswith("Reviews due within 30 days: booking, heat, hours")


@pytest.mark.parametrize("counts", [COUNTS, Counts({}, {}, {}, 0)], ids=["a week", "nothing"])
def test_a_picture_and_a_table_are_written(content, tmp_path, counts):
    week = count_week(content, counts, NOW)
    write_csv(week, tmp_path / "report.csv")
    assert "what,which,times" in (tmp_path / "report.csv").read_text()
    pytest.importorskip("matplotlib")
    assert draw(week, tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


async def test_missed_questions_count_by_the_nearest_answer(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'bot.db'}")
    for candidates in ('["heat", "ice"]', '["heat"]', "[]"):
        row = {
            "person": "x",
            "utterance": "my secret",
            "reason": "r",
            "candidates": candidates,
            "created_at": time.time(),
        }
        await store._writer.write(lambda c, row=row: c.execute(insert(missed), row))
    store.close()
    counts = read_counts(tmp_path / "bot.db", datetime(2020, 1, 1, tzinfo=UTC), NOW)
    assert (counts.missed, counts.near) == (3, {"heat": 2})
