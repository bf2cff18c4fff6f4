"""`check` says what is wrong in plain words, each with file, line and cure, and passes the shipped content."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.assistant import build
from bot.checking import live_problems, problems, problems_of_lines
from bot.content import load
from bot.errors import ContentError, Severity
from bot.staff.folder import Folder, version_of

FAQ = Path(__file__).parent.parent / "faq"
WEIGHTS = Path(os.environ["WEIGHTS_DIR"])  # set for all tests in conftest.py
CHEST = "en/red-flags/chest-pain-breathing.yaml"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def faq(tmp_path):
    """A copy of the shipped content, to be broken."""
    return Path(shutil.copytree(FAQ, tmp_path / "faq"))


def edit(faq, name, old, new):
    path = faq / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def refused(faq):
    with pytest.raises(ContentError) as error:
        load(faq)
    return error.value.problems


def test_the_shipped_content_has_no_problem(content, assistant):
    assert [str(found) for found in problems(content, assistant, NOW) if found.severity is Severity.ERROR] == []


def test_the_shipped_content_is_marked_as_an_example(content):
    found = {problem.message.split("`")[1] for problem in live_problems(content) if "`" in problem.message}
    assert {"name", "phone", "email", "booking_url"} <= found
    said = " ".join(problem.message for problem in live_problems(content))
    assert "signed" in said
    assert "emergency numbers" in said


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("en/entries/ice.yaml", "see_also: [heat", "see_also: [haet", "`haet`, which is no entry"),
        ("en/entries/ice.yaml", "disclaimer: general", "disclaimer: generel", "no disclaimer"),
        ("en/entries/ice.yaml", "id: ice", "id: walking", "the file is named ice.yaml"),
        ("en/entries/ice.yaml", "phrasings:", "phrasing:", "`phrasing` is not a key"),
        ("en/entries/ice.yaml", "answer: |\n", "answer: |\n  {fone}\n\n", "no placeholder"),
        ("en/phrases.yaml", "examples: [relief-now", "examples: [relief-later", "no entry"),
        ("en/phrases.yaml", "fallback: |", "falback: |", "`falback` is not a key"),
        ("clinic.yaml", "mon-fri: 8-12", "mon-fri: 8-25", "not a time of day"),
        ("en/utterances/ice.yaml", "entry: ice", "entry: icee", "no entry"),
    ],
)
def test_what_leads_nowhere_is_refused_with_file_and_line(faq, name, old, new, said):
    line = edit(faq, name, old, new)
    found = [problem for problem in refused(faq) if said in problem.message]
    assert found, [str(problem) for problem in refused(faq)]
    assert found[0].path == name
    assert abs(found[0].line - line) <= 2
    assert found[0].cure


def test_all_problems_of_all_files_are_listed_at_once(faq):
    edit(faq, "en/entries/ice.yaml", "id: ice", "id: walking")
    edit(faq, "en/entries/heat.yaml", "phrasings:", "phrasing:")
    (faq / "en/entries/rest.yaml").write_text("")
    assert {problem.path for problem in refused(faq)} >= {
        "en/entries/ice.yaml",
        "en/entries/heat.yaml",
        "en/entries/rest.yaml",
    }


def test_a_copy_beside_an_entry_is_told_what_to_do_and_the_entry_is_left_alone(faq):
    (faq / "en/entries/Copy of ice.yaml").write_text((faq / "en/entries/ice.yaml").read_text())
    (problem,) = refused(faq)
    assert problem.path == "en/entries/Copy of ice.yaml"
    assert "If it is a copy" in problem.cure


def test_what_is_put_into_the_folder_and_not_read_is_named(faq):
    (faq / "en/entries/more").mkdir()
    names = ["en/kids.yml", "en/entries/kids.yaml.txt", "en/entries/more/kids.yaml", "en/kids.yaml", "Prices.docx"]
    for name in names:
        (faq / name).write_text("id: kids\n")
    (faq / "en/entries/.kids.yaml.swp").write_text("")
    found = {problem.path: problem for problem in problems_of_lines(load(faq), NOW) if "not read" in problem.message}
    assert found.keys() == set(names)
    assert all(problem.cure for problem in found.values())


def test_linked_folders_are_read_as_they_are_versioned(faq, tmp_path):
    (tmp_path / "mounted/..1").mkdir(parents=True)
    for name in ("clinic.yaml", "en"):
        (faq / name).rename(tmp_path / "mounted/..1" / name)
        (tmp_path / "mounted" / name).symlink_to(f"..data/{name}")
    (tmp_path / "mounted/..data").symlink_to("..1")
    (tmp_path / "mounted/..1/en/entries/loop").symlink_to("..")
    linked = load(tmp_path / "mounted")
    assert linked.entries.keys() == load(FAQ).entries.keys()
    assert linked.version == version_of(Folder(tmp_path / "mounted").read()) == load(FAQ).version


@pytest.mark.parametrize("country", ["GB", "AU", "DE", "CA"])
def test_a_country_with_regions_and_none_named_lists_the_days_that_will_be_closed(faq, country):
    edit(faq, "clinic.yaml", "country: GB", f"country: {country}")
    line = edit(faq, "clinic.yaml", "region: ENG", 'region: ""')
    (found,) = [problem for problem in problems_of_lines(load(faq), NOW) if "`region`" in problem.message]
    assert (found.path, found.line) == ("clinic.yaml", line)
    assert "Fri 25 Dec 2026" in found.message
    assert ("Easter Monday" in found.message) == (country in {"AU", "DE"})


def test_a_card_does_not_speak_of_what_the_clinic_has_not(faq):
    edit(faq, CHEST, "  action: ", "  action: Call {poison_line} or ")
    found = [problem for problem in problems_of_lines(load(faq), NOW) if "`poison_line` is empty" in problem.message]
    assert [problem.severity for problem in found] == [Severity.ERROR]


def test_a_clock_of_elsewhere_is_named(faq):
    edit(faq, "clinic.yaml", "Europe/London", "America/New_York")
    assert any("not the clock of GB" in problem.message for problem in problems_of_lines(load(faq), NOW))


@pytest.mark.parametrize("missing", ["clinic.yaml", "en/phrases.yaml", "en/red-flags", "en/entries"])
def test_a_missing_part_is_named(faq, missing):
    target = faq / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert any(problem.path.startswith(missing) for problem in refused(faq))


def test_a_missing_folder_is_named(tmp_path):
    assert "FAQ_DIR" in refused(tmp_path / "nowhere")[0].cure


@pytest.fixture
def remarks(faq):
    def look():
        changed = load(faq)
        return problems(changed, build(changed, WEIGHTS), NOW)

    return look


def answer_with(faq, sentence):
    edit(faq, "en/entries/ice.yaml", "answer: |\n", f"answer: |\n  {sentence}\n\n")


def test_the_editors_remarks_name_the_line(faq, remarks):
    answer_with(
        faq,
        "Take 400 mg of ibuprofen, two tablets, three times a day. "
        + "Unquestionably extraordinary incomprehensibility. " * 20,
    )
    edit(faq, "en/entries/heat.yaml", "review_by: 2027", "review_by: 2025")
    said = [str(problem) for problem in remarks()]
    assert any("ice.yaml" in line and "is a dose" in line for line in said)
    assert any("ice.yaml" in line and "SMOG" in line for line in said)
    assert any("ice.yaml" in line and "characters, at most 900" in line for line in said)
    assert any("heat.yaml" in line and "review was due" in line for line in said)


def test_a_phrasing_asked_for_in_two_entries_and_a_copy_are_named(faq, remarks):
    edit(
        faq,
        "en/entries/ice.yaml",
        "phrasings:\n",
        "phrasings:\n  - does a warm bath loosen my sore back\n  - does a warm bath loosen my sore back up\n",
    )
    edit(faq, "en/entries/heat.yaml", "phrasings:\n", "phrasings:\n  - does a warm bath loosen my sore back\n")
    said = [str(problem) for problem in remarks()]
    assert any("also asks for" in line for line in said)
    assert any("ice.yaml" in line and "almost a copy of line" in line for line in said)


def test_a_broken_red_flag_line_is_a_problem(faq, remarks):
    line = edit(faq, CHEST, "must_raise:\n", "must_raise:\n  - my garden looks lovely today\n") + 1
    found = [problem for problem in remarks() if "`my garden" in problem.message]
    assert [(problem.path, problem.line) for problem in found] == [(CHEST, line)]
    assert "must raise emergency" in found[0].message


def test_an_utterance_that_does_not_reach_its_entry_is_a_problem(faq, remarks):
    path = faq / "en/utterances/ice.yaml"
    path.write_text(path.read_text().rstrip() + "\n  - is there parking near the clinic\n")
    (found,) = [problem for problem in remarks() if "near the clinic` does not reach ice" in problem.message]
    assert found.path == "en/utterances/ice.yaml"
