"""The hazard log names tests; they must exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_test_named_in_the_hazard_log_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SAFETY.md").read_text("utf-8")))
    known = {
        name
        for path in (ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert named
    assert named <= known
