"""The clinic's own profile: where it is, when it is open, whom to call."""

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bot.content import hours as opening
from bot.content import hours_said
from bot.content.entries import Model, Text
from bot.content.places import TWELVE_HOUR, check_country, check_zone, emergency_numbers

_EXAMPLE = re.compile(r"\bexample\b|7946 0\d{3}|\b555[- ]?01\d\d", re.IGNORECASE)


# E.164: country code and number have 8 to 15 digits. What follows may be an extension or a remark.
_PHONE = re.compile(
    r"^\+[1-9](?:[ ().\-/]{0,2}\d){7,14}(?:,? *(?:ext\.?|x) *\d{1,6})?(?: *\([^()]+\))?$", re.IGNORECASE
)
_SHORT_NUMBER = re.compile(r"^\+?\d[\d -]*\d$")
_EMAIL = re.compile(r"^[^\s@<>\"'“”‘’]+@[\w-]+(?:\.[\w-]+)+$")


class EmergencyNumbers(Model):
    """Numbers shown on cards. Empty ones take the country's default."""

    number: str = ""
    advice_line: str = ""
    crisis_line: str = ""
    poison_line: str = ""
    confirmed_by: str = ""
    confirmed_on: date | None = None

    @field_validator("number")
    @classmethod
    def _only_a_number(cls, value: str) -> str:
        if value and not _SHORT_NUMBER.match(value):
            raise ValueError(f"`{value}` can't be dialled. | Write the number alone, such as 999.")
        return value

    @field_validator("advice_line", "crisis_line", "poison_line")
    @classmethod
    def _with_a_number(cls, value: str) -> str:
        if value and not re.search(r"\d{2}", value):
            raise ValueError(f"no number stands in `{value}`. | Write it like 116 123 (Samaritans).")
        return value

    @field_validator("confirmed_on", mode="before")
    @classmethod
    def _not_yet(cls, value: object) -> object:
        return None if value == "" else value


class Clinic(Model):
    """``clinic.yaml``."""

    name: Text
    country: Text
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
    public_holidays: Annotated[Literal["closed", "open"], Field(validate_default=True)] = "closed"
    clock: Literal["12", "24", ""] = ""
    emergency: Annotated[EmergencyNumbers, Field(validate_default=True)] = EmergencyNumbers()

    @field_validator("country")
    @classmethod
    def _known_country(cls, value: str) -> str:
        check_country(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _clock_of_the_country(cls, value: str, info: ValidationInfo) -> str:
        check_zone(value, info.data.get("country", ""), info.data.get("region", ""))
        return value

    @field_validator("phone")
    @classmethod
    def _can_be_dialled(cls, value: str) -> str:
        if not _PHONE.match(value):
            raise ValueError(
                f"`{value}` is not a phone number. | Write it with + and the country code, such as +44 20 7946 0123."
            )
        return value

    @field_validator("email")
    @classmethod
    def _can_be_written_to(cls, value: str) -> str:
        if value and not _EMAIL.match(value):
            raise ValueError(
                f"`{value}` is not an e-mail address. | Write it like name@example.com, or leave it empty."
            )
        return value

    @field_validator("public_holidays")
    @classmethod
    def _known_holidays(cls, value: str, info: ValidationInfo) -> str:
        if value == "closed" and "country" in info.data:
            opening.public_holidays(info.data["country"], info.data["region"], 2027)
        return value

    @field_validator("emergency")
    @classmethod
    def _somebody_to_call(cls, value: EmergencyNumbers, info: ValidationInfo) -> EmergencyNumbers:
        country = info.data.get("country", "")
        if country and not value.number and not emergency_numbers(country)[0]:
            raise ValueError(f"the emergency number of {country} is not known here. | Write it as `number:` below it.")
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
        return self.clock == "12" or (not self.clock and self.country in TWELVE_HOUR)

    @property
    def emergency_number(self) -> str:
        """The number to call."""
        return self.emergency.number or emergency_numbers(self.country)[0]

    @property
    def crisis_line(self) -> str:
        """The crisis line, or the emergency number where none is known for the country."""
        return self.emergency.crisis_line or emergency_numbers(self.country)[1] or self.emergency_number

    @property
    def advice_line(self) -> str:
        """The non-emergency medical line; empty where there is none."""
        return self.emergency.advice_line or emergency_numbers(self.country)[2]

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
    """``text`` with its placeholders filled; one that ``facts`` does not know stays as it is, so a card can't fail.

    What the clinic has not is not spoken of: "Call {phone} or write to {email}." loses the half that would have a hole.
    """
    known: dict[str, str] = {}
    for name in set(placeholders(text)):
        with contextlib.suppress(KeyError):
            known[name] = facts(name)
    if not all(known.values()):
        text = "\n".join(_without_holes(line, known) for line in text.split("\n"))
    return _PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)


def _without_holes(line: str, known: Mapping[str, str]) -> str:
    """``line`` without the parts of sentences whose placeholder is empty."""

    def has_hole(part: str) -> bool:
        return any(known.get(name) == "" for name in placeholders(part))

    kept = []
    for sentence in re.split(r"(?<=[.!?])\s+(?=\S)", line):
        if not has_hole(sentence):
            kept.append(sentence)
            continue
        parts = re.split(r"(,? (?:or|and) |, )", sentence)
        whole = [number for number in range(0, len(parts), 2) if not has_hole(parts[number])]
        left = "".join(
            parts[number] if number == whole[0] else "".join(parts[number - 1 : number + 1]) for number in whole
        )
        if left:
            end = sentence[-1] if sentence[-1] in ".!?" and left[-1] not in ".!?" else ""
            kept.append(left[0].upper() + left[1:] + end)
    return " ".join(kept)
