"""The board's list, and what it says of a product on a day.

Nothing here knows of WebAssembly: `python3 -m unittest` runs it as it is.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Optional

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["listed"],
    "properties": {
        "listed": {
            "description": "What the board listed: a product's id, the last day on which it may be used, and a note",
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "until": {"type": "string", "format": "date"},
                    "note": {"type": "string", "minLength": 1},
                },
            },
        },
        "warn_days": {
            "description": "Log entries that end within so many days",
            "type": "integer",
            "minimum": 0,
            "maximum": 3650,
            "default": 30,
        },
    },
}


class SettingsError(Exception):
    """The settings are wrong; the text names the field and what is expected."""


@dataclass(frozen=True)
class Entry:
    """One line of the board's list."""

    until: Optional[date]
    note: Optional[str]

    def ended(self, today: date) -> bool:
        """Whether it is over. The last day still counts, in UTC."""
        return self.until is not None and today > self.until


@dataclass(frozen=True)
class Board:
    """The settings, read."""

    listed: dict[str, Entry]
    warn_days: int

    def why_not(self, product_id: str, today: date) -> Optional[str]:
        """Why a product may not be used on a day; none where it may."""
        entry = self.listed.get(product_id)
        if entry is None:
            return "not listed by the review board"
        if entry.ended(today):
            note = f" ({entry.note})" if entry.note else ""
            return f"the review board's listing ended on {entry.until}{note}"
        return None

    def ending(self, today: date) -> list[tuple[str, date]]:
        """What ends soon and has not ended yet, the first one first."""
        last = today + timedelta(days=self.warn_days)
        soon = [(entry.until, id) for id, entry in self.listed.items() if entry.until and today <= entry.until <= last]
        return [(id, until) for until, id in sorted(soon)]


def read(text: str) -> Board:
    """Reads the settings. A misspelt one is refused: ignored, it might let products through."""
    settings = json.loads(text)
    _only_known(settings, SCHEMA["properties"], "")
    if not isinstance(settings.get("listed"), list):
        raise SettingsError("listed must be a list of entries, each with the id of a product")
    warn_days = settings.get("warn_days", 30)
    # A boolean is an integer in Python, and nobody means one here.
    if not isinstance(warn_days, int) or isinstance(warn_days, bool) or not 0 <= warn_days <= 3650:
        raise SettingsError("warn_days must be a whole number from 0 to 3650")
    listed: dict[str, Entry] = {}
    for index, item in enumerate(settings["listed"]):
        id, entry = _entry(item, f"listed[{index}]")
        if id in listed:
            raise SettingsError(f"listed[{index}]: `{id}` is listed twice")
        listed[id] = entry
    return Board(listed, warn_days)


def day(evaluated_at: str) -> date:
    """The day of a moment as the contract has it, `2026-11-24T09:30:00Z`. There is no other clock."""
    return date.fromisoformat(evaluated_at[:10])


def _entry(item: Any, place: str) -> tuple[str, Entry]:
    if not isinstance(item, dict):
        raise SettingsError(f"{place} must be an object with the id of a product")
    _only_known(item, ("id", "until", "note"), f"{place}.")
    id, until, note = item.get("id"), item.get("until"), item.get("note")
    if not isinstance(id, str) or not id.strip():
        raise SettingsError(f"{place} has no id of a product")
    if note is not None and (not isinstance(note, str) or not note.strip()):
        raise SettingsError(f"{place}.note must be a text, or be left out")
    return id.strip(), Entry(None if until is None else _date(until, f"{place}.until"), note)


def _date(text: Any, place: str) -> date:
    try:
        # Python reads more forms than this one; a list that people keep by hand has one.
        if isinstance(text, str) and len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise SettingsError(f"{place} must be a day such as 2027-06-30")


def _only_known(item: dict[str, Any], known: Any, place: str) -> None:
    for field in item:
        if field not in known:
            raise SettingsError(f"unknown setting `{place}{field}`, expected {', '.join(known)}")
