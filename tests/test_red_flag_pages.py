"""The pages of the red flags: all there, and a page that can't work is refused with file, line and cure."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from bot.assistant import Assistant
from bot.checking import problems_of_lines, problems_of_red_flags
from bot.content import Content, load
from bot.errors import ContentError, Severity
from bot.matching import Matcher
from bot.safety import Level, Screener
from bot.understanding import load_understanding

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGE = "en/red-flags/saddle-numbness.yaml"
# Every sign of the clinical reference, in its levels.
REFERENCE = {
    "emergency": "bladder-bowel-control saddle-numbness sexual-sensation-loss both-legs limb-weakness limb-sensation-loss one-sided "
    "stroke-signs balance-coordination chest-pain-breathing aortic-aneurysm major-trauma loss-of-consciousness sudden-severe-headache "
    "sepsis-meningitis anaphylaxis gi-bleeding pregnancy-emergency painkiller-overdose suicidal-self-harm",
    "urgent": "fever-with-pain nausea-with-pain infection-risk cancer-or-weight-loss night-pain fracture-risk urine-kidney "
    "unbearable-pain shingles-rash calf-swelling spine-lump-deformity",
    "soon": "not-better-two-weeks same-place-again over-six-weeks age-first-episode tingling-persists pregnancy-back-pain "
    "upper-back-pain",
}
# What the clinic's own source articles list, in their words and as one would say it of oneself.
OF_THE_SOURCES = [
    ("loss of bladder control", "bladder-bowel-control"),
    ("loss of bowel control", "bladder-bowel-control"),
    ("I have lost bladder or bowel control", "bladder-bowel-control"),
    ("muscle weakness in my arm", "limb-weakness"),
    ("I have new muscle weakness in a leg", "limb-weakness"),
    ("foot drop", "limb-weakness"),
    ("I have lost feeling in my arm", "limb-sensation-loss"),
    ("loss of sensation in my leg", "limb-sensation-loss"),
    ("numbness on one side of the body", "one-sided"),
    ("weakness down one side of my body", "one-sided"),
    ("I have balance and coordination issues", "balance-coordination"),
    ("trouble with balance", "balance-coordination"),
    ("loss of coordination", "balance-coordination"),
    ("back pain with fever", "fever-with-pain"),
    ("my back hurts and I have chills", "fever-with-pain"),
    ("back pain with nausea", "nausea-with-pain"),
    ("back pain and vomiting", "nausea-with-pain"),
    ("the pain is unbearable", "unbearable-pain"),
    ("it hasn't got better in a couple of weeks", "not-better-two-weeks"),
    ("no better after two weeks", "not-better-two-weeks"),
    ("I get spasms again and again in the same place", "same-place-again"),
]


def serve(content: Content) -> Assistant:
    """What screens as patients are served; nothing is matched here."""
    understanding = load_understanding(content)
    return Assistant(content, understanding, Screener(content.red_flags, understanding), cast(Matcher, None))


@pytest.fixture(scope="module")
def served(content: Content) -> Assistant:
    return serve(content)


def test_every_sign_of_the_reference_has_its_page_at_its_level(content: Content) -> None:
    found = {level: {page.id for page in content.red_flags.pages if page.level == level} for level in REFERENCE}
    assert found == {level: set(ids.split()) for level, ids in REFERENCE.items()}


def test_every_page_says_enough(content: Content) -> None:
    ranks = [page.rank for page in content.red_flags.pages if page.level == "emergency"]
    assert len(set(ranks)) == len(ranks)
    for page in content.red_flags.pages:
        assert len(page.must_raise) >= 8, page.id
        assert len(page.must_stay_quiet) >= 8, page.id
        assert 1 <= len(page.alone) + len(page.always_heard) <= 25, page.id


@pytest.mark.parametrize(("said", "page_id"), OF_THE_SOURCES)
def test_what_the_sources_list_raises_in_their_words(served: Assistant, said: str, page_id: str) -> None:
    page, findings = served.page(page_id), served.find_red_flag(said).findings
    assert page
    assert max((finding.level.rank for finding in findings), default=0) >= Level(page.level).rank


def replace_text(old: str, new: str) -> Callable[[str], str]:
    def replaced(page: str) -> str:
        assert old in page
        return page.replace(old, new, 1)

    return replaced


def add_phrase(phrase: str) -> Callable[[str], str]:
    return replace_text("always_heard:\n", f"always_heard:\n  - {phrase}\n")


def cut_part(name: str) -> Callable[[str], str]:
    """Takes a part with all its lines out."""

    def cut(page: str) -> str:
        before, found, after = page.partition(f"\n{name}:\n")
        assert found
        lines = after.splitlines()
        return before + "\n" + "\n".join(lines[next(at for at, line in enumerate(lines) if line[:1].strip()) :]) + "\n"

    return cut


@pytest.mark.parametrize(
    ("spoil", "at", "told", "cure"),
    [
        (cut_part("card"), "id: saddle", "has no card", "Write its `card`"),
        (cut_part("check"), "id: saddle", "asks nothing where it is in doubt", "Write its `check`"),
        (replace_text("level: emergency", "level: soon"), "id: saddle", "says nothing", "Write its `line`"),
        (replace_text("level: emergency", "level: dire"), "level: dire", "`level`: ", "Compare"),
        (replace_text("id: saddle-numbness", "id: saddle"), "id: saddle", "the file is named", "Name the file saddle.yaml"),
        (replace_text("id: saddle-numbness", "colour: red\nid: saddle-numbness"), "colour: red", "`colour` is not a key", "Known here"),
        (add_phrase("numb near"), "- numb near", "`near` stands between two groups", "on both sides"),
        (add_phrase("numb near bum near today"), "- numb near bum near", "`near` stands between two groups", "one `near`"),
        (add_phrase("numb near ,"), "- numb near ,", "`near` stands between two groups", "on both sides"),
        (lambda page: page + "  - and a quiet example\n" * 30, None, "lines, at most 70", "reads aloud in three minutes"),
    ],
)  # fmt: skip
def test_a_page_that_cannot_work_is_refused(
    tmp_path: Path, spoil: Callable[[str], str], at: str | None, told: str, cure: str
) -> None:
    faq = shutil.copytree(ROOT / "faq", tmp_path / "faq")
    page = spoil((faq / PAGE).read_text("utf-8"))
    (faq / PAGE).write_text(page, "utf-8")
    lines = page.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if at in text) if at else len(lines)
    with pytest.raises(ContentError) as refused:
        load(faq)
    problem = next(problem for problem in refused.value.problems if told in problem.message)
    assert (problem.path, problem.line) == (PAGE, line)
    assert cure in problem.cure


def test_a_phrase_that_is_an_everyday_word_is_refused_by_the_check(tmp_path: Path) -> None:
    faq = shutil.copytree(ROOT / "faq", tmp_path / "faq")
    page = add_phrase("pain")((faq / PAGE).read_text("utf-8"))
    (faq / PAGE).write_text(page, "utf-8")
    (problem,) = (one for one in problems_of_lines(load(faq), NOW) if one.severity is Severity.ERROR)
    assert problem.message.startswith("`pain` is an everyday word")
    assert (problem.path, problem.line) == (PAGE, page.splitlines().index("  - pain") + 1)


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    faq = shutil.copytree(ROOT / "faq", tmp_path / "faq")
    shutil.rmtree(faq / "en/red-flags")
    with pytest.raises(ContentError, match="no red flag stands here"):
        load(faq)


def test_a_phrase_that_fires_on_a_harmless_example_is_named_with_it(tmp_path: Path) -> None:
    faq = shutil.copytree(ROOT / "faq", tmp_path / "faq")
    page = (faq / PAGE).read_text("utf-8")
    page = add_phrase("plum jam")(page).replace("must_stay_quiet:\n", "must_stay_quiet:\n  - plum jam for tea\n")
    (faq / PAGE).write_text(page, "utf-8")
    content = load(faq)
    found = [problem for problem in problems_of_red_flags(content, serve(content)) if "plum jam" in problem.message]
    assert [(problem.path, problem.line) for problem in found] == [
        (PAGE, page.splitlines().index("  - plum jam for tea") + 1)
    ]
    assert "(saddle-numbness, phrase: plum jam)" in found[0].message
    assert "Mend the phrases" in found[0].cure
