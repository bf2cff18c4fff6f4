"""No line of an evaluation set stands anywhere under faq/."""

import json
from pathlib import Path

import pytest

from bot.understanding.text import words

ROOT = Path(__file__).parent.parent
SETS = sorted((ROOT / "tests/eval").glob("*.jsonl"))


def said_in_content():
    from bot.content.reading import read

    def strings(value):
        if isinstance(value, str):
            yield from [value, *value.splitlines()]
        elif isinstance(value, dict):
            for key, item in value.items():
                # Phrases of the red-flag pages are textbook wordings ("severe allergic reaction"), not messages.
                if key not in ("alone", "always_heard"):
                    yield from strings(item)
        elif isinstance(value, list):
            for item in value:
                yield from strings(item)

    lines = set()
    for path in (ROOT / "faq").rglob("*.yaml"):
        lines |= {tuple(words(line)) for line in strings(read(path, path.name).value)}
    return lines


@pytest.fixture(scope="module")
def known():
    return said_in_content()


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_no_line_of_an_evaluation_set_stands_in_the_content(path, known):
    # Up to three words ("ice", "how long", "severe allergic reaction") are anybody's; a whole sentence is not. Titles and
    # what is typed into a search field are anybody's too: benchmarks/accuracy.py says how many of them stand in the content.
    most = 6 if path.stem == "questions_plain" else 3
    lines = [json.loads(line)["text"] for line in path.read_text().splitlines()]
    assert len(lines) > 100
    copied = [line for line in lines if len(words(line)) > most and tuple(words(line)) in known]
    assert not copied
