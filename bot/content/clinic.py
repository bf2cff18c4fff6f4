"""The clinic's own profile: where it is, when it is open, whom to call."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, field_validator, model_validator

from bot.content import hours as opening
from bot.content import hours_said
from bot.content.entries import Model, Text

# Widely published numbers by country; each clinic confirms its own with the publisher (`check --live` asks).
# (emergency number, crisis line, non-emergency advice line)
_NUMBERS = {
    "GB": ("999", "116 123 (Samaritans)", "111"),
    "IE": ("112", "116 123 (Samaritans)", ""),
    "US": ("911", "988 (call or text)", ""),
    "CA": ("911", "988 (call or text)", ""),
    "AU": ("000", "13 11 14 (Lifeline)", ""),
    "NZ": ("111", "1737 (call or text)", ""),
    "DE": ("112", "0800 111 0 111 (TelefonSeelsorge)", ""),
    "AT": ("144", "142 (TelefonSeelsorge)", ""),
    "CH": ("144", "143 (Die Dargebotene Hand)", ""),
    "FR": ("15", "3114", ""),
    "ES": ("112", "024", ""),
    "IT": ("112", "", ""),
    "NL": ("112", "113 (113 Zelfmoordpreventie)", ""),
    "BE": ("112", "1813 (Zelfmoordlijn)", ""),
    "SE": ("112", "90101 (Mind)", ""),
    "NO": ("113", "116 123 (Mental Helse)", ""),
    "DK": ("112", "70 201 201 (Livslinien)", ""),
    "PL": ("112", "116 123", ""),
    "PT": ("112", "", "808 24 24 24 (SNS 24)"),
    "IN": ("112", "14416 (Tele-MANAS)", ""),
    "JP": ("119", "", ""),
    "KR": ("119", "109", ""),
    "BR": ("192", "188 (CVV)", ""),
    "MX": ("911", "800 911 2000 (Línea de la Vida)", ""),
    "ZA": ("112", "0800 567 567 (SADAG)", ""),
}
_EU = "BG HR CY CZ EE FI GR HU LV LT LU MT RO SK SI".split()
_TWELVE_HOUR = {"US", "CA", "AU", "NZ", "IN"}
_EXAMPLE = re.compile(r"\bexample\b|7946 0\d{3}|\b555[- ]?01\d\d", re.IGNORECASE)


class EmergencyNumbers(Model):
    """Numbers shown on cards. Empty ones take the country's default."""

    number: str = ""
    advice_line: str = ""
    crisis_line: str = ""
    poison_line: str = ""
    confirmed_by: str = ""
    confirmed_on: date | None = None

    @field_validator("confirmed_on", mode="before")
    @classmethod
    def _not_yet(cls, value: object) -> object:
        return None if value == "" else value


class Clinic(Model):
    """``clinic.yaml``."""

    name: Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    region: str = ""
    timezone: Text
    phone: Text
    email: str = ""
    address: Text
    directions: str = ""
    parking: str = ""
    map_url: str = ""
    booking_url: str = ""
    hours: Annotated[tuple[Text, ...], Field(min_length=1)]
    closed: tuple[Text, ...] = ()
    special: tuple[Text, ...] = ()
    public_holidays: Literal["closed", "open"] = "closed"
    clock: Literal["12", "24", ""] = ""
    emergency: EmergencyNumbers = EmergencyNumbers()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"`{value}` is not a time zone. | Write it like Europe/London or America/New_York."
            ) from None
        return value

    @field_validator("hours")
    @classmethod
    def _readable_week(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        opening.parse_week(value)
        return value

    @field_validator("closed")
    @classmethod
    def _readable_closed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            opening.compile_closed(line)
        return value

    @field_validator("special")
    @classmethod
    def _readable_special(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            opening.compile_special(line)
        return value

    @field_validator("map_url", "booking_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not re.match(r"https?://\S+$", value):
            raise ValueError("not a web address. | Write it with https:// in front, or leave it empty.")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_line_lists(cls, value: object) -> object:
        # A receptionist with one closed day writes `closed: 24 Dec`, not a list.
        if isinstance(value, dict):
            return value | {
                key: [line] if line.strip() else []
                for key in ("hours", "closed", "special")
                if isinstance(line := value.get(key), str)
            }
        return value

    @cached_property
    def times(self) -> opening.OpeningTimes:
        return opening.OpeningTimes(
            opening.parse_week(self.hours), self.closed, self.special, self.timezone,
            self.country, self.region, self.public_holidays == "closed",
        )  # fmt: skip

    @property
    def is_12_hour(self) -> bool:
        return self.clock == "12" or (not self.clock and self.country in _TWELVE_HOUR)

    @property
    def emergency_number(self) -> str:
        """The number to call, or words where none is known for the country."""
        default = _NUMBERS.get(self.country, ("112" if self.country in _EU else "", "", ""))[0]
        return self.emergency.number or default or "your local emergency number"

    @property
    def crisis_line(self) -> str:
        """The crisis line, or the emergency number where none is known for the country."""
        return self.emergency.crisis_line or _NUMBERS.get(self.country, ("", "", ""))[1] or self.emergency_number

    @property
    def advice_line(self) -> str:
        """The non-emergency medical line; empty where there is none."""
        return self.emergency.advice_line or _NUMBERS.get(self.country, ("", "", ""))[2]

    @property
    def poison_line(self) -> str:
        """The poison centre's line; empty where the clinic names none."""
        return self.emergency.poison_line

    def examples(self) -> list[str]:
        """Names of the fields that still hold example values."""
        fields = ("name", "phone", "email", "address", "directions", "parking", "map_url", "booking_url")
        return [name for name in fields if _EXAMPLE.search(getattr(self, name))]

    def fact(self, name: str, now: datetime) -> str:
        """What the placeholder ``name`` stands for at ``now``; KeyError if it is unknown."""
        if name == "open_now":
            return hours_said.say_now(self.times, now, self.is_12_hour)
        if name == "hours":
            return "\n".join(f"- {line}" for line in hours_said.say_week(self.times, self.is_12_hour))
        if name == "closures":
            changed = hours_said.closures(self.times, now, self.is_12_hour)
            return "Different in the next two weeks: " + "; ".join(changed) + "." if changed else ""
        if name == "clinic":
            return self.name
        if name not in PLACEHOLDERS:
            raise KeyError(name)
        return str(getattr(self, name))


PLACEHOLDERS = frozenset(
    "clinic phone email address directions parking map_url booking_url open_now hours closures "
    "emergency_number crisis_line poison_line advice_line".split()
)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def placeholders(text: str) -> list[str]:
    """Names in braces that ``text`` uses, in order."""
    return _PLACEHOLDER.findall(text)


def fill(text: str, facts: Callable[[str], str]) -> str:
    """``text`` with its placeholders filled; one that ``facts`` does not know stays as it is, so a card can't fail."""

    def found(match: re.Match[str]) -> str:
        try:
            return facts(match.group(1))
        except KeyError:
            return match.group()

    return _PLACEHOLDER.sub(found, text)
