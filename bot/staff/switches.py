"""What staff switch off for now: an answer, or all of them. Kept across restarts and reloads, ended by a tap."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.assistant import Overrides
from bot.assistant.conversation import Reply
from bot.staff import wording
from bot.staff.edits import NotPossible
from bot.staff.reload import Reloader
from bot.store import Store

NOTE: Final = "staff overrides"


def read_overrides(stored: str) -> Overrides:
    """What a note says; nothing is switched off where there is none."""
    if not stored:
        return Overrides()
    kept = json.loads(stored)
    return Overrides(frozenset(kept["off"]), kept["is_paused"])


class Switches:
    def __init__(self, store: Store, reloader: Reloader) -> None:
        self._store = store
        self._reloader = reloader

    async def restore(self) -> Reply | None:
        """Switches off again what was off before the restart, and says so."""
        overrides = read_overrides(await self._store.noted(NOTE))
        if not overrides:
            return None
        self._reloader.override(overrides)
        return self._show(replaces=False)

    async def turn(self, what: str, entry_id: str = "", *, replaces: bool = False) -> Reply:
        """``off`` and ``on`` of an entry, ``pause`` and ``resume`` of all. Raises NotPossible for no such entry."""
        overrides = self._reloader.overrides
        if what in ("off", "on"):
            entry = self._reloader.whole().entry(entry_id)
            if entry is None:
                raise NotPossible(f"There is no entry `{entry_id}`. Write /{what} and its id, such as ice.")
            off = overrides.off | {entry.id} if what == "off" else overrides.off - {entry.id}
            overrides = replace(overrides, off=off)
        else:
            overrides = replace(overrides, is_paused=what == "pause")
        await self._store.note(NOTE, json.dumps({"off": sorted(overrides.off), "is_paused": overrides.is_paused}))
        self._reloader.override(overrides)
        return self._show(replaces=replaces)

    def _show(self, *, replaces: bool) -> Reply:
        overrides, content = self._reloader.overrides, self._reloader.whole()
        rows = [wording.button(0, "resume", "Answer again")] if overrides.is_paused else []
        rows += [wording.button(0, f"on:{name}", f"Give again: {name}") for name in sorted(overrides.off)]
        paused = f"Paused for all patients. They get warnings as always, and else:\n\n{content.phrases.paused}"
        lines = [self._reloader.current().replies.fill(paused, datetime.now(UTC))] if overrides.is_paused else []
        silenced = [entry.question for name in sorted(overrides.off) if (entry := content.entry(name))]
        lines += [f"Silenced: “{question}”." for question in silenced]
        return wording.said(
            "\n\n".join(lines) or "All questions are answered again.", wording.column(rows), replaces=replaces
        )
