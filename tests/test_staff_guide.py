"""The guide for staff is true: each mistake it names gets the words it promises."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.assistant import build
from bot.checking import problems
from bot.content import load
from bot.errors import ContentError
from tests.small_faq import make_faq

GUIDE = (Path(__file__).parent.parent / "faq/README.md").read_text()
ICE, CLINIC, CHEST = "en/entries/ice.yaml", "clinic.yaml", "en/red-flags/chest-pain-breathing.yaml"
MISTAKES = {
    "wrote `8-25` as an opening time": (CLINIC, "mon-fri: 8-12", "mon-fri: 8-25"),
    "deleted the colon after `answer`": (ICE, "answer: |", "answer |"),
    "put a tab at the start of a line": (ICE, "  - ice?", "\t- ice?"),
    "wrote `is it: the #1 cause` without quotes": (ICE, "  - ice?", "  - is it: the #1 cause"),
    "opened a quotation mark and did not close it": (ICE, "reviewed_by: Example", 'reviewed_by: "Example'),
    "wrote `disclaimer: generel`": (ICE, "disclaimer: general", "disclaimer: generel"),
    "named an entry in `see_also` that is not there": (ICE, "disclaimer:", "see_also: [haet]\ndisclaimer:"),
    "wrote `answer:` twice": (ICE, "disclaimer:", "answer: No.\ndisclaimer:"),
    "wrote a dose into an answer": (ICE, "Yes, ice can", "Take 400 mg. Ice can"),
    "wrote `will cure`": (ICE, "Yes, ice can ease", "Yes, ice will cure"),
    "saved an empty file": (ICE, None, ""),
    "took a sign out of a red flag": (CHEST, "  - the brass band plays ", "  - the string quartet plays "),
    "asked for the same thing in two answers": ("en/entries/heat.yaml", "  - heat?", "  - cold pack how long"),
}
PROMISED = dict(re.findall(r"^\| ((?!you did|---|file|`)[^|]+) \| ([^|]+) \|$", GUIDE, re.MULTILINE))


def test_the_guide_and_this_test_name_the_same_mistakes():
    assert set(PROMISED) == set(MISTAKES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_the_words_that_the_guide_promises(mistake, tmp_path, cache):
    faq = make_faq(tmp_path)
    name, old, new = MISTAKES[mistake]
    text = (faq / name).read_text()
    assert old is None or old in text
    (faq / name).write_text(new if old is None else text.replace(old, new, 1))
    try:
        content = load(faq)
        found = problems(content, build(content, cache), datetime.now(UTC))
    except ContentError as error:
        found = list(error.problems)
    said = " ".join(f"{one.message} {one.cure}" for one in found if one.path in (name, ICE))
    assert PROMISED[mistake] in said
