"""The staff's commands, on real folders and a real git checkout."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.content import load
from bot.errors import BotError
from bot.staff.starting import start_content
from bot.staff.tables import Row, Table
from bot.staff.terminal import Terminal, describe_verdict
from bot.store import open_store
from bot.store.tables import missed
from tests.small_faq import SHIPPED, make_faq

ICE = "en/entries/ice.yaml"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def terminal(tmp_path, cache):
    return Terminal(make_faq(tmp_path), tmp_path / "bot.db", cache)


def rewrite(terminal, name, old, new):
    file = terminal.folder.path / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_diff_says_what_a_commit_changes_for_patients(terminal):
    folder = terminal.folder.path.parent
    for arguments in (
        ["init", "-q"],
        ["add", "faq"],
        ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    rewrite(terminal, ICE, "id: ice", "id: cold\naliases: [ice]")
    (terminal.folder.path / ICE).rename(terminal.folder.path / "en/entries/cold.yaml")
    rewrite(terminal, "en/utterances/ice.yaml", "entry: ice", "entry: cold")
    rewrite(terminal, "en/phrases.yaml", "examples: [ice,", "examples: [cold,")
    (terminal.folder.path / "en/entries/rest.yaml").unlink()
    rewrite(
        terminal,
        "en/red-flags/bladder-bowel-control.yaml",
        "must_raise:\n  - i cant pee\n",
        "must_raise:\n  - i cant pee\n  - wet myself now\n",
    )
    lines = "\n".join(describe_verdict(asyncio.run(terminal.compare("HEAD")), markdown=True))
    assert "“Does ice help?” is the new name of `ice`" in lines
    assert "“Must I stay in bed?” is gone. Buttons sent earlier" in lines
    assert "Red flag bladder-bowel-control changed" in lines
    assert "must raise – Added: «wet myself now»" in lines
    with pytest.raises(BotError, match="neither a folder nor a commit"):
        asyncio.run(terminal.compare("nowhere"))


def test_diff_says_what_becomes_of_missed_questions(terminal, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'bot.db'}")
    said = "kimono weather for my spine"
    row = {"person": "x", "utterance": said, "reason": "r", "candidates": "[]", "created_at": time.time()}
    asyncio.run(store._writer.write(lambda c: c.execute(insert(missed), row)))
    store.close()
    before = tmp_path / "before"
    shutil.copytree(terminal.folder.path, before)
    rewrite(terminal, ICE, "  - ice?\n", f"  - ice?\n  - {said}\n")
    lines = "\n".join(describe_verdict(asyncio.run(terminal.compare(str(before)))))
    assert f"missed: «{said}»" in lines
    assert "“Does ice help?”" in lines


def test_a_new_entry_is_written_shown_and_undone(terminal):
    text = "What is a kimono belt?\nIt is a soft band.\n\nIt does not help a spasm.\nSource: Belts, A clinic"
    before = terminal.folder.read()
    published = asyncio.run(terminal.add_entry(text, ["obi for my back", "wrap round my waist"], "relief", "anna"))
    assert published.change
    entry = load(terminal.folder.path).entries["kimono-belt"]
    assert (entry.group, entry.sources[0].publisher) == ("relief", "A clinic")
    assert "+id: kimono-belt" in list(terminal.describe_change(1))
    assert asyncio.run(terminal.undo(1, "anna")).change.number == 2
    assert terminal.folder.read() == before
    with pytest.raises(BotError, match="already undone"):
        asyncio.run(terminal.undo(1, "anna"))


@pytest.mark.long
def test_an_import_takes_what_keeps_the_rules_and_names_the_rest(terminal):
    rows = [
        Row("Is yoga fine?", "Yes, with care.", ("yoga?",)),
        Row("Take what?", "Take 400 mg."),
        Row("Is yoga fine now?", "Yes."),
    ]
    table = Table(rows, ["row 7: it has no answer"])
    published, left_out = asyncio.run(terminal.add_table(table, "Our old page, the clinic itself", "anna"))
    assert published.change
    assert "yoga-fine" in load(terminal.folder.path).entries
    assert left_out[0] == "row 7: it has no answer"
    assert "`400 mg` is a dose" in " ".join(left_out)


def test_a_new_clinic_starts_with_nobodys_signature(tmp_path):
    lines = list(start_content(tmp_path / "new"))
    assert "check --live" in "\n".join(lines)
    content = load(tmp_path / "new")
    assert {page.signed_by for page in content.red_flags.pages} == {""}
    assert {entry.reviewed_by for entry in content.entries.values()} == {""}
    assert "# who checked the numbers" in (tmp_path / "new/clinic.yaml").read_text()
    with pytest.raises(BotError, match="not empty"):
        list(start_content(tmp_path / "new"))


def run(folder, *arguments):
    environment = {
        "PATH": os.environ["PATH"],
        "FAQ_DIR": f"{folder}/faq",
        "DATABASE_URL": f"sqlite:///{folder}/bot.db",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        capture_output=True,
        text=True,
        cwd=SHIPPED.parent,
        env=environment,
        check=False,
    )


def test_the_services_first_start_makes_its_content_and_a_later_one_never_does(tmp_path):
    assert run(tmp_path, "init", "--once").returncode == 0
    assert load(tmp_path / "faq").entries
    (tmp_path / "faq/clinic.yaml").write_text("edited")
    assert (run(tmp_path, "init", "--once").stdout, (tmp_path / "faq/clinic.yaml").read_text()) == ("", "edited")
    shutil.rmtree(tmp_path / "faq")
    (tmp_path / "bot.db").write_text("")
    assert run(tmp_path, "init", "--once").returncode == 0
    assert not (tmp_path / "faq").exists()


@pytest.mark.long
def test_the_command_line_says_what_it_did_and_ends_with_the_right_code(tmp_path):
    make_faq(tmp_path)
    done = run(tmp_path, "history")
    assert (done.returncode, "0 change(s)" in done.stdout) == (0, True)
    done = run(tmp_path, "undo", "3")
    assert (done.returncode, done.stderr) == (1, "There is no change 3. `history` lists them.\n")
    done = run(tmp_path, "report", "--folder", str(tmp_path))
    assert done.returncode == 0
    assert (tmp_path / "report.csv").read_text().startswith("what,which,times")
    assert Path(tmp_path / "report.png").exists() or "No picture" in done.stdout
