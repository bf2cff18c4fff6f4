"""What is known of countries: their codes, the clocks people live by there, whom to call in an emergency."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
TWELVE_HOUR = {"US", "CA", "AU", "NZ", "IN"}

# A year of the clock, often enough to see any summer time.
_MOMENTS = tuple(datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=7 * week) for week in range(53))


def emergency_numbers(country: str) -> tuple[str, str, str]:
    """Emergency number, crisis line and advice line; empty where none is known."""
    return _NUMBERS.get(country, ("112" if country in _EU else "", "", ""))


@cache
def _table(name: str) -> tuple[tuple[str, ...], ...]:
    text = (files("tzdata.zoneinfo") / name).read_text(encoding="utf-8")
    return tuple(tuple(line.split("\t")) for line in text.splitlines() if line and not line.startswith("#"))


def check_country(code: str) -> None:
    """ValueError unless ``code`` is a country of ISO 3166."""
    if code not in {row[0] for row in _table("iso3166.tab")}:
        raise ValueError(
            f"`{code}` is not the code of a country. | Write its two letters of ISO 3166: GB for the United Kingdom, "
            "US, CA, AU, DE."
        )


def zones_of(country: str, region: str = "") -> list[str]:
    """Zones that people in ``country`` live by, the most common first; a region may be a territory with a code."""
    return [row[2] for row in _table("zone.tab") if row[0] in {country, region}]


def is_clock_of(zone: str, country: str, region: str = "") -> bool:
    """Whether ``zone`` shows the same time as some zone of the country, or none is known for it."""
    here = zones_of(country, region)
    return not here or _clock(zone) in map(_clock, here)


def check_zone(name: str, country: str, region: str = "") -> None:
    """ValueError unless ``name`` is a place, and one with summer time where all of ``country`` has it."""
    here = zones_of(country, region)
    cure = f"Write it like {', '.join(here[:4]) or 'Europe/London'}."
    try:
        clock = _clock(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`{name}` is not a time zone. | {cure}") from None
    if "/" not in name or name.startswith("Etc/"):
        raise ValueError(f"`{name}` is no place: such a clock may know no summer time. | {cure}")
    if here and len(set(clock)) == 1 and all(len(set(_clock(zone))) > 1 for zone in here):
        raise ValueError(f"`{name}` has no summer time, but {country} has. | {cure}")


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...]:
    return tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in _MOMENTS)
