"""FAQ tables from wherever are read by their headings, as plain text; what is left out is named."""

import pytest

from bot.errors import BotError
from bot.staff.tables import Row, plain, read_table

CHILDREN, PARKING = "Do you treat children?", "Is there parking?"
YES, TWO = "Yes, from 12 years.", "Two spaces."


@pytest.fixture
def table(tmp_path):
    def read(name, text):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(tmp_path / name)

    return read


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f'question,answer\n{CHILDREN},"{YES}"\n{PARKING},{TWO}\n'),
        ("a.csv", f'id,question,answer,category,updated\n1,{CHILDREN},"{YES}",General,2024\n2,{PARKING},{TWO},General,2024\n'),
        ("a.csv", f'question,answer,category,url\n{CHILDREN},"{YES}",General,https://x\n{PARKING},{TWO},General,https://y\n'),
        ("a.csv", f'Questions,Answers\n{CHILDREN},"{YES}"\n{PARKING},{TWO}\n'),
        ("a.csv", f'Category;FAQ Question;Our Answer\nx;{CHILDREN};{YES}\ny;{PARKING};{TWO}\n'),
        ("a.csv", f"Answer\tQuestion\n{YES}\t{CHILDREN}\n{TWO}\t{PARKING}\n"),
        ("a.tsv", f"Question\tAnswer\n{CHILDREN}\t{YES}\n\n{PARKING}\t{TWO}\n"),
        ("a.csv", f"\ufeffquestion;answer\r\n{CHILDREN};{YES}\r\n{PARKING};{TWO}\r\n"),
        ("a.csv", f"Question;Answer\n{CHILDREN};{YES}\n{PARKING};{TWO}\n".encode("utf-16")),
        ("a.md", f"# FAQ\n\n| No | Question | Answer |\n|---|---|---|\n| 1 | {CHILDREN} | {YES} |\n| 2 | **{PARKING}** | {TWO} |\n"),
        ("a.md", f"# FAQ\n\nHello.\n\n## {CHILDREN}\n{YES}\n\n## {PARKING}\n\n{TWO}\n\n# Imprint\nJo\n"),
        ("a.md", f"**Q: {CHILDREN}**\n\nA: {YES}\n\n**Q: {PARKING}**\n\nA: {TWO}\n"),
        ("a.md", f"**Q:** {CHILDREN}\n**A:** {YES}\n\nQ: {PARKING} A: {TWO}\n"),
        ("a.md", f"1. **{CHILDREN}**\n{YES}\n2. **{PARKING}**\n{TWO}\n"),
    ],
)  # fmt: skip
def test_tables_are_read_by_their_headings(table, name, text):
    found = table(name, text)
    assert found.rows == [Row(CHILDREN, YES), Row(PARKING, TWO)]
    assert found.left_out == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "nothing\n", "must name the columns"),
        ("a.csv", f"{CHILDREN},{TWO}\n", "must name the columns"),
        ("a.csv", "Frage;Antwort\nKinder?;Ja\n", "must name the columns"),
        ("a.csv", f"id,question\n1,{CHILDREN}\n", "must name the columns"),
        ("a.csv", "", "must name the columns"),
        ("a.xlsx", b"PK\x03\x04\0\0", "is no text"),
        ("a.md", "Only words.\n", "No question and answer"),
    ],
)
def test_a_table_without_both_is_refused_in_words(table, name, text, said):
    with pytest.raises(BotError, match=said):
        table(name, text)


def test_every_row_that_is_left_out_is_named(table):
    text = (
        f"question,answer\n{CHILDREN},\n,{TWO}\n{PARKING},Two spaces, behind\n"
        f"=cmd|' /C calc'!A0,{TWO}\nIs there wifi?,#REF!\n{CHILDREN},{TWO}\n"
    )
    found = table("a.csv", text)
    assert found.rows == [Row(CHILDREN, TWO)]
    assert [one.partition(":")[0] for one in found.left_out] == ["row 2", "row 3", "row 4", "row 5", "row 6"]
    found = table("a.md", f"| Term | Meaning |\n|---|---|\n| a | b |\n\n## Parking\n### {PARKING}\n{TWO}\n")
    assert found.rows == [Row(PARKING, TWO)]
    assert len(found.left_out) == 2


def test_ways_to_ask_come_only_from_their_own_column(table):
    found = table("a.csv", f"question,answer,ways to ask,notes\n{PARKING},{TWO},can i park,ask Jo\n")
    assert found.rows == [Row(PARKING, TWO, ("can i park",))]


def test_what_excel_writes_in_europe_is_read(table):
    assert table("a.csv", "question;answer\nCafé?;Ja – près\n".encode("cp1252")).rows == [Row("Café?", "Ja – près")]


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("Yes, from 12 years \\| with a parent.<br/>Call us.", "Yes, from 12 years \\| with a parent.\nCall us."),
        ("**Bold** and *slanted*, `code`.", "Bold and slanted, code."),
        ("See [map](https://example.com/map_a).", "See map (https://example.com/map_a)."),
        ("<p>You &amp; <b>me</b></p>", "You & me"),
        ('<a href="https://x.org">Here</a>', "Here (https://x.org)"),
        ("* one\n* two", "- one\n- two"),
        ("a * b * c, snake_case_word, 2 < 3", "a * b * c, snake_case_word, 2 < 3"),
    ],
)
def test_marks_of_markdown_and_html_do_not_reach_patients(marked, said):
    assert plain(marked) == said.replace("\\|", "|")


def test_an_escaped_pipe_stays_in_its_cell(table):
    text = "| Question | Answer |\n|---|---|\n| Children? | Yes \\| with a parent. |\n"
    assert table("a.md", text).rows == [Row("Children?", "Yes | with a parent.")]
