"""JSON Schemas of the content's files, so that editors complete keys and mark slips while one types.

``python -m bot.staff.schemas`` writes them to faq/schema; a test keeps them fresh.
"""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from bot.content import Clinic, Entry, Phrases, RedFlag, UtteranceTests
from bot.content.entries import OutOfScope

MODELS: Final[dict[str, type[BaseModel]]] = {
    "clinic": Clinic,
    "entry": Entry,
    "out-of-scope": OutOfScope,
    "phrases": Phrases,
    "red-flag": RedFlag,
    "utterances": UtteranceTests,
}
# Read as text here, whatever YAML makes of them elsewhere: 0412, 9:30, no.
_SCALARS: Final = ["string", "number", "boolean", "null"]


def schema(name: str) -> str:
    """The schema of one kind of file, as it is written to disk."""
    found = MODELS[name].model_json_schema()
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **_widened(found)}, indent=1) + "\n"


def _widened(value: Any) -> Any:
    if isinstance(value, list):
        return [_widened(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _widened(one) for name, one in value.items() if not (name == "default" and one is None)}
    if kept.get("type") == "string" and "pattern" not in kept and "enum" not in kept:
        kept["type"] = _SCALARS
        kept.pop("format", None)
    if kept.get("type") == "array" and kept.get("items", {}).get("type") == _SCALARS:
        # One line may stand for a list of one, and a list may be written as one text with commas.
        return {"anyOf": [kept, {"type": _SCALARS}]}
    return kept


def main(folder: Path = Path(__file__).parent.parent.parent / "faq" / "schema") -> None:
    folder.mkdir(exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.json").write_text(schema(name))


if __name__ == "__main__":
    main()
