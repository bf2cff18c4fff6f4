"""YAML is read as text, and whatever YAML would quietly change is a problem with file, line and cure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.content.entries import Entry
from bot.content.reading import MAX_FILE_BYTES, parse, read


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "file.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, "file.yaml")

    return write


def test_values_stay_what_they_look_like(written):
    document = written("a: 9:30\nb: 0412\nc: no\nd: 2026-11-22\ne: [1, ~]\n")
    assert document.value == {"a": "9:30", "b": "0412", "c": "no", "d": "2026-11-22", "e": ["1", "~"]}
    assert not document.problems


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` stands twice"),
        ("a:\n- is it the #1 cause\n", 2, "cut off at ' #'"),
        ("a:\n\t- b\n", 2, "tab"),
        ("a: &x b\n", 1, "special meaning"),
        ("a: *x\n", 1, "special meaning"),
        ("a: 'open\nb: 1\n", 1, "quotation mark"),
        ("a: one: two\n", 1, "colon"),
        ("a: @home\n", 1, "keeps for itself"),
        ("a: 1\nanswer |\n  Yes.\n\n  More.\n  And.\nb: 2\n", 2, "no colon stands after `answer`"),
        ("a: 1\nphrasings\n - b\n - c\nd: 2\n", 2, "no colon stands after `phrasings`"),
        ("a: |\n  Yes.\n  No.\ndisclaimer:general\nb: 1\n", 4, "no space stands after the colon"),
        ("a:\n- b\n-c\n- d\ne: 1\n", 3, "no space stands after the dash"),
        ("a:\n - b\n  - c\nd: 1\n", 3, "deeper than the one above"),
        ("a: |\n  Yes.\nNo.\n\nb: 1\n", 3, "belongs to nothing"),
        ("a: [b, c\nd: 1\ne: 2\n", 1, "bracket is opened"),
        ('a: "b\nc: 1\nd: 2\ne: "f"\n', 1, "quotation mark is opened"),
        ("a: “b c”\n", 1, "would be shown"),
        ("", 1, "empty"),
        ("# only this\n", 1, "only comments"),
        (b"a: \xff\n", 1, "UTF-8"),
        (b"\x00\x01\x02", 1, "does not allow"),
        ("[" * 2000, 1, ""),
        ("a: " + "x" * MAX_FILE_BYTES, 1, "larger than"),
    ],
)
def test_a_mistake_is_named_with_its_line(written, text, line, said):
    document = written(text)
    assert document.problems
    problem = document.problems[0]
    assert problem.path == "file.yaml"
    assert problem.line == line
    assert said in problem.message
    assert problem.cure


def test_a_comment_after_two_spaces_is_a_comment(written):
    assert written("a: one  # remark\n").value == {"a": "one"}
    assert not written("a: one  # remark\n").problems


def test_all_mistakes_of_an_entry_are_listed_at_once_each_on_its_line(written):
    document = written("id: Ice!\nquestion: Does ice help?\nphrasings:\n- ice\nanser: yes\nreview_by: soon\n")
    assert parse(document, Entry) is None
    said = {(problem.line, problem.message.split("`")[1]) for problem in document.problems}
    assert {(1, "id"), (5, "anser"), (6, "review_by")} <= said
    assert any("`answer` is missing" in problem.message for problem in document.problems)


def test_a_missing_file_is_a_problem_not_a_crash(tmp_path):
    assert read(tmp_path / "none.yaml", "none.yaml").problems


@given(st.binary(max_size=400))
def test_no_bytes_can_crash_the_reader(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("raw") / "file.yaml"
    path.write_bytes(raw)
    document = read(path, "file.yaml")
    assert document.problems or document.value is not None
