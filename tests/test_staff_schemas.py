"""The schemas that editors use are those of the code."""

from pathlib import Path

import pytest

from bot.staff.schemas import MODELS, schema

FAQ = Path(__file__).parent.parent / "faq"


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_fresh(name):
    assert (FAQ / f"schema/{name}.json").read_text() == schema(name), "write them anew: python -m bot.staff.schemas"


@pytest.mark.parametrize(
    "file", ["clinic.yaml", "en/entries/ice.yaml", "en/utterances/ice.yaml", "en/out-of-scope.yaml"]
)
def test_the_files_of_staff_name_their_schema(file):
    first = (FAQ / file).read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    target = (FAQ / file).parent / first.partition("=")[2]
    assert target.resolve().is_file()


def test_the_problem_matcher_reads_what_check_prints():
    import json
    import re

    from bot.errors import Problem, Severity

    matchers = json.loads((FAQ.parent / ".github/faq-check.json").read_text())["problemMatcher"]
    warning, error = (re.compile(one["pattern"][0]["regexp"]) for one in matchers)
    broken = f"faq/{Problem('en/entries/ice.yaml', 7, 'no source.', 'Add one.')}"
    remark = f"faq/{Problem('clinic.yaml', 3, 'odd.', severity=Severity.WARNING)}"
    assert error.match(broken).groups() == ("faq/en/entries/ice.yaml", "7", "no source. Add one.")
    assert warning.match(remark).groups() == ("faq/clinic.yaml", "3", "odd.")
    assert not error.match(remark)
    assert not warning.match(broken)
