"""An edit changes the lines meant and no other; the file stays what it was to its readers."""

import difflib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.content.reading import read
from bot.staff import edits, yaml_edit
from bot.staff.yaml_edit import Edit, EditError

SEE_ALSO = "- see_also: [heat, rest]  # ids"
ENTRY = """\
# The receptionist's remark.
id: ice
phrasings:   # how patients ask
  - ice?
  - "frozen peas: ok??"   # typed by Anna
  # between the two
  - 'it''s cold'

not_for:
  - black ice
answer: |
  Yes, it can.

  - Wrap it.

# Below the answer.
see_also: [heat, rest]  # ids
aliases: []
closed:
reviewed_by: ""
"""


def edited(edit: Edit, text: str = ENTRY) -> str:
    return edit.apply(text.encode()).decode()


def changed(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (Edit("f", "add", ("phrasings",), "peas"), ["+   - peas"]),
        (Edit("f", "add", ("phrasings",), "no"), ['+   - "no"']),
        (Edit("f", "add", ("phrasings",), "is it: #1 cure?"), ['+   - "is it: #1 cure?"']),
        (Edit("f", "add", ("not_for",), "🧊 on road"), ['+   - "🧊 on road"']),
        (Edit("f", "add", ("see_also",), "walking"), [SEE_ALSO, "+ see_also: [heat, rest, walking] # ids"]),
        (Edit("f", "add", ("aliases",), "cold"), ["- aliases: []", "+ aliases: [cold]"]),
        (Edit("f", "add", ("closed",), "24 Dec"), ['+   - "24 Dec"']),
        (Edit("f", "add", ("special",), "27 Dec: 9-12"), ["+ special:", '+   - "27 Dec: 9-12"']),
        (Edit("f", "remove", ("phrasings",), "frozen peas: ok??"), ['-   - "frozen peas: ok??"   # typed by Anna']),
        (Edit("f", "remove", ("phrasings",), "it's cold"), ["-   - 'it''s cold'"]),
        (Edit("f", "remove", ("not_for",), "black ice"), ["- not_for:", "-   - black ice", "+ not_for: []"]),
        (Edit("f", "remove", ("see_also",), "heat"), [SEE_ALSO, "+ see_also: [rest]        # ids"]),
        (Edit("f", "remove", ("see_also",), "rest"), [SEE_ALSO, "+ see_also: [heat]        # ids"]),
        (Edit("f", "set", ("id",), "cold"), ["- id: ice", "+ id: cold"]),
        (Edit("f", "set", ("reviewed_by",), "Dr Who"), ['- reviewed_by: ""', '+ reviewed_by: "Dr Who"']),
        (Edit("f", "set", ("answer",), "Yes, it can.\n\n- Wrap it well."), ["-   - Wrap it.", "+   - Wrap it well."]),
        (Edit("f", "set", ("answer",), "Yes."), ["-   Yes, it can.", "- ", "-   - Wrap it.", "+   Yes."]),
        (Edit("f", "set", ("closed",), "24 Dec"), ["- closed:", '+ closed: "24 Dec"']),
        (Edit("f", "list", ("not_for",), ("a", "b")), ["-   - black ice", "+   - a", "+   - b"]),
        (Edit("f", "list", ("see_also",), ("a", "b")), [SEE_ALSO, "+ see_also: [a, b]        # ids"]),
    ],
    ids=lambda value: f"{value.action} {value.value}" if isinstance(value, Edit) else "",
)  # fmt: skip
def test_only_the_lines_meant_change(edit, lines):
    assert sorted(changed(ENTRY, edited(edit))) == sorted(lines)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("bom", ["\ufeff", ""])
def test_line_endings_and_a_byte_order_mark_stay(newline, bom):
    before = bom + ENTRY.replace("\n", newline)
    for edit in (
        Edit("f", "add", ("phrasings",), "peas"),
        Edit("f", "set", ("answer",), "One.\n\nTwo."),
        Edit("f", "list", ("not_for",), ("x", "y")),
        Edit("f", "add", ("special",), "27 Dec: 9-12"),
    ):
        after = edited(edit, before)
        assert after.startswith(bom)
        if newline == "\r\n":
            assert "\n" not in after.replace("\r\n", "")
        else:
            assert "\r" not in after


@given(st.text(max_size=60).map(lambda said: " ".join(said.split())).filter(bool))
@settings(max_examples=150, deadline=None)
def test_any_message_can_be_added_and_taken_out_again(tmp_path_factory, said):
    """Whatever a patient typed reads back as the same text, by the bot's own reader too."""
    try:
        said.encode()
    except UnicodeEncodeError:
        return
    added = Edit("f", "add", ("phrasings",), said).apply(ENTRY.encode())
    assert added is not None
    file = tmp_path_factory.getbasetemp() / "f.yaml"
    file.write_bytes(added)
    document = read(file, "f.yaml")
    assert not document.problems
    assert document.value["phrasings"][-1] == said
    assert Edit("f", "remove", ("phrasings",), said).apply(added) == ENTRY.encode()


def test_a_file_written_otherwise_gets_the_style_of_the_content_and_keeps_its_comments():
    before = (
        "# Ours.\nphrasings:\n- cold?   # Anna\n\n# Which days.\nclosed:   [ 7 May,8 May ]\nnote: >\n    one\n    two\n"
    )
    after = edited(Edit("f", "add", ("phrasings",), "peas"), before)
    assert after == (
        "# Ours.\nphrasings:\n  - cold? # Anna\n  - peas\n\n# Which days.\nclosed: [7 May, 8 May]\nnote: >\n  one\n  two\n"
    )


def test_what_does_not_read_back_as_meant_is_not_written(monkeypatch):
    with pytest.raises(EditError, match="Edit the file itself"):
        edited(Edit("f", "set", ("id", "part"), "x"))
    monkeypatch.setattr(yaml_edit, "_rewrite", lambda text, *_: text.replace("id: ice", "id: cold"))
    with pytest.raises(EditError, match="Edit the file itself"):
        edited(Edit("f", "add", ("phrasings",), "peas"))


def test_a_file_that_is_not_yaml_is_refused_with_its_line():
    with pytest.raises(EditError, match=r"f:2.*Mend the file"):
        edited(Edit("f", "add", ("a",), "x"), "a:\n\t- x\n")


def test_what_somebody_took_out_meanwhile_is_named():
    with pytest.raises(EditError, match="took it out meanwhile"):
        edited(Edit("f", "remove", ("phrasings",), "gone"))


def test_an_edit_survives_being_stored():
    for edit in (Edit("f", "list", ("hours",), ("mon: 8-12", "tue: 8-9")), Edit("f", "set", ("a", 0, "b"), "x")):
        assert Edit.from_json(edit.to_json()) == edit


def test_every_shipped_entry_takes_a_phrasing_and_gives_it_back():
    for file in sorted(Path("faq/en/entries").glob("*.yaml"))[:12]:
        before = file.read_bytes()
        added = Edit(file.name, "add", ("phrasings",), "a line: with # all").apply(before)
        assert added is not None
        assert len(changed(before.decode(), added.decode())) == 1
        assert Edit(file.name, "remove", ("phrasings",), "a line: with # all").apply(added) == before


def test_staff_write_days_and_hours_as_they_speak():
    day = date(2026, 12, 31)
    assert edits.change_fact("closed", "tomorrow", day)[1] == [Edit("clinic.yaml", "add", ("closed",), "1 Jan 2027")]
    shown, (week,) = edits.change_fact("hours", "• mon-fri: 8-12;  sat: 9-12\n", day)
    assert (shown, week.value) == ("clinic-hours", ("mon-fri: 8-12", "sat: 9-12"))
    with pytest.raises(edits.NotPossible, match="a line each"):
        edits.change_fact("hours", " ; ", day)
