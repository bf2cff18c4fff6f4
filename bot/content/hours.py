"""Opening hours as a receptionist types them, compiled to OpenStreetMap's notation and asked for *now*.

``mon-fri: 8-12, 13-18`` · ``sat: 9am-noon`` · ``sun: closed`` · closed days ``24 Dec 12:00 – 3 Jan`` (every year, or
with a year once; the last day is included) · special days ``27 Dec: 9-12``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
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
    if not 0 <= minutes <= 24 * 60 or int(minute or 0) > 59 or (half and not 1 <= int(hour) <= 12):
        raise ValueError(
            f"{hour}{':' + minute if minute else ''}{half or ''} is not a time of day. | Write 8, 8:30 or 18:00."
        )
    return minutes


def _spans(text: str, line: str) -> tuple[tuple[int, int], ...]:
    if text.strip().lower() in {"closed", "off", "-", "–"}:
        return ()
    spans: list[tuple[int, int]] = []
    for part in text.lower().replace("noon", "12:00").replace("midnight", "24:00").split(","):
        match = _SPAN.match(part.strip())
        if not match:
            raise ValueError(
                f"`{part.strip()}` in `{line}` is not an opening time. | Write it like 8-12 or 13:00-18:30."
            )
        start, end = _minutes(*match.group(1, 2, 3)), _minutes(*match.group(4, 5, 6))
        if end <= start:
            raise ValueError(f"`{part.strip()}` in `{line}` ends before it begins. | Write 13-18 or 1pm-6pm.")
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
            return index
    raise ValueError(f"`{name}` in `{line}` is not a month. | Write it like 24 Dec.")


def _osm_date(day: str, month: str, year: str | None, line: str) -> str:
    index = _month(month, line)
    try:
        date(int(year or 2028), index + 1, int(day))  # 2028 has a 29 February
    except ValueError:
        raise ValueError(f"{day} {month} in `{line}` is not a day of the year. | Write it like 24 Dec.") from None
    return f"{year + ' ' if year else ''}{_OSM_MONTHS[index]} {int(day):02d}"


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def compile_closed(line: str) -> list[str]:
    """OpenStreetMap rules for a line such as ``24 Dec 12:00 – 3 Jan``; the last day is closed too."""
    match = _CLOSED.match(line.strip())
    if not match:
        raise ValueError(
            f"`{line}` is not a closed time. | Write it like 24 Dec, 24 Dec – 3 Jan, or 24 Dec 12:00 – 3 Jan."
        )
    day, month, year, hour, minute, half, last_day, last_month, last_year, last_hour, last_minute, last_half = (
        match.groups()
    )
    start_at = _minutes(hour, minute, half.lower() if half else None) if hour else 0
    end_at = _minutes(last_hour, last_minute, last_half.lower() if last_half else None) if last_hour else 24 * 60
    start = _osm_date(day, month, year or (last_year and _year_before(month, last_month, last_year, line)), line)
    if last_day is None:
        return [f"{start} {clock(start_at)}-24:00 off" if start_at else f"{start} off"]
    end = _osm_date(last_day, last_month, last_year or (year and _year_after(month, last_month, year, line)), line)
    if start_at or end_at < 24 * 60:
        return _with_part_days(start, start_at, end, end_at)
    return [f"{start}-{end} off"]


def _year_before(month: str, last_month: str, last_year: str, line: str) -> str:
    return str(int(last_year) - (_month(month, line) > _month(last_month, line)))


def _year_after(month: str, last_month: str, year: str, line: str) -> str:
    return str(int(year) + (_month(last_month, line) < _month(month, line)))


def _with_part_days(start: str, start_at: int, end: str, end_at: int) -> list[str]:
    # A rule of a whole range would close the open part of its first and last day too.
    rules = [f"{start} {clock(start_at)}-24:00 off" if start_at else f"{start} off"]
    inner_start, inner_end = _shift(start, 1), _shift(end, -1) if end_at < 24 * 60 else end
    if start != end and _shift(inner_start, -1) != inner_end:
        rules.append(f"{inner_start}-{inner_end} off" if inner_start != inner_end else f"{inner_start} off")
    if end_at < 24 * 60:
        rules.append(f"{end} 00:00-{clock(end_at)} off")
    return rules


def _shift(osm: str, days: int) -> str:
    *year, month, day = osm.split()
    moved = date(int(year[0]) if year else 2027, _OSM_MONTHS.index(month) + 1, int(day)) + timedelta(days=days)
    return f"{str(moved.year) + ' ' if year else ''}{_OSM_MONTHS[moved.month - 1]} {moved.day:02d}"


def compile_special(line: str) -> list[str]:
    """OpenStreetMap rules for a single day with other hours, such as ``27 Dec: 9-12``."""
    match = _SPECIAL.match(line.strip())
    if not match:
        raise ValueError(f"`{line}` is not a special day. | Write it like 27 Dec: 9-12.")
    spans = _spans(match.group(4), line)
    day = _osm_date(match.group(1), match.group(2), match.group(3), line)
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

    def compiled(self, year: int) -> OpeningHours:
        """The hours as OpenStreetMap's notation, holidays of ``year`` and its neighbours written out."""
        return _compile(self, year)

    def is_open(self, now: datetime) -> bool:
        local = now.astimezone(ZoneInfo(self.timezone))
        return bool(self.compiled(local.year).is_open(local))

    def next_change(self, now: datetime) -> datetime | None:
        """The next opening or closing after ``now``, or None if there is none within two years."""
        local = now.astimezone(ZoneInfo(self.timezone))
        change = self.compiled(local.year).next_change(local)
        return change if isinstance(change, datetime) else None

    def spans_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening spans that begin on ``day``."""
        zone = ZoneInfo(self.timezone)
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        end = start + timedelta(days=1)
        hours = self.compiled(day.year)
        return [(opens, closes) for opens, closes, state, _ in hours.intervals(start, end) if str(state) == "open"]


@lru_cache(maxsize=64)
def _compile(times: OpeningTimes, year: int) -> OpeningHours:
    rules = []
    for number, spans in enumerate(times.week.days):
        if spans:
            rules.append(f"{_OSM_DAYS[number]} " + ",".join(f"{clock(a)}-{clock(b)}" for a, b in spans))
    if times.closes_on_holidays and times.country:
        rules += [f"{day.year} {_OSM_MONTHS[day.month - 1]} {day.day:02d} off" for day in public_holidays(times, year)]
    for line in times.closed:
        rules += compile_closed(line)
    for line in times.special:
        rules += compile_special(line)
    return OpeningHours("; ".join(rules) or "off", timezone=ZoneInfo(times.timezone))


def public_holidays(times: OpeningTimes, year: int) -> dict[date, str]:
    """Public holidays of the clinic's region in ``year`` and the years beside it, with their names.

    ValueError with the cure if the country or region is not known.
    """
    import holidays  # 16 MB and 0.1 s: only where a clinic closes on holidays

    try:
        found = holidays.country_holidays(times.country, subdiv=times.region or None, years=range(year - 1, year + 2))
    except NotImplementedError:
        place = f"{times.country}{'-' + times.region if times.region else ''}"
        raise ValueError(
            f"public holidays of {place} are not known. | Correct `country` and `region`, or write "
            "`public_holidays: open` and list the days under `closed:`."
        ) from None
    return {day: str(name) for day, name in sorted(found.items())}
