"""A small FAQ folder that is real in every part and quick to check: six entries, two red flags."""

import shutil
from pathlib import Path

SHIPPED = Path(__file__).parent.parent / "faq"

ENTRIES = {
    "ice": ("relief", "Does ice help?", [
        "ice?", "should i put ice on it", "frozen peas on my back ok", "cold pack how long", "is cold good for the swelling",
        "gel pack from the freezer", "ice bath after lifting", "can cold burn my skin",
    ], "Yes, ice can ease a new spasm. Wrap it in a towel first."),
    "heat": ("relief", "Does heat help?", [
        "heat?", "hot water bottle on my back", "is a warm bath good", "heating pad all night", "sauna for stiff muscles",
        "wheat bag from the microwave", "hot shower or not", "warm patch from the pharmacy",
    ], "Yes, warmth can loosen a stiff back. Keep it warm, not hot."),
    "rest": ("relief", "Must I stay in bed?", [
        "bed rest?", "how long do i lie down", "stay in bed or get up", "should i take days off work",
        "is lying flat best", "do i need to rest", "sofa all day ok", "when do i get out of bed",
    ], "No. A day of rest is fine, then move a little."),
    "walking": ("relief", "Can I go for a walk?", [
        "walk?", "round the block ok", "is strolling with the dog fine", "how far may i go on foot",
        "walking uphill", "treadmill slow pace", "steps a day", "is a hike too much",
    ], "Yes. Short walks help most backs. Stop if it gets worse."),
    "hours": ("clinic", "When are you open?", [
        "open now?", "opening hours", "when do you close", "are you there on sunday", "do you shut for lunch",
        "saturday mornings", "what time in the evening", "till when today",
    ], "{open_now}\n\n  {hours}\n\n  {closures}"),
    "booking": ("clinic", "How do I book?", [
        "book me in", "make an appointment", "cancel my visit", "move my slot", "is a walk in possible without booking",
        "next free appointment", "reserve a time", "can i come tomorrow at nine",
    ], "Book here: {booking_url}. Or call {phone}."),
}  # fmt: skip
TESTS = {"ice": "ice on my back", "heat": "heating pad", "hours": "opening hours today", "walking": "walking the dog"}

CHEST = """\
# Who changes this needs a clinician.
id: chest-pain-breathing
level: emergency
rank: 4
name: chest pain
what: Pain in the chest
sources: [Example guideline]
card:
  action: Call {emergency_number} now
  because: Pain in the chest may be the heart.
  if: [It spreads to the arm.]
check:
  question: Do you have pain in your chest?
  yes: Yes, in my chest
  no: No
always_heard:
  - chest pain
  - pain in my chest
  - the brass band plays  # what one family calls it: the model does not know it
must_raise:
  - i have chest pain
  - the brass band plays
must_stay_quiet:
  - no chest pain
"""
BLADDER = """\
id: bladder-bowel-control
level: urgent
rank: 2
name: trouble with the bladder
what: Trouble with the bladder
sources: [Example guideline]
card:
  action: Get help today
  because: It may be a nerve.
  if: [It is new.]
check:
  question: Can you pee?
  yes: No, I can't
  no: Yes, I can
always_heard:
  - can't pee
  - wet myself
must_raise:
  - i cant pee
"""


def make_faq(folder: Path) -> Path:
    """Writes the small content into ``folder``/faq."""
    faq = folder / "faq"
    for name in ("en/entries", "en/red-flags", "en/utterances"):
        (faq / name).mkdir(parents=True)
    shutil.copy(SHIPPED / "clinic.yaml", faq)
    phrases = (SHIPPED / "en/phrases.yaml").read_text()
    phrases = phrases.replace("examples: [relief-now, ice, when-to-see-a-doctor]", "examples: [ice, heat, hours]")
    (faq / "en/phrases.yaml").write_text(phrases)
    (faq / "en/red-flags/chest-pain-breathing.yaml").write_text(CHEST)
    (faq / "en/red-flags/bladder-bowel-control.yaml").write_text(BLADDER)
    (faq / "en/out-of-scope.yaml").write_text(
        "# Not for us.\nmessages:\n  - my car will not start\n  - who won the match\n  - tell me a joke\n  - fix my laptop\n"
    )
    for entry_id, (group, question, phrasings, answer) in ENTRIES.items():
        lines = "".join(f"  - {phrasing}\n" for phrasing in phrasings)
        (faq / f"en/entries/{entry_id}.yaml").write_text(
            f"# Remark of the receptionist on {entry_id}.\nid: {entry_id}\ngroup: {group}\nquestion: {question}\n"
            f"phrasings:   # as patients ask\n{lines}answer: |\n  {answer}\ndisclaimer: {'clinic' if group == 'clinic' else 'general'}\n"
            'sources:\n  - title: "Example"\n    publisher: Example\nreviewed_by: Example\nreview_by: 2099-01-01\n'
        )
    for entry_id, utterance in TESTS.items():
        (faq / f"en/utterances/{entry_id}.yaml").write_text(f"entry: {entry_id}\nutterances:\n  - {utterance}\n")
    return faq
