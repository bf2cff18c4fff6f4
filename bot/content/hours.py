"""Opening hours as a receptionist types them, compiled to OpenStreetMap's notation and asked for *now*.

``mon-fri: 8-12, 13-18`` · ``sat: 9am-noon`` · ``sun: closed`` · closed days ``24 Dec 12:00 – 3 Jan`` (every year, or
with a year once; the last day is included) · special days ``27 Dec: 9-12``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_OSM_MONTHS = tuple(name[:3] for name in MONTH_NAMES)
_GROUPS = {"daily": "mon-sun", "every day": "mon-sun", "weekdays": "mon-fri", "weekend": "sat-sun"}

HALF_DAY, DAY, DAWN = 12 * 60, 24 * 60, 6 * 60  # minutes
ONE_DAY, HALF_A_YEAR, ONE_YEAR = timedelta(days=1), timedelta(days=183), timedelta(days=365)
LEAP_YEAR = 2028  # so that 29 Feb is a day of the year

_DASH = r"\s*(?:-|–|—|to|till|until)\s*"
_CLOCK = r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?"
_SPAN = re.compile(rf"^{_CLOCK}{_DASH}{_CLOCK}$")
_DATE = r"(\d{1,2})\.?\s+([A-Za-z]{3,9})\.?(?:\s+(\d{4}))?"
_CLOSED = re.compile(rf"^{_DATE}(?:\s+{_CLOCK})?(?:{_DASH}{_DATE}(?:\s+{_CLOCK})?)?$", re.IGNORECASE)
_SPECIAL = re.compile(rf"^{_DATE}\s*:\s*(.+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Week:
    """Opening spans of each weekday, Monday first, as minutes of the day."""

    days: tuple[tuple[tuple[int, int], ...], ...]


def _minutes(hour: str, minute: str | None, half: str | None) -> int:
    value = int(hour) % 12 + (12 if half == "pm" else 0) if half else int(hour)
    minutes = value * 60 + int(minute or 0)
    if not 0 <= minutes <= DAY or int(minute or 0) > 59 or (half and not 1 <= int(hour) <= 12):
        raise ValueError(
            f"{hour}{':' + minute if minute else ''}{half or ''} is not a time of day. | Write 8, 8:30 or 18:00."
        )
    return minutes


Typed = tuple[str, str | None, str | None]  # hour, minute, am or pm


def _readings(typed: Typed, other: Typed) -> list[int]:
    """What a time may mean. Where only the other end has am or pm, either half of the day may be meant."""
    hour, _, half = typed
    minutes = _minutes(*typed)
    is_either = other[2] and not half and int(hour) < 12 and not hour.startswith("0")
    return [minutes, minutes + HALF_DAY] if is_either else [minutes]


def _is_by_night(minutes: int, typed: Typed) -> bool:
    """Whether 2 is read as two in the morning. Who means that writes 2am or 02:00."""
    return 0 < minutes < DAWN and not (typed[2] or typed[0].startswith("0"))


def _span(part: str, line: str) -> tuple[int, int]:
    match = _SPAN.match(part)
    if not match:
        raise ValueError(f"`{part}` in `{line}` is not an opening time. | Write it like 8-12 or 13:00-18:30.")
    first: Typed = (match[1], match[2], match[3])
    last: Typed = (match[4], match[5], match[6])
    found = [(a, b) for a in _readings(first, last) for b in _readings(last, first) if a < b]
    if not found:
        start, end = _minutes(*first), _minutes(*last)
        later = end + HALF_DAY
        cure = f"{clock(start)}-{clock(later)}" if start < later <= 2 * HALF_DAY else "13-18 or 1pm-6pm"
        raise ValueError(f"`{part}` in `{line}` ends before it begins. | Write {cure}.")
    if len(found) > 1:
        cure = " or ".join(f"{clock(a)}-{clock(b)}" for a, b in reversed(found) if not _is_by_night(a, first))
        raise ValueError(f"`{part}` in `{line}` may mean several times. | Write {cure}.")
    start, end = found[0]
    if _is_by_night(start, first):
        cure = f"{clock(start + HALF_DAY)}-{clock(end % HALF_DAY + HALF_DAY)}"
        raise ValueError(f"`{part}` in `{line}` would begin at night. | Write {cure}.")
    return start, end


def _spans(text: str, line: str) -> tuple[tuple[int, int], ...]:
    if text.strip().lower() in {"closed", "off", "-", "–"}:
        return ()
    spans: list[tuple[int, int]] = []
    for part in text.lower().replace("noon", "12pm").replace("midnight", "24:00").split(","):
        start, end = _span(part.strip(), line)
        if spans and start < spans[-1][1]:
            raise ValueError(
                f"the times in `{line}` overlap or are out of order. | Write them in order, e.g. 8-12, 13-18."
            )
        spans.append((start, end))
    return tuple(spans)


def _day_numbers(text: str, line: str) -> list[int]:
    numbers: list[int] = []
    for part in text.lower().split(","):
        ends = re.split(_DASH, _GROUPS.get(part.strip(), part.strip()))
        try:
            indices = [_DAYS.index(end.strip()[:3]) for end in ends]
        except ValueError:
            raise ValueError(
                f"`{part.strip()}` in `{line}` is not a weekday. | Write mon, tue, wed, thu, fri, sat or sun."
            ) from None
        first, last = indices[0], indices[-1]
        numbers += range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
    return numbers


def parse_week(lines: tuple[str, ...]) -> Week:
    """The week from lines such as ``mon-fri: 8-12, 13-18``; ValueError names the line and its cure."""
    days: list[tuple[tuple[int, int], ...] | None] = [None] * 7
    for line in lines:
        names, colon, times = line.partition(":")
        if not colon:
            raise ValueError(f"`{line}` has no colon after the days. | Write it like mon-fri: 8-12, 13-18.")
        for number in _day_numbers(names, line):
            if days[number] is not None:
                raise ValueError(f"{DAY_NAMES[number]} stands twice. | Keep one line for it.")
            days[number] = _spans(times, line)
    return Week(tuple(day or () for day in days))


def _month(name: str, line: str) -> int:
    for index, month in enumerate(_OSM_MONTHS):
        if name[:3].title() == month and MONTH_NAMES[index].lower().startswith(name.lower()):
            return index + 1
    raise ValueError(f"`{name}` in `{line}` is not a month. | Write it like 24 Dec.")


def _date(day: str, month: str, year: int, line: str) -> date:
    number = _month(month, line)
    try:
        return date(year, number, int(day))
    except ValueError:
        raise ValueError(f"{day} {month} in `{line}` is not a day of the year. | Write it like 24 Dec.") from None


def _osm(day: date, has_year: object) -> str:
    return f"{f'{day.year} ' if has_year else ''}{_OSM_MONTHS[day.month - 1]} {day.day:02d}"


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def compile_closed(line: str) -> list[str]:
    """OpenStreetMap rules for a line such as ``24 Dec 12:00 – 3 Jan``; the last day is closed too."""
    match = _CLOSED.match(line.strip())
    if not match:
        raise ValueError(
            f"`{line}` is not a closed time. | Write it like 24 Dec, 24 Dec – 3 Jan, or 24 Dec 12:00 – 3 Jan."
        )
    start_at, end_at = _closing_time(match.group(4, 5, 6), 0, line), _closing_time(match.group(10, 11, 12), DAY, line)
    begins, ends = _closed_days(match, line)
    if ends < begins or (ends == begins and end_at <= start_at):
        raise ValueError(f"`{line}` ends before it begins. | Write the earlier one first.")
    start, end = (_osm(day, match[3] or match[9]) for day in (begins, ends))
    if not start_at and end_at == DAY:
        return [f"{start} off" if begins == ends else f"{start}-{end} off"]
    if begins == ends:
        return [f"{start} {clock(start_at)}-{clock(end_at)} off"]
    # A rule of the whole range would close the open part of its first and last day too.
    rules = [f"{start} {clock(start_at)}-24:00 off", f"{end} 00:00-{clock(end_at)} off"]
    between = [_osm(day, match[3] or match[9]) for day in (begins + ONE_DAY, ends - ONE_DAY)]
    return [*rules, "-".join(dict.fromkeys(between)) + " off"] if ends - begins > ONE_DAY else rules


def _closing_time(typed: tuple[Any, ...], otherwise: int, line: str) -> int:
    hour, minute, half = typed
    if not hour:
        return otherwise
    time: Typed = (hour, minute, half.lower() if half else None)
    if _is_by_night(minutes := _minutes(*time), time):
        raise ValueError(f"`{hour}` in `{line}` would be at night. | Write {clock(minutes + HALF_DAY)}.")
    return minutes


def _closed_days(match: re.Match[str], line: str) -> tuple[date, date]:
    """First and last day of a closing. A year that is left out follows from the other end; over New Year is fine, but
    without both years more than half of one is a closing typed the wrong way round."""
    (day, month, year), (last_day, last_month, last_year) = match.group(1, 2, 3), match.group(7, 8, 9)
    if not last_day:
        only = _date(day, month, int(year or LEAP_YEAR), line)
        return only, only
    is_over_new_year = (_month(month, line), int(day)) > (_month(last_month, line), int(last_day))
    begins_in = int(year or int(last_year or LEAP_YEAR) - is_over_new_year)
    begins = _date(day, month, begins_in, line)
    ends = _date(last_day, last_month, int(last_year or begins_in + is_over_new_year), line)
    is_swapped = is_over_new_year and not (year and last_year) and ends - begins > HALF_A_YEAR
    return (begins, date.min) if is_swapped else (begins, ends)


def compile_special(line: str) -> list[str]:
    """OpenStreetMap rules for a single day with other hours, such as ``27 Dec: 9-12``."""
    match = _SPECIAL.match(line.strip())
    if not match:
        raise ValueError(f"`{line}` is not a special day. | Write it like 27 Dec: 9-12.")
    spans = _spans(match.group(4), line)
    day = _osm(_date(match[1], match[2], int(match[3] or LEAP_YEAR), line), match[3])
    times = ",".join(f"{clock(start)}-{clock(end)}" for start, end in spans)
    return [f"{day} {times}" if times else f"{day} off"]


@dataclass(frozen=True)
class OpeningTimes:
    """When the clinic is open, for any moment. All times are in the clinic's time zone."""

    week: Week
    closed: tuple[str, ...]
    special: tuple[str, ...]
    timezone: str
    country: str = ""
    region: str = ""
    closes_on_holidays: bool = True

    def local(self, now: datetime) -> datetime:
        """The clinic's wall clock, without a zone: where clocks change at midnight, a day has none to begin with."""
        return now.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)

    def is_open(self, now: datetime) -> bool:
        local = self.local(now)
        return bool(_compile(self, local.year).is_open(local))

    def next_change(self, now: datetime) -> datetime | None:
        """The next opening or closing after ``now`` by the wall clock, or None if there is none within two years."""
        local = self.local(now)
        # The library's own `next_change` searches to the end of time where there is none: three seconds.
        until = local + 2 * ONE_YEAR
        _, ends, _, _ = next(iter(_compile(self, local.year).intervals(local, until)))
        return ends if ends < until else None

    def spans_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening spans that begin on ``day``, by the wall clock."""
        start = datetime(day.year, day.month, day.day)
        intervals = _compile(self, day.year).intervals(start, start + ONE_DAY)
        return [(opens, closes) for opens, closes, state, _ in intervals if str(state) == "open"]


@lru_cache(maxsize=64)
def _compile(times: OpeningTimes, year: int) -> OpeningHours:
    rules = []
    for number, spans in enumerate(times.week.days):
        if spans:
            rules.append(f"{_OSM_DAYS[number]} " + ",".join(f"{clock(a)}-{clock(b)}" for a, b in spans))
    if times.closes_on_holidays and times.country:
        rules += [
            f"{day.year} {_OSM_MONTHS[day.month - 1]} {day.day:02d} off"
            for day in public_holidays(times.country, times.region, year)
        ]
    for line in times.closed:
        rules += compile_closed(line)
    for line in times.special:
        rules += compile_special(line)
    return OpeningHours("; ".join(rules) or "off")


def public_holidays(country: str, region: str, year: int) -> dict[date, str]:
    """Public holidays of the clinic's region in ``year`` and the years beside it, with their names.

    ValueError with the cure if the country or region is not known.
    """
    import holidays  # 16 MB and 0.1 s: only where a clinic closes on holidays

    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=range(year - 1, year + 2))
    except NotImplementedError:
        place = f"{country}{'-' + region if region else ''}"
        raise ValueError(
            f"public holidays of {place} are not known. | Correct `country` and `region`, or write "
            "`public_holidays: open` and list the days under `closed:`."
        ) from None
    return {day: str(name) for day, name in sorted(found.items())}
