"""A content that has nothing to do with backs is served by the same code and the shipped weights: a vet's 30 entries."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.assistant import build
from bot.assistant.asking import as_json, ask
from bot.cli.evaluation import judge, read
from bot.content import load

CONTENTS = Path(__file__).parent / "contents"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def vet():
    return build(load(CONTENTS / "vet"))


@pytest.fixture(scope="module")
def judged(vet):
    return judge(read(CONTENTS / "vet_questions.jsonl"), lambda text: as_json(ask(vet, text, NOW)))


def test_questions_that_were_held_back_get_the_right_entry_first(judged):
    inside = [one for one in judged if one.kind == "in"]
    missed = [(one.label["text"], one.shown) for one in inside if not one.is_first_right]
    assert len(inside) == 30
    assert len(missed) <= 0.2 * len(inside), missed


def test_what_a_vet_can_not_answer_is_mostly_not_answered(judged):
    outside = [one for one in judged if one.kind == "out"]
    answered = [one.label["text"] for one in outside if one.is_answered]
    assert len(answered) <= 1, answered


def test_only_the_vets_own_sign_is_raised(vet):
    assert as_json(ask(vet, "my dog is gasping for air", NOW))["rule"] == "fighting-for-breath"
    assert as_json(ask(vet, "she can't feel her back legs and can't pee", NOW))["rule"] is None
