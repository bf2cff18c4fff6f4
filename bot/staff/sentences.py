"""What an edit takes out of a text and adds to it, sentence by sentence, as whoever signs it must see."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

MOST_LINES = 12  # of one text; whoever rewrites all of it is shown the whole beside
# A sentence that sends to somebody, sets a limit or names a sign. Rather one too many: it is named, not refused.
_WARNS = re.compile(
    r"\b(?:doctors?|gps?|nurses?|pharmacists?|hospital|ambulance|emergency\w*|call|help|ask|see|stop|never|avoid|not|"
    r"cannot|\w+n['’]t|unless|until|if|first|numb\w*|weak\w*|fever|at once|harm\w*|leaflet|\{emergency_number\})",
    re.IGNORECASE,
)


def compare_sentences(old: str, new: str) -> Iterator[str]:
    """Lines that say what is no longer said, warnings by name, and what is said now."""
    before, after = _sentences(old), _sentences(new)
    lines = [
        f"{'⚠️ A warning is taken out' if _WARNS.search(one) else 'Taken out'}: «{one}»"
        for one in before
        if one not in after
    ]
    lines += [f"Added: «{one}»" for one in after if one not in before]
    if before != after and not lines:
        lines = ["The same sentences stand in another order."]
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"… and {len(lines) - MOST_LINES} more sentences."


def compare_texts(old: BaseModel, new: BaseModel) -> Iterator[str]:
    """The same for all texts of two models, each with its name."""
    before, after = dict(_texts(old.model_dump(mode="json"))), dict(_texts(new.model_dump(mode="json")))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield from (f"{name} – {line}" for line in compare_sentences(before.get(name, ""), after.get(name, "")))


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Texts by name; the lines of a list belong to one text, so that one more does not move the rest."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{name}, {key}".removeprefix(", ").replace("_", " "))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, "\n".join(str(one) for one in value)
    elif value is not None:
        yield name, str(value)


def _sentences(text: str) -> list[str]:
    return [part.strip().removeprefix("- ") for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
