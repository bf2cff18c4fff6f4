"""Documents fail when they are wrong: settings, commands, files and words they name exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SAFETY.md", "faq/README.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
EXAMPLE = (ROOT / ".env.example").read_text()


def test_every_setting_stands_in_the_example_and_nothing_else():
    from bot.ops.settings import SECRETS, Settings

    known = {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in SECRETS}
    written = set(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    assert known - written == set()
    assert written - known == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_a_document_links_to_exist(path):
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.fixture(scope="module")
def commands():
    shown = subprocess.run(
        [sys.executable, "-m", "bot", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
    )
    return set(re.findall(r"^\W*([a-z][a-z-]+)\s{2,}", shown.stdout, re.MULTILINE))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_commands_that_a_document_names_exist(path, commands):
    named = set(re.findall(r"python -m bot ([a-z][a-z-]*)", path.read_text()))
    assert named <= commands


def test_the_make_targets_that_documents_name_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCS:
        assert set(re.findall(r"(?:`|^)make ([a-z]+)", path.read_text(), re.MULTILINE)) <= targets, path.name


def test_the_glossary_names_every_outcome():
    from bot.assistant.conversation import Outcome

    glossary = (ROOT / "docs/glossary.md").read_text()
    assert all(outcome.name in glossary for outcome in Outcome)


def test_no_tracked_file_names_a_package_index_or_the_way_out_of_the_project():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    forbidden = re.compile("index" + r"-url|extra" + r"-index|find" + r"-links|\.\./sh" + "ared")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".npz"} or not path.is_file():
            continue
        assert not forbidden.search(path.read_text(errors="replace")), name
