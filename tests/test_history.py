"""Every change has a number and can be taken back, also next week, also after others; two writers lose nothing."""

import random
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.staff.folder import ChangedMeanwhile, Folder, FolderError, version_of
from bot.staff.git import allows_commits, commit
from bot.staff.history import Conflict, History, UndoError, merge
from bot.staff.yaml_edit import Edit

SHIPPED = Path("faq")


@pytest.fixture
def faq(tmp_path):
    """A small copy of the shipped content."""
    folder = tmp_path / "faq"
    (folder / "en/entries").mkdir(parents=True)
    shutil.copy(SHIPPED / "clinic.yaml", folder)
    for name in ("ice", "heat", "rest"):
        shutil.copy(SHIPPED / f"en/entries/{name}.yaml", folder / "en/entries")
    return folder


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "bot.db.content")


def make(folder: Folder, history: History, *edits: Edit, who: str = "Anna") -> int:
    """Applies edits as a numbered change."""
    with folder.locked():
        before = folder.read()
        after = dict(before)
        for edit in edits:
            after[edit.file] = edit.apply(after.get(edit.file))
        old, new = {e.file: before.get(e.file) for e in edits}, {e.file: after[e.file] for e in edits}
        change = history.record(old, new, who=who, how="tap", summary=[f"{edits[0].value} added"])
        folder.write(new, old)
        return change.number


def undo(folder: Folder, history: History, number: int) -> int:
    now = folder.read()
    after = history.undo(number, now)
    change = history.record(
        {name: now.get(name) for name in after}, after, who="Ben", how="undo", summary=["undone"], undoes=number
    )
    folder.write(after, {name: now.get(name) for name in after})
    return change.number


def phrasing(said: str, entry: str = "ice") -> Edit:
    return Edit(f"en/entries/{entry}.yaml", "add", ("phrasings",), said)


def test_an_undo_gives_the_same_bytes(faq, history):
    folder, before = Folder(faq), Folder(faq).read()
    number = make(folder, history, phrasing("peas"), Edit("clinic.yaml", "add", ("closed",), "7 May"))
    assert folder.read() != before
    undo(folder, history, number)
    assert folder.read() == before


def test_an_undo_can_be_undone(faq, history):
    folder = Folder(faq)
    number = make(folder, history, phrasing("peas"))
    after = folder.read()
    again = undo(folder, history, number)
    assert history.find_undo(number).number == again
    undo(folder, history, again)
    assert folder.read() == after
    assert history.find_undo(number) is None


def test_next_week_in_any_order_the_bytes_are_the_first_ones(faq, history):
    """Twenty changes beside each other, taken back in a random order."""
    folder, before = Folder(faq), Folder(faq).read()
    numbers = [make(folder, history, phrasing(f"line {n} of the many", ("ice", "heat")[n % 2])) for n in range(20)]
    random.Random(7).shuffle(numbers)
    for number in numbers:
        undo(folder, history, number)
    assert folder.read() == before


def test_a_later_change_of_the_same_lines_is_named(faq, history):
    folder = Folder(faq)
    first = make(folder, history, Edit("clinic.yaml", "set", ("phone",), "+44 20 7946 0001"))
    second = make(folder, history, Edit("clinic.yaml", "set", ("phone",), "+44 20 7946 0002"))
    with pytest.raises(UndoError, match=rf"clinic.yaml:\d+ was changed again since. Undo change {second} first"):
        history.undo(first, folder.read())


def test_a_change_is_not_undone_twice_and_an_unknown_one_is_said(faq, history):
    folder = Folder(faq)
    number = make(folder, history, phrasing("peas"))
    undo(folder, history, number)
    with pytest.raises(UndoError, match="already undone"):
        history.undo(number, folder.read())
    with pytest.raises(UndoError, match="no change 99"):
        history.get(99)


def test_a_damaged_record_hides_no_other(faq, history, tmp_path):
    folder = Folder(faq)
    numbers = [make(folder, history, phrasing(said)) for said in ("peas", "beans", "sprouts")]
    (tmp_path / "bot.db.content/journal/000002.json").write_text('{"number": 2')
    assert [change.number for change in history.newest_first()] == [3, 1]
    assert make(folder, history, phrasing("corn")) == 4
    undo(folder, history, numbers[0])


def test_new_and_deleted_files_come_and_go(faq, history):
    folder, before = Folder(faq), Folder(faq).read()
    after = {"en/entries/new.yaml": b"id: new\n", "en/entries/rest.yaml": None}
    folder.write(after, before)
    change = history.record(before, after, who="Anna", how="file", summary=[])
    assert not (faq / "en/entries/rest.yaml").exists()
    undo(folder, history, change.number)
    assert folder.read() == before


def test_two_writers_at_once_lose_nothing(faq, history):
    """Threads that add lines to one file: every line is there, every change has its own number."""
    folder = Folder(faq)
    threads = [
        threading.Thread(target=lambda n=n: [make(folder, history, phrasing(f"said by {n} as {k}")) for k in range(6)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = folder.read()["en/entries/ice.yaml"].decode()
    assert all(f"said by {n} as {k}\n" in text for n in range(4) for k in range(6))
    assert [change.number for change in history.newest_first()] == list(range(24, 0, -1))


def test_what_an_editor_saved_meanwhile_is_not_written_over(faq):
    folder = Folder(faq)
    before = folder.read()
    (faq / "clinic.yaml").write_text("saved: by hand\n")
    new = {"en/entries/ice.yaml": b"x: 1\n", "clinic.yaml": b"x: 2\n"}
    with pytest.raises(ChangedMeanwhile):
        folder.write(new, {name: before[name] for name in new})
    assert (faq / "clinic.yaml").read_text() == "saved: by hand\n"
    assert folder.read()["en/entries/ice.yaml"] == before["en/entries/ice.yaml"]


def test_nothing_is_written_outside_the_folder(faq):
    with pytest.raises(FolderError, match="outside"):
        Folder(faq).write({"../evil.yaml": b"x"}, {})


def test_a_file_keeps_its_mode(faq):
    (faq / "clinic.yaml").chmod(0o640)
    folder = Folder(faq)
    folder.write({"clinic.yaml": b"x: 1\n"}, {"clinic.yaml": folder.read()["clinic.yaml"]})
    assert (faq / "clinic.yaml").stat().st_mode & 0o777 == 0o640


def test_the_version_is_the_contents_own():
    from bot.content import version

    assert version_of(Folder(SHIPPED).read()) == version(SHIPPED)


# Merging

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n", b"e\n"]), max_size=8).map(b"".join)


@given(LINES, LINES)
@settings(max_examples=200, deadline=None)
def test_merging_with_an_unchanged_side_gives_the_other(base, other):
    assert merge(base, base, other) == other
    assert merge(base, other, base) == other
    assert merge(base, other, other) == other


def test_neighbouring_lines_are_no_conflict_the_same_line_is():
    assert merge(b"a\nb\n", b"a\nb\nc\n", b"a\n") == b"a\nc\n"
    with pytest.raises(Conflict) as conflict:
        merge(b"a\nb\nc\n", b"new\na\nB\nc\n", b"a\nx\nc\n")
    assert conflict.value.line == 3


# Git


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(faq):
    git(faq.parent, "init", "-q")
    git(faq.parent, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "first")
    git(faq.parent, "add", "faq")
    git(faq.parent, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "content")
    return faq


def test_a_change_is_a_commit_of_its_own_files_only(checkout, history):
    folder = Folder(checkout)
    (checkout / "en/entries/heat.yaml").write_text("somebody's half-done work\n")
    git(checkout, "add", "en/entries/heat.yaml")
    number = make(folder, history, phrasing("peas"), Edit("en/entries/new.yaml", "write", (), "id: new\n"))
    done = commit(checkout, history.get(number))
    assert git(checkout, "rev-parse", "HEAD").strip() == done
    assert git(checkout, "show", "--name-only", "--format=%an|%s", "HEAD").split("\n\n") == [
        "Anna|peas added",
        "faq/en/entries/ice.yaml\nfaq/en/entries/new.yaml\n",
    ]
    assert git(checkout, "diff", "--cached", "--name-only") == "faq/en/entries/heat.yaml\n"


def test_git_is_left_alone_where_it_does_not_allow_it(checkout, history, tmp_path):
    number = make(Folder(checkout), history, phrasing("peas"))
    (tmp_path / ".git/MERGE_HEAD").write_text("0" * 40)
    assert commit(checkout, history.get(number)) == ""
    (tmp_path / ".git/MERGE_HEAD").unlink()
    git(checkout, "config", "staff.commit", "false")
    assert not allows_commits(checkout)
    assert not allows_commits(tmp_path.parent)
